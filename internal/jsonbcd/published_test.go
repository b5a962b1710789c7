package jsonbcd

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
)

// publishedRow is one of testdata/published.json: bytes that the author's documents print.
type publishedRow struct {
	Hex, Meaning string
	Base64       string `json:"base64url"`
	Verified     bool
	Decoded      *float64
}

func loadPublished(t testing.TB) []publishedRow {
	t.Helper()
	b, err := os.ReadFile("testdata/published.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Rows []publishedRow `json:"json_bcd"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Rows
}

// publishedValues is what each row reads as, in sequence, by its hex. Rows marked verified are law. The others are
// the draft's own examples, which the reference's reader takes or not; each reads here as its meaning says, except
// where a comment says why not.
var publishedValues = map[string][]any{
	"a02a":               {int64(42)},
	"a1002a":             {int64(42)},
	"a20000002a":         {int64(42)},
	"a3000000000000002a": {int64(42)},
	// "42 (as Bignum)": the byte is printed in hex as if it were decimal, so it reads as 66. The tag is the code's,
	// a5; table 2 of the draft has a7.
	"a5000142":           {int64(0x42)},
	"81000548656c6c6f":   {"Hello"},
	"840548656c6c6f8000": {"Hello"}, // the reference returns the first chunk alone
	"923ff0000000000000": {1.0},
	"924024000000000000": {10.0},
	"92400921fb54442eea": {3.14159265359},
	"b0":                 {true},
	"b1":                 {false},
	"b2":                 {nil},
	"c820800548656c6c6f": {"Hello"},
	"c421800548656c6c6f": {}, // a definition alone: no value
	"c10020":             {"Hello"},
	// A dictionary named by its fingerprint. The fingerprint is SHA-256 of nothing, a placeholder; no dictionary can
	// be looked up, and what uses one is refused.
	"d00000010020e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855":                         {ErrSyntax},
	"880100881746726f6d3a20416c696365406578616d706c652e636f6d":                                             {[]byte{0}, []byte("From: Alice@example.com")},
	"880100882d5375626a6563743a204d657373616765206d657461646174612073686f756c6420626520656e63727970746564": {[]byte{0}, []byte("Subject: Message metadata should be encrypted")},
	"880101880a323031382d30322d3031":                                                                       {[]byte{1}, []byte("2018-02-01")},
	"8801018813546f3a20626f62406578616d706c652e636f6d":                                                     {[]byte{1}, []byte("To: bob@example.com")},
	"88010288295375626a6563743a20544f502d5345435245542050726f64756374204c61756e636820546f64617921":         {[]byte{2}, []byte("Subject: TOP-SECRET Product Launch Today!")},
	"8004533531328840ada8a6f1257969d3db5969fc14c3389ab4404023bd0368d9d0d6409c55d6946d3117ab161896e729276d209326314fe18daae520f128637bf2f54755947e4a02": {
		"S512", x("ada8a6f1257969d3db5969fc14c3389ab4404023bd0368d9d0d6409c55d6946d3117ab161896e729276d209326314fe18daae520f128637bf2f54755947e4a02")},
}

func TestPublished(t *testing.T) {
	rows := loadPublished(t)
	if len(rows) != len(publishedValues) {
		t.Fatalf("%d rows, %d expectations", len(rows), len(publishedValues))
	}
	for _, row := range rows {
		t.Run(row.Hex, func(t *testing.T) {
			want, ok := publishedValues[row.Hex]
			if !ok {
				t.Fatal("no expectation for this row")
			}
			b := x(row.Hex)
			if row.Base64 != "" {
				if p, err := base64.RawURLEncoding.DecodeString(row.Base64); err != nil || hex.EncodeToString(p) != row.Hex {
					t.Errorf("base64 says %x, %v", p, err)
				}
			}
			if row.Decoded != nil && !reflect.DeepEqual(want, []any{*row.Decoded}) {
				t.Errorf("expectation %v, the row says %v", want, *row.Decoded)
			}
			if row.Hex == "c10020" { // the draft's example relies on the definition in the lines before it
				b = append(x("c420800548656c6c6f"), b...)
			}
			checkSequence(t, b, want)
			if row.Verified && row.Decoded == nil {
				checkWritten(t, row.Hex, want)
			}
		})
	}
}

// checkSequence reads the values one after another, to the end.
func checkSequence(t *testing.T, b []byte, want []any) {
	t.Helper()
	r := NewReader(b)
	for _, w := range want {
		v, err := decode(r)
		if refusal, refused := w.(error); refused {
			if !errors.Is(err, refusal) {
				t.Errorf("got %#v, %v; want %v", v, err, refusal)
			}
			return
		}
		if err != nil || !reflect.DeepEqual(v, w) {
			t.Fatalf("got %#v, %v; want %#v", v, err, w)
		}
	}
	if len(want) == 0 {
		if v, err := decode(r); !errors.Is(err, ErrSyntax) {
			t.Errorf("got %#v, %v; want no value", v, err)
		}
	}
	if err := r.End(); err != nil {
		t.Error(err)
	}
}

// checkWritten wants the writer to give the bytes that the reference printed.
func checkWritten(t *testing.T, want string, values []any) {
	t.Helper()
	var b []byte
	for _, v := range values {
		b = encode(b, v)
	}
	if hex.EncodeToString(b) != want {
		t.Errorf("wrote %x", b)
	}
}
