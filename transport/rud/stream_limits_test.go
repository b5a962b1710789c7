package rud

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// A8, "Memory per connection within 80 KiB on either side", with streams: a hostile
// peer that opens all it may, begins every frame it may, has keys roll and ids
// issued, and never acknowledges, while we send all that is accepted.
func TestMemoryWithStreamsIsBounded(t *testing.T) {
	for _, initiator := range []bool{false, true} {
		most := 0
		for _, size := range []int{1, 256, 257, 1155, 5000, 18352} {
			for streams := range maxBeside + 1 {
				s := newScript(t, initiator)
				s.pass(rollLeast)
				children := []*child{}
				for i := range streams {
					children = append(children, s.peerOpens(byte(i), wire.TagStreamReceiver, ""))
				}
				s.tell("", entry(wire.TagOneTimeStreamID))
				_ = s.c.main.AskOneTime(s.now)
				s.tell("", entry(wire.TagOneTimeStreamID, make([]byte, oneTimeSet*16)))
				s.tell("", entry(wire.TagOneTimeStreamID, make([]byte, oneTimeSet*16)))
				s.tell("", entry(wire.TagOneTimeStreamID, make([]byte, oneTimeSet*16)))
				if initiator {
					_ = s.c.Roll(s.now)
				} else {
					s.tell("", entry(wire.TagRoll, ephemeral(t, 1).Public().Raw()))
				}
				for i := 0; s.c.wideHere(&s.c.main) > len(s.c.main.inbox.parts) && i < 3; i++ {
					s.write(wire.Header{Flags: final, Pieces: 16, Frame: uint16(s.index + i)}, nil)
				}
				for full := false; !full; {
					full = true
					for _, stream := range append(s.c.others(), &s.c.main) {
						if _, err := stream.Send(s.now, make([]byte, size)); err == nil {
							full = false
						}
					}
				}
				_ = children
				s.pass(10 * time.Second)
				s.wantOpen()
				if n := memory(s.c); n > most {
					most = n
				}
			}
		}
		t.Logf("initiator %v: at most %d bytes", initiator, most)
		if most > 80<<10 {
			t.Errorf("initiator %v: %d bytes", initiator, most)
		}
	}
}

// Attacks: an id retire storm, 10,000 streams, answers that are never acknowledged:
// capped or closed, and nothing is left.
func TestStreamStorm(t *testing.T) {
	for _, acks := range []bool{true, false} {
		s := newScript(t, false)
		for i := range 3000 {
			var id wire.ID
			binary.BigEndian.PutUint64(id[:], uint64(i+1))
			s.tell("", entry(wire.TagStreamNew, id[:]), entry(wire.TagStreamClient, []byte("x")))
			if len(s.closed) > 0 {
				break
			}
			if n := len(s.e.streams); n > 1+maxBeside {
				t.Fatalf("%d ids", n)
			}
			if k := len(s.accepted); k > 0 && i%2 == 0 {
				last := s.accepted[k-1]
				s.tell("", entry(wire.TagCloseStream, last.bound.first[:], last.bound.second[:]))
			}
			if acks {
				s.pass(50 * time.Millisecond)
				s.settle()
			}
			if n := memory(s.c); n > 80<<10 {
				t.Fatalf("%d bytes", n)
			}
			s.out = nil
		}
		if acks {
			s.wantOpen()
		} else {
			s.wantClosed(ReasonBreach)
		}
	}
}

