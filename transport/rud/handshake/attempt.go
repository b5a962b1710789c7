package handshake

import (
	"bytes"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// attempt is one handshake id of an Initiator, with all it sent and may yet get
// an answer to.
type attempt struct {
	id        wire.ID
	mode      Mode      // FirstContact: it begins with a Hello; else with an Exchange
	firsts    []first   // sent
	tries     int       // of the first packet
	due       time.Time // of the next first packet; not used once there is a Complete
	completes []*pending
	over      time.Time // current: when to start over, zero for never; old: when forgotten
}

// first is a first packet that was sent: a Hello, or an Exchange.
type first struct {
	packet   []byte
	h1       [wire.SizeHash]byte
	exchange *pending // nil for a Hello
}

// pending is a Complete or Exchange that was sent: "One Challenge, one Complete:
// built once with its own e_I, kept, resent byte for byte: two different ones under
// one e_I would seal twice under one key."
type pending struct {
	mode      Mode
	packet    []byte
	challenge [wire.SizeHash]byte // Complete: h after the Challenge, which one it answers
	due       time.Time           // Complete: of the next try
	asked     bool                // Exchange: it has a payload
	t         transcript          // after the section
	e         *key.Static
	id        wire.ID // our data id
	peer      key.Agreement
	card      [wire.SizeHash]byte
}

func (i *Initiator) newAttempt(m Mode, due time.Time) (*attempt, error) {
	id, err := newID(i.cfg.Rand, i.cfg.Taken)
	if err != nil {
		return nil, err
	}
	return &attempt{id: id, mode: m, due: due}, nil
}

// nextFirst returns the Hello or Exchange to send, nil without randomness. "Only
// Hello and Exchange fall back to 548 (after two unanswered tries; Exchange with a
// new e_I)", and stay there: a smaller packet under the same handshake id, with its
// own h1. Either may be answered.
func (i *Initiator) nextFirst(now time.Time) []byte {
	a := i.current
	if a.tries >= fullTries {
		i.size = wire.SmallPacket
	}
	a.tries++
	if n := len(a.firsts); n > 0 && len(a.firsts[n-1].packet) == i.size {
		return a.firsts[n-1].packet
	}
	if life := i.firstLife(a.mode); life > 0 && len(a.firsts) == 0 {
		a.over = now.Add(life)
	}
	var sent first
	if a.mode.exchanges() {
		x, err := i.exchange(a, i.size)
		if err != nil {
			return nil
		}
		sent = first{packet: x.packet, exchange: x}
	} else {
		h := wire.Hello{Suite: i.suite.id, ID: a.id, Expect: i.expect}
		sent = first{packet: h.Append(nil, i.size, nil)}
	}
	sent.h1 = helloHash(sent.packet)
	a.firsts = append(a.firsts, sent)
	return sent.packet
}

// challenge checks a Challenge and builds its Complete. "Challenge at the
// initiator: handshake id, length, type, version, suite; h1 is the hash of a
// first packet I sent; s_R is the pinned key; only then a curve. At most 4 an
// attempt."
func (i *Initiator) challenge(now time.Time, a *attempt, p []byte) Outcome {
	c, err := wire.ParseChallenge(p)
	if err != nil {
		return outcomeOf(err)
	}
	if c.Suite != i.suite.id {
		return BadSuite
	}
	answered := a.first(c.Value.Hash())
	if answered == nil {
		return BadHash
	}
	t := beginFirst(i.suite, &answered.h1, p)
	for _, other := range a.completes {
		if other.challenge == t.h {
			return Duplicate
		}
	}
	if len(a.completes) == maxChallenges {
		return TooMany
	}
	peer, err := key.NewAgreement(i.suite.curve, c.Static)
	if err != nil || !i.cfg.Pin.matches(peer) {
		return NotPinned
	}
	e, err := i.suite.newKey(i.cfg.Rand)
	if err != nil {
		return Failed
	}
	id, err := newID(i.cfg.Rand, i.cfg.Taken)
	if err != nil {
		return Failed
	}
	built := &pending{mode: FirstContact, challenge: t.h, due: now, t: t, e: e, id: id, peer: peer, card: c.Card}
	if answered.exchange != nil {
		built.mode = Deferred
	}
	if o := i.build(built, &c, len(answered.packet)); o != Accepted {
		return o
	}
	if len(a.completes) == 0 {
		a.over = now.Add(completeLife)
	}
	a.completes = append(a.completes, built)
	return Accepted
}

// first returns the first packet of this attempt with that hash, or nil.
func (a *attempt) first(h1 *[wire.SizeHash]byte) *first {
	for i := range a.firsts {
		if a.firsts[i].h1 == *h1 {
			return &a.firsts[i]
		}
	}
	return nil
}

// build makes the packet of b, of size bytes, and takes its transcript to the
// end of the section.
func (i *Initiator) build(b *pending, c *wire.Challenge, size int) Outcome {
	packet := wire.Complete{Suite: c.Suite, ID: c.ID, Value: c.Value, Ephemeral: b.e.Public().Raw()}
	out := packet.AppendClear(make([]byte, 0, size))
	// -> e
	b.t.hash(out)
	// es
	if b.t.mix(b.e, c.Static) != nil {
		return BadKey
	}
	// ek
	if b.t.mix(b.e, c.Ephemeral) != nil {
		return BadKey
	}
	// s
	plain := wire.AppendSection(nil, sectionSize(c.Suite, size), i.static.Public().Raw(), b.id, i.cfg.Extensions)
	out, err := b.t.seal(labelComplete, out, plain)
	if err != nil {
		return Failed
	}
	b.packet = out
	return Accepted
}

// sectionSize is how long the plaintext of a Complete of size bytes is.
func sectionSize(s wire.Suite, size int) int {
	return size - wire.SizeCompleteClear(s) - wire.SizeTag
}

// complete tries a ResponderComplete "against every Complete sent in the
// attempt; the first that opens wins", and against every Exchange.
func (i *Initiator) complete(now time.Time, a *attempt, p []byte) (*Result, Outcome) {
	o := BadType // nothing was sent that it answers
	for _, c := range a.sealed() {
		var result *Result
		if result, o = i.finish(now, c, p); o == Completed {
			i.current, i.old = nil, nil
			return result, o
		}
	}
	return nil, o
}

// sealed returns what was sent that a ResponderComplete answers, newest last.
func (a *attempt) sealed() (all []*pending) {
	for _, f := range a.firsts {
		if f.exchange != nil {
			all = append(all, f.exchange)
		}
	}
	return append(all, a.completes...)
}

// finish tries a ResponderComplete on a copy of the transcript.
func (i *Initiator) finish(now time.Time, c *pending, p []byte) (*Result, Outcome) {
	r, err := wire.ParseResponderComplete(p, i.suite.id, len(c.packet))
	if err != nil {
		return nil, outcomeOf(err)
	}
	if !i.answers.spend(now, 1, maxAnswers) {
		return nil, TooMany
	}
	t := c.t
	// <- e
	t.hash(r.Clear)
	// ee
	if t.mix(c.e, r.Ephemeral) != nil {
		return nil, BadKey
	}
	// se
	if t.mix(i.static, r.Ephemeral) != nil {
		return nil, BadKey
	}
	plain, err := t.open(labelAnswer, r.Sealed)
	if err != nil {
		return nil, BadSeal
	}
	answer, err := wire.ParseAnswer(plain)
	// "In First Contact and Deferred the payloads of Complete and
	// ResponderComplete are empty; an Exchange may carry one of Immediate's three
	// and ResponderComplete then its answer."
	if err != nil || len(answer.Body.Payload) > 0 && !c.asked {
		return nil, BadBody
	}
	result := &Result{
		Initiator:  true,
		Mode:       c.mode,
		Suite:      i.suite.id,
		Secret:     t.secret(),
		Mine:       i.static.Public(),
		Peer:       c.peer,
		MyID:       c.id,
		PeerID:     answer.ID,
		Reset:      answer.Reset,
		Card:       c.card,
		Extensions: answer.Body.Extensions.Clone(),
		Size:       len(c.packet),
	}
	if len(answer.Body.Payload) > 0 {
		result.Payload = bytes.Clone(answer.Body.Payload)
	}
	if c.mode == Ticketed {
		result.Ticket = i.cfg.Ticket.ID
	}
	return result, Completed
}
