package handshake

import (
	"bytes"
	"crypto/sha256"
	"net/netip"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// opened is a Complete or Exchange whose every part opened.
type opened struct {
	t         transcript // after the section
	handshake wire.ID    // the initiator's handshake id
	ephemeral []byte     // e_I
	peer      key.Agreement
	mine      key.Agreement
	id        wire.ID   // the initiator's data id
	body      wire.Body // aliases the plaintext
	reply     []byte    // the payload of the answer
}

// repeat answers a Complete or Exchange whose e_I was seen: the same answer to the
// same bytes from the same source, and nothing to anything else. Two answers under
// one e_I would be two connections for one handshake.
func (r *Responder) repeat(from netip.AddrPort, p, out []byte) ([]byte, *Result, Outcome) {
	stored := r.cfg.Table.Stored(from, sha256.Sum256(p))
	if stored == nil {
		return out, nil, Replayed
	}
	return append(out, stored...), nil, Resent
}

// answer makes the ResponderComplete, which every mode ends with, and the Result.
func (r *Responder) answer(c *opened, out []byte) ([]byte, *Result, Outcome) {
	t := &c.t
	f, err := t.suite.newKey(r.cfg.Rand)
	if err != nil {
		return out, nil, Failed
	}
	mine, err := newID(r.cfg.Rand, r.cfg.Table.Taken)
	if err != nil {
		return out, nil, Failed
	}
	start := len(out)
	packet := wire.ResponderComplete{ID: c.handshake, Ephemeral: f.Public().Raw()}
	out = packet.AppendClear(out)
	// <- e
	t.hash(out[start:])
	// ee
	if t.mix(f, c.ephemeral) != nil {
		return out[:start], nil, BadKey
	}
	// se
	if t.mix(f, c.peer.Raw()) != nil {
		return out[:start], nil, BadKey
	}
	sealed := wire.Answer{ID: mine, Reset: ResetToken(*r.reset, c.peer, c.id), Body: wire.Body{Payload: c.reply}}
	out, err = t.seal(labelAnswer, out, sealed.Append(nil))
	if err != nil {
		return out[:start], nil, Failed
	}
	result := &Result{
		Suite:      t.suite.id,
		Secret:     t.secret(),
		Mine:       c.mine,
		Peer:       c.peer,
		MyID:       mine,
		PeerID:     c.id,
		Reset:      sealed.Reset,
		Extensions: c.body.Extensions.Clone(),
	}
	if len(c.body.Payload) > 0 {
		result.Payload = bytes.Clone(c.body.Payload)
	}
	return out, result, Completed
}

// speaks reports whether the list names our protocol or none: "mmmpresence,
// absent means the same, another value is silence".
func speaks(list wire.Extensions) bool {
	name, ok := list.Get(wire.TagStreamClient)
	return !ok || string(name) == wire.Protocol
}
