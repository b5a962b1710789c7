package handshake_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// network is the n-th source of a flood: each in a prefix of its own.
func network(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 1}), 1000)
}

// flood sends so many Exchanges that nobody sealed within a second and counts what
// becomes of them.
func (x *exchangeRig) flood(suite modelSuite, n int) (outcomes [handshake.Outcomes]int) {
	x.t.Helper()
	p := append(make([]byte, 16), 3, 1, byte(suite))
	p = append(p, x.draw(8)...)
	p = append(p, 0, 0, 0, 0)
	p = append(p, make([]byte, 53)...)
	p = append(p, x.draw(wire.SmallPacket-len(p))...)
	now := wallStart.Add(x.now.Sub(x.start)).Unix() / 10
	p[27], p[28], p[29], p[30] = byte(now>>24), byte(now>>16), byte(now>>8), byte(now)
	for k := range n {
		p[84], p[85], p[86] = byte(k), byte(k>>8), byte(k>>16)
		_, _, o := x.send(network(k), p)
		outcomes[o]++
	}
	return outcomes
}

// "above 500 a second (X448 counts 3)": 20,000 Exchanges from as many networks cost
// us 500 agreements, the rest get Challenges, and none leaves anything behind.
func TestExchangeFlood(t *testing.T) {
	x := newExchangeRig(t)
	for range 2 {
		got := x.flood(0x11, 3000)
		if got[handshake.BadSeal] != 500 || got[handshake.Challenged] != 2500 {
			t.Errorf("%v", got)
		}
		_, _, o := x.send(x.from, x.skewed(0))
		want(t, o, handshake.Challenged)
		x.after(time.Second)
		_, _, o = x.send(x.from, x.skewed(0))
		want(t, o, handshake.Completed)
		x.after(time.Second)
	}
	x = newExchangeRig(t, func(c *handshake.ResponderConfig) {
		c.Statics = append(c.Statics, static(t, bytes.Repeat([]byte{5}, 56)))
	})
	if got := x.flood(0x21, 200); got[handshake.BadSeal] != 166 || got[handshake.Challenged] != 34 {
		t.Errorf("X448: %v", got)
	}
}

// "or with the handshake queue an eighth full (sticky for a second)"
func TestBusyResponderDefers(t *testing.T) {
	x := newExchangeRig(t)
	try := func(want handshake.Outcome) {
		t.Helper()
		if _, _, o := x.send(x.from, x.skewed(0)); o != want {
			t.Errorf("outcome %q, want %q", o, want)
		}
	}
	try(handshake.Completed)
	x.busy = true
	try(handshake.Challenged)
	x.busy = false
	x.after(time.Second - 1)
	try(handshake.Challenged)
	x.after(1)
	try(handshake.Completed)
}

// "outside 12 slots of our clock": either way, and the slot has no other meaning.
func TestSlotOfExchange(t *testing.T) {
	x := newExchangeRig(t)
	x.after(settled)
	for skew := -15; skew <= 15; skew++ {
		o := handshake.Completed
		if skew < -12 || skew > 12 {
			o = handshake.Challenged
		}
		if _, _, got := x.send(x.from, x.skewed(time.Duration(skew)*slot)); got != o {
			t.Errorf("%d slots: %q, want %q", skew, got, o)
		}
	}
}

// A device that knows our key fills the room for connections from sources that it
// invents: it gets a part, and those who answer a Challenge have the rest.
func TestNoRoomForForgedSources(t *testing.T) {
	x := newExchangeRig(t)
	x.table.half = true
	ours, theirs := x.deferred(x.dialler())
	if ours.Mode != handshake.Deferred || !theirs.Validated {
		t.Errorf("mode %v, validated %v", ours.Mode, theirs.Validated)
	}
	if len(x.ran) != 0 || ours.Payload != nil || theirs.Payload != nil {
		t.Error("a payload was taken in")
	}
	x.table.full = true
	i := x.dialler()
	challenge, _, o := x.send(x.from, i.Next(x.now))
	want(t, o, handshake.Challenged)
	x.give(i, challenge, handshake.Accepted)
	x.drop(x.from, i.Next(x.now), handshake.NoRoom)
}

// One Exchange sent again and again from a forged source: whoever has that address
// gets no more of our answers than its bucket has tokens, stored ones included.
func TestReflectedExchange(t *testing.T) {
	x := newExchangeRig(t)
	p := x.skewed(0)
	answers := 0
	for range 4 * handshake.DefaultBurst {
		if answer, _, _ := x.send(x.from, p); answer != nil {
			answers++
		}
	}
	if answers != handshake.DefaultBurst {
		t.Errorf("%d answers, want %d", answers, handshake.DefaultBurst)
	}
	if len(x.ran) != 1 {
		t.Errorf("the verb ran %d times", len(x.ran))
	}
	// A Challenge to an Exchange counts as one to a Hello.
	y := newExchangeRig(t)
	y.busy = true
	for n := range 2 * handshake.DefaultBurst {
		p := modelHello(548, y.draw(8), make([]byte, 32))
		if n%2 == 0 {
			p = y.skewed(0)
		}
		_, _, o := y.send(y.from, p)
		if n < handshake.DefaultBurst {
			want(t, o, handshake.Challenged)
		} else {
			want(t, o, handshake.Limited)
		}
	}
}

