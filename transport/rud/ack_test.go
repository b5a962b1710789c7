package rud

import (
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// Acknowledgements: "every 8th, on a gap, or within 25 ms", of frame packets only.
func TestWhenAcknowledgementsLeave(t *testing.T) {
	s := newScript(t, false)
	s.frame(0, nil)
	s.pass(ackDelay - time.Microsecond)
	s.wantIdle()
	s.pass(time.Microsecond)
	s.wantAck(1, 0)
	for i := 1; i <= 8; i++ {
		s.wantIdle()
		s.frame(i, nil)
	}
	s.wantAck(9, 0xff)
	s.write(wire.Header{Number: 11, Flags: final, Frame: 9}, nil) // a gap
	s.wantAck(11, 0x3fe)
	s.write(wire.Header{Number: 10, Flags: final, Frame: 10}, nil) // fills it, late
	s.wantAck(11, 0x3ff)
	s.write(wire.Header{Number: 12, Flags: wire.FlagNoFrame}, nil)
	s.write(wire.Header{Number: 20, Flags: wire.FlagNoFrame}, nil)
	s.pass(time.Minute)
	s.wantIdle()
}

// A frame that leaves carries the acknowledgement that is owed.
func TestAcknowledgementRidesAFrame(t *testing.T) {
	s := newScript(t, false)
	s.frame(0, nil)
	s.sendFrame([]byte("answer"))
	g := s.wantFrame(0, 0)
	if !g.AckValid() || g.Newest != 1 || g.Bitmap != 0 {
		t.Errorf("%+v", g.Header)
	}
	s.pass(ackDelay)
	s.wantIdle()
}

// "ack-valid clear: all 8 bytes zero" before anything was opened, and "cleared
// when the newest frame packet opened is 2^14 or more below the newest packet
// opened".
func TestAckValidIsCleared(t *testing.T) {
	s := newScript(t, false)
	s.sendFrame(nil)
	if g := s.wantFrame(0, 0); g.AckValid() {
		t.Errorf("%+v", g.Header)
	}
	s.frame(0, nil)
	s.pass(ackDelay)
	s.wantAck(1, 0)
	s.write(wire.Header{Number: 1 + ackHorizon - 1, Flags: wire.FlagNoFrame}, nil)
	s.sendFrame(nil)
	if g := s.wantFrame(1, 0); !g.AckValid() || g.Newest != 1 {
		t.Errorf("%+v", g.Header)
	}
	s.write(wire.Header{Number: 1 + ackHorizon, Flags: wire.FlagNoFrame}, nil)
	s.sendFrame(nil)
	if g := s.wantFrame(2, 0); g.AckValid() {
		t.Errorf("%+v", g.Header)
	}
}

// The bitmap tells of the 48 before the newest; what is further back is not told.
func TestBitmap(t *testing.T) {
	var a acks
	a.note(0, 1, false)
	for n := uint32(3); n <= 49; n += 2 {
		a.note(0, n, true)
	}
	var h wire.Header
	a.put(&h, 49)
	if h.Newest != 49 || h.Bitmap != 0x0000_aaaa_aaaa_aaaa {
		t.Errorf("%d %x", h.Newest, h.Bitmap)
	}
	a.note(0, 50, false)
	a.note(0, 2, false)
	h = wire.Header{}
	a.put(&h, 50)
	if h.Bitmap != 0x0000_5555_5555_5555|1<<47 {
		t.Errorf("%x", h.Bitmap)
	}
	a.note(0, 51, false)
	h = wire.Header{}
	a.put(&h, 51)
	if h.Bitmap != 0x0000_aaaa_aaaa_aaab {
		t.Errorf("%x", h.Bitmap)
	}
	a.note(0, 51+49, true)
	h = wire.Header{}
	a.put(&h, 100)
	if h.Bitmap != 0 {
		t.Errorf("after a leap of 49: %x", h.Bitmap)
	}
	told := told{100, 1 | 1<<47}
	for n, want := range map[uint32]bool{101: false, 100: true, 99: true, 98: false, 52: true, 51: false, 1: false} {
		if told.has(n) != want {
			t.Errorf("has(%d) is %v", n, !want)
		}
	}
}

// "Low 16 bits mean the nearest number to the last sent."
func TestAcknowledgementsGoPast16Bits(t *testing.T) {
	for _, test := range []struct {
		last   uint32
		low    uint16
		newest uint32
		ok     bool
	}{
		{5, 5, 5, true}, {5, 1, 1, true}, {5, 6, 0, false}, {5, 0, 0, false}, {5, 0xffff, 0, false},
		{0x10005, 5, 0x10005, true}, {0x10005, 0xfff0, 0xfff0, true}, {0x1fff0, 0, 0, false},
		{0x18000, 0, 0x10000, true}, {0x17fff, 0x8000, 0, false}, {0x20000, 0x8001, 0x18001, true},
	} {
		h := wire.Header{Flags: wire.FlagAckValid, Newest: test.low}
		got, ok := readAck(&h, test.last)
		if ok != test.ok || ok && got.newest != test.newest {
			t.Errorf("%x after %x: %x, %v", test.low, test.last, got.newest, ok)
		}
	}
}

// "bits of no-frame numbers are 0 and ignored"
func TestBitsOfNoFrameNumbersAreIgnored(t *testing.T) {
	s := newScript(t, false)
	s.sendFrame([]byte("one"))
	s.frame(0, nil)
	s.pass(ackDelay) // number 2 is an acknowledgement
	s.out = nil
	s.writeAck(2, 1)
	s.wantOpen()
	if !s.c.Acknowledged(0) {
		t.Error("frame 0 is not acknowledged")
	}
	s.writeAck(2)
	s.wantOpen()
}
