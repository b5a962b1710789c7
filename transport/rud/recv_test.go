package rud

import (
	"bytes"
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

const final = wire.FlagFinal

// "Before the tag opens: reserved flags, index past length, or a number outside
// newest - 2047 to newest + 65535 drop first." Nothing is said and nothing changes:
// the honest packet of the same number is taken afterwards.
func TestDropsBeforeTheTag(t *testing.T) {
	s := newScript(t, false)
	s.write(wire.Header{Number: 3000, Flags: final}, []byte("first"))
	s.pass(time.Second)
	s.wantAck(3000, 0)
	for name, h := range map[string]wire.Header{
		"reserved flag 0x40": {Number: 3001, Flags: final | 0x40},
		"reserved flag 0x80": {Number: 3001, Flags: final | 0x80},
		"index past length":  {Number: 3001, Flags: final, Pieces: 2, Index: 2},
		"number 0":           {Number: 1 << 31, Flags: final},
		"number too old":     {Number: 3000 - 2048, Flags: final},
		"number too new":     {Number: 3000 + 65536, Flags: final},
	} {
		before := s.e.Stats().Dropped
		s.write(h, []byte("bad"))
		if s.e.Stats().Dropped != before+1 {
			t.Errorf("%s: not dropped", name)
		}
		s.wantIdle()
	}
	s.wantMessages(1)
	s.frameAt(3001, 1, "next")
	s.frameAt(3001-2047, 2, "oldest of the window")
	s.frameAt(3001+65535, 3, "newest of the window")
	s.wantMessages(4)
	s.wantOpen()
}

func (s *script) frameAt(number uint32, frame int, payload string) {
	s.write(wire.Header{Number: number, Flags: final, Frame: uint16(frame)}, []byte(payload))
}

// "After the tag, with the body, drop and change nothing."
func TestDropsAfterTheTag(t *testing.T) {
	noFrame := byte(wire.FlagNoFrame)
	ext := []wire.Extension{{Tag: "Other", Value: []byte{1}}}
	tests := map[string]func(s *script) []byte{
		"no-frame with an index": func(s *script) []byte {
			return s.packet(wire.Header{Flags: noFrame, Pieces: 2, Index: 1}, nil, nil)
		},
		"no-frame with a length":      func(s *script) []byte { return s.packet(wire.Header{Flags: noFrame, Pieces: 2}, nil, nil) },
		"no-frame with a frame index": func(s *script) []byte { return s.packet(wire.Header{Flags: noFrame, Frame: 1}, nil, nil) },
		"no-frame with final":         func(s *script) []byte { return s.packet(wire.Header{Flags: noFrame | final}, nil, nil) },
		"no-frame with a cut":         func(s *script) []byte { return s.packet(wire.Header{Flags: noFrame | wire.CutFlag(1)}, nil, nil) },
		"no-frame with a payload":     func(s *script) []byte { return s.packet(wire.Header{Flags: noFrame}, nil, []byte("x")) },
		"newest without ack-valid":    func(s *script) []byte { return s.packet(wire.Header{Flags: final, Newest: 1}, nil, []byte("x")) },
		"bitmap without ack-valid":    func(s *script) []byte { return s.packet(wire.Header{Flags: final, Bitmap: 1}, nil, []byte("x")) },
		"entries in piece 1": func(s *script) []byte {
			return s.packet(wire.Header{Flags: final, Pieces: 2, Index: 1}, ext, []byte("x"))
		},
		"padding not zero": func(s *script) []byte { return s.packet(wire.Header{Flags: final}, nil, []byte("x"), 0, 1) },
		"a tag twice":      func(s *script) []byte { return s.packet(wire.Header{Flags: final}, append(ext, ext...), []byte("x")) },
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, false)
			s.receive(make(s))
			s.pass(time.Second)
			s.wantIdle()
			s.wantMessages(0)
			s.wantOpen()
			s.frameAt(1, 0, "the same number, well made")
			s.wantMessages(1)
		})
	}
}