// "no state for failures": whoever garbles an Exchange on its way, and gets there
// first, stops nothing.
func TestGarbledExchangeFirst(t *testing.T) {
	x := newExchangeRig(t)
	i := x.dialler()
	p := i.Next(x.now)
	for at := 116; at < len(p); at += 53 {
		garbled := slices.Clone(p)
		garbled[at] ^= 1
		x.drop(x.from, garbled, handshake.BadSeal)
	}
	answer, _, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	x.give(i, answer, handshake.Completed)
}

// Every bit of an Exchange is checked or under a seal: none can be flipped and the
// packet still be answered as it is. A flip of the slot may cast doubt.
func TestFlippedExchange(t *testing.T) {
	x := newExchangeRig(t, unlimited)
	p := x.skewed(0)
	for at := range p {
		if at > 200 && at%97 != 0 && at < len(p)-16 {
			continue
		}
		x.after(time.Second) // another 500
		p = x.skewed(0)
		p[at] ^= 0x40
		_, _, o := x.send(x.from, p)
		why := handshake.BadSeal
		switch {
		case at < 16:
			why = handshake.BadZeros
		case at == 16:
			why = handshake.BadType
		case at == 17:
			why = handshake.BadVersion
		case at == 18:
			why = handshake.BadSuite
		case at >= 27 && at < 31:
			why = handshake.Challenged
		case at >= 31 && at < 47:
			why = handshake.BadTicket
		case at >= 47 && at < 84:
			why = handshake.BadPadding
		}
		if o != why {
			t.Errorf("byte %d flipped: %q, want %q", at, o, why)
		}
	}
	if len(x.ran) != 0 {
		t.Error("a verb ran")
	}
}

// s_I swapped: a mezzanine of another Exchange, the attacker's own or recorded,
// under the same responder.
func TestSwappedMezzanine(t *testing.T) {
	x := newExchangeRig(t)
	p, other := x.skewed(0), x.skewed(0)
	for _, part := range [][2]int{{116, 164}, {116, 1200}, {84, 164}, {164, 1200}} {
		mixed := slices.Clone(p)
		copy(mixed[part[0]:], other[part[0]:part[1]])
		x.drop(x.from, mixed, handshake.BadSeal)
	}
	_, res, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	if len(x.ran) != 1 || res.Payload == nil {
		t.Error("not the Exchange itself")
	}
}

// An Exchange to a key that we have no longer: silence, then a Hello, and then it is
// plain that the key is another.
func TestExchangeToFormerKey(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		x := newExchangeRig(t, func(c *handshake.ResponderConfig) { c.Quiet = quiet })
		i := x.dialler(func(c *handshake.InitiatorConfig) {
			c.Pin.Key = static(t, bytes.Repeat([]byte{9}, 32)).Public()
		})
		p := i.Next(x.now)
		x.drop(x.from, p, handshake.BadSeal)
		for p[16] == wire.TypeExchange {
			x.now = i.Deadline()
			if next := i.Next(x.now); next != nil {
				p = next
			}
		}
		if quiet {
			x.drop(x.from, p, handshake.NotExpected)
			continue
		}
		challenge, _, o := x.send(x.from, p)
		want(t, o, handshake.Challenged)
		x.give(i, challenge, handshake.NotPinned)
	}
}

// A quiet node in doubt challenges those who know its key, and is silent to who
// only guesses that there is one.
func TestQuietNodeInDoubt(t *testing.T) {
	x := newExchangeRig(t, func(c *handshake.ResponderConfig) { c.Quiet = true })
	x.busy = true
	if got := x.flood(0x11, 600); got[handshake.NotExpected] != 600 {
		t.Errorf("%v", got)
	}
	x.drop(x.from, x.skewed(0), handshake.NotExpected) // 500 were looked at this second
	x.after(time.Second)
	x.deferred(x.dialler())
	stranger := x.dialler(func(c *handshake.InitiatorConfig) {
		c.Pin.Key = static(t, bytes.Repeat([]byte{9}, 32)).Public()
	})
	x.drop(x.from, stranger.Next(x.now), handshake.NotExpected)
	x.after(2 * time.Second)
	x.busy = false
	x.after(2 * time.Second)
	_, _, o := x.send(x.from, x.skewed(0))
	want(t, o, handshake.Completed)
}

