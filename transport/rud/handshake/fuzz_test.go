package handshake_test

import (
	"net/netip"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// seedGolden adds the golden packets to one of the machines as seeds.
func seedGolden(f *testing.F, to string) {
	for _, path := range goldenFiles(f) {
		g, err := loadGolden(path)
		if err != nil {
			f.Fatal(err)
		}
		if g.to == to {
			f.Add(g.packet)
		}
	}
}

// fuzzResponder feeds any packet to the vector's responder after the packets
// given. Whatever comes: no panic, no answer longer than the packet or without
// an outcome that says so, and no connection but by the vector's own Complete.
func fuzzResponder(f *testing.F, given ...string) {
	seedGolden(f, "responder")
	v := loadVectors(f)[0]
	other := netip.MustParseAddrPort("[2001:db8::1]:9")
	f.Fuzz(func(t *testing.T, p []byte) {
		now := time.Now()
		for _, from := range []netip.AddrPort{v.Source, other} {
			r := v.responder(t, now, nil)
			for _, name := range given {
				r.Receive(now, v.Source, v.named(t, name), nil)
			}
			answer, res, o := r.Receive(now, from, p, nil)
			if len(answer) > len(p) {
				t.Errorf("%d bytes answered by %d", len(p), len(answer))
			}
			if answers := o <= handshake.Resent; answers != (len(answer) > 0) {
				t.Errorf("outcome %q with %d bytes", o, len(answer))
			}
			if (o == handshake.Completed) != (res != nil) {
				t.Errorf("outcome %q with result %v", o, res)
			}
			if res != nil && (from != v.Source || string(p) != string(v.Complete)) {
				t.Error("a forged Complete made a connection")
			}
		}
	})
}

func FuzzHello(f *testing.F)    { fuzzResponder(f) }
func FuzzComplete(f *testing.F) { fuzzResponder(f, "hello") }

// fuzzInitiator feeds any packet to the vector's initiator.
func fuzzInitiator(f *testing.F, given ...string) {
	seedGolden(f, "initiator")
	v := loadVectors(f)[0]
	f.Fuzz(func(t *testing.T, p []byte) {
		now := time.Now()
		i := v.initiator(t, now)
		i.Next(now)
		for _, name := range given {
			i.Receive(now, v.named(t, name))
			i.Next(now)
		}
		res, o := i.Receive(now, p)
		if (o == handshake.Completed) != (res != nil) {
			t.Errorf("outcome %q with result %v", o, res)
		}
		if res != nil && string(p) != string(v.Answer) {
			t.Error("a forged answer ended the handshake")
		}
		next := i.Next(now)
		if (o == handshake.Accepted) != (next != nil) {
			t.Errorf("outcome %q and a packet of %d bytes is due", o, len(next))
		}
		if next != nil && len(next) != len(v.Hello) {
			t.Errorf("a Complete of %d bytes to a Hello of %d", len(next), len(v.Hello))
		}
	})
}

func FuzzChallenge(f *testing.F)         { fuzzInitiator(f) }
func FuzzResponderComplete(f *testing.F) { fuzzInitiator(f, "challenge") }

// FuzzSealedSection seals any body as a dishonest device would: the responder
// answers it or not, and holds what it promises.
func FuzzSealedSection(f *testing.F) {
	for _, body := range []string{
		"\x10\x00\x20\x00", "\x10\x00\x20\x01\x07", "\x10\x01a\x20\x00\x10\x00\x20\x00", "\x11\x00\x00\x20\x00",
		"\x10\x0cStreamClient\x20\x0bmmmpresence\x10\x00\x20\x00", "\x10\x0cStreamClient\x20\x03mmm\x10\x00\x20\x00",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 548-116-16-40 {
			return
		}
		g := newRig(t)
		_, res, o := g.send(g.from, g.forger().complete([]byte{1, 2, 3, 4, 5, 6, 7, 8}, body))
		if o != handshake.Completed && o != handshake.BadBody {
			t.Fatalf("outcome %q", o)
		}
		if res == nil {
			return
		}
		if name, ok := res.Extensions.Get(wire.TagStreamClient); ok && string(name) != wire.Protocol {
			t.Errorf("protocol %q", name)
		}
	})
}
