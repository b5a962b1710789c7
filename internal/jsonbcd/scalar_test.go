package jsonbcd

import (
	"bytes"
	"math"
	"testing"
)

func TestTime(t *testing.T) {
	for unix, text := range map[int64]string{
		1729545837:      `"2024-10-21T21:23:57Z"`,
		0:               `"1970-01-01T00:00:00Z"`,
		-1:              `"1969-12-31T23:59:59Z"`,
		951782400:       `"2000-02-29T00:00:00Z"`,
		minTime:         `"0001-01-01T00:00:00Z"`,
		maxTime:         `"9999-12-31T23:59:59Z"`,
		4102444800 - 43: `"2099-12-31T23:59:17Z"`,
	} {
		if b := AppendTime(nil, unix); string(b) != text {
			t.Errorf("AppendTime(%d) = %s, want %s", unix, b, text)
		}
		if got, err := NewReader([]byte(text)).Time(); got != unix || err != nil {
			t.Errorf("%s reads as %d, %v; want %d", text, got, err, unix)
		}
	}
	// The bytes of a presence message.
	if b := AppendTime(nil, 1729545837); !bytes.Equal(b, x("22323032342d31302d32315432313a32333a35375a22")) {
		t.Errorf("AppendTime = %x", b)
	}
	for unix, want := range map[int64]int64{math.MinInt64: minTime, math.MaxInt64: maxTime} {
		if got, err := NewReader(AppendTime(nil, unix)).Time(); got != want || err != nil {
			t.Errorf("%d is written as %d, %v", unix, got, err)
		}
	}
}

// Exactly 20 characters; a fraction or an offset must not be read as another time.
func TestTimeRefuses(t *testing.T) {
	for _, text := range []string{
		"", "2024-10-21", "2024-10-21T21:23:57", "2024-10-21T21:23:57.5Z", "2024-10-21T21:23:57+01:00",
		"2024-10-21T21:23:57z", "2024-10-21t21:23:57Z", "2024-10-21 21:23:57Z", "2024/10/21T21:23:57Z",
		"2024-13-21T21:23:57Z", "2024-00-21T21:23:57Z", "2023-02-29T00:00:00Z", "2024-10-32T21:23:57Z",
		"2024-10-21T24:00:00Z", "2024-10-21T21:60:00Z", "2024-10-21T21:23:60Z", "0000-01-01T00:00:00Z",
		"2024-1a-21T21:23:57Z", "::::-10-21T21:23:57Z", "202\u00e9-10-21T1:23:57Z", "-024-10-21T21:23:57Z",
	} {
		_, err := NewReader(AppendString(nil, text)).Time()
		wantErr(t, text, err, ErrSyntax)
	}
}

func TestBase64(t *testing.T) {
	for text, want := range map[string]string{
		`""`: "", `"YQ"`: "a", `"YQ=="`: "a", `"YWI"`: "ab", `"YWI="`: "ab", `"YWJj"`: "abc",
		"\"YW\n  Jj\"": "abc", "\"YW\r\n\tJj\"": "abc", `"_-8"`: "\xff\xef", `"/+8"`: "\xff\xef", `"\/+8="`: "\xff\xef",
	} {
		p, err := NewReader([]byte(text)).Bytes()
		if err != nil || string(p) != want {
			t.Errorf("%s reads as %q, %v; want %q", text, p, err, want)
		}
	}
	for _, text := range []string{`"Y"`, `"YWJjZ"`, `"Y*"`, `"YQ`, `"Y\u00e9"`, "\x80\x02YQ"} {
		_, err := NewReader([]byte(text)).Bytes()
		wantErr(t, text, err, ErrSyntax)
	}
}

// What is returned aliases the input where it can, and can never grow into it.
func TestAliases(t *testing.T) {
	in := x("8002616288026364")
	in = append(in, `"ef""g\u0068"`...)
	r := NewReader(in)
	for _, c := range []struct {
		read   func() ([]byte, error)
		want   string
		offset int // of the first byte in the input, or -1 for a copy
	}{{r.Text, "ab", 2}, {r.Bytes, "cd", 6}, {r.Text, "ef", 9}, {r.Text, "gh", -1}} {
		p, err := c.read()
		if err != nil || string(p) != c.want {
			t.Fatalf("%q, %v; want %q", p, err, c.want)
		}
		if c.offset >= 0 && &p[0] != &in[c.offset] {
			t.Errorf("%q is a copy", p)
		}
		if c.offset >= 0 && cap(p) != len(p) {
			t.Errorf("%q has room to grow into the input", p)
		}
	}
}
