package rud

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// resetFor is a reset for the connection of s, n bytes long.
func resetFor(s *script, n int) []byte {
	p := append(s.c.main.in.id[:], bytes.Repeat([]byte{9}, n-wire.SizeID-wire.SizeResetToken)...)
	return append(p, s.c.reset[:]...)
}

// "Any packet of 44-64 bytes for a known id that is dropped at ANY check is
// compared": whatever the header block says, the comparison is reached.
func TestResetIsSeenAtEveryDrop(t *testing.T) {
	for what, h := range map[string]wire.Header{
		"reserved flags":     {Number: 1, Flags: 0x80, Pieces: 1},
		"index past pieces":  {Number: 1, Pieces: 1, Index: 3},
		"number 0":           {Number: 0, Pieces: 1},
		"number far above":   {Number: 1 << 20, Pieces: 1},
		"tag does not open":  {Number: 1, Pieces: 1},
		"tag, no-frame":      {Number: 1, Flags: wire.FlagNoFrame, Pieces: 1},
		"number seen before": {Number: 5, Pieces: 1},
	} {
		for _, n := range []int{resetLeast, 53, resetMost} {
			s := newScript(t, true)
			s.write(wire.Header{Number: 5, Flags: wire.FlagFinal}, []byte("seen"))
			s.out = nil
			p := resetFor(s, n)
			block := h.Append(nil)
			s.seal.header.Encrypt(p[wire.SizeID:], block)
			s.receive(p)
			if len(s.closed) != 1 || s.closed[0] != ReasonReset {
				t.Errorf("%s, %d bytes: %v", what, n, s.closed)
			}
		}
	}
}

// A forged reset does nothing, nor does one for another connection or of another
// length; a responder believes none.
func TestForgedReset(t *testing.T) {
	s := newScript(t, true)
	good := resetFor(s, 50)
	for bit := range 8 * wire.SizeResetToken {
		p := bytes.Clone(good)
		p[len(p)-1-bit/8] ^= 1 << (bit % 8)
		s.receive(p)
	}
	other := newScript(t, true)
	other.c.reset[3] ^= 0xff
	s.receive(resetFor(other, 50)) // our id, the token of another connection
	unknown := bytes.Clone(good)
	unknown[0] ^= 1
	s.receive(unknown)
	for _, n := range []int{resetLeast - 1, resetMost + 1, 200, wire.MaxPacket} {
		s.receive(resetFor(s, n))
	}
	early := append(bytes.Clone(good[:wire.SizeID]), s.c.reset[:]...)
	s.receive(append(early, make([]byte, 30)...)) // the token, and not at the end
	s.wantOpen()
	s.wantIdle()
	s.receive(good)
	s.wantClosed(ReasonReset)

	s = newScript(t, false)
	s.receive(resetFor(s, 50))
	s.wantOpen()
}

// "re-handshakes at once": the node may have started again behind another socket.
func TestResetFromAnotherAddress(t *testing.T) {
	s := newScript(t, true)
	s.addr = netip.MustParseAddrPort("203.0.113.77:1")
	s.receive(resetFor(s, 44))
	s.wantClosed(ReasonReset)
}

// The token is never compared for a packet that opened: its sender has the keys.
func TestTagIsNoToken(t *testing.T) {
	for what, make := range map[string]func(s *script) []byte{
		"replayed": func(s *script) []byte {
			p := s.packet(wire.Header{Flags: wire.FlagFinal}, nil, []byte("one"))
			s.receive(p)
			return p
		},
		"against the rules": func(s *script) []byte {
			return s.packet(wire.Header{Flags: wire.FlagNoFrame}, nil, []byte("payload"))
		},
		"no body": func(s *script) []byte {
			return s.packet(wire.Header{Flags: wire.FlagFinal}, nil, nil, 7)
		},
	} {
		s := newScript(t, true)
		p := make(s)
		if len(p) < resetLeast || len(p) > resetMost {
			t.Fatalf("%s: %d bytes", what, len(p))
		}
		s.out = nil
		copy(s.c.reset[:], p[len(p)-wire.SizeResetToken:])
		s.receive(p)
		if len(s.closed) != 0 {
			t.Errorf("%s: closed for %v", what, s.closed)
		}
	}
}

