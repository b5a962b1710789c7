package handshake_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// goldenExchanges are the golden packets of Exchange between the pinned two, and the
// ticket that they have.
func goldenExchanges(f *testing.F) (all []golden, ticket *handshake.Ticket) {
	for _, path := range goldenFiles(f) {
		g, err := loadGolden(path)
		if err != nil {
			f.Fatal(err)
		}
		if g.name == "" && g.to == "responder" && len(g.packet) > 16 && g.packet[16] == wire.TypeExchange {
			all = append(all, g)
		}
	}
	g, err := loadGolden("testdata/packets/ticketed.txt")
	if err != nil {
		f.Fatal(err)
	}
	return all, g.parseTicket(f)
}

// FuzzExchange feeds any packet to the vector's responder when it answers Exchanges
// at once. Whatever comes: no panic, no answer longer than the packet, no verb that
// ran without a connection, and no connection but by an Exchange of the vector's
// own device.
func FuzzExchange(f *testing.F) {
	all, ticket := goldenExchanges(f)
	own := map[string]bool{}
	for _, g := range all {
		f.Add(g.packet)
		own[string(g.packet)] = g.expect == "completed" || g.expect == "challenged" || g.expect == "bad ticket" || own[string(g.packet)]
	}
	v := loadVectors(f)[0]
	f.Fuzz(func(t *testing.T, p []byte) {
		start, ran := time.Now(), 0
		now := start
		r := v.responderWith(t, start, nil, func(c *handshake.ResponderConfig) {
			c.Wall = func() time.Time { return goldenWall.Add(now.Sub(start)) }
			c.Tickets = wallet{ticket.ID: ticket}
			c.Answer = func(_ netip.AddrPort, _ key.Agreement, _ []byte, room int) []byte {
				ran++
				return make([]byte, room)
			}
			c.Rand = rand.NewChaCha8([32]byte{1}) // the same way each time, or fuzzing finds nothing but chance
		})
		now = start.Add(settled)
		answer, res, o := r.Receive(now, v.Source, p, nil)
		if len(answer) > len(p) {
			t.Errorf("%d bytes answered by %d", len(p), len(answer))
		}
		if answers := o <= handshake.Resent; answers != (len(answer) > 0) || (o == handshake.Completed) != (res != nil) {
			t.Errorf("outcome %q with %d bytes and result %v", o, len(answer), res)
		}
		if res == nil && ran > 0 || ran > 1 {
			t.Errorf("a verb ran %d times, outcome %q", ran, o)
		}
		if res != nil && !own[string(p)] {
			t.Error("a forged Exchange made a connection")
		}
		if again, _, o := r.Receive(now, v.Source, slices.Clone(p), nil); o == handshake.Completed && res != nil {
			t.Errorf("answered twice, the second time with %d bytes", len(again))
		}
	})
}

// FuzzExchangeAnswer feeds any packet to the vector's initiator of Immediate.
func FuzzExchangeAnswer(f *testing.F) {
	v := loadVectors(f)[0]
	seedGolden(f, "initiator")
	answer := v.named(f, "exchange-answer")
	f.Fuzz(func(t *testing.T, p []byte) {
		now := time.Now()
		i := v.initiatorWith(t, now, func(c *handshake.InitiatorConfig) {
			c.Wall = func() time.Time { return goldenWall.Add(settled) }
			c.Mode, c.Pin.Key, c.Payload = handshake.Immediate, static(t, v.Inputs.StaticR).Public(), []byte("a payload")
			c.Rand = script(seed, v.Inputs.HandshakeID, v.Inputs.E, v.Inputs.DataI, v.Inputs.F, v.Inputs.DataI)
		})
		first := i.Next(now)
		res, o := i.Receive(now, p)
		if (o == handshake.Completed) != (res != nil) || res != nil && string(p) != string(answer) {
			t.Errorf("outcome %q with result %v", o, res)
		}
		next := i.Next(now)
		if (o == handshake.Accepted) != (next != nil) || next != nil && len(next) != len(first) {
			t.Errorf("outcome %q and a packet of %d bytes is due", o, len(next))
		}
	})
}

// FuzzSealedExchange seals any body as a dishonest device would: it is answered or
// not, and the verb gets what it holds.
func FuzzSealedExchange(f *testing.F) {
	for _, body := range []string{
		"\x10\x00\x20\x00", "\x10\x00\x20\x01\x07", "\x10\x01a\x20\x00\x10\x00\x20\x00", "\x11\x00\x00\x20\x00", "\x10\x00\x20\x03abc\x00\x01",
		"\x10\x0cStreamClient\x20\x0bmmmpresence\x10\x00\x20\x02hi", "\x10\x0cStreamClient\x20\x03mmm\x10\x00\x20\x00",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > wire.SizeExchangeSection(0x11, 548, false)-8 {
			return
		}
		x := newExchangeRig(t)
		i := &modelInitiator{suite: 0x11, size: 548, id: x.draw(8), static: x.draw(32), e: x.draw(32), data: x.draw(8)}
		_, res, o := x.send(x.from, i.exchangeWith(public(x.scalarR), uint32(x.clock(0)().Unix()/10), body))
		if o != handshake.Completed && o != handshake.BadBody {
			t.Fatalf("outcome %q", o)
		}
		if res == nil {
			if len(x.ran) > 0 {
				t.Error("a verb ran")
			}
			return
		}
		if name, ok := res.Extensions.Get(wire.TagStreamClient); ok && string(name) != wire.Protocol {
			t.Errorf("protocol %q", name)
		}
		if len(x.ran) > 1 || len(x.ran) == 1 && string(x.ran[0]) != string(res.Payload) || len(x.ran) == 0 && res.Payload != nil {
			t.Errorf("the verb had %q, the result %q", x.ran, res.Payload)
		}
	})
}

// exchangeWith seals that body, whatever it is, in an Exchange without a ticket.
func (i *modelInitiator) exchangeWith(responder []byte, slot uint32, body []byte) []byte {
	p := i.exchange(responder, slot, nil, nil)
	n := i.suite.size()
	i.run = modelKnown(i.suite, responder, nil, nil)
	i.run.hash("e", p[:84+n])
	i.run.mix("es", i.suite.dh(i.e, responder))
	p = append(p[:84+n:84+n], i.run.seal("RUD1 mezzanine", i.suite.public(i.static))...)
	i.run.mix("ss", i.suite.dh(i.static, responder))
	plain := append(slices.Clone(i.data), body...)
	plain = append(plain, make([]byte, i.size-len(p)-16-len(plain))...)
	return append(p, i.run.seal("RUD1 exchange", plain)...)
}
