package record

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// decoder reads members and keeps the first error: after it, every method
// returns a zero value, so a body reads its members without a check at each.
type decoder struct {
	r      jsonbcd.Reader
	err    error
	serial bool // Serial was there; its zero is a value
}

// malformed is an error about the form of a fact.
func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

func missing(member string) error { return malformed(member + " is missing") }

// fail keeps err unless it is nil or not the first.
func (d *decoder) fail(err error) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
}

func (d *decoder) refuse(what string) {
	if d.err == nil {
		d.err = malformed(what)
	}
}

// object reads one object that is all of b; each reads the member called name
// or returns false, and then it is skipped.
func (d *decoder) object(b []byte, each func(name string) bool) error {
	d.r.Reset(b)
	d.r.Unique = true
	d.members(each)
	if d.err == nil {
		d.fail(d.r.End())
	}
	if d.err == nil && b[len(b)-1] != '}' {
		d.refuse("bytes after the object")
	}
	return d.err
}

// members reads the object that is next.
func (d *decoder) members(each func(name string) bool) {
	if d.err == nil {
		d.fail(d.r.Object())
	}
	for d.err == nil {
		name, more, err := d.r.Next()
		if err != nil {
			d.fail(err)
		}
		if err != nil || !more {
			return
		}
		if !each(string(name)) && d.err == nil {
			d.fail(d.r.Skip())
		}
	}
}

// list reads the array that is next, at most most elements, one a call.
func (d *decoder) list(most int, each func()) {
	if d.err == nil {
		d.fail(d.r.Array())
	}
	for n := 0; d.err == nil; n++ {
		more, err := d.r.More()
		if err != nil {
			d.fail(err)
		}
		if err != nil || !more {
			return
		}
		if n == most {
			d.refuse("list too long")
			return
		}
		each()
	}
}

// bytes returns at least least and at most most bytes, which alias the input.
func (d *decoder) bytes(least, most int) []byte {
	if d.err != nil {
		return nil
	}
	b, err := d.r.Bytes()
	if err != nil {
		d.fail(err)
		return nil
	}
	if len(b) < least || len(b) > most {
		d.refuse("binary of a wrong size")
		return nil
	}
	if b == nil {
		return []byte{} // empty is a value; nil is absent
	}
	return b[:len(b):len(b)]
}

func (d *decoder) hash() (h key.Hash) {
	copy(h[:], d.bytes(len(h), len(h)))
	return h
}

func (d *decoder) array32() (a [32]byte) {
	copy(a[:], d.bytes(len(a), len(a)))
	return a
}

func (d *decoder) author() key.Author {
	b := d.bytes(1, key.MaxAuthor)
	if d.err != nil {
		return ""
	}
	a, err := key.ParseAuthor(b)
	if err != nil {
		d.fail(err)
	}
	return a
}

func (d *decoder) agreement() key.Agreement {
	b := d.bytes(1, key.MaxAuthor)
	if d.err != nil {
		return ""
	}
	a, err := key.ParseAgreement(b)
	if err != nil {
		d.fail(err)
	}
	return a
}

// count reads an integer that is not negative.
func (d *decoder) count() int64 {
	if d.err != nil {
		return 0
	}
	n, err := d.r.Int()
	if err != nil {
		d.fail(err)
	}
	if n < 0 {
		d.refuse("negative number")
		return 0
	}
	return n
}

func (d *decoder) bool() bool {
	if d.err != nil {
		return false
	}
	v, err := d.r.Bool()
	if err != nil {
		d.fail(err)
	}
	return v
}

// time reads a DateTime after 1970.
func (d *decoder) time() wall.Time {
	if d.err != nil {
		return 0
	}
	unix, err := d.r.Time()
	if err != nil {
		d.fail(err)
	}
	if unix <= 0 {
		d.refuse("time before 1970")
		return 0
	}
	return wall.Time(unix)
}

// text reads at most most bytes of text fit to be shown to people.
func (d *decoder) text(most int) string {
	if d.err != nil {
		return ""
	}
	s, err := d.r.String()
	if err != nil {
		d.fail(err)
		return ""
	}
	if len(s) > most || !printable(s) {
		d.refuse("text too long or not printable")
		return ""
	}
	return s
}

func (d *decoder) texts(count, most int) (list []string) {
	d.list(count, func() { list = append(list, d.text(most)) })
	return list
}

// printable reports whether s is UTF-8 without control characters: names of
// channels and addresses reach terminals.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// channel checks the name of a channel: 1 to 64 bytes.
func channel(s string) error {
	if len(s) == 0 || len(s) > MaxChannel || !printable(s) {
		return malformed("not the name of a channel")
	}
	return nil
}
