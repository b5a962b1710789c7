package wire

const (
	backType    = 8
	backVersion = 9
	backSuite   = 10
	backKey     = 11 // k_R of a Challenge
	answerKey   = 10 // f_R of a ResponderComplete, which names no suite
)

// Challenge is the responder's answer to a Hello. Parsed, its slices alias the
// packet.
type Challenge struct {
	ID        ID // the initiator's handshake id
	Suite     Suite
	Ephemeral []byte // k_R, L bytes
	Static    []byte // s_R, L bytes
	Card      [SizeHash]byte
	Value     Value
}

// Append appends the packet.
func (c *Challenge) Append(b []byte) []byte {
	b = append(b, c.ID[:]...)
	b = append(b, TypeChallenge, Version, byte(c.Suite))
	b = append(b, c.Ephemeral...)
	b = append(b, c.Static...)
	b = append(b, c.Card[:]...)
	return append(b, c.Value[:]...)
}

// SizeChallenge returns the length of a Challenge: 164, or 212 with X448.
func SizeChallenge(s Suite) int { return backKey + 2*s.KeySize() + SizeHash + SizeValue }

// ParseChallenge checks length, type, version and suite; the caller knows the
// id. The length depends on the suite, so one that has no length is ErrLength.
func ParseChallenge(p []byte) (c Challenge, err error) {
	if len(p) <= backSuite {
		return c, ErrLength
	}
	suite := Suite(p[backSuite])
	n := suite.KeySize()
	switch {
	case n == 0 && (len(p) == SizeChallenge(SuiteX25519AESGCM)):
		return c, ErrSuite
	case n == 0 || len(p) != SizeChallenge(suite):
		return c, ErrLength
	case p[backType] != TypeChallenge:
		return c, ErrType
	case p[backVersion] != Version:
		return c, ErrVersion
	}
	c.ID, c.Suite = ID(p), suite
	c.Ephemeral = p[backKey : backKey+n]
	c.Static = p[backKey+n : backKey+2*n]
	p = p[backKey+2*n:]
	c.Card = [SizeHash]byte(p)
	c.Value = Value(p[SizeHash:])
	return c, nil
}

// BackType returns the type byte of a handshake packet towards the initiator;
// ok is false when p is too short to have one.
func BackType(p []byte) (kind byte, ok bool) {
	if len(p) <= backType {
		return 0, false
	}
	return p[backType], true
}
