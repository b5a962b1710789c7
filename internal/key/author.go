package key

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/sign/ed448"
)

// Algorithm bytes of an Author (facts.md, The record).
const (
	algorithmEd25519 = 1
	algorithmEd448   = 2
)

// Sizes of the longest Author and of the longest signature, in bytes.
const (
	MaxAuthor    = 1 + ed448.PublicKeySize
	MaxSignature = ed448.SignatureSize
)

// ErrKey means that bytes offered as a public or private key are not one.
var ErrKey = errors.New("not a key")

var base64url = base64.RawURLEncoding.Strict()

// Author is a public signing key: one algorithm byte, then the raw key. The
// empty Author means "none".
type Author string

// ParseAuthor copies b, which must be a known algorithm byte and a key of that
// algorithm's length. Whether the key is a point of the curve shows when a
// signature is verified.
func ParseAuthor(b []byte) (Author, error) {
	switch {
	case len(b) == 1+ed25519.PublicKeySize && b[0] == algorithmEd25519:
	case len(b) == 1+ed448.PublicKeySize && b[0] == algorithmEd448:
	default:
		return "", fmt.Errorf("parse signing key of %d bytes: %w", len(b), ErrKey)
	}
	return Author(b), nil
}

// Hash returns SHA-256 of the Author's bytes: the name of an account, device or
// node everywhere in the protocol.
func (a Author) Hash() Hash {
	var buf [MaxAuthor]byte
	return sha256.Sum256(buf[:copy(buf[:], a)])
}

// Raw returns a copy of the key without its algorithm byte: 32 bytes (Ed25519)
// or 57 (Ed448), nil for none.
func (a Author) Raw() []byte {
	if a == "" {
		return nil
	}
	return []byte(a[1:])
}

// Bytes returns a copy of the Author's bytes.
func (a Author) Bytes() []byte { return []byte(a) }

// IsEd25519 reports whether the key is an Ed25519 key, the only kind that
// libp2p and so a node can have.
func (a Author) IsEd25519() bool { return a != "" && a[0] == algorithmEd25519 }

// SignatureSize returns the length of this key's signatures in bytes: 64, 114,
// or 0 for none.
func (a Author) SignatureSize() int {
	switch {
	case a == "":
		return 0
	case a.IsEd25519():
		return ed25519.SignatureSize
	}
	return ed448.SignatureSize
}

// Verify reports whether sig is this key's signature of msg: RFC 8032 Ed25519,
// or Ed448 with an empty context. It never panics, whatever the lengths.
func (a Author) Verify(msg, sig []byte) bool {
	if a == "" || len(sig) != a.SignatureSize() {
		return false
	}
	var buf [MaxAuthor]byte
	raw := buf[:copy(buf[:], a[1:])]
	if a.IsEd25519() {
		return len(raw) == ed25519.PublicKeySize && ed25519.Verify(raw, msg, sig)
	}
	return len(raw) == ed448.PublicKeySize && ed448.Verify(raw, msg, sig, "")
}

// MarshalText implements encoding.TextMarshaler: base64url of Bytes.
func (a Author) MarshalText() ([]byte, error) { return base64url.AppendEncode(nil, a.Bytes()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is no key.
func (a *Author) UnmarshalText(text []byte) error {
	b, err := base64url.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("parse signing key: %w", err)
	}
	if len(b) == 0 {
		*a = ""
		return nil
	}
	*a, err = ParseAuthor(b)
	return err
}
