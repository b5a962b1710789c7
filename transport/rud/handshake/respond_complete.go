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
	// OURS: e_I with the MAC before it. Attack: who sees a Complete puts its e_I into
	// one of his own, from where he is, and the true one would be silence.
	slot, mark := elapsed-age, r.memory.mark(c.Clear[len(c.Clear)-len(c.Ephemeral)-wire.SizeMAC:])
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
	opened, o := r.openComplete(g, s, &c)
	if o != Completed {
		return out, nil, o
	}
	answer, result, o := r.answer(opened, out)
	if o != Completed {
		return out, nil, o
	}
	result.Card = g.card
	result.Size = len(p)
	result.From = from
	result.Validated = true
	result.Request = sha256.Sum256(p)
	return answer, result, Completed
}

// openComplete runs the schedule of First Contact and Deferred up to the
// initiator's section.
func (r *Responder) openComplete(g *generation, s *suite, c *wire.Complete) (*opened, Outcome) {
	challenge := g.challenge(s, c.ID, &c.Value)
	static := g.of(s.curve).static
	// <- s, k
	t := beginFirst(s, c.Value.Hash(), challenge.Append(nil))
	// -> e
	t.hash(c.Clear)
	// es
	if t.mix(static, c.Ephemeral) != nil {
		return nil, BadKey
	}
	// ek
	if t.mix(g.ephemeral(s.curve).private, c.Ephemeral) != nil {
		return nil, BadKey
	}
	// s
	plain, err := t.open(labelComplete, c.Sealed)
	if err != nil {
		return nil, BadSeal
	}
	section, err := wire.ParseSection(plain, c.Suite)
	// "In First Contact and Deferred the payloads of Complete and
	// ResponderComplete are empty."
	if err != nil || len(section.Body.Payload) > 0 || !speaks(section.Body.Extensions) {
		return nil, BadBody
	}
	peer, err := key.NewAgreement(s.curve, section.Static)
	if err != nil {
		return nil, BadBody
	}
	return &opened{t: t, handshake: c.ID, ephemeral: c.Ephemeral, peer: peer, mine: static.Public(), id: section.ID, body: section.Body}, Completed
}
