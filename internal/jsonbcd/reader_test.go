package jsonbcd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestHeartbeat(t *testing.T) {
	b := appendHeartbeat(nil, 300)
	// The bytes of reference framing: {PresenceHeartbeat:{Serial:300}}.
	if want := x("7bb41150726573656e6365486561727462656174" + "7bb40653657269616ca1012c7d7d"); !bytes.Equal(b, want) {
		t.Errorf("wrote %x, want %x", b, want)
	}
	if n, err := readHeartbeat(NewReader(b)); n != 300 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
}

func appendHeartbeat(b []byte, serial int64) []byte {
	b = AppendName(AppendObject(b), "PresenceHeartbeat")
	b = AppendName(AppendObject(b), "Serial")
	b = AppendInt(b, serial)
	return AppendObjectEnd(AppendObjectEnd(b))
}

func readHeartbeat(r *Reader) (serial int64, err error) {
	if err := r.Object(); err != nil {
		return 0, err
	}
	if name, ok, err := r.Next(); !ok || err != nil || string(name) != "PresenceHeartbeat" {
		return 0, fmt.Errorf("reading %q: %w", name, err)
	}
	if err := r.Object(); err != nil {
		return 0, err
	}
	for {
		name, ok, err := r.Next()
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		if string(name) == "Serial" {
			serial, err = r.Int()
		} else {
			err = r.Skip()
		}
		if err != nil {
			return 0, err
		}
	}
	if _, ok, err := r.Next(); ok || err != nil {
		return 0, err
	}
	return serial, r.End()
}

// What follows the outermost object is the caller's: a datagram is padded with zeros, a signed body ends.
func TestTrailingBytes(t *testing.T) {
	for _, c := range []struct {
		tail string
		want error
	}{{"", nil}, {" \n", nil}, {"\x00\x00", ErrSyntax}, {"}", ErrSyntax}, {"{}", ErrSyntax}, {",", ErrSyntax}} {
		r := NewReader([]byte(`{}` + c.tail))
		if err := r.Skip(); err != nil {
			t.Errorf("%q after: %v", c.tail, err)
		}
		if r.Offset() != 2 {
			t.Errorf("%q after: consumed %d", c.tail, r.Offset())
		}
		wantErr(t, "End before "+c.tail, r.End(), c.want)
	}
	r := NewReader([]byte("["))
	if err := r.Array(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "End inside an array", r.End(), ErrSyntax)
}

