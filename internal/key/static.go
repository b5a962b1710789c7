package key

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/dh/x448"
)

// ErrAgreement means that an agreement failed: the peer's key is not a key of
// this curve, or the shared secret would be all zeros.
var ErrAgreement = errors.New("key agreement failed")

// Static is a private agreement key. The name is that of its first use, the
// long-lived RUD key of a device or node; it serves for ephemerals too.
type Static struct {
	redacted
	public  Agreement
	private hidden[agreementKey]
}

// agreementKey is an X25519 key, or the scalar of an X448 key when that is nil.
type agreementKey struct {
	x25519 *ecdh.PrivateKey
	x448   x448.Key
}

// NewStatic makes a key of the curve; X25519 is the usual one.
func NewStatic(curve Curve) (*Static, error) {
	raw := make([]byte, curve.Size())
	rand.Read(raw)
	return StaticFromSeed(curve, raw)
}

// StaticFromSeed derives a key from its private scalar, 32 bytes (X25519) or 56
// bytes (X448), clamped as RFC 7748 section 5 says when it is used.
func StaticFromSeed(curve Curve, raw []byte) (*Static, error) {
	s, private := new(Static), new(agreementKey)
	switch {
	case curve == X25519 && len(raw) == SizeX25519:
		x25519, err := ecdh.X25519().NewPrivateKey(raw)
		if err != nil {
			return nil, fmt.Errorf("derive X25519 key: %w", err)
		}
		private.x25519 = x25519
		s.public = join[Agreement](byte(X25519), x25519.PublicKey().Bytes())
	case curve == X448 && len(raw) == SizeX448:
		private.x448 = x448.Key(raw)
		s.public = publicX448(&private.x448)
	default:
		return nil, fmt.Errorf("derive %v key from %d bytes: %w", curve, len(raw), ErrKey)
	}
	s.private = hide(private)
	s.redacted = redact(RoleStatic, s.public.Hash())
	return s, nil
}

// Public returns the public key; an X448 key comes with its sign byte.
func (s *Static) Public() Agreement { return s.public }

// Agree returns the shared secret with a peer's raw public key: 32 bytes from
// 32 of X25519; 56 bytes from 56 of X448, whose sign byte may follow and is
// ignored. An all-zero secret is an error (RFC 7748 section 6; rud.md, Key
// schedule: "all-zero aborts"), as is a key of another length: ErrAgreement.
func (s *Static) Agree(peerRaw []byte) ([]byte, error) {
	private := s.private()
	if private.x25519 == nil {
		return agreeX448(&private.x448, peerRaw)
	}
	peer, err := ecdh.X25519().NewPublicKey(peerRaw)
	if err != nil {
		return nil, ErrAgreement
	}
	// crypto/ecdh refuses the all-zero secret itself.
	shared, err := private.x25519.ECDH(peer)
	if err != nil {
		return nil, ErrAgreement
	}
	return shared, nil
}

func agreeX448(private *x448.Key, peerRaw []byte) ([]byte, error) {
	if len(peerRaw) != SizeX448 && len(peerRaw) != SizeX448+1 {
		return nil, ErrAgreement
	}
	peer := x448.Key(peerRaw[:SizeX448])
	var shared x448.Key
	if !x448.Shared(&shared, private, &peer) {
		return nil, ErrAgreement
	}
	return shared[:], nil
}

// seed returns a copy of the private scalar.
func (s *Static) seed() []byte {
	private := s.private()
	if private.x25519 != nil {
		return private.x25519.Bytes()
	}
	return bytes.Clone(private.x448[:])
}