// "until then it ... runs no verb but Immediate's three", once, with the key that
// was proved, and its answer is "never longer than what it answers".
func TestAnswerOfVerb(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer []byte
		size   int
		want   int
	}{
		{"none", nil, wire.SmallPacket, 0},
		{"empty", []byte{}, wire.SmallPacket, 0},
		{"short", []byte("yes"), wire.SmallPacket, 3},
		{"as long as fits", bytes.Repeat([]byte{1}, wire.MaxAnswer(0x11, 548)), wire.SmallPacket, wire.MaxAnswer(0x11, 548)},
		{"too long", bytes.Repeat([]byte{1}, wire.MaxAnswer(0x11, 548)+1), wire.SmallPacket, 0},
		{"fits 1200", bytes.Repeat([]byte{1}, wire.MaxAnswer(0x11, 1200)), wire.MaxPacket, wire.MaxAnswer(0x11, 1200)},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newExchangeRig(t)
			x.answer = c.answer
			mine := static(t, x.draw(32))
			i := x.dialler(func(cfg *handshake.InitiatorConfig) { cfg.Size, cfg.Static = c.size, mine })
			answer, theirs, o := x.send(x.from, i.Next(x.now))
			want(t, o, handshake.Completed)
			ours := x.give(i, answer, handshake.Completed)
			if len(ours.Payload) != c.want || !bytes.Equal(ours.Payload, c.answer[:c.want]) {
				t.Errorf("an answer of %d bytes, want %d", len(ours.Payload), c.want)
			}
			if len(x.ran) != 1 || x.peers[0] != mine.Public() || theirs.Peer != mine.Public() {
				t.Errorf("the verb ran %d times for %v", len(x.ran), x.peers)
			}
		})
	}
}

// An Exchange without a payload runs nothing.
func TestExchangeWithoutPayload(t *testing.T) {
	x := newExchangeRig(t)
	x.answer = []byte("to nothing")
	i := x.dialler(func(c *handshake.InitiatorConfig) { c.Payload = nil })
	answer, theirs, o := x.send(x.from, i.Next(x.now))
	want(t, o, handshake.Completed)
	if ours := x.give(i, answer, handshake.Completed); ours.Payload != nil || theirs.Payload != nil || len(x.ran) != 0 {
		t.Error("something came of nothing")
	}
}

// "x*y = curve(x, y), all-zero aborts": e_I in clear, s_I under the seal of es.
func TestSmallOrderInExchange(t *testing.T) {
	x := newExchangeRig(t)
	for _, point := range [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...)} {
		p := x.skewed(0)
		copy(p[84:], point)
		x.drop(x.from, p, handshake.BadKey)

		run := modelKnown(0x11, public(x.scalarR), nil, nil)
		e := x.draw(32)
		p = append(slices.Clone(p[:84]), public(e)...)
		run.hash("e", p)
		run.mix("es", modelSuite(0x11).dh(e, public(x.scalarR)))
		p = append(p, run.seal("RUD1 mezzanine", point)...)
		p = append(p, make([]byte, 1200-len(p))...)
		x.drop(x.from, p, handshake.BadKey)
	}
	if _, err := key.NewAgreement(key.X25519, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	if len(x.ran) != 0 {
		t.Error("a verb ran")
	}
}

// Packets dropped before the curve, and those answered with a Challenge, allocate
// nothing.
func TestExchangeRubbishAllocatesNothing(t *testing.T) {
	x := newExchangeRig(t, unlimited)
	p := x.skewed(0)
	_, res, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	flip := func(at int) []byte {
		q := slices.Clone(p)
		q[at] ^= 0x40
		return q
	}
	out := make([]byte, 0, wire.MaxPacket)
	check := func(name string, p []byte, o handshake.Outcome) {
		t.Helper()
		if n := testing.AllocsPerRun(100, func() {
			if _, _, got := x.r.Receive(x.now, x.from, p, out); got != o {
				t.Fatalf("%s: outcome %q, want %q", name, got, o)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	x.r.Receive(x.now, x.from, modelHello(548, x.draw(8), make([]byte, 32)), nil) // makes the generation
	check("length", p[:1199], handshake.BadLength)
	check("suite", flip(18), handshake.BadSuite)
	check("padding", flip(50), handshake.BadPadding)
	check("ticket", flip(31), handshake.BadTicket)
	check("stored answer", p, handshake.Resent)
	check("stale", flip(27), handshake.Challenged)
	x.table.forget(res)
	check("replayed", p, handshake.Replayed)
	x.busy = true
	check("busy", x.skewed(0), handshake.Challenged)
	x.busy = false
	x.after(time.Second)
	x.flood(0x11, 500)
	check("too many", x.skewed(0), handshake.Challenged)
	y := newExchangeRig(t, func(c *handshake.ResponderConfig) { c.Burst = 1 })
	p = y.skewed(0)
	y.send(y.from, p)
	x = y
	check("bucket", p, handshake.Limited)
}
