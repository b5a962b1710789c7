package rud

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// A2: random, truncated, bit-flipped and wrong-id datagrams of every length: 0
// bytes back and no state. "A flipped but still well-formed Hello may get its one
// Challenge"; OURS: and so may an Exchange whose time was flipped, which cannot be
// told from a device whose clock is wrong.
func TestRubbishGetsSilence(t *testing.T) {
	w, device, node := meet(t, 41)
	d, _ := w.connect(device, node)
	real := conversations(t, w, node)
	before, conns := node.Stats(), node.Len()
	messages := len(node.messages)
	rng := rand.New(rand.NewPCG(1, 2))
	random := newSeeded(77)
	stranger := netip.MustParseAddrPort("203.0.113.200:4444")
	count := 100_000
	if os.Getenv("MESHPRESENCE_SLOW") != "" {
		count = 1_000_000
	}
	longest := 0 // of what may get a Challenge: no answer is longer
	w.tap = func(_, to netip.AddrPort, p []byte) {
		if to == stranger && (!isChallenge(p) || len(p) > longest) {
			t.Fatalf("%d bytes for %d", len(p), longest)
		}
	}
	for i := range count {
		p := make([]byte, i%1501)
		random.Read(p)
		whole := real[rng.IntN(len(real))]
		switch i % 6 {
		case 1: // wrong id on a real packet
			p = bytes.Clone(whole)
			p[rng.IntN(8)] ^= 1 << rng.IntN(8)
		case 2: // truncated
			p = whole[:rng.IntN(len(whole))]
		case 3: // flipped
			p = bytes.Clone(whole)
			p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
		case 4: // zeros, then noise
			clear(p[:min(len(p), 16+i%4)])
		case 5: // a real head, then noise
			copy(p, whole[:min(len(whole), 16+rng.IntN(100))])
		}
		longest = len(p)
		node.Receive(w.now, stranger, p)
	}
	w.tap = nil
	after := node.Stats()
	challenged := after.Handshake[handshake.Challenged] - before.Handshake[handshake.Challenged]
	if sent := after.Sent - before.Sent; sent != challenged {
		t.Errorf("%d packets for rubbish beside %d Challenges", sent, challenged)
	}
	t.Logf("%d Challenges to %d datagrams", challenged, count)
	if node.Len() != conns || len(node.gate.byRequest) != 0 || len(node.messages) != messages {
		t.Error("rubbish left state")
	}
	if _, err := d.Send(w.now, []byte("still here")); err != nil {
		t.Fatal(err)
	}
	w.until("a live device is served", 5*time.Second, func() bool { return len(node.messages) == messages+1 })
}

// conversations returns what two devices sent to a node, one by Exchange and one
// by First Contact, captured.
func conversations(t *testing.T, w *world, node *host) (all [][]byte) {
	w.tap = func(_, to netip.AddrPort, p []byte) {
		if to == node.addr {
			all = append(all, bytes.Clone(p))
		}
	}
	for i, addr := range []string{"198.51.100.9:1", "198.51.100.10:1"} {
		h := w.add(addr, false)
		to := node.target()
		to.FirstContact = i == 1
		c := h.dial(to)
		for i := range 20 {
			send(t, w, c, text(i, 10*i))
			w.run(100 * time.Millisecond)
		}
	}
	w.run(time.Minute)
	w.tap = nil
	return all
}

// A3: a datagram that is nothing costs no allocation and gets no answer, whatever
// it begins with, and so does one of every type that is not one.
func TestEveryFirstByteIsFree(t *testing.T) {
	l := newLoop(t)
	noise := make([]byte, wire.MaxPacket)
	newSeeded(6).Read(noise)
	l.down.head, l.down.tail = 0, 0
	try := func(what string, b int, p []byte) {
		if n := testing.AllocsPerRun(3, func() { l.node.Receive(l.now, l.from, p) }); n != 0 {
			t.Errorf("%s %#x: %v allocations", what, b, n)
		}
	}
	for b := range 256 {
		noise[0] = byte(b)
		for _, n := range []int{1, 8, 44, 64, 200, 548, 1200} {
			try("first byte", b, noise[:n])
		}
		p := bytes.Clone(noise)
		clear(p[:16])
		p[16], p[17] = byte(b), 2 // no version of ours
		for _, n := range []int{16, 17, 547, 548, 1199, 1200} {
			try("type", b, p[:n])
		}
		p[17], p[18] = wire.Version, 0x77 // no suite of ours
		try("suite", b, p)
	}
	if l.down.head != 0 {
		t.Errorf("%d answers", l.down.head)
	}
}