// Calls that do not fit the place are errors, not another reading of the input.
func TestOutOfPlace(t *testing.T) {
	open := func(in string) *Reader {
		r := NewReader([]byte(in))
		enter := r.Object
		if in[0] == '[' {
			enter = r.Array
		}
		if err := enter(); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := open(`{"a":1}`)
	_, err := r.String()
	wantErr(t, "a value before Next", err, ErrSyntax)
	_, err = r.More()
	wantErr(t, "More in an object", err, ErrSyntax)
	if _, ok, err := r.Next(); !ok || err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Next()
	wantErr(t, "Next before the value", err, ErrSyntax)
	if v, err := r.Int(); v != 1 || err != nil {
		t.Errorf("the value after all: %d, %v", v, err)
	}
	_, err = r.Int()
	wantErr(t, "a second value", err, ErrSyntax)

	r = open(`[7]`)
	_, err = r.Int()
	wantErr(t, "an element before More", err, ErrSyntax)
	_, _, err = r.Next()
	wantErr(t, "Next in an array", err, ErrSyntax)
	for range 3 {
		if more, err := r.More(); !more || err != nil {
			t.Errorf("More again: %v, %v", more, err)
		}
	}
	if v, err := r.Int(); v != 7 || err != nil {
		t.Errorf("the element: %d, %v", v, err)
	}

	r = NewReader(nil)
	_, _, err = r.Next()
	wantErr(t, "Next outside", err, ErrSyntax)
	_, err = r.More()
	wantErr(t, "More outside", err, ErrSyntax)
}

// Every value method refuses every other kind, and consumes nothing that a second look needs.
func TestKinds(t *testing.T) {
	methods := map[string]func(*Reader) error{
		"Object": func(r *Reader) error { return r.Object() },
		"Array":  func(r *Reader) error { return r.Array() },
		"Int":    func(r *Reader) error { _, err := r.Int(); return err },
		"Bool":   func(r *Reader) error { _, err := r.Bool(); return err },
		"Text":   func(r *Reader) error { _, err := r.Text(); return err },
		"String": func(r *Reader) error { _, err := r.String(); return err },
		"Bytes":  func(r *Reader) error { _, err := r.Bytes(); return err },
		"Time":   func(r *Reader) error { _, err := r.Time(); return err },
		"Float":  func(r *Reader) error { _, err := r.Float(); return err },
	}
	for in, takers := range map[string]string{
		"{}": "Object", "[]": "Array", "\xa0\x01": "Int Float", "7": "Int Float", "1.5": "Float", "\xb0": "Bool",
		"true": "Bool", "\x80\x01a": "Text String", `"YQ"`: "Text String Bytes", "\x88\x01a": "Bytes",
		`"2024-10-21T21:23:57Z"`:       "Text String Time",
		"\x80\x142024-10-21T21:23:57Z": "Text String Time",
		// The reference reads a null as a null string, an object without members and an empty list, and refuses it
		// for a date, binary data and a boolean.
		"null": "Text String Object Array", "\xb2": "Text String Object Array",
		"}": "", "]": "", "\xb4\x01a": "", "": "",
	} {
		for name, method := range methods {
			err := method(NewReader([]byte(in)))
			takes := strings.Contains(" "+takers+" ", " "+name+" ")
			if takes && err != nil {
				t.Errorf("%s refuses %q: %v", name, in, err)
			}
			if !takes {
				wantErr(t, name+" of "+in, err, ErrSyntax)
			}
		}
	}
}

func TestNull(t *testing.T) {
	r := NewReader([]byte("[null \xb2 null null 5]"))
	if err := r.Array(); err != nil {
		t.Fatal(err)
	}
	more := func() {
		t.Helper()
		if more, err := r.More(); !more || err != nil {
			t.Fatalf("More: %v, %v", more, err)
		}
	}
	more()
	if null, err := r.Null(); !null || err != nil {
		t.Errorf("Null: %v, %v", null, err)
	}
	more()
	if s, err := r.Text(); s != nil || err != nil {
		t.Errorf("Text of null: %q, %v", s, err)
	}
	more()
	if err := r.Object(); err != nil {
		t.Error(err)
	}
	if _, ok, err := r.Next(); ok || err != nil {
		t.Errorf("a member of null: %v, %v", ok, err)
	}
	more()
	if err := r.Array(); err != nil {
		t.Error(err)
	}
	if more, err := r.More(); more || err != nil {
		t.Errorf("an element of null: %v, %v", more, err)
	}
	more()
	if null, err := r.Null(); null || err != nil {
		t.Errorf("Null before 5: %v, %v", null, err)
	}
	if v, err := r.Int(); v != 5 || err != nil {
		t.Errorf("Int after Null: %d, %v", v, err)
	}
}

func TestRaw(t *testing.T) {
	in := []byte(` {"a" : {"b":[1,"x\u0041"]} ,"c":` + "\x88\x02hi}")
	r := NewReader(in)
	if err := r.Object(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"b":[1,"x\u0041"]}`, "\x88\x02hi"} {
		if _, ok, err := r.Next(); !ok || err != nil {
			t.Fatal(err)
		}
		raw, err := r.Raw()
		if err != nil || string(raw) != want {
			t.Errorf("Raw = %q, %v, want %q", raw, err, want)
		}
		if cap(raw) != len(raw) {
			t.Error("appending to what Raw returned would write into the input")
		}
	}
	if _, ok, err := r.Next(); ok || err != nil {
		t.Error(ok, err)
	}
}

// Bodies are checked all the way down, also when they are skipped.
func TestUnique(t *testing.T) {
	for in, want := range map[string]error{
		`{"a":1,"b":2,"c":3}`:                nil,
		`{"a":1,"a":2}`:                      ErrDuplicate,
		`{"a":1,"\u0061":2}`:                 ErrDuplicate,
		"{\xb4\x01a\x01\xb4\x01a\x01}":       ErrSyntax,
		"{\xb4\x01a\xb0\x84\x01a\x80\x00 1}": ErrDuplicate,
		`{"":1,"":2}`:                        ErrDuplicate,
		`{"a":{"a":{"a":1}},"b":{"a":1}}`:    nil,
		`{"a":{"a":1,"b":2,"a":3}}`:          ErrDuplicate,
		`{"a":[{"a":1},{"a":1}],"b":1}`:      nil,
		`{"a":{"x":1},"a":1}`:                ErrDuplicate,
		`{"a":null,"b":{"c":1},"a":1}`:       ErrDuplicate,
	} {
		r := NewReader([]byte(in))
		r.Unique = true
		wantErr(t, in, r.Skip(), want)
	}
}

// Up to fewNames, just above, and many; nested so that the shared names overflow their inline part.
func TestUniqueManyNames(t *testing.T) {
	for _, n := range []int{1, fewNames, fewNames + 1, fewNames + 2, 3 * fewNames, MaxMembers} {
		for _, depth := range []int{1, 2, MaxDepth} {
			in := nested(n, depth, -1)
			r := NewReader(in)
			r.Unique = true
			if err := r.Skip(); err != nil {
				t.Errorf("%d names, %d deep: %v", n, depth, err)
			}
			for _, again := range []int{0, n / 2, n - 1} {
				if n == MaxMembers {
					break // one more is over the limit
				}
				r.Reset(nested(n, depth, again))
				wantErr(t, fmt.Sprintf("%d names, %d deep, %d again", n, depth, again), r.Skip(), ErrDuplicate)
			}
			if depth*n <= fewNames && r.names.more != nil {
				t.Errorf("%d names, %d deep: not inline", n, depth)
			}
		}
	}
}

// nested is depth objects of few names around one of n, in which name again comes twice unless it is negative.
func nested(n, depth, again int) []byte {
	var b []byte
	for range depth - 1 {
		b = AppendObject(b)
		for i := range min(n, fewNames) {
			b = AppendName(b, fmt.Sprint("n", i))
			if i < min(n, fewNames)-1 {
				b = AppendBool(b, true)
			}
		}
	}
	b = AppendObject(b)
	for i := range n {
		b = AppendInt(AppendName(b, fmt.Sprint("n", i)), 1)
	}
	if again >= 0 {
		b = AppendInt(AppendName(b, fmt.Sprint("n", again)), 1)
	}
	return append(b, bytes.Repeat([]byte("}"), depth)...)
}

// An object of many names must not be searched name by name.
func TestManyNamesMakeASet(t *testing.T) {
	var n names
	s := n.open()
	for i := range 4 * fewNames {
		if !n.add(&s, fmt.Append(nil, i)) {
			t.Fatalf("%d was there", i)
		}
		if i >= fewNames && (s.set == nil || n.count != 0) {
			t.Fatalf("%d names in a list", i+1)
		}
	}
}

func TestLimits(t *testing.T) {
	members := func(n int) []byte { return nested(n, 1, -1) }
	elements := func(n int) []byte { return []byte("[" + strings.Repeat("\xb0", n) + "]") }
	codes := func(n int) []byte {
		var b []byte
		for i := range n {
			b = append(b, tagDefine|1, byte(i>>8), byte(i), tagString, 0)
		}
		return append(b, tagTrue)
	}
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"members":           {members(MaxMembers), nil},
		"too many members":  {members(MaxMembers + 1), ErrLimit},
		"elements":          {elements(MaxMembers), nil},
		"too many elements": {elements(MaxMembers + 1), ErrLimit},
		"codes":             {codes(MaxCodes), nil},
		"too many codes":    {codes(MaxCodes + 1), ErrLimit},
		"input":             {make([]byte, MaxInput+1), ErrLimit},
	} {
		wantErr(t, name, NewReader(c.in).Skip(), c.want)
	}
}

// However often a code is inserted, what an input decodes to and the bytes read for it stay within 8 times its size.
func TestExpansion(t *testing.T) {
	long := append([]byte{tagString | 1, 0x40, 0}, bytes.Repeat([]byte("a"), 0x4000)...)
	empties := append(bytes.Repeat([]byte{tagStringChunk, 0}, 0x2000), tagString, 0)
	for name, item := range map[string][]byte{"long string": long, "empty chunks": empties} {
		in := append([]byte{'[', tagDefine, 1}, item...)
		in = append(in, bytes.Repeat([]byte{tagInsert, 1}, 1000)...)
		in = append(in, ']')
		r := NewReader(in)
		if err := r.Array(); err != nil {
			t.Fatal(err)
		}
		total, inserts := 0, 0
		for {
			if more, err := r.More(); !more || err != nil {
				t.Fatalf("%s: the array ended: %v", name, err)
			}
			s, err := r.String()
			if err != nil {
				wantErr(t, name, err, ErrLimit)
				break
			}
			total, inserts = total+len(s), inserts+1
		}
		if total > MaxExpansion*len(in) || inserts < MaxExpansion-2 || inserts > MaxExpansion {
			t.Errorf("%s: %d inserts, %d bytes from %d", name, inserts, total, len(in))
		}
	}
}

func TestReset(t *testing.T) {
	r := NewReader(x("5bc4208001" + "61c0205d"))
	r.Unique = true
	if err := r.Skip(); err != nil {
		t.Fatal(err)
	}
	r.Reset(x("c020"))
	wantErr(t, "a code of the input before", r.Skip(), ErrSyntax)
	r.Reset([]byte(`{"a":[1,{"b":`))
	wantErr(t, "cut", r.Skip(), ErrSyntax)
	r.Reset([]byte(`{"a":1,"b":2}`))
	if err := errors.Join(r.Skip(), r.End()); err != nil {
		t.Errorf("after an error inside containers: %v", err)
	}
	r.Reset([]byte(`{"a":1,"a":2}`))
	wantErr(t, "Unique is kept", r.Skip(), ErrDuplicate)
}

// Errors go to logs and strangers choose the input: none of it is repeated.
func TestErrorsDoNotEcho(t *testing.T) {
	const secret = "hunter2"
	for _, in := range []string{`{"hunter2":1,"hunter2":2}`, `{"a":hunter2}`, `"hunter2`, "hunter2"} {
		r := NewReader([]byte(in))
		r.Unique = true
		if err := r.Skip(); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
