package key

import (
	"crypto/sha256"
	"fmt"
)

// Curve is the curve of an agreement key: the byte before it in a fact.
type Curve byte

// The curves, by their byte on the wire (facts.md; rud.md, suite).
const (
	X25519 Curve = 1
	X448   Curve = 2
)

// Lengths of raw public keys and shared secrets in bytes.
const (
	SizeX25519 = 32
	SizeX448   = 56
)

// String names the curve.
func (c Curve) String() string {
	switch c {
	case X25519:
		return "X25519"
	case X448:
		return "X448"
	}
	return fmt.Sprintf("curve %d", byte(c))
}

// Size returns the length in bytes of the curve's raw public keys, private keys
// and shared secrets, 0 for an unknown curve.
func (c Curve) Size() int {
	switch c {
	case X25519:
		return SizeX25519
	case X448:
		return SizeX448
	}
	return 0
}

// Agreement is a public agreement key: one curve byte, then the raw key; an
// X448 key may carry its sign byte (0x00 or 0x80) after its u. The empty
// Agreement means "none". Compare keys by Hash when one may come with the sign
// byte and the other without.
type Agreement string

// ParseAgreement copies b, which must be a known curve byte and a key of that
// curve's length. Points of small order are not refused here: agreeing with
// one is an error.
func ParseAgreement(b []byte) (Agreement, error) {
	switch {
	case len(b) == 1+SizeX25519 && Curve(b[0]) == X25519:
	case len(b) == 1+SizeX448 && Curve(b[0]) == X448:
	case len(b) == 1+SizeX448+1 && Curve(b[0]) == X448 && b[1+SizeX448]&^signOdd == 0:
	default:
		return "", fmt.Errorf("parse agreement key of %d bytes: %w", len(b), ErrKey)
	}
	return Agreement(b), nil
}

// NewAgreement makes an Agreement of a raw public key as RUD carries it: 32
// bytes of X25519 or 56 bytes of X448.
func NewAgreement(curve Curve, raw []byte) (Agreement, error) {
	var buf [2 + SizeX448]byte
	return ParseAgreement(append(append(buf[:0], byte(curve)), raw...))
}

// Curve returns the key's curve, 0 for none.
func (a Agreement) Curve() Curve {
	if a == "" {
		return 0
	}
	return Curve(a[0])
}

// Raw returns a copy of the key as RUD carries it, without curve or sign byte:
// 32 or 56 bytes, nil for none.
func (a Agreement) Raw() []byte {
	if a == "" {
		return nil
	}
	return []byte(a.Plain()[1:])
}

// Plain returns the key without the sign byte of X448.
func (a Agreement) Plain() Agreement {
	return a[:min(len(a), 1+a.Curve().Size())]
}

// Bytes returns a copy of the key's bytes, the curve byte first.
func (a Agreement) Bytes() []byte { return []byte(a) }

// Hash returns SHA-256 of the bytes of Plain: one name for the key, whether or
// not its sign byte is known.
func (a Agreement) Hash() Hash {
	var buf [1 + SizeX448]byte
	return sha256.Sum256(buf[:copy(buf[:], a.Plain())])
}

// MarshalText implements encoding.TextMarshaler: base64url of Bytes.
func (a Agreement) MarshalText() ([]byte, error) { return base64url.AppendEncode(nil, a.Bytes()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is no key.
func (a *Agreement) UnmarshalText(text []byte) error {
	b, err := base64url.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("parse agreement key: %w", err)
	}
	if len(b) == 0 {
		*a = ""
		return nil
	}
	*a, err = ParseAgreement(b)
	return err
}