// An entry of piece 0 that nobody knows is ignored, and so is one of a no-frame
// packet.
func TestUnknownExtensionsAreIgnored(t *testing.T) {
	s := newScript(t, false)
	ext := []wire.Extension{{Tag: "Other", Value: []byte{1}}}
	s.receive(s.packet(wire.Header{Flags: final}, ext, []byte("x")))
	s.receive(s.packet(wire.Header{Flags: wire.FlagNoFrame}, ext, nil))
	s.wantMessages(1)
	s.wantOpen()
}

// "A peer that breaks a limit with a packet that opened is closed: dropped in
// silence."
func TestBreachesClose(t *testing.T) {
	wide := func(s *script, frame, piece int) {
		s.write(wire.Header{Flags: final, Pieces: 2, Index: piece, Frame: uint16(frame)}, []byte("piece"))
	}
	tests := map[string]func(s *script){
		"an acknowledgement above the last number sent": func(s *script) {
			s.sendFrame([]byte("one"))
			s.out = nil
			s.writeAck(2)
		},
		"an acknowledgement when nothing was sent": func(s *script) { s.writeAck(1) },
		"an acknowledgement of number 0":           func(s *script) { s.writeAck(0) },
		"an acknowledgement far below":             func(s *script) { s.sendFrame(nil); s.out = nil; s.writeAck(0xfff0) },
		"a frame 64 above the oldest":              func(s *script) { s.frame(64, nil) },
		"a frame index before the first":           func(s *script) { s.frame(0xffff, nil) },
		"a second wide frame from a device":        func(s *script) { wide(s, 0, 0); wide(s, 1, 0) },
		"another length under the same cut": func(s *script) {
			wide(s, 0, 0)
			s.write(wire.Header{Flags: final, Pieces: 3, Index: 1}, nil)
		},
		"another final under the same cut": func(s *script) {
			wide(s, 0, 0)
			s.write(wire.Header{Pieces: 2, Index: 1}, nil)
		},
		"a frame of one under the same cut": func(s *script) { wide(s, 0, 0); s.frame(0, nil) },
		"a number past the hard stop": func(s *script) {
			for n := uint32(65535); n < maxPackets; n += 65535 {
				s.write(wire.Header{Number: n, Flags: wire.FlagNoFrame}, nil)
			}
			s.write(wire.Header{Number: maxPackets + 1, Flags: wire.FlagNoFrame}, nil)
		},
	}
	for name, attack := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, false)
			attack(s)
			s.wantClosed(ReasonBreach)
			s.frame(0, []byte("too late"))
			s.pass(time.Hour)
			s.wantIdle()
		})
	}
}

// "of frames of two or more packets not wholly acknowledged one from a device, 3
// to it"
func TestWideFramesToADevice(t *testing.T) {
	s := newScript(t, true)
	for i := range 3 {
		s.write(wire.Header{Flags: final, Pieces: 16, Index: 3, Frame: uint16(i)}, []byte("piece"))
	}
	s.wantOpen()
	s.out = nil
	s.write(wire.Header{Flags: final, Pieces: 16, Index: 3, Frame: 3}, []byte("piece"))
	s.wantClosed(ReasonBreach)
}

// The last frame of the window is taken, and the window moves with the oldest.
func TestFrameWindow(t *testing.T) {
	s := newScript(t, false)
	s.frame(63, nil)
	for i := range 63 {
		s.frame(i, nil)
	}
	s.frame(127, nil)
	s.wantMessages(65)
	s.frame(5, nil)
	s.wantMessages(65)
	s.wantOpen()
}

// Frame indexes are 16 bits on the wire and go on past them.
func TestFrameIndexGoesPast16Bits(t *testing.T) {
	s := newScript(t, false)
	for i := range 70000 {
		s.frame(i, nil)
		s.out = s.out[:0]
		if len(s.messages) != i+1 {
			t.Fatalf("frame %d was not delivered", i)
		}
	}
	s.wantOpen()
}

