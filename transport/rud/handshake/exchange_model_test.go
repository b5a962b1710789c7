package handshake_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// suiteExchange is a rig for Exchanges of one suite.
type suiteExchange struct {
	*suiteRig
	x *exchangeRig
}

func newSuiteExchange(t testing.TB, suite modelSuite) *suiteExchange {
	t.Helper()
	seed := bytes.Repeat([]byte{5}, 56)
	x := newExchangeRig(t, func(c *handshake.ResponderConfig) {
		c.Statics = append(c.Statics, static(t, seed))
	})
	x.answer = []byte("what was asked for")
	g := &suiteExchange{&suiteRig{rig: x.rig, suite: suite, s: seed}, x}
	if suite.size() == 32 {
		g.s = g.scalarR
	}
	return g
}

// slot is "Unix seconds / 10" now.
func (g *suiteExchange) slot() uint32 { return uint32(g.clock(0)().Unix() / 10) }

// ticket is a ticket between those two, as the model and as the machines have it.
func (g *suiteExchange) ticket(initiator []byte) (*modelTicket, *handshake.Ticket) {
	m := &modelTicket{g.draw(16), g.draw(32)}
	return m, &handshake.Ticket{
		ID: [16]byte(m.id), Secret: [32]byte(m.secret),
		Initiator: static(g.t, initiator).Public().Plain(), Responder: static(g.t, g.s).Public().Plain(),
		Expires: wall.Time(g.clock(0)().Unix() + 60), Redeemer: handshake.ResponderRole,
	}
}

// Immediate and Ticketed, the initiator the model's, in every suite.
func TestModelExchangesWithResponder(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteExchange(t, suite)
		for n, size := range []int{wire.SmallPacket, wire.MaxPacket, wire.SmallPacket} {
			i := g.model()
			i.size = size
			var ticket *modelTicket
			mode := handshake.Immediate
			if n == 2 {
				var theirs *handshake.Ticket
				ticket, theirs = g.ticket(i.static)
				g.x.wallet[theirs.ID] = theirs
				mode = handshake.Ticketed
			}
			p := i.exchange(suite.public(g.s), g.slot(), ticket, []byte("a question"))
			answer, theirs, o := g.send(g.from, p)
			want(t, o, handshake.Completed)
			ours := agreed(t, i, answer, theirs)
			same(t, "payload", theirs.Payload, []byte("a question"))
			same(t, "answer", ours.body, modelBody([]byte{0x10, 0}, g.x.answer))
			if theirs.Mode != mode {
				t.Errorf("mode %v", theirs.Mode)
			}
		}
	})
}

// Immediate and Ticketed, the responder the model's, in every suite.
func TestInitiatorExchangesWithModel(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteExchange(t, suite)
		for _, ticketed := range []bool{false, true} {
			mine, r := g.key(), g.responder()
			r.payload = []byte("what was asked for")
			var ticket *modelTicket
			i := g.machine(func(c *handshake.InitiatorConfig) {
				c.Mode, c.Static, c.Payload, c.Wall = handshake.Immediate, static(t, mine), []byte("a question"), g.clock(0)
				if ticketed {
					c.Mode = handshake.Ticketed
					ticket, c.Ticket = g.ticket(mine)
				}
			})
			answer, theirs := r.exchanged(i.Next(g.now), ticket, suite.public(mine))
			if theirs == nil {
				t.Fatal("the model does not open the Exchange")
			}
			ours := g.give(i, answer, handshake.Completed)
			same(t, "secret", ours.Secret[:], theirs.secret)
			same(t, "token", ours.Reset[:], theirs.token)
			same(t, "responder's data id", ours.PeerID[:], r.data)
			same(t, "initiator's data id", ours.MyID[:], theirs.data)
			same(t, "initiator", ours.Mine.Raw(), theirs.static)
			same(t, "payload", theirs.body[:14], modelBody([]byte{0x10, 0}, []byte("a question")))
			same(t, "answer", ours.Payload, r.payload)
		}
	})
}

