package wire

const offValue = offID + SizeID

// offKey is where e_I stands.
const offKey = offValue + SizeValue

// Complete is the initiator's answer to a Challenge. Parsed, its slices alias
// the packet.
type Complete struct {
	Suite     Suite
	ID        ID // the initiator's handshake id
	Value     Value
	Ephemeral []byte // e_I, L bytes
	Clear     []byte // all bytes before the section; set by Parse
	Sealed    []byte // the section and its tag; set by Parse
}

// AppendClear appends the part before the sealed section.
func (c *Complete) AppendClear(b []byte) []byte {
	b = appendFirst(b, TypeComplete, c.Suite, c.ID)
	b = append(b, c.Value[:]...)
	return append(b, c.Ephemeral...)
}

// SizeCompleteClear returns how many bytes stand before the section: 116, or
// 140 with X448.
func SizeCompleteClear(s Suite) int { return offKey + s.KeySize() }

// ParseComplete checks length, zeros, type, version with the handshake id, and
// suite, in this order. The challenge value is not looked at.
func ParseComplete(p []byte) (c Complete, err error) {
	if err := checkFirst(p, TypeComplete); err != nil {
		return c, err
	}
	c.Suite = Suite(p[offSuite])
	c.ID = ID(p[offID:])
	c.Value = Value(p[offValue:])
	end := SizeCompleteClear(c.Suite)
	c.Ephemeral = p[offKey:end]
	c.Clear = p[:end]
	c.Sealed = p[end:]
	return c, nil
}

// Section is what a Complete seals. Parsed, its slices alias the plaintext.
type Section struct {
	Static []byte // s_I, L bytes
	ID     ID     // the initiator's data id
	Body   Body
}

// AppendSection appends the plaintext of a section of size bytes, zeros at the
// end. It must fit.
func AppendSection(b []byte, size int, static []byte, id ID, list []Extension) []byte {
	end := len(b) + size
	b = append(b, static...)
	b = append(b, id[:]...)
	return appendZeros(AppendBody(b, list, nil), end)
}

// ParseSection reads an opened section of the suite. A zero data id "drops with
// the body it stands in": ErrTLV, as any malformed body.
func ParseSection(plain []byte, suite Suite) (s Section, err error) {
	n := suite.KeySize()
	if len(plain) < n+SizeID {
		return s, ErrTLV
	}
	s.Static = plain[:n]
	s.ID = ID(plain[n:])
	if s.ID.IsZero() {
		return s, ErrTLV
	}
	s.Body, err = ParseBody(plain[n+SizeID:])
	return s, err
}
