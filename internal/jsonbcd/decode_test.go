package jsonbcd

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// decode reads one value of whatever kind is next into the forms of the table.
func decode(r *Reader) (any, error) {
	c, err := r.value("decoding a value")
	if err != nil {
		return nil, err
	}
	switch {
	case c == '{':
		return decodeObject(r)
	case c == '[':
		return decodeArray(r)
	case c == '"' || isString(c):
		return r.String()
	case isData(c):
		return decodeBytes(r)
	case isCode(c):
		return decodeCode(r)
	case isWideFloat(c):
		return skipped{}, r.Skip()
	case isNumber(c):
		return decodeNumber(r, c)
	}
	if null, err := r.Null(); null || err != nil {
		return nil, err
	}
	return r.Bool()
}

func decodeBytes(r *Reader) (any, error) {
	p, err := r.Bytes()
	return bytes.Clone(p), err
}

func decodeNumber(r *Reader, c byte) (any, error) {
	before := *r
	v, err := r.Int()
	if err == nil || errors.Is(err, ErrLimit) || isInteger(c) {
		return v, err
	}
	*r = before
	return r.Float()
}

func decodeCode(r *Reader) (any, error) {
	c, err := r.standsFor()
	if err != nil {
		return nil, err
	}
	if isData(c) {
		return decodeBytes(r)
	}
	return r.String()
}

func decodeObject(r *Reader) (any, error) {
	if err := r.Object(); err != nil {
		return nil, err
	}
	o := object{}
	for {
		name, ok, err := r.Next()
		if !ok {
			return o, err
		}
		m := member{name: string(name)}
		if m.value, err = decode(r); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
}

func decodeArray(r *Reader) (any, error) {
	if err := r.Array(); err != nil {
		return nil, err
	}
	a := array{}
	for {
		more, err := r.More()
		if !more {
			return a, err
		}
		v, err := decode(r)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
}

// encode writes a value of decode's forms. Floats have no form in JSON-B that the reference reads; it says so.
func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = AppendObject(b)
		for _, m := range v {
			b = encode(AppendName(b, m.name), m.value)
		}
		return AppendObjectEnd(b)
	case array:
		b = AppendArray(b)
		for _, e := range v {
			b = encode(b, e)
		}
		return AppendArrayEnd(b)
	case int64:
		return AppendInt(b, v)
	case string:
		return AppendString(b, v)
	case []byte:
		return AppendBinary(b, v)
	case bool:
		return AppendBool(b, v)
	case nil:
		return append(b, tagNull)
	}
	panic(fmt.Sprintf("no form for %T", v))
}

// writable says whether encode has a form for v.
func writable(v any) bool {
	switch v := v.(type) {
	case object:
		for _, m := range v {
			if !writable(m.value) {
				return false
			}
		}
	case array:
		for _, e := range v {
			if !writable(e) {
				return false
			}
		}
	case float64, skipped:
		return false
	}
	return true
}

func TestGolden(t *testing.T) {
	for _, g := range table {
		t.Run(g.name, func(t *testing.T) {
			r := NewReader(g.in)
			v, err := decode(r)
			if err == nil {
				err = r.End()
			}
			if want, refused := g.value.(error); refused {
				checkRefused(t, g.in, v, err, want)
				return
			}
			if err != nil || !reflect.DeepEqual(v, g.value) {
				t.Fatalf("got %#v, %v; want %#v", v, err, g.value)
			}
			checkSkip(t, g.in)
			checkWrite(t, g, v)
		})
	}
}

func checkRefused(t *testing.T, in []byte, v any, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %#v, %v; want %v", v, err, want)
	}
	if !strings.Contains(err.Error(), " at byte ") {
		t.Errorf("%q does not say where", err)
	}
	if want == ErrSyntax {
		if raw, err := NewReader(in).Raw(); err == nil && len(raw) == len(in) {
			t.Error("Raw takes it")
		}
	}
}

func checkSkip(t *testing.T, in []byte) {
	t.Helper()
	r := NewReader(in)
	raw, err := r.Raw()
	if err != nil {
		t.Fatalf("Raw: %v", err)
	}
	if r.Offset() < len(raw) || !bytes.HasSuffix(in[:r.Offset()], raw) {
		t.Errorf("Raw = %x at %d of %x", raw, r.Offset(), in)
	}
	if err := r.End(); err != nil {
		t.Errorf("after Raw: %v", err)
	}
	for cut := range len(raw) {
		r.Reset(in[:len(in)-len(raw)+cut])
		if err := r.Skip(); err == nil && r.Offset() != cut+len(in)-len(raw) && !isDecimal(raw[0]) {
			t.Errorf("%x, cut to %d bytes, was skipped", in, cut)
		}
	}
}

func checkWrite(t *testing.T, g golden, v any) {
	t.Helper()
	if g.write {
		if b := encode(nil, v); !bytes.Equal(b, g.in) {
			t.Errorf("wrote %x, want %x", b, g.in)
		}
	}
}
