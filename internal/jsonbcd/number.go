package jsonbcd

import (
	"encoding/binary"
	"math"
	"strconv"
)

const (
	doingInt   = "reading an integer"
	doingFloat = "reading a number"
)

// Int reads an integer: decimal text, a0..a3, a8..ab, a 128-bit integer or a bignum. One that does not fit an int64
// is over the limit.
func (r *Reader) Int() (int64, error) {
	c, err := r.value(doingInt)
	if err != nil {
		return 0, err
	}
	var v int64
	if isDecimal(c) {
		v, err = r.decimal()
	} else {
		v, err = r.integer()
	}
	if err != nil {
		return 0, err
	}
	r.done()
	return v, nil
}

// Float reads a number: decimal text, binary16, binary32, binary64 or any integer.
func (r *Reader) Float() (float64, error) {
	c, err := r.value(doingFloat)
	if err != nil {
		return 0, err
	}
	var v float64
	switch {
	case isDecimal(c):
		v, err = r.decimalFloat()
	case tagBinary16 <= c && c <= tagBinary64:
		v, err = r.binaryFloat()
	default:
		var n int64
		n, err = r.integer()
		v = float64(n)
	}
	if err != nil {
		return 0, err
	}
	r.done()
	return v, nil
}

func isDecimal(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

// isNumber says whether c begins a number of any form that can be skipped.
func isNumber(c byte) bool {
	return isDecimal(c) || isInteger(c) || isWideFloat(c) || tagBinary16 <= c && c <= tagBinary64
}

// isInteger says whether c is the tag of an integer.
func isInteger(c byte) bool { return tagPositive <= c && c < tagNegative+8 && c&7 != 6 }

// integer reads a tagged integer of any size.
func (r *Reader) integer() (int64, error) {
	start := r.pos
	p, negative, err := r.magnitude()
	if err != nil {
		return 0, err
	}
	for len(p) > 8 && p[0] == 0 {
		p = p[1:]
	}
	var u uint64
	for _, c := range p {
		u = u<<8 | uint64(c)
	}
	v, fits := signed(u, negative)
	if len(p) > 8 || !fits {
		r.pos = start
		return 0, r.fail(ErrLimit, doingInt)
	}
	return v, nil
}

// magnitude consumes a tagged integer and returns the bytes of its magnitude.
func (r *Reader) magnitude() (p []byte, negative bool, err error) {
	c := r.peek()
	if !isInteger(c) {
		return nil, false, r.syntax(doingInt)
	}
	at, size := r.pos+1, 0
	switch kind := c & 7; kind {
	case 0, 1, 2, 3:
		size = 1 << kind
	case tagPositive128 - tagPositive:
		size = 16
	default: // a bignum: §4 table 2 gives its length two bytes
		n, ok := r.unsigned(at, 2)
		if !ok {
			return nil, false, r.syntax(doingInt)
		}
		at, size = at+2, int(n)
	}
	if len(r.in)-at < size {
		return nil, false, r.syntax(doingInt)
	}
	r.pos = at + size
	return r.in[at:r.pos], c >= tagNegative, nil
}

// signed is the integer of a magnitude and a sign, if an int64 holds it.
func signed(u uint64, negative bool) (v int64, fits bool) {
	if negative {
		return int64(-u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// decimal reads the text of an integer.
func (r *Reader) decimal() (int64, error) {
	start := r.pos
	s, whole := r.literal()
	if !whole {
		r.pos = start
		return 0, r.syntax(doingInt)
	}
	negative := s[0] == '-'
	if negative {
		s = s[1:]
	}
	var u uint64
	for _, c := range s {
		if u > (1<<63)/10 {
			return 0, r.fail(ErrLimit, doingInt)
		}
		u = u*10 + uint64(c-'0')
	}
	v, fits := signed(u, negative)
	if !fits {
		return 0, r.fail(ErrLimit, doingInt)
	}
	return v, nil
}

func (r *Reader) decimalFloat() (float64, error) {
	start := r.pos
	s, _ := r.literal()
	if s == nil {
		return 0, r.syntax(doingFloat)
	}
	v, err := strconv.ParseFloat(string(s), 64)
	if err != nil {
		r.pos = start
		return 0, r.fail(ErrLimit, doingFloat)
	}
	return v, nil
}

// literal consumes the text of a number, which the draft takes unchanged from JSON: number = [ minus ] int [ frac ]
// [ exp ]. It is nil when malformed; whole says that it has neither fraction nor exponent.
func (r *Reader) literal() (s []byte, whole bool) {
	i := r.pos
	if i < len(r.in) && r.in[i] == '-' {
		i++
	}
	first := i
	i = r.digits(i)
	if i == first || r.in[first] == '0' && i > first+1 {
		return nil, false
	}
	whole = true
	if i < len(r.in) && r.in[i] == '.' {
		whole = false
		frac := i + 1
		if i = r.digits(frac); i == frac {
			return nil, false
		}
	}
	if i < len(r.in) && r.in[i]|0x20 == 'e' {
		whole = false
		exp := i + 1
		if exp < len(r.in) && (r.in[exp] == '+' || r.in[exp] == '-') {
			exp++
		}
		if i = r.digits(exp); i == exp {
			return nil, false
		}
	}
	if i < len(r.in) && (isWordByte(r.in[i]) || r.in[i] == '.') {
		return nil, false
	}
	s = r.in[r.pos:i]
	r.pos = i
	return s, whole
}

// digits is the offset after the decimal digits at i.
func (r *Reader) digits(i int) int {
	for i < len(r.in) && '0' <= r.in[i] && r.in[i] <= '9' {
		i++
	}
	return i
}

// binaryFloat reads binary16, binary32 or binary64.
func (r *Reader) binaryFloat() (float64, error) {
	p, err := r.fixed(2 << (r.peek() - tagBinary16))
	if err != nil {
		return 0, err
	}
	switch len(p) {
	case 2:
		return half(binary.BigEndian.Uint16(p)), nil
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(p))), nil
	}
	return math.Float64frombits(binary.BigEndian.Uint64(p)), nil
}

// half is the value of an IEEE 754 binary16.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	v := 0.0
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 0x1f:
		v = math.Inf(1)
		if fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(fraction+1024, exponent-25)
	}
	return math.Copysign(v, 1-2*float64(bits>>15))
}

// fixed consumes a tag and n bytes, which it returns.
func (r *Reader) fixed(n int) ([]byte, error) {
	at := r.pos + 1
	if len(r.in)-at < n {
		return nil, r.syntax(doingFloat)
	}
	r.pos = at + n
	return r.in[at:r.pos], nil
}

// isWideFloat says whether c is a float of JSON-D that is skipped but never decoded.
func isWideFloat(c byte) bool { return wideFloat(c) != 0 }

func wideFloat(c byte) int {
	switch c {
	case tagDecimal32:
		return 4
	case tagDecimal64:
		return 8
	case tagIntel80:
		return 10
	case tagBinary128, tagDecimal128:
		return 16
	}
	return 0
}

// skipNumber consumes a number of any form and any magnitude.
func (r *Reader) skipNumber() (err error) {
	switch c := r.peek(); {
	case isDecimal(c):
		if s, _ := r.literal(); s == nil {
			err = r.syntax(doingFloat)
		}
	case isWideFloat(c):
		_, err = r.fixed(wideFloat(c))
	case tagBinary16 <= c && c <= tagBinary64:
		_, err = r.binaryFloat()
	default:
		_, _, err = r.magnitude()
	}
	if err == nil {
		r.done()
	}
	return err
}
