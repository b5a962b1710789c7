package handshake

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// curves is how many curves there are; those of key count from 1.
const curves = 2

// shown is a static key as Challenges show it; the zero shown is no key.
type shown struct {
	static *key.Static
	public []byte // s_R on the wire

	// A fingerprint of X448 covers the key's sign byte, which s_R lacks: who
	// knows the key from RUD alone takes v for even.
	expect [2][wire.SizeExpect]byte
}

// identity is what a responder shows of itself: at most one static key a curve.
type identity struct {
	keys [curves]shown
	card [wire.SizeHash]byte
}

// newIdentity wants a key of X25519, which every initiator can ask for.
func newIdentity(statics []*key.Static, card [wire.SizeHash]byte) (id identity, err error) {
	id.card = card
	for _, s := range statics {
		if s == nil {
			return id, errors.New("a static key is nil")
		}
		k := id.of(s.Public().Curve())
		if k.static != nil {
			return id, fmt.Errorf("two static keys of %v", s.Public().Curve())
		}
		*k = shown{s, s.Public().Raw(), [...][wire.SizeExpect]byte{
			expect(s.Public().Expect()), expect(s.Public().Plain().Expect()),
		}}
	}
	if id.of(key.X25519).static == nil {
		return id, errors.New("no static key of X25519")
	}
	return id, nil
}

// of returns the place of the curve's key.
func (id *identity) of(c key.Curve) *shown { return &id.keys[c-1] }

// suite returns the suite named, when we offer it with our static keys.
func (id *identity) suite(named wire.Suite) *suite {
	s := findSuite(named)
	if s == nil || id.of(s.curve).static == nil {
		return nil
	}
	return s
}

// expected reports whether the field of a Hello names our key of that suite's
// curve.
func (id *identity) expected(s *suite, field *[wire.SizeExpect]byte) bool {
	ours := &id.of(s.curve).expect
	return subtle.ConstantTimeCompare(field[:], ours[0][:])|subtle.ConstantTimeCompare(field[:], ours[1][:]) == 1
}
