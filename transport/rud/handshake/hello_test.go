package handshake_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// "The responder keeps NO state": Hellos from forged sources leave nothing, and
// their Challenges are of use to nobody else.
func TestSpoofedSourceGetsNoState(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	hello, challenge := g.hello(i)
	out := make([]byte, 0, wire.MaxPacket)
	n := 0
	allocs := testing.AllocsPerRun(1000, func() {
		n++
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 1}), 1)
		if _, _, o := g.r.Receive(g.now, from, hello, out); o != handshake.Challenged {
			t.Fatalf("outcome %q", o)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a Hello answered", allocs)
	}
	g.give(i, challenge, handshake.Accepted)
	g.drop(netip.MustParseAddrPort("10.0.1.1:1"), i.Next(g.now), handshake.BadMAC)
}

// "A first packet under 548 is dropped unread", and every other wrong length.
func TestLengthsOfFirstPackets(t *testing.T) {
	g := newRig(t)
	hello := modelHello(1500, g.draw(8), make([]byte, 32))
	for n := range len(hello) + 1 {
		if n == wire.SmallPacket || n == wire.MaxPacket {
			continue
		}
		g.drop(g.from, hello[:n], handshake.BadLength)
	}
}

// Each bit of a Hello that is not free is refused, and at the right check.
func TestFlippedHello(t *testing.T) {
	g := newRig(t, func(c *handshake.ResponderConfig) { c.Burst = 10000 })
	hello := modelHello(wire.SmallPacket, g.draw(8), g.draw(32))
	for at := range hello {
		why := handshake.BadPadding
		switch {
		case at < 16:
			why = handshake.BadZeros
		case at == 16:
			why = handshake.BadType
		case at == 17:
			why = handshake.BadVersion
		case at == 18:
			why = handshake.BadSuite
		case at < 59:
			why = handshake.Challenged // id and expect are free
		}
		hello[at] ^= 0x40
		_, _, o := g.send(g.from, hello)
		hello[at] ^= 0x40
		if o != why {
			t.Errorf("byte %d flipped: %q, want %q", at, o, why)
		}
	}
	clear(hello[19:27])
	g.drop(g.from, hello, handshake.BadVersion)
}

// "presenced --quiet answers no Hello whose expect is not this node's."
func TestQuiet(t *testing.T) {
	g := newRig(t, func(c *handshake.ResponderConfig) { c.Quiet = true })
	g.drop(g.from, modelHello(548, g.draw(8), make([]byte, 32)), handshake.NotExpected)
	g.drop(g.from, modelHello(548, g.draw(8), g.draw(32)), handshake.NotExpected)
	g.finish(g.initiator())
	g.finish(g.initiator(func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{Key: static(t, g.scalarR).Public()} }))
}

// Buckets: 10 a second per /24 or /48, burst 256, doubled for prefixes with
// proved devices; Completes with a valid value do not count.
func TestAddressBucket(t *testing.T) {
	g := newRig(t)
	waiting := g.initiator()
	p := g.complete(waiting)
	hello := modelHello(548, g.draw(8), make([]byte, 32))
	at := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	burst := func(from func(n int) netip.AddrPort) (n int) {
		for ; ; n++ {
			if _, _, o := g.send(from(n), hello); o == handshake.Limited {
				return n
			}
		}
	}
	if n := burst(func(n int) netip.AddrPort { return at(fmt.Sprintf("192.0.2.%d:9", n%256)) }); n != 255 {
		t.Errorf("a /24 got %d after its first, want 255", n)
	}
	if _, _, o := g.send(g.from, p); o != handshake.Completed {
		t.Errorf("a valid Complete was counted: %q", o)
	}
	if n := burst(func(n int) netip.AddrPort { return at(fmt.Sprintf("[2001:db8:0:%x::%x]:9", n, n)) }); n != 256 {
		t.Errorf("a /48 got %d, want 256", n)
	}
	g.table.proved = netip.MustParsePrefix("198.51.100.0/24")
	if n := burst(func(int) netip.AddrPort { return at("198.51.100.1:9") }); n != 512 {
		t.Errorf("a proved /24 got %d, want 512", n)
	}
	g.after(time.Second)
	if n := burst(func(int) netip.AddrPort { return at("192.0.2.1:9") }); n != 10 {
		t.Errorf("%d after a second, want 10", n)
	}
	if n := burst(func(int) netip.AddrPort { return at("198.51.100.1:9") }); n != 20 {
		t.Errorf("%d after a second for a proved prefix, want 20", n)
	}
}

// Types that UDP never carries are silence.
func TestOtherTypes(t *testing.T) {
	g := newRig(t)
	for kind := range 256 {
		if kind == wire.TypeHello || kind == wire.TypeComplete || kind == wire.TypeExchange {
			continue
		}
		p := modelHello(548, g.draw(8), make([]byte, 32))
		p[16] = byte(kind)
		g.drop(g.from, p, handshake.BadType)
	}
	i := g.initiator()
	_, challenge := g.hello(i)
	for kind := range 256 {
		p := slices.Clone(challenge)
		p[8] = byte(kind)
		if kind != wire.TypeChallenge {
			g.give(i, p, handshake.BadType)
		}
	}
}

