package rud

import (
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// twoStreams is a script whose peer has a stream beside the main one, was heard in
// both at scriptHere, and moved with the main one to scriptThere.
func twoStreams(t *testing.T) (s *script, k *child) {
	t.Helper()
	s = newScript(t, false)
	k = s.peerOpens(1, wire.TagStreamSender, "")
	k.say("here", true)
	s.settle()
	s.addr = scriptThere
	s.tell("there")
	s.pathValue(responseTag, s.wantValue(challengeTag, scriptThere))
	if s.c.Path() != scriptThere {
		t.Fatal("did not move")
	}
	return s, k
}

// A6: a packet of one stream that is late, or held back, comes after another stream moved the path. It says nothing of which is newer.
func TestLatePacketOfAnotherStreamMovesNothing(t *testing.T) {
	s, k := twoStreams(t)
	s.settle()
	s.addr = scriptHere
	k.inside(func() { s.write(wire.Header{Flags: wire.FlagNoFrame}, nil) }) // an acknowledgement
	if s.c.Path() != scriptThere {
		t.Fatal("a late acknowledgement of another stream moved the path back")
	}
	s.wantValue(challengeTag, scriptHere) // may be the truth: it is asked
	s.pass(time.Minute)
	if s.c.Path() != scriptThere {
		t.Error("moved back without an answer")
	}
}

// The other stream went back indeed: the key holder answers there. And a stream that
// was heard on both paths says at once which is newer.
func TestStreamsGoBackTogether(t *testing.T) {
	s, k := twoStreams(t)
	s.settle()
	s.addr = scriptHere
	k.say("back", true)
	s.pathValue(responseTag, s.wantValue(challengeTag, scriptHere))
	if s.c.Path() != scriptHere {
		t.Fatal("did not move back")
	}
	for _, addr := range []string{scriptThere.String(), scriptHere.String(), scriptThere.String()} {
		s.addr = mustAddr(addr)
		k.say("to and fro", true)
		if s.c.Path() != s.addr {
			t.Errorf("the path is %v, not %v", s.c.Path(), s.addr)
		}
	}
}

// Fault: a path that answered and was not needed is moved to later. The time since
// it was asked is no round trip: a device that came back after 20 s would have been
// paced, and waited for, by that.
func TestPathProvedLongAgoMeasuresNothing(t *testing.T) {
	s := newScript(t, false)
	s.addr = scriptThere
	s.frame(0, nil)
	value := s.wantValue(challengeTag, scriptThere)
	s.addr = scriptHere
	s.frame(1, nil)
	s.addr = scriptThere
	s.pass(50 * time.Millisecond)
	s.pathValue(responseTag, value)
	s.pass(20 * time.Second)
	s.frame(2, nil)
	if s.c.Path() != scriptThere {
		t.Fatal("a proved candidate is not taken at once")
	}
	if s.c.rtt.srtt() > rttFirst {
		t.Errorf("a round trip of %v", s.c.rtt.srtt())
	}
}

// "2 candidates": which was heard longest ago is told by the clock. The numbers of
// streams have nothing to do with each other.
func TestCandidatesOfStreamsWithFewPackets(t *testing.T) {
	s := newScript(t, false)
	k := s.peerOpens(1, wire.TagStreamSender, "")
	s.number = 1000
	for i, addr := range []string{"198.51.100.1:1", "198.51.100.2:2"} {
		s.addr = mustAddr(addr)
		s.tell("")
		s.pass(time.Duration(i+1) * time.Millisecond)
	}
	last := mustAddr("198.51.100.3:3")
	s.addr = last
	k.say("x", true)
	s.pass(time.Millisecond)
	s.addr = mustAddr("198.51.100.4:4")
	s.tell("")
	if s.c.paths.find(last) < 0 {
		t.Error("the candidate heard just now gave way to one heard before")
	}
}

// "Unproved paths get at most 3x the bytes opened from them", also when challenges are
// 8 bytes longer.
func TestUnprovedPathsGetThreeTimesUnderOneTimeIDs(t *testing.T) {
	s := newScript(t, false)
	s.c.rtt.sample(time.Millisecond)
	set := make([][wire.SizeOneTimeID]byte, oneTimeMost)
	s.c.main.blinded = &blinded{blind: true, ids: set}
	s.addr = scriptThere
	s.frame(0, make([]byte, 4))
	k := &s.c.paths.spare[s.c.paths.find(scriptThere)]
	opened, left := 44+4, k.bytes
	sent := 0
	for _, o := range s.out {
		if o.to == scriptThere {
			sent += len(o.packet)
		}
	}
	if sent == 0 || amplification*opened-left < sent {
		t.Errorf("%d bytes left, %d taken off", sent, amplification*opened-left)
	}
}

// A6, in full: the attacker copies the newest packet, brings the challenge that it gets
// to the device, and the answer back. The device, which has nothing to say, is asked on
// the path in use, too, and shows where it is: the true path is back at once.
func TestRelayedChallengeDoesNotKeepThePath(t *testing.T) {
	w, device, node, d, n := pair(t, 710)
	thief := mustAddr("203.0.113.66:666")
	stolen := false
	w.tap = func(from, to netipAddrPort, p []byte) {
		if from == device.addr && to == node.addr && !stolen {
			stolen = true
			w.fly(thief, node.addr, p) // arrives first
		}
		if to == thief {
			w.fly(node.addr, device.addr, p)
			stolen = false // and the answer is brought, too
		}
	}
	if _, err := d.Send(w.now, []byte("the last for a while")); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	if n.Path() != device.addr {
		t.Errorf("the node sends to %v", n.Path())
	}
}
