package lab_test

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"meshpresence/testnet/lab"
	"meshpresence/transport/rud/wire"
)

// A1: "spoofed hellos of every size, repeats, half handshakes: bytes out <= 1.0x
// in for challenges; <= 10 replies/s per /24 or /48 with a burst of 256."
func TestReflection(t *testing.T) {
	s := newScene(t)
	real := s.conversation()
	a := s.attacker()
	rng := rand.New(rand.NewPCG(s.seed, 1))
	forge := newForger(s.seed)

	l := s.watch(answerRatio)
	for n := range 1501 {
		b := make([]byte, n)
		copy(b, hello(wire.MaxPacket, n))
		a.send(stranger(n), b)
	}
	a.finish()
	l.judge(s, "a Hello in every size", 2)
	if l.replies != 2 {
		t.Errorf("%d Hellos were answered, want those of 548 and of 1200 bytes", l.replies)
	}

	l = s.watch(answerRatio)
	for n := range 20_000 {
		a.send(stranger(n), hello([]int{wire.SmallPacket, wire.MaxPacket}[n%2], n))
	}
	a.finish()
	l.judge(s, "Hellos from 512 networks", 10_000)

	l = s.watch(answerRatio)
	b := hello(wire.SmallPacket, 1)
	for n := range 20_000 {
		a.send(stranger(n%254*512), b) // all of one /24
	}
	a.finish()
	l.judge(s, "one Hello, again and again from one /24", 1)

	l = s.watch(answerRatio)
	for n := range 20_000 {
		a.send(stranger6(n), hello(wire.SmallPacket, n))
	}
	a.finish()
	l.judge(s, "Hellos from one /48", 200)

	l = s.watch(answerRatio)
	for n := range 20_000 {
		b := hello(wire.SmallPacket, n)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		a.send(stranger(n+1<<17), b)
	}
	a.finish()
	l.judge(s, "Hellos with a bit flipped", 100)

	l = s.watch(answerRatio)
	for n := range 20_000 {
		a.send(stranger(1+n%254*512), forge.shape(wire.SmallPacket)) // all of one /24
	}
	a.finish()
	l.judge(s, "Exchanges from one /24", 1)

	l = s.watch(answerRatio)
	for n := range 20_000 {
		b := slices.Clone(real[n%len(real)])
		if kind, err := wire.FirstType(b); err == nil && kind == wire.TypeHello {
			continue
		}
		a.send(stranger(n), b)
	}
	a.finish()
	s.answers()
	l.judge(s, "a conversation that was overheard, Hello left out", 0)
	if l.replies > 0 {
		t.Errorf("what somebody else had said got %d replies", l.replies)
	}
}

// A1, of handshakes that stop half way: the real device, that never hears, or of
// which nothing but the handshake comes through.
func TestHalfHandshakes(t *testing.T) {
	s := newScene(t)
	for name, stop := range map[string]func(p lab.Packet, out bool) bool{
		"nothing after the Challenge comes through": func(p lab.Packet, out bool) bool {
			return out || len(p.Data) > wire.SizeID && p.Data[wire.SizeID] == wire.TypeChallenge
		},
		"no data leaves": func(p lab.Packet, out bool) bool {
			_, err := wire.FirstType(p.Data)
			return !out || err == nil
		},
	} {
		d := s.device("half")
		d.wire.Pass(stop)
		var in, out, worst atomic.Int64
		s.wire.Keep(func(p *lab.Seen) bool {
			switch {
			case p.Out && p.UDP() && p.To.Addr() == d.addr:
				out.Add(int64(len(p.Data)))
				worst.Store(max(worst.Load(), 1000*out.Load()/max(in.Load(), 1)))
			case p.UDP() && p.From.Addr() == d.addr:
				in.Add(int64(len(p.Data)))
			}
			return false
		})
		r, err := d.Run(s.ctx, "--trust-first", "--timeout", "6s", "ping")
		if err != nil || r.Code == 0 {
			t.Errorf("%s: ping ended with %d, %v", name, r.Code, err)
		}
		t.Logf("%s: %d bytes in, %d out, at most %.2fx", name, in.Load(), out.Load(), float64(worst.Load())/1000)
		if out.Load() == 0 || worst.Load() > 1000*answerRatio {
			t.Errorf("%s: %d bytes in, %d out", name, in.Load(), out.Load())
		}
		d.wire.Close()
	}
}

// A1, "status asks from new path", and A6: the newest datagram of a device comes
// from a stranger's address in place of its own: "<= 3.0x ever before validation".
func TestStolenPath(t *testing.T) {
	s := newScene(t)
	d := s.device("robbed")
	stolen := make(chan []byte, 1)
	var armed atomic.Bool
	d.wire.Pass(func(p lab.Packet, out bool) bool {
		if !out || !armed.Load() || len(p.Data) < wire.MinData {
			return true
		}
		select {
		case stolen <- slices.Clone(p.Data):
			return false
		default:
			return true
		}
	})
	ping := d.begin("--trust-first", "--json", "ping", "--count", "6")
	s.says(ping, `"number":1`)
	l := s.watch(pathRatio)
	armed.Store(true)
	s.attacker().send(stranger(5), <-stolen)
	if code, err := ping.Wait(s.ctx); err != nil || code != 0 {
		t.Errorf("the robbed device's pings: exit %d, %v\n%s%s", code, err, ping.Out.String(), ping.Err.String())
	}
	l.judge(s, "a stolen datagram", 1)
}
