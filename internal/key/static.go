package key

import (
	"bytes"
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

// agreementKey is the private key of one curve.
type agreementKey struct {
	curve  Curve
	x25519 x25519Key
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
	s, err := EphemeralFromSeed(curve, raw)
	if err != nil {
		return nil, err
	}
	if curve == X448 {
		s.public += Agreement(signX448(&s.private().x448))
	}
	s.redacted = redact(RoleStatic, s.public.Hash())
	return s, nil
}

// EphemeralFromSeed derives a key for one handshake: as StaticFromSeed, in half the
// time for X448, whose public key comes without its sign byte, and printed without
// a name.
func EphemeralFromSeed(curve Curve, raw []byte) (*Static, error) {
	private := &agreementKey{curve: curve}
	var public []byte
	switch {
	case curve == X25519 && len(raw) == SizeX25519:
		var err error
		if private.x25519, public, err = newX25519(raw); err != nil {
			return nil, fmt.Errorf("derive X25519 key: %w", err)
		}
	case curve == X448 && len(raw) == SizeX448:
		private.x448 = x448.Key(raw)
		var u x448.Key
		x448.KeyGen(&u, &private.x448)
		public = u[:]
	default:
		return nil, fmt.Errorf("derive %v key from %d bytes: %w", curve, len(raw), ErrKey)
	}
	return &Static{
		redacted: redacted{"[ephemeral key, redacted]"},
		public:   join[Agreement](byte(curve), public),
		private:  hide(private),
	}, nil
}

// Public returns the public key; an X448 key that is no ephemeral comes with its
// sign byte.
func (s *Static) Public() Agreement { return s.public }

// Agree returns the shared secret with a peer's raw public key: 32 bytes from
// 32 of X25519; 56 bytes from 56 of X448, whose sign byte may follow and is
// ignored. An all-zero secret is an error (RFC 7748 section 6; rud.md, Key
// schedule: "all-zero aborts"), as is a key of another length: ErrAgreement.
func (s *Static) Agree(peerRaw []byte) ([]byte, error) {
	private := s.private()
	var shared []byte
	ok := false
	switch {
	case private.curve == X448 && len(peerRaw) == SizeX448+1:
		shared, ok = agreeX448(&private.x448, peerRaw[:SizeX448])
	case len(peerRaw) != private.curve.Size():
	case private.curve == X448:
		shared, ok = agreeX448(&private.x448, peerRaw)
	default:
		shared, ok = private.x25519.agree(peerRaw)
	}
	if !ok || allZero(shared) {
		return nil, ErrAgreement
	}
	return shared, nil
}

func agreeX448(private *x448.Key, peer []byte) ([]byte, bool) {
	var shared x448.Key
	ok := x448.Shared(&shared, private, (*x448.Key)(peer))
	return shared[:], ok
}

// allZero looks at every byte, whatever the ones before were. The libraries refuse
// points of small order themselves; the schedule does not rely on their lists.
func allZero(b []byte) bool {
	var or byte
	for _, c := range b {
		or |= c
	}
	return or == 0
}

// seed returns a copy of the private scalar.
func (s *Static) seed() []byte {
	private := s.private()
	if private.curve == X25519 {
		return private.x25519.raw()
	}
	return bytes.Clone(private.x448[:])
}