// "Replay window of 2048 on the packet number": A5. Every packet once, whatever
// comes again or late.
func TestReplayedPacketsDeliverNothing(t *testing.T) {
	s := newScript(t, false)
	var captured [][]byte
	for i := range 60 {
		captured = append(captured, s.packet(wire.Header{Flags: final, Frame: uint16(i)}, nil, text(i, 20)))
	}
	for i := len(captured) - 1; i >= 0; i-- { // late, and in the worst order
		s.receive(captured[i])
	}
	s.wantMessages(60)
	s.pass(time.Second)
	s.out = nil
	for range 20 {
		for _, p := range captured {
			s.receive(p)
		}
	}
	s.pass(time.Minute)
	s.wantMessages(60)
	s.wantIdle()
	if got := s.e.Stats().Replayed; got != 20*60 {
		t.Errorf("%d replays counted", got)
	}
}

// "A duplicate piece in a fresh packet is acknowledged and not delivered again."
func TestRepeatedFrameInAFreshPacket(t *testing.T) {
	s := newScript(t, false)
	s.frame(0, []byte("once"))
	s.frame(0, []byte("once"))
	s.pass(ackDelay)
	s.wantAck(2, 0b1)
	s.wantMessages(1)
	s.write(wire.Header{Flags: final, Pieces: 2, Frame: 1}, []byte("piece"))
	s.write(wire.Header{Flags: final, Pieces: 2, Frame: 1}, []byte("piece"))
	s.pass(ackDelay)
	s.wantAck(4, 0b111)
	s.wantMessages(1)
	s.wantOpen()
}

// A frame of 16 comes whole in any order, with its last piece's source.
func TestReassemblyInAnyOrder(t *testing.T) {
	s := newScript(t, false)
	payload := text(1, 18480)
	for _, i := range []int{15, 3, 0, 8, 1, 2, 14, 9, 4, 5, 13, 12, 6, 7, 10, 11} {
		s.wantMessages(0)
		s.write(wire.Header{Flags: final, Pieces: 16, Index: i}, payload[i*payloadLarge:(i+1)*payloadLarge])
	}
	s.wantMessages(1)
	if !bytes.Equal(s.messages[0].Payload, payload) || s.messages[0].From != s.addr {
		t.Error("another payload")
	}
	if len(s.c.main.inbox.parts) != 0 {
		t.Error("the assembly is kept")
	}
}

// "cut is mod 4, and the length changes only with it (c+1 and c+2 are newer, c+3
// older; an older piece is not acknowledged)"
func TestCutAnew(t *testing.T) {
	for cut := range 4 {
		piece := func(s *script, cut, pieces, i int, payload string) {
			s.write(wire.Header{Flags: final | wire.CutFlag(cut), Pieces: pieces, Index: i}, []byte(payload))
		}
		for newer := 1; newer <= 2; newer++ {
			s := newScript(t, false)
			piece(s, cut, 2, 0, "old ")
			piece(s, cut+newer, 3, 0, "a")
			piece(s, cut, 2, 1, "old") // completes nothing
			piece(s, cut+newer, 3, 2, "c")
			if newer == 1 { // from c+1, c is c+3: older
				s.pass(ackDelay)
				s.wantAck(4, 0b110) // 3 is the older piece
			}
			piece(s, cut+newer, 3, 1, "b")
			if newer == 1 {
				s.wantMessages(1)
				if string(s.messages[0].Payload) != "abc" {
					t.Errorf("cut %d: %q", cut, s.messages[0].Payload)
				}
			}
			s.wantOpen()
		}
		s := newScript(t, false)
		piece(s, cut, 2, 0, "old ")
		piece(s, cut+1, 1, 0, "in one")
		s.wantMessages(1)
		piece(s, cut, 2, 1, "old")
		s.wantMessages(1)
		s.wantOpen()
		if len(s.c.main.inbox.parts) != 0 {
			t.Error("the older pieces are kept")
		}
	}
}