// A suite that is not offered is silence, and cannot be swapped later.
func TestOtherSuite(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	for _, suite := range []byte{0, 0x10, 0x13, 0x21, 0x22, 0x31, 0xff} {
		p := modelHello(1200, g.draw(8), make([]byte, 32))
		p[18] = suite
		g.drop(g.from, p, handshake.BadSuite)
	}
	_, challenge := g.hello(i)
	for suite, why := range map[byte]handshake.Outcome{0x12: handshake.BadSuite, 0: handshake.BadSuite, 0x21: handshake.BadLength} {
		p := slices.Clone(challenge)
		p[10] = suite
		g.give(i, p, why)
	}
}

// A rubbish packet costs no allocation.
func TestRubbishAllocatesNothing(t *testing.T) {
	g := newRig(t, func(c *handshake.ResponderConfig) { c.Burst = 1 })
	i := g.initiator()
	p := g.complete(i)
	answer, _, _ := g.send(g.from, p)
	flip := func(p []byte, at int) []byte {
		p = slices.Clone(p)
		p[at] ^= 1
		return p
	}
	other := netip.MustParseAddrPort("192.0.2.99:1")
	out := make([]byte, 0, wire.MaxPacket)
	hello := modelHello(548, g.draw(8), make([]byte, 32))
	for name, c := range map[string]struct {
		p    []byte
		from netip.AddrPort
		o    handshake.Outcome
	}{
		"length":         {hello[:547], g.from, handshake.BadLength},
		"zeros":          {flip(hello, 3), g.from, handshake.BadZeros},
		"type":           {flip(p, 16), g.from, handshake.BadType},
		"suite":          {flip(hello, 18), g.from, handshake.BadSuite},
		"bucket":         {hello, g.from, handshake.Limited},
		"stale value":    {flip(p, 29), g.from, handshake.Stale},
		"forged value":   {flip(p, 60), g.from, handshake.BadMAC},
		"forged source":  {p, other, handshake.BadMAC},
		"replay, forged": {p, netip.AddrPortFrom(g.from.Addr(), 2), handshake.BadMAC},
		"stored answer":  {p, g.from, handshake.Resent},
	} {
		allocs := testing.AllocsPerRun(100, func() {
			if _, _, o := g.r.Receive(g.now, c.from, c.p, out); o != c.o {
				t.Fatalf("%s: outcome %q, want %q", name, o, c.o)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
	j := g.initiator()
	id, _ := j.IDs()
	for name, c := range map[string]struct {
		p []byte
		o handshake.Outcome
	}{
		"other id":  {flip(answer, 0), handshake.BadID},
		"challenge": {append(id[:], make([]byte, 156)...), handshake.BadType},
		"no answer": {append(id[:], answer[8:]...), handshake.BadType},
	} {
		allocs := testing.AllocsPerRun(100, func() {
			if _, o := j.Receive(g.now, c.p); o != c.o {
				t.Fatalf("%s: outcome %q, want %q", name, o, c.o)
			}
		})
		if allocs != 0 {
			t.Errorf("initiator, %s: %v allocations", name, allocs)
		}
	}
}

// Generations: used 2 minutes, accepted 2 more, then dropped; two live.
func TestGenerations(t *testing.T) {
	g := newRig(t)
	_, a := g.hello(g.initiator())
	g.after(119 * time.Second)
	late := g.initiator()
	hello, b := g.hello(late)
	if !bytes.Equal(a[11:75], b[11:75]) {
		t.Error("the generation changed before two minutes")
	}
	g.after(2 * time.Second)
	_, c := g.hello(g.initiator())
	if bytes.Equal(a[11:43], c[11:43]) {
		t.Error("the generation is used for more than two minutes")
	}
	if !bytes.Equal(a[43:75], c[43:75]) {
		t.Error("the static key changed")
	}
	// The older generation's Challenge still completes.
	g.give(late, b, handshake.Accepted)
	_, _, o := g.send(g.from, late.Next(g.now))
	want(t, o, handshake.Completed)

	// An idle responder holds no keys past four minutes.
	if d := g.r.Deadline().Sub(g.now); d <= 0 || d > 2*time.Minute {
		t.Errorf("first deadline in %v", d)
	}
	for !g.r.Deadline().IsZero() {
		g.now = g.r.Deadline()
		g.r.Advance(g.now)
	}
	g.after(time.Minute)
	challenge, _, o := g.send(g.from, hello)
	want(t, o, handshake.Challenged)
	if bytes.Equal(c[11:43], challenge[11:43]) {
		t.Error("a generation of four minutes ago is used")
	}
}

// "k_R, MAC key, s_R and card hash, fixed together"
func TestCardChangesWithGeneration(t *testing.T) {
	g := newRig(t)
	_, a := g.hello(g.initiator())
	g.r.SetCard([32]byte{2})
	_, b := g.hello(g.initiator())
	if !bytes.Equal(a[75:107], b[75:107]) {
		t.Error("the card changed within a generation")
	}
	g.after(2 * time.Minute)
	i := g.initiator()
	ours, theirs := g.finish(i)
	if ours.Card != [32]byte{2} || theirs.Card != [32]byte{2} {
		t.Errorf("cards %x, %x", ours.Card, theirs.Card)
	}
}
