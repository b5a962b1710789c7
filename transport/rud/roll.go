package rud

import (
	"fmt"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/replay"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// rolling is a change of a connection's keys, nil between two.
//
//	initiator  Roll ---> asked --responder's value--> taken --a packet under the new keys--> over --3 PTO--> nil
//	responder  initiator's value --(5 s old, no id changing)--> offered --a packet under the new keys--> over --3 PTO--> nil
//	                 +--> waiting --^
//
// The other keys of each stream are the next ones while offered, the last ones from
// taken on. Both open; one seals.
type rolling struct {
	state rollState
	mine  *key.Static   // our ephemeral, while asked
	value []byte        // the initiator's value, while asked and waiting
	other key.Secret    // that the streams' other keys are of
	until time.Duration // the other keys open, while over; the answer waits, while waiting
}

type rollState byte

const (
	rollAsked rollState = iota
	rollWaiting
	rollOffered
	rollTaken
	rollOver
)

// Format shows no key.
func (r rolling) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[rolling keys, redacted]") }

// two reports whether the streams have two keys to open with.
func (r *rolling) two() bool { return r.state >= rollOffered }

// Roll makes new keys for all streams now, by a fresh agreement inside the old ones:
// the initiator starts, a responder asks. It happens by itself at an hour or 2^24
// packets in a direction.
//
// The error is ErrClosed, or ErrRolling: keys are rolling, are younger than 10 s, or
// the id of a stream is changing.
func (c *Conn) Roll(now time.Time) error {
	t := c.e.begin(now)
	if err := c.startRoll(t); err != nil {
		return err
	}
	c.flush(t)
	return nil
}

func (c *Conn) startRoll(now time.Duration) error {
	switch {
	case c.phase != phaseOpen:
		return ErrClosed
	case c.roll != nil || now-c.born < rollLeast || c.renewing():
		return ErrRolling
	}
	if !c.initiator {
		c.rollAt = now + rollPatience
		if c.controls() < c.sending().control { // or the peer does not hear us
			c.tell(now, &c.main, wire.Extension{Tag: wire.TagRoll})
		}
		return nil
	}
	mine, err := handshake.NewEphemeral(c.suite, c.e.cfg.Rand)
	if err != nil {
		return err
	}
	c.roll = &rolling{state: rollAsked, mine: mine, value: mine.Public().Raw()}
	c.tell(now, &c.main, wire.Extension{Tag: wire.TagRoll, Value: c.roll.value})
	return nil
}

// rollDue returns when something is to be done about the keys.
func (c *Conn) rollDue() time.Duration {
	switch {
	case c.roll != nil:
		return c.roll.until
	case c.rollAt != 0:
		return c.rollAt
	case c.initiator:
		return c.born + rollAge
	}
	return c.born + rollAge + rollPatience
}

// onRollDue does it.
func (c *Conn) onRollDue(now time.Duration) {
	switch {
	case c.roll == nil:
		c.rollAt = now + rollRetry
		_ = c.startRoll(now) // if not now, at the next try
	case c.roll.state == rollWaiting:
		c.answerRoll(now)
	case c.roll.state == rollOver:
		c.forgetKeys()
	}
}

// onRoll takes the value of a Roll, in the main stream. "The original initiator
// starts (the other asks)."
func (c *Conn) onRoll(now time.Duration, value []byte) {
	size := c.suite.KeySize()
	switch {
	case c.initiator && len(value) == 0:
		// Both at once, or a responder that would have us agree without end.
		_ = c.startRoll(now)
	case c.initiator && len(value) == size && c.roll != nil && c.roll.state == rollAsked:
		c.takeRoll(now, value)
	case !c.initiator && len(value) == size && (c.roll == nil || c.roll.state == rollOver):
		// An initiator that rolls again holds no older keys.
		c.forgetKeys()
		c.roll = &rolling{state: rollWaiting, value: append([]byte(nil), value...)}
		c.answerRoll(now)
	default:
		c.end(now, ReasonBreach)
	}
}

// answerRoll is the responder's part: from now on it opens under both keys. Attack:
// an initiator that would have us agree without end waits 5 s each time.
func (c *Conn) answerRoll(now time.Duration) {
	r := c.roll
	if soonest := c.born + rollLeast/2; now < soonest {
		r.until = soonest
		return
	}
	if c.renewing() {
		r.until = now + rollRetry
		return
	}
	mine, err := handshake.NewEphemeral(c.suite, c.e.cfg.Rand)
	if err != nil {
		r.until = now + rollRetry // no randomness: no keys
		return
	}
	value := mine.Public().Raw()
	shared, err := mine.Agree(r.value)
	if err != nil {
		c.end(now, ReasonBreach) // all zeros
		return
	}
	r.other = handshake.Roll(c.secret, shared, r.value, value)
	clear(shared)
	r.state, r.value, r.until = rollOffered, nil, 0
	for s := range c.keyed {
		other, err := s.receiveKeys(r.other, s.in.id)
		if err != nil {
			c.end(now, ReasonClosed) // no ciphers: cannot be
			return
		}
		s.other = &otherKeys{protection: other}
		s.mayCount()
	}
	c.tell(now, &c.main, wire.Extension{Tag: wire.TagRoll, Value: value})
}

// takeRoll is the initiator's part: it seals under the new keys at once, and opens
// under both.
func (c *Conn) takeRoll(now time.Duration, value []byte) {
	r := c.roll
	shared, err := r.mine.Agree(value)
	if err != nil {
		c.end(now, ReasonBreach) // all zeros
		return
	}
	next := handshake.Roll(c.secret, shared, r.value, value)
	clear(shared)
	*r = rolling{state: rollTaken, other: c.secret}
	c.secret = next
	for s := range c.keyed {
		last := s.in
		s.other = &otherKeys{protection: last}
		if s.in, err = s.receiveKeys(next, last.id); err != nil {
			c.end(now, ReasonClosed) // no ciphers: cannot be
			return
		}
		if !c.sealUnder(now, s) {
			return
		}
	}
	c.newKeys(now)
}

// onOther takes note of a packet that the other keys opened: the first one under
// offered keys proves that the initiator has them, and all streams seal under them.
func (c *Conn) onOther(now time.Duration) {
	r := c.roll
	if r == nil || r.state != rollOffered {
		return
	}
	c.secret, r.other = r.other, c.secret
	for s := range c.keyed {
		s.in, s.other.protection = s.other.protection, s.in
		if !c.sealUnder(now, s) {
			return
		}
	}
	c.newKeys(now)
	c.endRoll(now)
	// The initiator needs a packet under the new keys to forget the old ones; when
	// nothing else is under way it is an empty frame, sent until acknowledged.
	if c.main.outbox.len() < frameWindow {
		c.main.outbox.add(&c.e.buffers, nil, wire.FlagFinal)
	}
}

// onNew takes note of a packet that the keys in use opened while there are others:
// the responder seals under them, too.
func (c *Conn) onNew(now time.Duration) {
	if c.roll != nil && c.roll.state == rollTaken {
		c.endRoll(now)
	}
}

// endRoll: "old keys open for 3 PTO more". OURS: from the first packet that opened
// under the new ones, or an outage would leave a side that cannot open what the
// other still sends.
func (c *Conn) endRoll(now time.Duration) {
	c.roll.state = rollOver
	c.roll.until = now + oldKeysFor*c.rtt.pto()
}

// sealUnder makes stream s seal under the connection's secret. Packet numbers go
// on, so that none serves twice even if a key would.
func (c *Conn) sealUnder(now time.Duration, s *Stream) bool {
	out, err := s.sendKeys(c.secret, s.out.id)
	if err != nil {
		c.end(now, ReasonClosed) // no ciphers: cannot be
		return false
	}
	s.out = out
	s.rekeyed()
	return true
}

// newKeys begins the count of hours anew.
func (c *Conn) newKeys(now time.Duration) {
	c.born = now
	c.rollAt = 0
	c.e.stats.Rolled++
}

// forgetKeys ends a roll: only the keys in use open.
func (c *Conn) forgetKeys() {
	if c.roll == nil {
		return
	}
	for s := range c.keyed {
		s.dropOther()
	}
	c.roll = nil
}

// keyed yields the streams that have keys.
func (c *Conn) keyed(yield func(*Stream) bool) {
	if !yield(&c.main) {
		return
	}
	for _, s := range c.others() {
		if s.bound.state == streamOpen && !yield(s) {
			return
		}
	}
}

// rekeyed begins the count of packets under new keys.
func (s *Stream) rekeyed() {
	s.since = s.next - 1
	s.soft = min(s.since, lastNumber-rollPackets+1) + rollPackets
	s.mayCount()
}

// mayCount sets how far the peer may count under its next keys, which begin anywhere
// above the newest number opened.
func (s *Stream) mayCount() {
	newest := s.window.Newest()
	if newest == 0 {
		s.most = maxPackets
		return
	}
	s.most = uint32(min(uint64(newest)+maxPackets+replay.Ahead, lastNumber))
}

// exhausted stops what may not be sealed: "hard stop at 2^25". From 2^24 on new keys
// are wanted.
func (s *Stream) exhausted(now time.Duration) bool {
	if s.next >= s.soft {
		if s.next-s.since > maxPackets || s.next > lastNumber {
			s.c.end(now, ReasonExhausted)
		} else {
			s.soft = min(s.next+rollEvery, min(s.since, lastNumber-maxPackets)+maxPackets+1)
			if s.c.roll == nil {
				s.c.rollAt = now
			}
		}
	}
	return s.c.phase != phaseOpen
}
