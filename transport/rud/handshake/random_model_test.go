package handshake_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// choice is a handshake that chance made.
type choice struct {
	suite           modelSuite
	mode            handshake.Mode
	size            int
	list            []wire.Extension
	question, reply []byte
}

func choose(rnd *rand.Rand, suite modelSuite) (c choice) {
	bytesOf := func(n int) []byte {
		b := make([]byte, rnd.IntN(n+1))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	c.suite = suite
	c.mode = handshake.Mode(rnd.IntN(4))
	c.size = []int{wire.SmallPacket, wire.MaxPacket}[rnd.IntN(2)]
	if c.mode == handshake.Ticketed {
		c.size = wire.SmallPacket
	}
	for n := range rnd.IntN(4) {
		c.list = append(c.list, wire.Extension{Tag: string(rune('A' + n)), Value: bytesOf(60)})
	}
	if c.mode != handshake.FirstContact {
		room := wire.SizeExchangeSection(wire.Suite(suite), c.size, false) - wire.SizeID - len(modelList(c.list)) - 3
		c.question = append([]byte{1}, bytesOf(room-1)...)
		c.reply = bytesOf(wire.MaxAnswer(wire.Suite(suite), c.size))
	}
	return c
}

// modelOpens runs the choice with the model as the initiator.
func (c *choice) modelOpens(t *testing.T) {
	g := newSuiteExchange(t, c.suite)
	g.x.answer, g.x.busy = c.reply, c.mode == handshake.Deferred
	i := g.model()
	i.size, i.list = c.size, modelList(c.list)
	var p []byte
	switch c.mode {
	case handshake.FirstContact:
		p = i.hello()
	case handshake.Ticketed:
		ticket, theirs := g.ticket(i.static)
		g.x.wallet[theirs.ID] = theirs
		p = i.exchange(c.suite.public(g.s), g.slot(), ticket, c.question)
	default:
		p = i.exchange(c.suite.public(g.s), g.slot(), nil, c.question)
	}
	answer, theirs, o := g.send(g.from, p)
	if o == handshake.Challenged {
		i.e = g.key()
		answer, theirs, o = g.send(g.from, i.complete(answer))
	}
	want(t, o, handshake.Completed)
	ours := i.answered(answer)
	if ours == nil {
		t.Fatalf("%+v: the model does not open the answer", c)
	}
	same(t, "secret", theirs.Secret[:], ours.secret)
	same(t, "initiator's list", theirs.Extensions, i.list[:len(theirs.Extensions)])
	ran := c.mode == handshake.Immediate || c.mode == handshake.Ticketed
	if ran != bytes.Equal(bytes.Join(g.x.ran, nil), c.question) && len(c.question) > 0 {
		t.Errorf("%v: the payload that was run is %x", c.mode, g.x.ran)
	}
	if ran {
		same(t, "answer", ours.body, modelBody([]byte{0x10, 0}, c.reply))
	}
}

// machineOpens runs the choice with a machine as the initiator.
func (c *choice) machineOpens(t *testing.T) {
	g := newSuiteExchange(t, c.suite)
	mine, r := g.key(), g.responder()
	r.payload = c.reply
	var ticket *modelTicket
	i := g.machine(func(cfg *handshake.InitiatorConfig) {
		cfg.Static, cfg.Size, cfg.Extensions, cfg.Wall = static(t, mine), c.size, c.list, g.clock(0)
		if c.mode != handshake.FirstContact {
			cfg.Mode, cfg.Payload = handshake.Immediate, c.question
		}
		if c.mode == handshake.Ticketed {
			cfg.Mode = handshake.Ticketed
			ticket, cfg.Ticket = g.ticket(mine)
		}
	})
	first := slices.Clone(i.Next(g.now))
	var answer []byte
	var theirs *opened
	if c.mode == handshake.Immediate || c.mode == handshake.Ticketed {
		answer, theirs = r.exchanged(first, ticket, c.suite.public(mine))
	} else {
		r.payload = nil
		g.give(i, r.challenge(g.from, first), handshake.Accepted)
		for p := i.Next(g.now); p != nil && theirs == nil; p = i.Next(g.now) {
			answer, theirs = r.completed(g.from, first, p)
		}
	}
	if theirs == nil {
		t.Fatalf("%+v: the model does not open it", c)
	}
	ours := g.give(i, answer, handshake.Completed)
	same(t, "secret", ours.Secret[:], theirs.secret)
	same(t, "initiator", theirs.static, c.suite.public(mine))
	if ours.Mode != c.mode || len(answer) > len(first) {
		t.Errorf("mode %v, want %v; an answer of %d bytes to %d", ours.Mode, c.mode, len(answer), len(first))
	}
	if body := modelBody(modelList(c.list), c.question); theirs.body != nil && c.mode != handshake.FirstContact && c.mode != handshake.Deferred {
		same(t, "body", theirs.body[:len(body)], body)
	}
	same(t, "answer", ours.Payload, r.payload)
}

// Handshakes of every mode and suite with random lists, payloads and sizes, each with
// the model on one side and then on the other.
func TestRandomHandshakesWithModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(20, 26))
	for n := range 24 {
		suite := modelSuites[n%2]
		if n%8 == 7 {
			suite = modelSuites[2+n/8%2]
		}
		c := choose(rnd, suite)
		c.modelOpens(t)
		c.machineOpens(t)
	}
}

// FuzzHandshakeWithModel is the same of any choice.
func FuzzHandshakeWithModel(f *testing.F) {
	for n := range uint64(4) {
		f.Add(n, byte(n))
	}
	f.Fuzz(func(t *testing.T, seed uint64, suite byte) {
		c := choose(rand.New(rand.NewPCG(seed, 1)), modelSuites[suite%4])
		c.modelOpens(t)
		c.machineOpens(t)
	})
}
