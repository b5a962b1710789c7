package jsonbcd

import (
	"unicode/utf16"
	"unicode/utf8"
)

const doingString = "reading a string"

func isString(c byte) bool { return tagString <= c && c < tagData }
func isName(c byte) bool   { return tagName <= c && c < tagName+4 }

// String reads a string as Text does, copied.
func (r *Reader) String() (string, error) {
	s, err := r.Text()
	return string(s), err
}

// Text reads a string: quoted, 80..83, chunks of 84..87 joined, or a code for one. It is valid UTF-8. It aliases
// the input unless it has chunks or escapes. A null is read as nil, as the reference reads it.
func (r *Reader) Text() ([]byte, error) {
	c, err := r.value(doingString)
	if err != nil {
		return nil, err
	}
	var s []byte
	if !r.null(c) {
		if s, err = r.text(doingString); err != nil {
			return nil, err
		}
	}
	r.done()
	return s, nil
}

// text reads a string in any form at the present position.
func (r *Reader) text(doing string) (s []byte, err error) {
	switch c := r.peek(); {
	case c == '"':
		return r.quoted(doing)
	case isString(c):
		s, err = r.chunks(tagString, doing)
	case isCode(c):
		s, err = r.insert(r.text, doing)
	default:
		return nil, r.syntax(doing)
	}
	if err == nil && !utf8.Valid(s) {
		return nil, r.syntax(doing)
	}
	return s, err
}

// name reads a member name and what separates it from its value.
func (r *Reader) name(doing string) ([]byte, error) {
	c := r.peek()
	if isName(c) {
		name, err := r.sized(doing)
		if err == nil && !utf8.Valid(name) {
			return nil, r.syntax(doing)
		}
		return name, err
	}
	name, err := r.text(doing)
	if err != nil {
		return nil, err
	}
	r.space()
	if r.peek() == ':' {
		r.pos++
	} else if c == '"' {
		return nil, r.syntax(doing)
	}
	return name, nil
}

// quoted reads a JSON string.
func (r *Reader) quoted(doing string) ([]byte, error) {
	start := r.pos + 1
	for i := start; i < len(r.in); i++ {
		switch c := r.in[i]; {
		case c == '"':
			r.pos = i + 1
			if s := r.in[start:i:i]; utf8.Valid(s) {
				return s, nil
			}
			return nil, r.syntax(doing)
		case c == '\\':
			r.pos = i
			return r.escaped(append([]byte(nil), r.in[start:i]...), doing)
		case !isQuotable(c):
			r.pos = i
			return nil, r.syntax(doing)
		}
	}
	r.pos = len(r.in)
	return nil, r.syntax(doing)
}

// isQuotable says whether c may stand in a quoted string as itself. The reference wraps long base64 with raw line
// ends inside the quotes.
func isQuotable(c byte) bool {
	return c >= ' ' || c == '\n' || c == '\r' || c == '\t'
}

// escaped reads the rest of a JSON string from its first escape, after the part in s.
func (r *Reader) escaped(s []byte, doing string) ([]byte, error) {
	for r.pos < len(r.in) {
		switch c := r.in[r.pos]; {
		case c == '"':
			r.pos++
			if !utf8.Valid(s) {
				return nil, r.syntax(doing)
			}
			return s, nil
		case c == '\\':
			var ok bool
			if s, ok = r.escape(s); !ok {
				return nil, r.syntax(doing)
			}
		case !isQuotable(c):
			return nil, r.syntax(doing)
		default:
			s = append(s, c)
			r.pos++
		}
	}
	return nil, r.syntax(doing)
}

// escape reads one escape and appends what it stands for.
func (r *Reader) escape(s []byte) ([]byte, bool) {
	if r.pos+1 >= len(r.in) {
		return nil, false
	}
	c := r.in[r.pos+1]
	if c == 'u' {
		return r.unicode(s)
	}
	plain, ok := unescape(c)
	if !ok {
		return nil, false
	}
	r.pos += 2
	return append(s, plain), true
}

func unescape(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '/':
		return c, true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// unicode reads \uXXXX, or two that are a surrogate pair. A surrogate alone is no character and is refused.
func (r *Reader) unicode(s []byte) ([]byte, bool) {
	c, ok := r.hex4()
	if ok && utf16.IsSurrogate(c) {
		var low rune
		if low, ok = r.hex4(); ok {
			c = utf16.DecodeRune(c, low)
			ok = c != utf8.RuneError
		}
	}
	if !ok {
		return nil, false
	}
	return utf8.AppendRune(s, c), true
}

// hex4 consumes one \uXXXX.
func (r *Reader) hex4() (rune, bool) {
	const size = len(`\uXXXX`)
	if len(r.in)-r.pos < size || r.in[r.pos] != '\\' || r.in[r.pos+1] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range r.in[r.pos+2 : r.pos+size] {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	r.pos += size
	return v, true
}