// Deferred, from either side: an Exchange that gets a Challenge goes on as First
// Contact, its own bytes being what h1 is the hash of.
func TestDeferredWithModel(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteExchange(t, suite)
		g.x.busy = true
		i := g.model()
		challenge, _, o := g.send(g.from, i.exchange(suite.public(g.s), g.slot(), nil, []byte("a question")))
		want(t, o, handshake.Challenged)
		i.e = g.key()
		answer, theirs, o := g.send(g.from, i.complete(challenge))
		want(t, o, handshake.Completed)
		ours := i.answered(answer)
		if ours == nil {
			t.Fatal("the model does not open the ResponderComplete")
		}
		same(t, "secret", theirs.Secret[:], ours.secret)
		if len(g.x.ran) != 0 {
			t.Error("the payload of a Deferred Exchange was run")
		}

		m, r := g.machine(func(c *handshake.InitiatorConfig) {
			c.Mode, c.Payload, c.Wall = handshake.Immediate, []byte("a question"), g.clock(0)
		}), g.responder()
		first := slices.Clone(m.Next(g.now))
		g.give(m, r.challenge(g.from, first), handshake.Accepted)
		var end *opened
		for p := m.Next(g.now); p != nil && end == nil; p = m.Next(g.now) {
			answer, end = r.completed(g.from, first, p)
		}
		if end == nil {
			t.Fatal("the model does not open the Complete")
		}
		res := g.give(m, answer, handshake.Completed)
		same(t, "secret", res.Secret[:], end.secret)
		if res.Mode != handshake.Deferred || res.Payload != nil {
			t.Errorf("mode %v with payload %q", res.Mode, res.Payload)
		}
	})
}

// The suite byte of an Exchange changed in flight, and a Challenge of another suite
// to it.
func TestDowngradeOfExchange(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		for _, other := range others(suite) {
			g := newSuiteExchange(t, suite)
			i := g.machine(func(c *handshake.InitiatorConfig) { c.Mode, c.Wall = handshake.Immediate, g.clock(0) })
			p := i.Next(g.now)
			if _, _, o := g.send(g.from, swapped(p, 18, other)); o != handshake.BadSuite && o != handshake.BadSeal {
				t.Errorf("Exchange as %#x: outcome %q", other, o)
			}
			g.x.busy = true
			g.after(time.Second)
			if challenge, _, o := g.send(g.from, swapped(p, 18, other)); o == handshake.Challenged {
				if _, o := i.Receive(g.now, challenge); o != handshake.BadSuite && o != handshake.BadLength {
					t.Errorf("Exchange as %#x: outcome %q", other, o)
				}
			}
		}
	})
}

// Key compromise in Immediate, as of Noise's IK: with the responder's static key
// anyone's Exchange can be made, for es and ss are the responder's own. So its first
// payload "holds only Heartbeat, EndpointRequest, Resolve", and the answer has se in
// it, which the impostor lacks.
func TestKeyCompromiseInExchange(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteExchange(t, suite)
		i, victim := g.model(), suite.public(g.key())
		n := suite.size()
		seal := func(ss []byte) []byte {
			head := slices.Concat(firstHead(3, suite, i.id), []byte{byte(g.slot() >> 24), byte(g.slot() >> 16), byte(g.slot() >> 8), byte(g.slot())},
				make([]byte, 53), suite.public(i.e))
			i.run = modelKnown(suite, suite.public(g.s), nil, nil)
			i.run.hash("e", head)
			i.run.mix("es", suite.dh(i.e, suite.public(g.s)))
			p := append(head, i.run.seal("RUD1 mezzanine", victim)...)
			i.run.mix("ss", ss)
			plain := append(slices.Clone(i.data), modelBody([]byte{0x10, 0}, nil)...)
			return append(p, i.run.seal("RUD1 exchange", append(plain, make([]byte, 548-len(p)-16-len(plain))...))...)
		}
		// Without s_R: identity misbinding ends at ss.
		g.drop(g.from, seal(suite.dh(i.static, suite.public(g.s))), handshake.BadSeal)
		// With it.
		i.e = g.key()
		answer, _, o := g.send(g.from, seal(suite.dh(g.s, victim)))
		want(t, o, handshake.Completed)
		i.run.hash("f", answer[:10+n])
		i.run.mix("ee", suite.dh(i.e, answer[10:10+n]))
		i.run.mix("se", suite.dh(g.s, victim))
		if i.run.open("RUD1 answer", answer[10+n:]) != nil {
			t.Error("ss stands for se")
		}
	})
}

// A ticket is "never an identity": who stole it, without the static key of the one
// it is for, opens nothing, and who made it does not either.
func TestStolenTicket(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteExchange(t, suite)
		victim, i := g.key(), g.model()
		ticket, theirs := g.ticket(victim)
		g.x.wallet[theirs.ID] = theirs
		g.drop(g.from, i.exchange(suite.public(g.s), g.slot(), ticket, nil), handshake.BadSeal)
		if g.x.wallet[theirs.ID] == nil {
			t.Error("a thief spends the ticket")
		}
		// The other way: the thief waits where the ticket says that it is answered.
		m := g.machine(func(c *handshake.InitiatorConfig) {
			c.Mode, c.Static, c.Ticket, c.Wall = handshake.Ticketed, static(t, victim), theirs, g.clock(0)
		})
		r := g.responder()
		r.static = g.key()
		if _, o := r.exchanged(m.Next(g.now), ticket, suite.public(victim)); o != nil {
			t.Error("another key opens a ticket's Exchange")
		}
	})
}