// A responder's connection leaves a Remnant while it is proved; an initiator's
// never does.
func TestRemnant(t *testing.T) {
	w, device, node, d, n := pair(t, 81)
	r, ok := n.Remnant()
	if !ok || r.Addr != device.addr || r.Peer != device.static.Public() || r.ID != d.main.in.id {
		t.Errorf("%v, %v", r, ok)
	}
	if d.reset == handshake.ResetToken(key.Secret{}, r.Peer, r.ID) {
		t.Error("a token that anybody can make who sees an id")
	}
	if _, ok := d.Remnant(); ok {
		t.Error("an initiator's connection left one")
	}
	n.Close(w.now)
	if _, ok := n.Remnant(); ok {
		t.Error("a closed connection left one")
	}
	k := node.knockFrom("198.51.100.77:1", 1)
	node.give(k.from, k.complete())
	for _, s := range node.streams {
		if _, ok := s.c.Remnant(); ok {
			t.Error("a provisional connection left one")
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		if got := fmt.Sprintf(verb, r); strings.Contains(got, fmt.Sprintf("%x", r.ID[:3])) {
			t.Errorf("%s shows the id: %s", verb, got)
		}
	}
	sent := node.Stats().Sent
	node.SendReset(w.now, Remnant{})
	node.SendReset(w.now, Remnant{Addr: device.addr, Peer: device.static.Public()})
	if node.Stats().Sent != sent {
		t.Error("a reset for nothing was sent")
	}
}

// The whole story: a node restarts with the same keys on disk, behind another
// socket, and tells the devices that it remembers; each dials again at once. In the
// first two minutes the node answers an Exchange with a Challenge, so it is three
// flights more than one round trip: Exchange, Challenge, Complete,
// ResponderComplete, Data.
func TestResetAfterRestart(t *testing.T) {
	w := newWorld(t, 82)
	disk := func(c *Config) { c.Static, c.Reset = newStatic(t, 500), key.Secret{1, 2, 3} }
	node := w.add("192.0.2.1:6770", true, disk)
	var devices []*host
	for i := range 3 {
		d := w.add(fmt.Sprintf("198.51.100.%d:40000", i+2), false)
		w.connect(d, node)
		devices = append(devices, d)
	}
	w.run(10 * time.Second)
	var kept []Remnant
	for _, c := range node.opened {
		r, ok := c.Remnant()
		if !ok {
			t.Fatal("nothing to keep")
		}
		kept = append(kept, r)
	}
	delete(w.hosts, node.addr)
	w.run(time.Second) // it is down
	again := w.add("192.0.2.1:6771", true, disk)
	for _, d := range devices {
		d.onClosed = func(c *Conn) {
			if _, err := d.Dial(w.now, again.target()); err != nil {
				t.Error(err)
			}
		}
	}
	start := w.now
	for _, r := range kept {
		again.SendReset(w.now, r)
	}
	var at []time.Time
	again.onOpened = func(*Conn) { at = append(at, w.now) }
	w.until("all are back", time.Second, func() bool { return len(at) == len(devices) })
	for i, d := range devices {
		if reasons := slices.Collect(maps.Values(d.closed)); !slices.Equal(reasons, []Reason{ReasonReset}) {
			t.Errorf("device %d: closed %v", i, reasons)
		}
		// The reset, and five flights.
		if got, want := at[i].Sub(start), 6*w.delay; got != want {
			t.Errorf("device %d is back after %v, want %v", i, got, want)
		}
	}
	w.run(time.Second)
	if s := again.Stats(); s.Handshake[handshake.Challenged] != 3 {
		t.Errorf("%d Challenges", s.Handshake[handshake.Challenged])
	}
}

// broken is randomness that ends in the middle of a draw, once.
type broken struct {
	seeded
	left int // bytes until then; negative: it has happened
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left < 0 || len(p) <= b.left {
		if b.left >= 0 {
			b.left -= len(p)
		}
		return b.seeded.Read(p)
	}
	n := b.left
	b.left = -1
	b.seeded.Read(p[:n])
	return n, errors.New("no randomness")
}

// Randomness that fails inside the reset key: half a key is none, or tokens could
// be guessed.
func TestRandomnessEndsInTheResetKey(t *testing.T) {
	h := newWorld(t, 1).add("192.0.2.1:6770", true, func(c *Config) { c.Rand = &broken{newSeeded(1), 1} })
	h.Receive(h.w.now, scriptHere, make([]byte, wire.SmallPacket)) // tries again
	zeros := 0
	for _, b := range h.cfg.Reset {
		if b == 0 {
			zeros++
		}
	}
	if zeros > 8 {
		t.Errorf("a reset key with %d zeros", zeros)
	}
}
