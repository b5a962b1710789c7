package key

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
)

// HashSize is the length of a Hash in bytes.
const HashSize = sha256.Size

var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Hash is a SHA-256: of an Author's bytes, or of a fact's signed bytes. The
// zero Hash means "none".
type Hash [HashSize]byte

// String returns the hash as 52 characters of lower-case base32, no padding.
func (h Hash) String() string { return lower32.EncodeToString(h[:]) }

// Short returns the first 8 characters of String, for people and logs.
func (h Hash) Short() string { return lower32.EncodeToString(h[:5]) }

// IsZero reports whether h is the hash that means "none".
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText implements encoding.TextMarshaler with String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseHash.
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHash(string(text))
	return err
}

// ParseHash reads what String prints.
func ParseHash(s string) (h Hash, err error) {
	b, err := lower32.DecodeString(s)
	if err != nil || len(b) != HashSize || lower32.EncodeToString(b) != s {
		return Hash{}, fmt.Errorf("parse hash: not 52 characters of lower-case base32")
	}
	return Hash(b), nil
}
