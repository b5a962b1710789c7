package handshake_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// BenchmarkHello is what a Hello costs that is answered.
func BenchmarkHello(b *testing.B) {
	for _, size := range []int{wire.SmallPacket, wire.MaxPacket} {
		b.Run(map[int]string{548: "548", 1200: "1200"}[size], func(b *testing.B) {
			g := newRig(b, unlimited)
			hello := modelHello(size, g.draw(8), make([]byte, 32))
			out := make([]byte, 0, wire.MaxPacket)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, o := g.r.Receive(g.now, g.from, hello, out); o != handshake.Challenged {
					b.Fatalf("outcome %q", o)
				}
			}
		})
	}
}

// BenchmarkRubbish is what packets cost that are dropped.
func BenchmarkRubbish(b *testing.B) {
	g := newRig(b, func(c *handshake.ResponderConfig) { c.Burst = 2 })
	p := g.complete(g.initiator())
	hello := modelHello(wire.MaxPacket, g.draw(8), make([]byte, 32))
	g.send(g.from, hello)
	forged := slices.Clone(p)
	forged[60] ^= 1
	complete := slices.Clone(hello)
	complete[16] = 1
	for _, c := range []struct {
		name string
		p    []byte
		o    handshake.Outcome
	}{
		{"type", complete, handshake.BadType},
		{"length", hello[:1199], handshake.BadLength},
		{"limited", hello, handshake.Limited},
		{"forged-value", forged, handshake.BadMAC},
	} {
		b.Run(c.name, func(b *testing.B) {
			out := make([]byte, 0, wire.MaxPacket)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, o := g.r.Receive(g.now, g.from, c.p, out); o != c.o {
					b.Fatalf("outcome %q", o)
				}
			}
		})
	}
}

// BenchmarkResponderComplete is what a connection costs the responder: four
// agreements, one key made, two seals. The Hello and the initiator's part are
// not counted.
func BenchmarkResponderComplete(b *testing.B) {
	for _, suite := range modelSuites {
		b.Run(fmt.Sprintf("%#x", byte(suite)), func(b *testing.B) {
			g := newSuiteRig(b, suite, unlimited)
			out := make([]byte, 0, wire.MaxPacket)
			b.ReportAllocs()
			for range b.N {
				b.StopTimer()
				g.after(time.Millisecond)
				p := g.complete(g.machine())
				b.StartTimer()
				if _, _, o := g.r.Receive(g.now, g.from, p, out); o != handshake.Completed {
					b.Fatalf("outcome %q", o)
				}
			}
		})
	}
}

// BenchmarkForgedSection is what a Complete costs with a valid value and a
// section that does not open: the dearest rubbish there is.
func BenchmarkForgedSection(b *testing.B) {
	g := newRig(b, unlimited)
	f := g.forger()
	p := append(append(modelHead(f.id, f.value), g.draw(32)...), make([]byte, 548-116)...)
	out := make([]byte, 0, wire.MaxPacket)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%60000 == 59999 { // before the memory of the slot is full
			b.StopTimer()
			g.after(10 * time.Second)
			f = g.forger()
			p = append(append(modelHead(f.id, f.value), g.draw(32)...), make([]byte, 548-116)...)
			b.StartTimer()
		}
		p[84], p[85], p[86], p[87] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
		if _, _, o := g.r.Receive(g.now, g.from, p, out); o != handshake.BadSeal {
			b.Fatalf("outcome %q", o)
		}
	}
}

// BenchmarkExchange is what an Exchange costs the responder: in doubt a Challenge,
// then one agreement when the mezzanine is forged, and five agreements and two keys
// when it opens. The initiator's part is not counted.
func BenchmarkExchange(b *testing.B) {
	run := func(b *testing.B, x *exchangeRig, next func() []byte, o handshake.Outcome) {
		out := make([]byte, 0, wire.MaxPacket)
		b.ReportAllocs()
		for range b.N {
			b.StopTimer()
			x.after(4 * time.Millisecond) // 500 a second, and the memory of 25 slots
			p := next()
			b.StartTimer()
			if _, _, got := x.r.Receive(x.now, x.from, p, out); got != o {
				b.Fatalf("outcome %q", got)
			}
		}
	}
	b.Run("challenged", func(b *testing.B) {
		x := newExchangeRig(b, unlimited)
		x.busy = true
		run(b, x, func() []byte { return x.skewed(0) }, handshake.Challenged)
	})
	b.Run("forged", func(b *testing.B) {
		x := newExchangeRig(b, unlimited)
		run(b, x, func() []byte {
			p := x.skewed(0)
			p[120] ^= 1
			return p
		}, handshake.BadSeal)
	})
	b.Run("immediate", func(b *testing.B) {
		x := newExchangeRig(b, unlimited)
		run(b, x, func() []byte { return x.skewed(0) }, handshake.Completed)
	})
	b.Run("ticketed", func(b *testing.B) {
		x := newExchangeRig(b, unlimited)
		run(b, x, func() []byte { return x.holder(x.ticket()).Next(x.now) }, handshake.Completed)
	})
}

// BenchmarkImmediate is a whole Immediate, both sides.
func BenchmarkImmediate(b *testing.B) {
	x := newExchangeRig(b, unlimited)
	b.ReportAllocs()
	for b.Loop() {
		x.after(4 * time.Millisecond)
		i := x.dialler()
		answer, _, _ := x.r.Receive(x.now, x.from, i.Next(x.now), nil)
		if _, o := i.Receive(x.now, answer); o != handshake.Completed {
			b.Fatalf("outcome %q", o)
		}
	}
}

// BenchmarkFirstContact is a whole First Contact, both sides.
func BenchmarkFirstContact(b *testing.B) {
	for _, suite := range modelSuites {
		b.Run(fmt.Sprintf("%#x", byte(suite)), func(b *testing.B) {
			g := newSuiteRig(b, suite, unlimited)
			b.ReportAllocs()
			for b.Loop() {
				g.after(time.Millisecond)
				g.finish(g.machine())
			}
		})
	}
}