// One full stream does not starve the main one, or another: not of memory, not of
// packets outstanding, and not of turns.
func TestStreamsShareFairly(t *testing.T) {
	for _, initiator := range []bool{false, true} {
		s := newScript(t, initiator)
		s.c.flow.window = 1000
		out, _ := s.weOpen(1, Binding{Kind: Asynchronous, Sender: true, Protocol: "bulk"}, "")
		s.settle()
		n := 0
		for ; n < 1000; n++ {
			if _, err := out.Send(s.now, make([]byte, 1000)); err == ErrFull {
				break
			}
		}
		if n == 0 || n == 1000 {
			t.Errorf("%d frames in one stream", n)
		}
		if _, err := s.c.Send(s.now, []byte("heartbeat")); err != nil {
			t.Errorf("initiator %v: the main stream: %v", initiator, err)
		}
		s.c.flow.spent = 0
		s.pass(100 * time.Millisecond)
		if s.c.main.flight.inside() == 0 {
			t.Errorf("initiator %v: the main stream's frame waits: %+v", initiator, s.c.main.flight.sent)
		}
	}
	// Turns: with a window of 2 and a stream that always has more, every second
	// packet is the main stream's.
	w, device, node, d, n := pair(t, 450)
	log, err := d.Open(w.now, Binding{Kind: Asynchronous, Sender: true, Protocol: "log"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	_ = n
	for i := range 200 {
		for {
			if _, err := log.Send(w.now, text(i, 1100)); err != nil {
				break
			}
		}
		if i%10 == 0 {
			if _, err := d.Send(w.now, []byte("beat")); err != nil {
				t.Fatal(err)
			}
		}
		w.run(50 * time.Millisecond)
	}
	beats, lines := 0, 0
	for _, m := range node.messages {
		if m.Stream == &n.main {
			beats++
		} else {
			lines++
		}
	}
	if beats < 18 || lines < 200 {
		t.Errorf("%d of 20 beats and %d lines arrived", beats, lines)
	}
	if len(device.ended) != 0 {
		t.Error("the stream ended")
	}
}

// Wide frames: shared over the connection when sending and when receiving, one fewer
// to a device that has streams.
func TestWideFramesAreShared(t *testing.T) {
	s := newScript(t, false)
	out, _ := s.weOpen(1, Binding{Kind: Asynchronous, Sender: true, Protocol: "x"}, "")
	s.c.flow.window = 1000
	s.settle()
	for range 2 {
		s.sendFrame(text(1, 2000))
		_, _ = out.Send(s.now, text(2, 2000))
	}
	s.pass(300 * time.Millisecond)
	if got := s.c.wide(); got != 2 {
		t.Errorf("%d wide frames to a device with a stream", got)
	}
	for initiator, most := range map[bool]int{false: 1, true: 2} {
		s := newScript(t, initiator)
		k := s.peerOpens(1, wire.TagStreamSender, "")
		k.inside(func() { s.write(wire.Header{Pieces: 2}, []byte("x")) })
		for i := 1; i < most; i++ {
			s.write(wire.Header{Pieces: 2, Frame: uint16(s.index)}, []byte("x"))
		}
		s.wantOpen()
		s.out = nil
		s.write(wire.Header{Pieces: 2, Frame: uint16(s.index + 1)}, []byte("x"))
		s.wantClosed(ReasonBreach)
	}
}

// Streams in any weather: opened and closed by both sides while keys roll, a new id
// now and then, wide frames in all: what is acknowledged arrived, in its stream, and
// honest peers never find each other in breach.
func TestStreamsInAnyWeather(t *testing.T) {
	for seed := range seeds(8, 300) {
		w, device, node, d, n := pair(t, 500+seed)
		watchSeals(w)
		w.loss, w.again, w.jitter, w.overtake = 0.2, 0.1, 100*time.Millisecond, 0.3
		hosts := map[*Conn]*host{d: device, n: node}
		mine := map[*Conn][]*Stream{}
		sent, wide := 0, 0
		for i := range 150 {
			for c, h := range hosts {
				if w.rng.IntN(3) == 0 {
					b := Binding{Kind: Kind(1 + w.rng.IntN(2)), Sender: true, Protocol: "x"}
					if s, err := c.Open(w.now, b, text(i, 1+w.rng.IntN(3000))); err == nil {
						mine[c] = append(mine[c], s)
					}
				}
				for _, s := range append(mine[c], h.accepted...) {
					switch w.rng.IntN(5) {
					case 0:
						if _, err := s.Send(w.now, text(i, 1+w.rng.IntN(6000))); err == nil {
							sent++
						}
					case 1:
						if w.rng.IntN(4) == 0 {
							s.Close(w.now)
						}
					case 2:
						_ = s.Renew(w.now)
					case 3:
						if w.rng.IntN(6) == 0 {
							_ = s.AskOneTime(w.now)
						}
					}
				}
				if _, err := c.Send(w.now, text(i, 1+w.rng.IntN(9000))); err == nil {
					wide++
				}
				if w.rng.IntN(8) == 0 {
					_ = c.Roll(w.now)
				}
				if w.rng.IntN(30) == 0 {
					_ = c.main.Renew(w.now)
				}
			}
			w.run(time.Duration(w.rng.IntN(800)) * time.Millisecond)
			if !d.Proved() || !n.Proved() {
				t.Fatalf("seed %d, turn %d: closed %v and %v", seed, i, device.closed, node.closed)
			}
		}
		for _, c := range []*Conn{d, n} {
			for _, s := range append(mine[c], hosts[c].accepted...) {
				s.Close(w.now)
			}
		}
		w.loss = 0
		w.run(3 * time.Minute)
		if !d.Proved() || !n.Proved() || d.beside != nil || n.beside != nil || len(device.streams) != 1 || len(node.streams) != 1 {
			for _, s := range append(d.others(), n.others()...) {
				t.Logf("%v %+v %d %d %d", s, s.bound.state, s.c.main.outbox.len(), s.c.main.outbox.base, s.c.main.outbox.next)
			}
			t.Fatalf("seed %d: left %+v and %+v, %d and %d ids", seed, d.beside, n.beside, len(device.streams), len(node.streams))
		}
		if len(device.ended) != len(mine[d])+len(device.accepted) || len(node.ended) != len(mine[n])+len(node.accepted) {
			t.Errorf("seed %d: %d of %d and %d of %d streams ended", seed, len(device.ended), len(mine[d])+len(device.accepted), len(node.ended), len(mine[n])+len(node.accepted))
		}
		if d.secret != n.secret || sent < 20 || wide < 20 || node.Stats().Rolled == 0 {
			t.Errorf("seed %d: %s", seed, fmt.Sprint(sent, wide, node.Stats().Rolled))
		}
		checkEmpty(t, device.Endpoint)
		checkEmpty(t, node.Endpoint)
	}
}

// Attack: a peer that acknowledges nothing and has us tell it things in every stream:
// one-time ids most of all, 256 bytes each. It takes no more memory than any other, and
// is closed.
func TestControlWithoutAcknowledgementsIsBounded(t *testing.T) {
	for _, initiator := range []bool{false, true} {
		most := 0
		for _, size := range []int{1, 256, 257, 1155, 5000, 18480} {
			for streams := range maxBeside + 1 {
				s := newScript(t, initiator)
				s.pass(rollLeast)
				var children []*child
				for i := range streams {
					children = append(children, s.peerOpens(byte(i), wire.TagStreamReceiver, "", entry("PkixX509", make([]byte, 400))))
				}
				for i := 0; s.c.wideHere(&s.c.main) > len(s.c.main.inbox.parts) && i < 3; i++ {
					s.write(wire.Header{Flags: final, Pieces: 16, Frame: uint16(s.index + 40 + i)}, nil)
				}
				for full := false; !full; {
					full = true
					for _, stream := range append(s.c.others(), &s.c.main) {
						if _, err := stream.Send(s.now, make([]byte, size)); err == nil {
							full = false
						}
					}
				}
				for range 40 {
					for _, k := range children {
						k.inside(func() { s.tell("", entry(wire.TagOneTimeStreamID)) })
						most = max(most, memory(s.c))
					}
					s.tell("", entry(wire.TagOneTimeStreamID))
					s.tell("", entry(wire.TagStreamNew, []byte{1, 2, 3, 4, 5, 6, 7, 8}))
					most = max(most, memory(s.c))
					if len(s.closed) > 0 {
						break
					}
				}
				s.out = nil
			}
		}
		t.Logf("initiator %v: at most %d bytes", initiator, most)
		if most > 80<<10 {
			t.Errorf("initiator %v: %d bytes", initiator, most)
		}
	}
}
