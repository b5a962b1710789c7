package rud

import (
	"bytes"
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// "A retransmission is the same PLAINTEXT sealed again", under the next number;
// "first RTT 333 ms; PTO = srtt + 4 var + 25 ms, doubling", OURS: "twice in a row,
// then twice as long 14 times, then doubling up to 8 s".
func TestRetransmission(t *testing.T) {
	s := newScript(t, false)
	frame := s.sendFrame([]byte("again and again"))
	first := s.wantFrame(0, 0)
	once := rttFirst + 4*(rttFirst/2) + ackDelay
	at := s.now
	for i := 1; i <= soonTimeouts+3; i++ {
		pto := 2 * once
		switch {
		case i <= 2:
			pto = once
		case i > soonTimeouts:
			pto = min(once<<(i-soonTimeouts+1), backoffMost)
		}
		s.pass(at.Add(pto).Sub(s.now) - time.Microsecond)
		s.wantIdle()
		s.pass(time.Microsecond)
		at = s.now
		for range min(i, 2) { // a lone packet twice when the first PTO did not help
			g := s.wantFrame(0, 0)
			if g.Number <= first.Number || !bytes.Equal(g.plain, first.plain) || g.Flags != first.Flags {
				t.Errorf("number %d after %d, %x", g.Number, first.Number, g.plain)
			}
			first = g
		}
		s.wantIdle()
	}
	if s.c.Acknowledged(frame) {
		t.Error("acknowledged by nobody")
	}
	s.writeAck(int(first.Number) - 1) // the copy before the last counts, too
	if !s.c.Acknowledged(frame) {
		t.Error("not acknowledged")
	}
	s.pass(time.Hour)
	s.wantIdle()
}

// "no NEW frame packet leaves while next - oldest outstanding number > 48", also
// when the numbers went to acknowledgements.
func TestNumberSpan(t *testing.T) {
	s := newScript(t, false)
	s.sendFrame([]byte("lost"))
	s.wantFrame(0, 0)
	for i := range 60 { // every gap is acknowledged at once
		s.write(wire.Header{Number: uint32(2 * (i + 1)), Flags: final, Frame: uint16(i)}, nil)
		s.next()
	}
	s.sendFrame([]byte("must wait"))
	s.wantIdle()
	s.pass(s.c.rtt.pto())
	g := s.wantFrame(0, 0)
	s.wantFrame(1, 0)
	s.writeAck(int(g.Number)+1, int(g.Number))
	if !s.c.Acknowledged(0) || !s.c.Acknowledged(1) {
		t.Error("not acknowledged")
	}
}

// "At most 48 packets outstanding to a device and 16 from it", whatever the
// congestion window is.
func TestOutstanding(t *testing.T) {
	for initiator, most := range map[bool]int{false: 48, true: 16} {
		s := newScript(t, initiator)
		s.c.flow.window = 1000
		sent := 0
		for range 80 {
			if _, err := s.c.Send(s.now, []byte("frame")); err == ErrFull {
				break
			}
			s.pass(time.Millisecond)
		}
		s.pass(300 * time.Millisecond) // paced, and before the PTO
		for range s.out {
			s.next()
			sent++
		}
		if sent != most {
			t.Errorf("initiator %v: %d packets outstanding", initiator, sent)
		}
	}
}

// "of frames of two or more packets not wholly acknowledged one from a device, 3
// to it": the others wait, and frames of one packet overtake them.
func TestWideFramesWait(t *testing.T) {
	for initiator, wide := range map[bool]int{false: 3, true: 1} {
		s := newScript(t, initiator)
		s.c.flow.window = 1000
		for range wide + 1 {
			s.sendFrame(text(0, 2000))
		}
		s.sendFrame([]byte("small"))
		for i := range wide {
			s.wantFrame(i, 0)
			s.wantFrame(i, 1)
		}
		s.wantFrame(wide+1, 0)
		s.wantIdle()
		s.writeAck(2, 1)
		s.wantFrame(wide, 0)
		s.wantFrame(wide, 1)
		s.wantIdle()
	}
}

// "window from 10 packets, minimum 2, halved once per RTT with loss"
func TestCongestionWindow(t *testing.T) {
	s := newScript(t, false)
	for range 40 {
		s.sendFrame([]byte("frame"))
	}
	for i := range 10 {
		s.wantFrame(i, 0)
	}
	s.wantIdle()
	s.pass(100 * time.Millisecond)
	s.writeAck(10, 4, 5, 6, 7, 8, 9) // 1, 2, 3 are lost
	if got := s.c.flow.window; got != 8 {
		t.Errorf("window %d after 7 acknowledged and 3 lost, in slow start", got)
	}
	for i := range 3 {
		s.wantFrame(i, 0) // first what was lost
	}
	for i := 10; i < 15; i++ {
		s.wantFrame(i, 0)
	}
	s.wantIdle()
	g := newCongestion()
	for range 20 {
		g.onLoss(time.Second, time.Second)
	}
	if g.window != 5 {
		t.Errorf("window %d after one event of 20 losses", g.window)
	}
	for i := range 20 {
		g.onLoss(time.Duration(i+2)*time.Second, time.Duration(i+2)*time.Second)
	}
	if g.window != windowLeast {
		t.Errorf("window %d at least", g.window)
	}
}

// "paced": beyond a first window, packets leave spread over the round trip.
func TestPace(t *testing.T) {
	s := newScript(t, false)
	s.c.flow.window = 40
	s.c.rtt.sample(100 * time.Millisecond)
	for range 40 {
		s.sendFrame([]byte("frame"))
	}
	if len(s.out) != 10 {
		t.Fatalf("%d packets at once", len(s.out))
	}
	begin := s.now
	for len(s.out) < 40 {
		s.pass(time.Millisecond)
		if s.now.Sub(begin) > 100*time.Millisecond {
			t.Fatalf("%d packets in a round trip", len(s.out))
		}
	}
	if took := s.now.Sub(begin); took < 50*time.Millisecond {
		t.Errorf("30 packets in %v", took)
	}
}

// Send refuses what does not fit, changes nothing then, and takes more when there
// is room again.
func TestQueueIsBounded(t *testing.T) {
	for _, initiator := range []bool{false, true} {
		s := newScript(t, initiator)
		if _, err := s.c.Send(s.now, make([]byte, 18481)); err != ErrTooLarge {
			t.Errorf("18481 bytes: %v", err)
		}
		accepted := 0
		for {
			if _, err := s.c.Send(s.now, nil); err != nil {
				if err != ErrFull {
					t.Fatal(err)
				}
				break
			}
			accepted++
		}
		if want := s.c.sending().frames; accepted != want {
			t.Errorf("initiator %v: %d empty frames accepted, want %d", initiator, accepted, want)
		}
		s.writeAck(1)
		if _, err := s.c.Send(s.now, nil); err != nil {
			t.Errorf("with room again: %v", err)
		}
	}
}

// A8, and "Memory per connection within 80 KiB on either side": a peer that never
// acknowledges and begins every frame it may.
func TestMemoryIsBounded(t *testing.T) {
	for _, initiator := range []bool{false, true} {
		most := 0
		for _, size := range []int{0, 1, 256, 257, 1155, 1156, 5000, 18480} {
			s := newScript(t, initiator)
			for i := range s.c.receiving().wide {
				s.write(wire.Header{Flags: final, Pieces: 16, Frame: uint16(i)}, nil)
			}
			for {
				if _, err := s.c.Send(s.now, make([]byte, size)); err != nil {
					break
				}
			}
			s.pass(time.Minute)
			most = max(most, memory(s.c))
		}
		t.Logf("initiator %v: at most %d bytes", initiator, most)
		if most > 80<<10 {
			t.Errorf("initiator %v: %d bytes", initiator, most)
		}
	}
}

// Frames in flight when the connection closes are given back, and it stays closed
// in every callback.
func TestCloseGivesBack(t *testing.T) {
	s := newScript(t, false)
	s.sendFrame(text(1, 5000))
	s.write(wire.Header{Flags: final, Pieces: 16}, nil)
	s.out = nil
	s.c.Close(s.now)
	s.c.Close(s.now)
	s.wantClosed(ReasonClosed)
	if len(s.e.buffers.spare[5]) != 1 || len(s.e.buffers.spare[16]) != 1 {
		t.Error("the buffers were not given back")
	}
	if _, err := s.c.Send(s.now, nil); err != ErrClosed {
		t.Errorf("Send: %v", err)
	}
	if s.c.Acknowledged(0) {
		t.Error("acknowledged")
	}
	s.c.Rebind(s.now)
	s.pass(3 * time.Hour)
	s.wantIdle()
}