// A7: one forged packet for each true one, or for all: what is held stays within
// bounds, and delivery goes on.
func TestForgedPiecesDoNotPoison(t *testing.T) {
	for _, every := range []int{1, 10} {
		s := newScript(t, false)
		payload := text(1, 18480)
		for i := range 16 {
			p := s.packet(wire.Header{Flags: final, Pieces: 16, Index: i}, nil, payload[i*payloadLarge:(i+1)*payloadLarge])
			if i%every == 0 {
				forged := bytes.Clone(p)
				forged[len(forged)/2] ^= 1
				s.receive(forged)
			}
			s.receive(p)
		}
		s.wantMessages(1)
		if !bytes.Equal(s.messages[0].Payload, payload) {
			t.Error("another payload")
		}
	}
}

// "close at 2^36 failed opens"
func TestClosesAfterTooManyForgeries(t *testing.T) {
	s := newScript(t, false)
	p := s.packet(wire.Header{Flags: final}, nil, []byte("x"))
	p[len(p)-1] ^= 1
	s.receive(p)
	s.c.failed = maxFailed - 2
	s.receive(p)
	s.wantOpen()
	s.receive(p)
	s.wantClosed(ReasonForged)
}

// "hard stop at 2^25 or two hours"
func TestHardStops(t *testing.T) {
	s := newScript(t, false)
	s.pass(maxAge - time.Millisecond)
	s.wantOpen()
	if age := s.c.KeyAge(s.now); age != maxAge-time.Millisecond {
		t.Errorf("KeyAge %v", age)
	}
	s.out = nil // it asked for new keys
	s.pass(time.Millisecond)
	s.wantClosed(ReasonAged)

	s = newScript(t, false)
	s.c.main.next = maxPackets
	s.sendFrame([]byte("the last number"))
	s.wantFrame(0, 0)
	s.wantOpen()
	s.c.Send(s.now, []byte("one more"))
	s.wantClosed(ReasonExhausted)
}

// "Any packet of 44-64 bytes for a known id that is dropped at ANY check is
// compared, last 16 bytes, constant time"; only the responder gives a token.
func TestReset(t *testing.T) {
	for _, n := range []int{20, 30, 40} {
		s := newScript(t, true)
		r := scriptResult(true)
		p := append(append(r.MyID[:], bytes.Repeat([]byte{9}, n)...), r.Reset[:]...)
		wrong := bytes.Clone(p)
		wrong[len(wrong)-1] ^= 1
		s.receive(wrong)
		s.receive(append([]byte{8: 1}, p[8:]...))
		s.receive(append(bytes.Clone(p[:len(p)-16]), append(make([]byte, 30), p[len(p)-16:]...)...)) // longer than 64
		s.wantOpen()
		s.wantIdle()
		s.receive(p)
		s.wantClosed(ReasonReset)
	}
	s := newScript(t, false)
	r := scriptResult(false)
	s.receive(append(append(r.MyID[:], make([]byte, 20)...), r.Reset[:]...))
	s.wantOpen()
}

// "flipped Exchange, Complete, data: 0" bytes: every bit of a data packet.
func TestFlippedDataIsSilence(t *testing.T) {
	s := newScript(t, false)
	p := s.packet(wire.Header{Flags: final}, nil, []byte("payload"))
	for bit := range 8 * len(p) {
		flipped := bytes.Clone(p)
		flipped[bit/8] ^= 1 << (bit % 8)
		s.receive(flipped)
	}
	for n := range p {
		s.receive(p[:n])
	}
	s.receive(append(bytes.Clone(p), 0))
	s.pass(time.Minute)
	s.wantIdle()
	s.wantMessages(0)
	s.receive(p)
	s.wantMessages(1)
}
