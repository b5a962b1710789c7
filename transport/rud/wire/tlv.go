package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Types of the TLV primitives, the high nibble of their first byte (reference.md
// 6.1).
const (
	tlvInteger = 0x00
	tlvString  = 0x10
	tlvBinary  = 0x20
)

// AppendInteger appends v as a TLV integer.
func AppendInteger(b []byte, v uint64) []byte { return appendCount(b, tlvInteger, v) }

// AppendString appends s as a TLV string.
func AppendString(b []byte, s string) []byte {
	return append(appendCount(b, tlvString, uint64(len(s))), s...)
}

// AppendBinary appends p as a TLV binary.
func AppendBinary(b, p []byte) []byte {
	return append(appendCount(b, tlvBinary, uint64(len(p))), p...)
}

func appendCount(b []byte, kind byte, n uint64) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(b, kind, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, kind|1), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, kind|2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, kind|3), n)
}

// ReadInteger reads a TLV integer from the start of b and returns what follows
// it. The error is ErrTLV, also when a shorter count would do.
func ReadInteger(b []byte) (v uint64, rest []byte, err error) {
	return readCount(b, tlvInteger)
}

// ReadString reads a TLV string, which aliases b. The error is ErrTLV, also
// when a shorter count would do or the string is not UTF-8.
func ReadString(b []byte) (s, rest []byte, err error) {
	s, rest, err = readBytes(b, tlvString)
	if err == nil && !utf8.Valid(s) {
		return nil, nil, ErrTLV
	}
	return s, rest, err
}

// ReadBinary reads a TLV binary, which aliases b. The error is ErrTLV, also
// when a shorter count would do.
func ReadBinary(b []byte) (p, rest []byte, err error) { return readBytes(b, tlvBinary) }

func readBytes(b []byte, kind byte) (p, rest []byte, err error) {
	n, rest, err := readCount(b, kind)
	if err != nil || n > uint64(len(rest)) {
		return nil, nil, ErrTLV
	}
	return rest[:n:n], rest[n:], nil
}

func readCount(b []byte, kind byte) (n uint64, rest []byte, err error) {
	if len(b) == 0 || b[0]&^0x0f != kind || b[0]&0x0f > 3 {
		return 0, nil, ErrTLV
	}
	code := b[0] & 0x0f
	size := 1 << code
	if len(b) < 1+size {
		return 0, nil, ErrTLV
	}
	for _, c := range b[1 : 1+size] {
		n = n<<8 | uint64(c)
	}
	if code > 0 && n>>(4*size) == 0 { // half the count would do
		return 0, nil, ErrTLV
	}
	return n, b[1+size:], nil
}

// IsZero reports whether every byte of b is zero, eight at a time.
func IsZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
