package jsonbcd

import (
	"bytes"
	"time"
)

// Bool reads true or false, as text or b0, b1.
func (r *Reader) Bool() (bool, error) {
	const doing = "reading a boolean"
	c, err := r.value(doing)
	if err != nil {
		return false, err
	}
	v := false
	switch {
	case c == tagTrue:
		r.pos++
		v = true
	case c == tagFalse:
		r.pos++
	case c == 't' && r.word("true"):
		v = true
	case c == 'f' && r.word("false"):
	default:
		return false, r.syntax(doing)
	}
	r.done()
	return v, nil
}

// Null consumes a null if it is next, as text or b2, and says whether it did.
func (r *Reader) Null() (bool, error) {
	c, err := r.value("reading a null")
	if err != nil {
		return false, err
	}
	if !r.null(c) {
		return false, nil
	}
	r.done()
	return true, nil
}

// null consumes a null that begins with c.
func (r *Reader) null(c byte) bool {
	if c == tagNull {
		r.pos++
		return true
	}
	return c == 'n' && r.word("null")
}

// word consumes a bare word that is not the start of a longer one.
func (r *Reader) word(w string) bool {
	rest := r.in[r.pos:]
	if len(rest) < len(w) || string(rest[:len(w)]) != w {
		return false
	}
	if len(rest) > len(w) && isWordByte(rest[len(w)]) {
		return false
	}
	r.pos += len(w)
	return true
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// Time reads a DateTime, a quoted or 80..83 string of exactly the form "YYYY-MM-DDTHH:MM:SSZ", as Unix seconds.
// Fractions and offsets are refused: the reference silently reads them as the year 1.
func (r *Reader) Time() (unix int64, err error) {
	const doing = "reading a time"
	c, err := r.value(doing)
	if err != nil {
		return 0, err
	}
	if r.null(c) {
		return 0, r.syntax(doing)
	}
	s, err := r.Text()
	if err != nil {
		return 0, err
	}
	unix, ok := parseTime(s)
	if !ok {
		return 0, r.syntax(doing)
	}
	return unix, nil
}

func parseTime(s []byte) (unix int64, ok bool) {
	if len(s) != len(timeLayout) {
		return 0, false
	}
	year, month, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// Writing it again refuses every date that does not exist and every separator that is not the form's own.
	var again [len(timeLayout)]byte
	if year < 1 || !bytes.Equal(t.AppendFormat(again[:0], timeLayout), s) {
		return 0, false
	}
	return t.Unix(), true
}

// digits is the value of decimal digits; anything else gives a number that is not written the same way.
func digits(s []byte) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

// Skip reads one value of any kind and checks that it is well formed.
func (r *Reader) Skip() error {
	const doing = "skipping a value"
	c, err := r.value(doing)
	if err != nil {
		return err
	}
	switch {
	case c == '{':
		return r.skipObject()
	case c == '[':
		return r.skipArray()
	case c == '"' || isString(c):
		_, err = r.Text()
	case isData(c):
		_, err = r.Bytes()
	case isCode(c):
		err = r.skipCode()
	case isNumber(c):
		err = r.skipNumber()
	case r.null(c):
		r.done()
	default:
		_, err = r.Bool()
	}
	return err
}

// skipObject recurses through Skip; Object refuses to go deeper than MaxDepth.
func (r *Reader) skipObject() error {
	if err := r.Object(); err != nil {
		return err
	}
	for {
		if _, ok, err := r.Next(); !ok {
			return err
		}
		if err := r.Skip(); err != nil {
			return err
		}
	}
}

func (r *Reader) skipArray() error {
	if err := r.Array(); err != nil {
		return err
	}
	for {
		if more, err := r.More(); !more {
			return err
		}
		if err := r.Skip(); err != nil {
			return err
		}
	}
}

// Raw reads one value of any kind, checks that it is well formed and returns its bytes as they stand in the input,
// without the white space and the definitions before it. A value that uses JSON-C codes is not complete without
// the definitions that precede it.
func (r *Reader) Raw() ([]byte, error) {
	if _, err := r.value("reading a raw value"); err != nil {
		return nil, err
	}
	start := r.pos
	if err := r.Skip(); err != nil {
		return nil, err
	}
	return r.in[start:r.pos:r.pos], nil
}
