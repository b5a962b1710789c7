package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/limit"
	"meshpresence/transport/rud/wire"
)

// complete answers a Complete. "Complete: length, zeros, type, version, suite;
// value version, slot (now - slot <= 2), generation live; MAC; e_I seen? (same
// bytes and source, still provisional: stored answer; else silence); room for
// one more provisional; note e_I; es, ek, section; body; only then f_R, ee, se,
// seal."
func (r *Responder) complete(now time.Time, from netip.AddrPort, p, out []byte) ([]byte, *Result, Outcome) {
	c, err := wire.ParseComplete(p)
	if err != nil {
		return out, nil, outcomeOf(err)
	}
	if r.identity.suite(c.Suite) == nil {
		return out, nil, BadSuite
	}
	if c.Value.Version() != wire.Version {
		return out, nil, BadVersion
	}
	elapsed := r.elapsed(now)
	age := r.firstSlot + elapsed - c.Value.Slot() // of a slot to come: near 2^32
	g := r.generations.find(now, c.Value.Generation())
	if age >= liveSlots || g == nil {
		return out, nil, Stale
	}
	if !hmac.Equal(c.Value.MAC(), r.valueMAC(g, &c.Value, from, c.ID)) {
		return out, nil, BadMAC
	}
	slot, mark := elapsed-age, r.memory.mark(c.Ephemeral)
	if r.memory.seen(slot, mark) {
		return r.repeat(from, p, out)
	}
	if !r.completes.Allow(now, limit.Prefix(from.Addr()), r.scale(from.Addr())) {
		return out, nil, Limited
	}
	if !r.cfg.Table.Room(from, true) {
		return out, nil, NoRoom
	}
	if !r.memory.note(slot, mark) {
		return out, nil, Full
	}
	s := g.suite(c.Suite)
	if s == nil {
		return out, nil, Stale // no Challenge of this generation showed that curve
	}
	t, section, o := r.openComplete(g, s, &c)
	if o != Completed {
		return out, nil, o
	}
	answer, result, o := r.answer(&t, c.ID, c.Ephemeral, &section, out)
	if o != Completed {
		return out, nil, o
	}
	result.Card = g.card
	result.Mine = g.of(s.curve).static.Public()
	result.Size = len(p)
	result.From = from
	result.Validated = true
	result.Request = sha256.Sum256(p)
	return answer, result, Completed
}

// repeat answers a Complete whose e_I was seen: the same answer to the same
// bytes from the same source, and nothing to anything else. Two answers under
// one e_I would be two connections for one handshake.
func (r *Responder) repeat(from netip.AddrPort, p, out []byte) ([]byte, *Result, Outcome) {
	stored := r.cfg.Table.Stored(from, sha256.Sum256(p))
	if stored == nil {
		return out, nil, Replayed
	}
	return append(out, stored...), nil, Resent
}

// openComplete runs the schedule of First Contact and Deferred up to the
// initiator's section.
func (r *Responder) openComplete(g *generation, s *suite, c *wire.Complete) (transcript, wire.Section, Outcome) {
	challenge := g.challenge(s, c.ID, &c.Value)
	// <- s, k
	t := beginFirst(s, c.Value.Hash(), challenge.Append(nil))
	// -> e
	t.hash(c.Clear)
	// es
	if t.mix(g.of(s.curve).static, c.Ephemeral) != nil {
		return t, wire.Section{}, BadKey
	}
	// ek
	if t.mix(g.ephemeral(s.curve).private, c.Ephemeral) != nil {
		return t, wire.Section{}, BadKey
	}
	// s
	plain, err := t.open(labelComplete, c.Sealed)
	if err != nil {
		return t, wire.Section{}, BadSeal
	}
	section, err := wire.ParseSection(plain, c.Suite)
	// In First Contact and Deferred the payload of Complete is empty.
	if err != nil || len(section.Body.Payload) > 0 || !speaks(section.Body.Extensions) {
		return t, wire.Section{}, BadBody
	}
	return t, section, Completed
}

// answer makes the ResponderComplete, which every mode ends with, and the
// Result; only a section that opened gets here.
func (r *Responder) answer(t *transcript, id wire.ID, initiator []byte, section *wire.Section, out []byte) ([]byte, *Result, Outcome) {
	peer, err := key.NewAgreement(t.suite.curve, section.Static)
	if err != nil {
		return out, nil, BadBody
	}
	f, err := t.suite.newKey(r.cfg.Rand)
	if err != nil {
		return out, nil, Failed
	}
	mine, err := newID(r.cfg.Rand, r.cfg.Table.Taken)
	if err != nil {
		return out, nil, Failed
	}
	start := len(out)
	packet := wire.ResponderComplete{ID: id, Ephemeral: f.Public().Raw()}
	out = packet.AppendClear(out)
	// <- e
	t.hash(out[start:])
	// ee
	if t.mix(f, initiator) != nil {
		return out[:start], nil, BadKey
	}
	// se
	if t.mix(f, section.Static) != nil {
		return out[:start], nil, BadKey
	}
	sealed := wire.Answer{ID: mine, Reset: ResetToken(r.cfg.Reset, peer, section.ID)}
	out, err = t.seal(labelAnswer, out, sealed.Append(nil))
	if err != nil {
		return out[:start], nil, Failed
	}
	return out, &Result{
		Suite:      t.suite.id,
		Secret:     t.secret(),
		Peer:       peer,
		MyID:       mine,
		PeerID:     section.ID,
		Reset:      sealed.Reset,
		Extensions: section.Body.Extensions.Clone(),
	}, Completed
}

// speaks reports whether the list names our protocol or none: "mmmpresence,
// absent means the same, another value is silence".
func speaks(list wire.Extensions) bool {
	name, ok := list.Get(wire.TagStreamClient)
	return !ok || string(name) == wire.Protocol
}
