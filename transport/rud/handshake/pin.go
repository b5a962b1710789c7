package handshake

import (
	"crypto/sha256"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// Pin is what an initiator knows of the responder's static key before it speaks.
// The zero Pin knows nothing: then s_I is a key made for this connection, and
// the caller shows no credential.
type Pin struct {
	// Key is the responder's static key, from a ticket, signed fact or pin.
	Key key.Agreement

	// Expect is the first 140 bits of the key's fingerprint, left aligned,
	// as udf.ParseExpect reads them from a text of exactly 28 characters.
	// Not used when Key is set. From a fingerprint alone the curve is X25519.
	Expect [18]byte

	// Accept, when neither Key nor Expect is set, is the person's choice of
	// trust on first use: s_I is then the initiator's own static key, and
	// Accept says whether to go on with a responder that shows this key. The
	// caller pins the key of the Result. Accept runs inside Receive, before any
	// agreement, and anyone on the path can provoke it: it must not block.
	Accept func(key.Agreement) bool
}

// Known reports whether the responder's key or fingerprint is known.
func (p Pin) Known() bool { return p.Key != "" || p.Expect != [18]byte{} }

// matches reports whether the key is the one pinned, or accepted, or nothing is
// known.
func (p Pin) matches(k key.Agreement) bool {
	switch {
	case p.Key != "":
		return k.Plain() == p.Key.Plain()
	case p.Known():
		return k.Expects(p.Expect)
	case p.Accept != nil:
		return p.Accept(k)
	}
	return true
}

// expect is the field of the Hello: 32 zeros when nothing is known.
func (p Pin) expect() (e [wire.SizeExpect]byte) {
	switch {
	case p.Key != "":
		return expect(p.Key.Expect())
	case p.Known():
		return expect(p.Expect)
	}
	return e
}

// expect = SHA-256("RUD1 expect" 0 | the 140 bits of the wanted key's UDF, left
// aligned in 18 bytes)
func expect(bits [18]byte) [wire.SizeExpect]byte {
	return sha256.Sum256(append([]byte(labelExpect), bits[:]...))
}
