package rud

import (
	"bytes"
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

const (
	challengeTag = wire.TagPathChallenge
	responseTag  = wire.TagPathResponse
)

// "A newest non-probe packet from a new source: 16 random bytes challenged on the
// new AND the old path; move when the new answers from there."
func TestPathMovesWhenTheNewOneAnswers(t *testing.T) {
	s := newScript(t, false)
	s.frame(0, []byte("here"))
	s.addr = scriptThere
	s.frame(1, []byte("there"))
	atNew := s.wantValue(challengeTag, scriptThere)
	atOld := s.wantValue(challengeTag, scriptHere)
	if len(bytes.Trim(atOld, "\x00")) == 0 || len(bytes.Trim(atNew, "\x00")) == 0 {
		t.Error("asked zeros")
	}
	if bytes.Equal(atNew, atOld) {
		t.Error("both paths are asked the same: one answer would do for both")
	}
	s.pass(ackDelay)
	if g := s.next(); g.to != scriptHere {
		t.Errorf("the acknowledgement went to %v", g.to)
	}
	s.sendFrame([]byte("still to the old one"))
	if g := s.wantFrame(0, 0); g.to != scriptHere {
		t.Errorf("a frame went to %v before the path was validated", g.to)
	}
	s.pathValue(responseTag, atNew)
	if s.c.Path() != scriptThere {
		t.Fatalf("path %v", s.c.Path())
	}
	if g := s.wantFrame(0, 0); g.to != scriptThere {
		t.Errorf("what was outstanding went to %v", g.to)
	}
	s.wantIdle()
}

// The answer must be the value, from the address that was asked.
func TestWrongAnswersMoveNothing(t *testing.T) {
	s := newScript(t, false)
	s.frame(0, nil)
	s.addr = scriptThere
	s.frame(1, nil)
	atNew := s.wantValue(challengeTag, scriptThere)
	atOld := s.wantValue(challengeTag, scriptHere)
	for _, addr := range []string{scriptHere.String(), scriptThird.String()} {
		s.addr = mustAddr(addr)
		s.pathValue(responseTag, atNew)
	}
	s.addr = scriptThere
	s.pathValue(responseTag, atOld) // the old path's answer, copied
	s.pathValue(responseTag, make([]byte, 16))
	s.pathValue(responseTag, atNew[:15])
	s.pathValue(responseTag, append(atNew[:16:16], 0))
	if s.c.Path() != scriptHere {
		t.Fatalf("moved to %v", s.c.Path())
	}
	s.pathValue(responseTag, atNew)
	if s.c.Path() != scriptThere {
		t.Error("did not move for the right answer")
	}
}

// "packets with probe set (endpoint requests, path challenges and responses,
// punches, first or resent) never move a path"
func TestProbesNeverMoveAPath(t *testing.T) {
	s := newScript(t, false)
	s.addr = scriptThere
	s.write(wire.Header{Flags: final | wire.FlagProbe}, []byte("what address do you see?"))
	s.wantMessages(1)
	if m := s.messages[0]; !m.Probe || m.From != scriptThere {
		t.Errorf("%+v", m)
	}
	s.pass(ackDelay)
	if g := s.next(); g.to != scriptHere {
		t.Errorf("the acknowledgement went to %v", g.to)
	}
	s.pass(time.Minute)
	s.wantIdle()
	s.pathValue(responseTag, make([]byte, 16))
	if s.c.Path() != scriptHere || s.c.paths.wanted != 0 {
		t.Error("a probe moved the path")
	}
}

// An older packet from elsewhere, arriving late, moves nothing.
func TestLatePacketMovesNothing(t *testing.T) {
	s := newScript(t, false)
	late := s.packet(wire.Header{Flags: final, Frame: 0}, nil, nil)
	s.frame(1, nil)
	s.out = nil
	s.addr = scriptThere
	s.receive(late)
	s.pass(time.Minute)
	for len(s.out) > 0 {
		if g := s.next(); g.to != scriptHere {
			t.Errorf("%+v to %v", g.Header, g.to)
		}
	}
}

// "move back if a newer packet arrives on the old", at once; and before the new
// one answered, a newer packet on the old path means that it is not wanted.
func TestPathMovesBack(t *testing.T) {
	s := newScript(t, false)
	s.addr = scriptThere
	s.frame(0, nil)
	atNew := s.wantValue(challengeTag, scriptThere)
	s.pathValue(responseTag, atNew)
	if s.c.Path() != scriptThere {
		t.Fatal("did not move")
	}
	s.addr = scriptHere
	s.frame(1, nil)
	if s.c.Path() != scriptHere {
		t.Fatal("did not move back")
	}

	s = newScript(t, false)
	s.addr = scriptThere
	s.frame(0, nil)
	atNew = s.wantValue(challengeTag, scriptThere)
	s.addr = scriptHere
	s.frame(1, nil)
	s.addr = scriptThere
	s.pathValue(responseTag, atNew)
	if s.c.Path() != scriptHere {
		t.Error("moved although the peer went on at the old path")
	}
	s.pass(time.Second)
	s.frame(2, nil)
	if s.c.Path() != scriptThere {
		t.Error("a proved candidate is not taken at once")
	}
}

// A path left long ago is asked again: its address may be someone else's.
func TestOldPathIsForgotten(t *testing.T) {
	s := newScript(t, false)
	s.addr = scriptThere
	s.frame(0, nil)
	s.pathValue(responseTag, s.wantValue(challengeTag, scriptThere))
	s.pass(oldPathFor)
	s.out = nil
	s.addr = scriptHere
	s.frame(1, nil)
	s.wantValue(challengeTag, scriptHere)
	if s.c.Path() != scriptThere {
		t.Error("moved back without asking")
	}
}

// "Unproved paths get at most 3x the bytes opened from them; one challenge per
// PTO", with a silent candidate that sends the smallest packets.
func TestUnprovedPathsGetThreeTimes(t *testing.T) {
	s := newScript(t, false)
	s.c.rtt.sample(50 * time.Millisecond)
	s.addr = scriptThere
	opened, sent, challenges := 0, 0, 0
	drain := func() {
		for len(s.out) > 0 {
			if g := s.next(); g.to == scriptThere {
				sent += g.size
				challenges++
			}
		}
		if sent > amplification*opened {
			t.Fatalf("%d bytes to an unproved path that sent %d", sent, opened)
		}
	}
	for i := range 50 {
		p := s.packet(wire.Header{Flags: final, Frame: uint16(i)}, nil, nil)
		opened += len(p)
		s.receive(p)
		drain()
	}
	if challenges != 1 {
		t.Errorf("%d challenges at one time", challenges)
	}
	pto := s.c.rtt.pto()
	for range 20 {
		s.pass(pto)
		drain()
	}
	if challenges < 2 || challenges > 1+challengeTries {
		t.Errorf("%d challenges without an answer", challenges)
	}
}

// A single short packet from a new source gets one challenge and no more.
func TestOneShortPacketGetsOneChallenge(t *testing.T) {
	s := newScript(t, false)
	s.addr = scriptThere
	s.frame(0, nil)
	s.pass(time.Minute)
	n := 0
	for len(s.out) > 0 {
		if g := s.next(); g.to == scriptThere {
			n += g.size
		}
	}
	if n == 0 || n > amplification*44 {
		t.Errorf("%d bytes for 44", n)
	}
}

// "an endpoint request is answered to the address it came from (3x rule), its
// repetitions and all acknowledgements go to the path in use"
func TestEndpointRequestIsAnsweredWhereItCameFrom(t *testing.T) {
	s := newScript(t, false)
	s.addr = scriptThere
	s.write(wire.Header{Flags: final | wire.FlagProbe}, make([]byte, 40))
	if _, err := s.c.SendProbe(s.now, s.messages[0].From, []byte("you are there")); err != nil {
		t.Fatal(err)
	}
	g := s.wantFrame(0, 0)
	if g.to != scriptThere || !g.Probe() {
		t.Errorf("%+v to %v", g.Header, g.to)
	}
	s.wantAckTo(scriptHere)
	s.pass(s.c.rtt.pto())
	if g := s.wantFrame(0, 0); g.to != scriptHere || !g.Probe() {
		t.Errorf("the repetition: %+v to %v", g.Header, g.to)
	}
	// More than three times what came from there goes to the path in use.
	for i := 1; i < 10; i++ {
		if _, err := s.c.SendProbe(s.now, scriptThere, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	for len(s.out) > 0 {
		if g := s.next(); g.to == scriptThere {
			sent += g.size
		}
	}
	if limit := amplification * (44 + 40); sent > limit {
		t.Errorf("%d bytes to an unproved path, %d allowed", sent, limit)
	}
	if _, err := s.c.SendProbe(s.now, scriptThird, []byte("a stranger")); err != nil {
		t.Fatal(err)
	}
	for len(s.out) > 0 {
		if g := s.next(); g.to == scriptThird {
			t.Error("sent to an address that nothing came from")
		}
	}
}

func (s *script) wantAckTo(to any) {
	s.t.Helper()
	s.pass(ackDelay)
	if g := s.next(); !g.NoFrame() || any(g.to) != to {
		s.t.Fatalf("%+v to %v", g.Header, g.to)
	}
}

// A challenge is answered to where it came from, with its value.
func TestChallengeIsAnswered(t *testing.T) {
	s := newScript(t, true)
	value := bytes.Repeat([]byte{5}, 16)
	for _, from := range []string{scriptHere.String(), scriptThird.String()} {
		s.addr = mustAddr(from)
		s.pathValue(challengeTag, value)
		if got := s.wantValue(responseTag, s.addr); !bytes.Equal(got, value) {
			t.Errorf("answered %x", got)
		}
		if s.addr == scriptHere { // and shows that we are here
			if g := s.next(); g.to != scriptHere || !g.NoFrame() || g.Probe() {
				t.Errorf("%+v to %v", g.Header, g.to)
			}
		}
	}
	s.addr = scriptHere
	s.pathValue(challengeTag, value[:15])
	s.receive(s.packet(wire.Header{Flags: final}, []wire.Extension{{Tag: challengeTag, Value: value}}, nil)) // "no-frame carries"
	s.pass(ackDelay)
	if g := s.next(); !g.Extensions.IsEmpty() {
		t.Error("a challenge in a frame was answered")
	}
	s.wantIdle()
}

// "2 candidates": a third takes the place of the one heard longest ago.
func TestTwoCandidates(t *testing.T) {
	s := newScript(t, false)
	values := make(map[string][]byte)
	for i, addr := range []string{"198.51.100.1:1", "198.51.100.2:2", "198.51.100.3:3"} {
		s.addr = mustAddr(addr)
		s.frame(i, nil)
		for len(s.out) > 0 {
			g := s.next()
			if v, ok := g.Extensions.Get(challengeTag); ok && g.to == s.addr {
				values[addr] = bytes.Clone(v)
			}
		}
	}
	s.addr = mustAddr("198.51.100.1:1")
	s.pathValue(responseTag, values["198.51.100.1:1"])
	if s.c.Path() != scriptHere {
		t.Error("moved to the candidate that lost its place")
	}
	s.addr = mustAddr("198.51.100.3:3")
	s.pathValue(responseTag, values["198.51.100.3:3"])
	if s.c.Path() != s.addr {
		t.Error("did not move to the newest candidate")
	}
}

// A6: the newest datagram copied from the attacker's address, racing the true
// one: no switch, at most 3x bytes misdirected, and the true path stays.
func TestCopiedPacketDoesNotStealThePath(t *testing.T) {
	s := newScript(t, false)
	misdirected, copied := 0, 0
	for i := range 100 {
		p := s.packet(wire.Header{Flags: final, Frame: uint16(i)}, nil, text(i, 50))
		s.addr = scriptThird // the attacker is always first
		s.receive(p)
		copied += len(p)
		s.addr = scriptHere
		s.receive(p)
		s.sendFrame(text(i, 200))
		s.pass(20 * time.Millisecond)
		for len(s.out) > 0 {
			g := s.next()
			if g.to == scriptThird {
				misdirected += g.size
				if !g.NoFrame() {
					t.Fatal("a frame went to the attacker")
				}
			}
			if v, ok := g.Extensions.Get(challengeTag); ok && g.to == scriptHere {
				s.pathValue(responseTag, v) // the device answers on its path
			}
			if !g.NoFrame() {
				s.acknowledge(int(uint16(g.Number)))
			}
		}
		if s.c.Path() != scriptHere {
			t.Fatal("the path was stolen")
		}
	}
	if misdirected > amplification*copied {
		t.Errorf("%d bytes misdirected for %d", misdirected, copied)
	}
	s.wantMessages(100)
}

// N4: the device's address changes: no new handshake; what the node has to say is
// there within a second of the first packet, and nothing goes to the old path
// after validation. Also in the middle of a frame of 16 packets, both ways.
func TestRoaming(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		w, device, node, d, n := pair(t, 21)
		w.loss = loss
		for round, addr := range []string{"198.51.100.2:41111", "203.0.113.77:5000", "[2001:db8::7]:9"} {
			up, down := text(2*round, 18480), text(2*round+1, 18480)
			if _, err := d.Send(w.now, up[:min(len(up), d.MaxPayload())]); err != nil {
				t.Fatal(err)
			}
			if _, err := n.Send(w.now, down[:min(len(down), n.MaxPayload())]); err != nil {
				t.Fatal(err)
			}
			w.run(30 * time.Millisecond)
			old := device.addr
			device.moveTo(addr)
			d.Rebind(w.now)
			took := w.until("the node follows", 10*time.Second, func() bool { return n.Path() == device.addr })
			if loss == 0 && took > 200*time.Millisecond {
				t.Errorf("the node followed after %v", took)
			}
			w.tap = func(_, to netipAddrPort, _ []byte) {
				if to == old {
					t.Errorf("sent to the old path after validation")
				}
			}
			w.until("both frames arrive", 30*time.Second, func() bool { return len(node.messages) == round+1 && len(device.messages) == round+1 })
			w.run(5 * time.Second)
			w.tap = nil
			w.run(time.Minute)
		}
		if len(node.opened) != 1 || len(node.gate.proved) != 1 {
			t.Errorf("%d handshakes, %d prefixes", len(node.opened), len(node.gate.proved))
		}
	}
}

// N3: the NAT gives the device another port every few seconds, and the device
// does not know: the node learns it from its next packet.
func TestNATRebinding(t *testing.T) {
	w, device, node, d, n := pair(t, 22)
	for i := range 20 {
		device.moveTo(mustAddrPort("198.51.100.2", 42000+i).String())
		if _, err := d.Send(w.now, text(i, 60)); err != nil { // the heartbeat
			t.Fatal(err)
		}
		w.run(2 * time.Second)
		if n.Path() != device.addr {
			t.Fatalf("rebinding %d: the node sends to %v", i, n.Path())
		}
		got := len(device.messages)
		if _, err := n.Send(w.now, text(i, 100)); err != nil {
			t.Fatal(err)
		}
		w.run(3 * time.Second)
		if len(device.messages) != got+1 {
			t.Fatalf("rebinding %d: the notification did not arrive", i)
		}
	}
	if len(node.opened) != 1 || len(node.messages) != 20 {
		t.Errorf("%d handshakes, %d heartbeats", len(node.opened), len(node.messages))
	}
}

// What a source earned by a probe is not earned again when it becomes a candidate
// and loses its place.
func TestCreditIsSpentOnce(t *testing.T) {
	s := newScript(t, false)
	opened, sent := 0, 0
	give := func(addr string, flags byte, frame int) {
		s.addr = mustAddr(addr)
		p := s.packet(wire.Header{Flags: final | flags, Frame: uint16(frame)}, nil, make([]byte, 60))
		if s.addr == scriptThere {
			opened += len(p)
		}
		s.receive(p)
	}
	give(scriptThere.String(), wire.FlagProbe, 0)
	give(scriptThere.String(), 0, 1)
	for range 5 {
		if _, err := s.c.SendProbe(s.now, scriptThere, make([]byte, 60)); err != nil {
			t.Fatal(err)
		}
	}
	give("203.0.113.1:1", 0, 2)
	give("203.0.113.2:2", 0, 3)
	for range 5 {
		if _, err := s.c.SendProbe(s.now, scriptThere, make([]byte, 60)); err != nil {
			t.Fatal(err)
		}
	}
	for len(s.out) > 0 {
		if g := s.next(); g.to == scriptThere {
			sent += g.size
		}
	}
	if sent == 0 || sent > amplification*opened {
		t.Errorf("%d bytes to a path that sent %d", sent, opened)
	}
}
