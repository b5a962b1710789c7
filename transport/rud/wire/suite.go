package wire

import "fmt"

// Suite is the byte that names curve and AEAD.
type Suite byte

// The suites: the high nibble is the curve, the low one the AEAD.
const (
	SuiteX25519AESGCM   Suite = 0x11
	SuiteX25519ChaCha20 Suite = 0x12
	SuiteX448AESGCM     Suite = 0x21
	SuiteX448ChaCha20   Suite = 0x22
)

// Lengths of public keys on the wire.
const (
	sizeX25519 = 32
	sizeX448   = 56
)

// KeySize returns L, the length in bytes of a public key of the suite's curve,
// and 0 for a curve or AEAD that has no number.
func (s Suite) KeySize() int {
	if aead := s & 0xf; aead != 1 && aead != 2 {
		return 0
	}
	switch s >> 4 {
	case 1:
		return sizeX25519
	case 2:
		return sizeX448
	}
	return 0
}

// String returns the suite as it is written in the text, 0x11.
func (s Suite) String() string { return fmt.Sprintf("0x%02x", byte(s)) }
