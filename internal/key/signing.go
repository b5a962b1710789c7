package key

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/cloudflare/circl/sign/ed448"
)

// Role says what a private key is for; it is the first line of a key file.
type Role string

// The roles.
const (
	RoleAccount Role = "account"
	RoleDevice  Role = "device"
	RoleNode    Role = "node"
	RoleRealm   Role = "realm"
	RoleStatic  Role = "static"
	RoleSecret  Role = "secret"
)

// Signer signs with one key. Account, Device, Node and Realm are Signers.
type Signer interface {
	// Author returns the public key.
	Author() Author
	// Sign returns the signature of msg, Author().SignatureSize() bytes.
	Sign(msg []byte) []byte
}

// signing is what the four signing roles share.
type signing struct {
	redacted
	author  Author
	private hidden[signingKey]
}

// signingKey holds exactly one of the two keys.
type signingKey struct {
	ed25519 ed25519.PrivateKey
	ed448   ed448.PrivateKey
}

// newSigning derives the key of a seed: 32 bytes Ed25519, 57 bytes Ed448.
func newSigning(role Role, seed []byte) (signing, error) {
	var s signing
	private := new(signingKey)
	switch len(seed) {
	case ed25519.SeedSize:
		private.ed25519 = ed25519.NewKeyFromSeed(seed)
		s.author = join[Author](algorithmEd25519, private.ed25519[ed25519.SeedSize:])
	case ed448.SeedSize:
		private.ed448 = ed448.NewKeyFromSeed(seed)
		s.author = join[Author](algorithmEd448, private.ed448[ed448.SeedSize:])
	default:
		return signing{}, fmt.Errorf("derive %s key from a seed of %d bytes: %w", role, len(seed), ErrKey)
	}
	s.private = hide(private)
	s.redacted = redact(role, s.author.Hash())
	return s, nil
}

// randomSigning makes a fresh Ed25519 key.
func randomSigning(role Role) (signing, error) {
	return newSigning(role, randomBytes(ed25519.SeedSize))
}

// Author returns the public key.
func (s signing) Author() Author { return s.author }

// Sign returns the signature of msg: 64 bytes Ed25519, 114 bytes Ed448.
func (s signing) Sign(msg []byte) []byte {
	private := s.private()
	if private.ed448 != nil {
		return ed448.Sign(private.ed448, msg, "")
	}
	return ed25519.Sign(private.ed25519, msg)
}

// seed returns the private bytes. It aliases the key.
func (s signing) seed() []byte {
	private := s.private()
	if private.ed448 != nil {
		return private.ed448[:ed448.SeedSize]
	}
	return private.ed25519[:ed25519.SeedSize]
}

// join puts an algorithm or curve byte before raw key bytes.
func join[T Author | Agreement](first byte, raw []byte) T {
	return T(append([]byte{first}, raw...))
}

// randomBytes returns n bytes of the system's randomness; crypto/rand ends the
// process rather than return an error.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
