package wire

// ResponderComplete is the responder's answer to a Complete or Exchange.
// Parsed, its slices alias the packet.
type ResponderComplete struct {
	ID        ID     // the initiator's handshake id
	Ephemeral []byte // f_R, L bytes
	Clear     []byte // all bytes before the section; set by Parse
	Sealed    []byte // the section and its tag; set by Parse
}

// AppendClear appends the part before the sealed section.
func (r *ResponderComplete) AppendClear(b []byte) []byte {
	b = append(b, r.ID[:]...)
	b = append(b, TypeResponderComplete, Version)
	return append(b, r.Ephemeral...)
}

// MinResponderComplete returns the length of the shortest ResponderComplete: 86
// for X25519.
func MinResponderComplete(s Suite) int {
	return answerKey + s.KeySize() + SizeID + SizeResetToken + SizeEmptyBody + SizeTag
}

// ParseResponderComplete checks length, type and version; the caller knows id
// and suite, and the longest packet it may be an answer to.
func ParseResponderComplete(p []byte, suite Suite, longest int) (r ResponderComplete, err error) {
	switch {
	case len(p) < MinResponderComplete(suite) || len(p) > longest:
		return r, ErrLength
	case p[backType] != TypeResponderComplete:
		return r, ErrType
	case p[backVersion] != Version:
		return r, ErrVersion
	}
	end := answerKey + suite.KeySize()
	r.ID = ID(p)
	r.Ephemeral = p[answerKey:end]
	r.Clear = p[:end]
	r.Sealed = p[end:]
	return r, nil
}

// Answer is what a ResponderComplete seals. Parsed, its slices alias the
// plaintext.
type Answer struct {
	ID    ID // the responder's data id
	Reset [SizeResetToken]byte
	Body  Body
}

// Append appends the plaintext.
func (a *Answer) Append(b []byte) []byte {
	b = append(b, a.ID[:]...)
	b = append(b, a.Reset[:]...)
	if a.Body.Extensions == nil {
		b = AppendExtensions(b, nil)
	}
	b = append(b, a.Body.Extensions...)
	return AppendBinary(b, a.Body.Payload)
}

// MaxAnswer returns how long the payload of a ResponderComplete without
// extensions may be that answers a packet of size bytes, so as not to be longer.
func MaxAnswer(s Suite, size int) int {
	const long = 1 // what the length of a payload of 256 bytes takes more than that of none
	return size - MinResponderComplete(s) - long
}

// ParseAnswer reads an opened section. A zero data id drops with the body:
// ErrTLV.
func ParseAnswer(plain []byte) (a Answer, err error) {
	if len(plain) < SizeID+SizeResetToken {
		return a, ErrTLV
	}
	a.ID = ID(plain)
	a.Reset = [SizeResetToken]byte(plain[SizeID:])
	if a.ID.IsZero() {
		return a, ErrTLV
	}
	a.Body, err = ParseBody(plain[SizeID+SizeResetToken:])
	return a, err
}
