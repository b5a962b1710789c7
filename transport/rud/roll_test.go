package rud

import (
	"bytes"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// rollPeer has the peer, an initiator, roll: it sends its value, gets the answer
// under the old keys, and returns the new ones.
func (s *script) rollPeer(seed byte) (seal, open protection) {
	s.t.Helper()
	e := ephemeral(s.t, seed)
	s.tell("", entry(wire.TagRoll, e.Public().Raw()))
	f := s.wantList(wire.TagRoll)
	return s.keysOf(handshake.Roll(scriptResult(false).Secret, agree(s.t, e, f), e.Public().Raw(), f), s.c.main.in.id, s.c.main.out.id)
}

// A responder opens under old and new keys at once, seals under the old ones until a
// packet opened under the new ones, and "old keys open for 3 PTO more".
func TestRollAtTheResponder(t *testing.T) {
	s := newScript(t, false)
	s.pass(rollLeast)
	oldSeal, oldOpen := s.seal, s.open
	newSeal, newOpen := s.rollPeer(1)
	s.tell("old") // still
	s.wantMessages(1)
	s.sendFrame([]byte("under the old keys"))
	s.wantFrame(1, 0)
	if s.e.Stats().Rolled != 0 {
		t.Error("rolled before the initiator proved the keys")
	}
	s.seal = newSeal
	s.tell("new")
	pto := s.c.rtt.pto()
	s.wantMessages(2)
	s.open = newOpen
	if age := s.c.KeyAge(s.now); age != 0 || s.e.Stats().Rolled != 1 {
		t.Errorf("age %v, %d rolls", age, s.e.Stats().Rolled)
	}
	s.sendFrame([]byte("under the new keys"))
	s.wantFrame(2, 0)
	s.settle()

	s.seal = oldSeal
	s.tell("late, under the old keys")
	s.wantMessages(3)
	_ = oldOpen
	s.settle()
	s.seal = newSeal
	s.pass(oldKeysFor * pto)
	if s.c.roll != nil || s.c.main.other != nil {
		t.Error("the old keys are still there")
	}
	s.seal = oldSeal
	dropped := s.e.Stats().Dropped
	s.tell("too late")
	s.wantMessages(3)
	if s.e.Stats().Dropped != dropped+1 {
		t.Error("the old keys still open")
	}
	s.seal = newSeal
	s.tell("new")
	s.wantOpen()
}

// An initiator seals under the new keys as soon as it has the responder's value.
func TestRollAtTheInitiator(t *testing.T) {
	s := newScript(t, true)
	if err := s.c.Roll(s.now); err != ErrRolling {
		t.Errorf("keys of this moment: %v", err)
	}
	s.pass(rollLeast)
	if err := s.c.Roll(s.now); err != nil {
		t.Fatal(err)
	}
	if err := s.c.Roll(s.now); err != ErrRolling {
		t.Errorf("twice: %v", err)
	}
	e := s.wantList(wire.TagRoll)
	s.sendFrame([]byte("under the old keys"))
	s.wantFrame(1, 0)
	f := ephemeral(t, 2)
	secret := handshake.Roll(scriptResult(true).Secret, agree(t, f, e), e, f.Public().Raw())
	newSeal, newOpen := s.keysOf(secret, s.c.main.in.id, s.c.main.out.id)
	s.tell("", entry(wire.TagRoll, f.Public().Raw()))
	s.open = newOpen
	s.pass(ackDelay) // its acknowledgement proves the keys to the responder
	s.wantAck(1, 0)
	oldSeal := s.seal
	s.pass(time.Minute) // an outage: the responder still seals under the old keys
	s.tell("old")
	s.wantMessages(1)
	s.seal = newSeal
	s.tell("new")
	s.wantMessages(2)
	s.pass(oldKeysFor*s.c.rtt.pto() - time.Millisecond)
	s.seal = oldSeal
	s.tell("old again")
	s.wantMessages(3)
	s.pass(time.Millisecond)
	s.tell("too old")
	s.wantMessages(3)
	s.wantOpen()
}

// Attacks of a peer that has the keys, and faults: each closes the connection, in
// silence.
func TestRollBreaches(t *testing.T) {
	value := ephemeral(t, 3).Public().Raw()
	for what, try := range map[string]struct {
		initiator bool
		do        func(s *script)
	}{
		"an initiator that asks": {false, func(s *script) { s.tell("", entry(wire.TagRoll)) }},
		"a value too short":      {false, func(s *script) { s.tell("", entry(wire.TagRoll, value[:31])) }},
		"a value too long":       {false, func(s *script) { s.tell("", entry(wire.TagRoll, value, value)) }},
		"a point of small order": {false, func(s *script) { s.tell("", entry(wire.TagRoll, make([]byte, 32))) }},
		"a value that waits, twice": {false, func(s *script) {
			s.tell("", entry(wire.TagRoll, value))
			s.out = nil
			s.tell("", entry(wire.TagRoll, value))
		}},
		"an answer to nothing": {true, func(s *script) { s.tell("", entry(wire.TagRoll, value)) }},
		"an answer of small order": {true, func(s *script) {
			s.c.Roll(s.now)
			s.out = nil
			s.tell("", entry(wire.TagRoll, make([]byte, 32)))
		}},
		"two answers": {true, func(s *script) {
			s.c.Roll(s.now)
			s.tell("", entry(wire.TagRoll, value))
			s.out = nil
			s.tell("", entry(wire.TagRoll, value))
		}},
		"in another stream": {false, func(s *script) {
			k := s.peerOpens(1, wire.TagStreamClient, "")
			k.inside(func() { s.tell("", entry(wire.TagRoll, value)) })
		}},
	} {
		s := newScript(t, try.initiator)
		s.pass(rollLeast)
		try.do(s)
		if len(s.closed) != 1 || s.closed[0] != ReasonBreach {
			t.Errorf("%s: closed %v", what, s.closed)
			continue
		}
		s.wantClosed(ReasonBreach)
	}
}

// Attack: a peer that would have us agree on a curve without end. An initiator does
// not start sooner than 10 s, a responder does not answer sooner than 5 s.
func TestRollStorm(t *testing.T) {
	s := newScript(t, true)
	s.pass(rollLeast)
	for range 20 {
		s.tell("", entry(wire.TagRoll))
	}
	s.wantList(wire.TagRoll)
	s.c.main.outbox.free(&s.e.buffers)
	s.c.main.flight.drop()
	for _, p := range s.out {
		if len(p.packet) > 44 {
			t.Errorf("%d bytes more", len(p.packet))
		}
	}

	s = newScript(t, false)
	e := ephemeral(t, 4)
	s.tell("", entry(wire.TagRoll, e.Public().Raw()))
	s.pass(ackDelay)
	s.wantAck(1, 0)
	s.pass(rollLeast/2 - ackDelay - time.Millisecond)
	s.wantIdle()
	s.pass(time.Millisecond)
	s.wantList(wire.TagRoll)
}

// "The original initiator starts (the other asks)": at an hour, and a minute later.
func TestRollAtAnHour(t *testing.T) {
	s := newScript(t, true)
	s.pass(rollAge - time.Millisecond)
	s.wantIdle()
	s.pass(time.Millisecond)
	if v := s.wantList(wire.TagRoll); len(v) != 32 {
		t.Errorf("value %x", v)
	}
	s = newScript(t, false)
	s.pass(rollAge + rollPatience - time.Millisecond)
	s.wantIdle()
	s.pass(time.Millisecond)
	if v := s.wantList(wire.TagRoll); len(v) != 0 {
		t.Errorf("value %x", v)
	}
	s.settle()
	s.pass(rollPatience)
	s.wantList(wire.TagRoll) // once more
}

// "Rekey at 2^24 packets in a direction; hard stop at 2^25", since the last Roll.
func TestRollAtPackets(t *testing.T) {
	for _, initiator := range []bool{true, false} {
		s := newScript(t, initiator)
		s.pass(rollLeast)
		s.c.main.next = rollPackets
		s.sendFrame([]byte("2^24"))
		s.wantFrame(0, 0)
		s.pass(0)
		s.wantList(wire.TagRoll)
	}
	s := newScript(t, false)
	s.pass(rollLeast)
	s.c.main.next = maxPackets - 10
	newSeal, newOpen := s.rollPeer(1)
	s.seal, s.open = newSeal, newOpen
	s.tell("proves")
	s.out = nil
	s.c.main.flight.drop()
	s.c.main.next = maxPackets + 1000
	s.sendFrame([]byte("goes on"))
	if g := s.next(); g.Number != maxPackets+1000 {
		t.Errorf("number %d", g.Number)
	}
	s.wantOpen()
	if s.c.main.most < maxPackets {
		t.Errorf("the peer may count to %d", s.c.main.most)
	}
}

// "One packet number never seals twice": not under old and new keys either, and a
// retransmission over a Roll is the same plaintext.
func TestRollDuringAWideFrame(t *testing.T) {
	s := newScript(t, false)
	s.pass(rollLeast)
	s.sendFrame(text(1, 18480))
	first := s.wantFrame(0, 0)
	s.out = nil
	newSeal, newOpen := s.rollPeer2(9)
	s.seal, s.open = newSeal, newOpen
	s.out = nil
	s.tell("proves")
	s.out = nil
	s.pass(s.c.rtt.pto() + time.Millisecond)
	again := s.next()
	for again.NoFrame() || again.Frame != 0 || again.Index != 0 {
		again = s.next()
	}
	if !bytes.Equal(again.plain, first.plain) || again.Number <= first.Number {
		t.Errorf("number %d after %d", again.Number, first.Number)
	}
}

// rollPeer2 is rollPeer when other frames leave meanwhile.
func (s *script) rollPeer2(seed byte) (seal, open protection) {
	s.t.Helper()
	s.c.flow.window = 1000
	s.c.flow.spent = 0
	e := ephemeral(s.t, seed)
	s.tell("", entry(wire.TagRoll, e.Public().Raw()))
	s.pass(time.Millisecond)
	for len(s.out) > 0 {
		if f, ok := s.next().Extensions.Get(wire.TagRoll); ok {
			return s.keysOf(handshake.Roll(scriptResult(false).Secret, agree(s.t, e, f), e.Public().Raw(), f), s.c.main.in.id, s.c.main.out.id)
		}
	}
	s.t.Fatal("no answer")
	return seal, open
}

// Fault: near the last number the one that wants new keys began again at 0, and keys
// rolled every 10 s for 2^24 packets.
func TestRollsNearTheLastNumber(t *testing.T) {
	s := newScript(t, true)
	m := &s.c.main
	for _, left := range []uint32{1 << 25, 1 << 24, 1 << 23, 1 << 10} {
		m.next = lastNumber - left
		m.rekeyed()
		if m.soft <= m.next {
			t.Errorf("%d before the last number: new keys are wanted from %d on, at %d", left, m.soft, m.next)
		}
		m.next = m.soft
		if !m.exhausted(s.e.now.Sub(s.e.start)) && m.soft <= m.next {
			t.Errorf("%d before the last number: wanted again from %d on, at %d", left, m.soft, m.next)
		}
	}
}
