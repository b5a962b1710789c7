package jsonbcd

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// FuzzReader holds the reader to its promises on any input: it ends, stays within MaxExpansion, agrees with itself
// between decoding and skipping, and what the writer can write again reads as the same.
func FuzzReader(f *testing.F) {
	for _, g := range table {
		f.Add(g.in)
	}
	for _, row := range loadPublished(f) {
		f.Add(x(row.Hex))
	}
	f.Add(appendHeartbeat(nil, 300))
	f.Add(nested(fewNames+1, 3, 2))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(in)
		v, err := decode(r)
		s := NewReader(in)
		raw, skipErr := s.Raw()
		if err == nil && (skipErr != nil || s.Offset() != r.Offset()) {
			t.Fatalf("decoded to %d; skipped to %d, %v", r.Offset(), s.Offset(), skipErr)
		}
		// A float or an integer that is well formed may not fit; nothing else is skipped and not decoded.
		if err != nil && skipErr == nil && !errors.Is(err, ErrLimit) {
			t.Fatalf("skipped %x; decoding: %v", raw, err)
		}
		checkUnique(t, in, skipErr)
		if err != nil {
			return
		}
		if n := size(v); n > MaxExpansion*len(in) {
			t.Errorf("%d bytes decode to %d", len(in), n)
		}
		if writable(v) {
			checkRoundTrip(t, v)
		}
	})
}

// checkUnique wants Unique to refuse what is refused without, and otherwise only duplicates.
func checkUnique(t *testing.T, in []byte, without error) {
	t.Helper()
	r := NewReader(in)
	r.Unique = true
	err := r.Skip()
	if (without != nil) != (err != nil) && !errors.Is(err, ErrDuplicate) {
		t.Errorf("with Unique %v, without %v", err, without)
	}
	if r.depth == 0 && err == nil && r.names.count != 0 {
		t.Errorf("%d names of closed objects are kept", r.names.count)
	}
}

func checkRoundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, v any) {
	t.Helper()
	b := encode(nil, v)
	r := NewReader(b)
	again, err := decode(r)
	if err == nil {
		err = r.End()
	}
	if err != nil || !reflect.DeepEqual(again, v) {
		t.Fatalf("%#v, written as %x, reads as %#v, %v", v, b, again, err)
	}
}

// size is the bytes of text and data in v.
func size(v any) (n int) {
	switch v := v.(type) {
	case object:
		for _, m := range v {
			n += len(m.name) + size(m.value)
		}
	case array:
		for _, e := range v {
			n += size(e)
		}
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	}
	return n
}

func FuzzTime(f *testing.F) {
	f.Add("2024-10-21T21:23:57Z")
	f.Add("0001-01-01T00:00:00Z")
	f.Add("2024-10-21T21:23:57.5Z")
	f.Fuzz(func(t *testing.T, text string) {
		unix, err := NewReader(AppendString(nil, text)).Time()
		if err == nil && string(AppendTime(nil, unix)) != `"`+text+`"` {
			t.Errorf("%q reads as %d, which is not written so", text, unix)
		}
	})
}

// valueGen draws what the writer can write, at most depth containers deep.
func valueGen(depth int) *rapid.Generator[any] {
	text := rapid.OneOf(rapid.String(), rapid.StringN(250, 260, -1))
	gens := []*rapid.Generator[any]{
		rapid.Int64().AsAny(), rapid.Bool().AsAny(), text.AsAny(), rapid.Just[any](nil),
		rapid.Custom(func(t *rapid.T) any { return append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "data")...) }),
	}
	if depth > 0 {
		gens = append(gens, rapid.Custom(func(t *rapid.T) any {
			return append(array{}, rapid.SliceOfN(valueGen(depth-1), 0, 5).Draw(t, "array")...)
		}), rapid.Custom(func(t *rapid.T) any {
			o := object{}
			for range rapid.IntRange(0, 5).Draw(t, "members") {
				o = append(o, member{text.Draw(t, "name"), valueGen(depth-1).Draw(t, "value")})
			}
			return o
		}))
	}
	return rapid.OneOf(gens...)
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkRoundTrip(t, valueGen(3).Draw(t, "value")) })
}

// The shortest of the four sizes, whatever stood in the slice before.
func TestAppendIsMinimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64().Draw(t, "v")
		b := AppendInt([]byte("kept"), v)
		if !bytes.HasPrefix(b, []byte("kept")) {
			t.Fatalf("%x", b)
		}
		p := b[len("kept")+1:]
		if n := len(p); n > 1 && bytes.Equal(p[:n/2], make([]byte, n/2)) {
			t.Fatalf("%d is written in %d bytes: %x", v, n, p)
		}
	})
}
