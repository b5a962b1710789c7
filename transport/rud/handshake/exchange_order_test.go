package handshake_test

import (
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// unsealed is an Exchange of the time now in which nothing is sealed, under that
// ticket if any.
func (x *exchangeRig) unsealed(ticket []byte) []byte {
	x.t.Helper()
	p := x.skewed(0)
	copy(p[31:47], ticket)
	copy(p[84:], x.draw(len(p)-84))
	return p
}

// "Exchange: ... bucket; e_I seen?; slot in doubt, queue full, memory full, no room:
// Challenge; ticket; more than 500 this second: Challenge; es, ...": what fails
// several checks fails the first of them.
func TestOrderOfChecksOfExchange(t *testing.T) {
	x := newExchangeRig(t)
	unknown := make([]byte, 16)
	unknown[0] = 1
	for _, doubt := range []struct {
		name   string
		on, of func()
	}{
		{"queue", func() { x.busy = true }, func() { x.busy = false; x.after(2 * time.Second) }},
		{"room", func() { x.table.half = true }, func() { x.table.half = false }},
	} {
		doubt.on()
		if _, _, o := x.send(x.from, x.unsealed(unknown)); o != handshake.Challenged {
			t.Errorf("no %s, then the ticket: %q", doubt.name, o)
		}
		doubt.of()
	}
	x.flood(0x11, 500)
	x.drop(x.from, x.unsealed(unknown), handshake.BadTicket)
	if _, _, o := x.send(x.from, x.unsealed(nil)); o != handshake.Challenged {
		t.Errorf("500 this second, then the seal: %q", o)
	}
	x.after(time.Second)
	x.drop(x.from, x.unsealed(nil), handshake.BadSeal)

	// The address's bucket stands before all that.
	y := newExchangeRig(t, func(c *handshake.ResponderConfig) { c.Burst = 1 })
	p := y.skewed(0)
	_, _, o := y.send(y.from, p)
	want(t, o, handshake.Completed)
	y.busy = true
	for _, q := range [][]byte{p, y.unsealed(unknown), y.unsealed(nil)} {
		y.drop(y.from, q, handshake.Limited)
	}
}

// "body; note e_I, or redeem the ticket; run the payload": a device that seals what
// is not allowed has nothing noted, redeemed or run.
func TestBadBodyChangesNothing(t *testing.T) {
	x := newExchangeRig(t)
	i := &modelInitiator{suite: 0x11, size: 548, id: x.draw(8), static: x.draw(32), e: x.draw(32), data: x.draw(8)}
	wallNow := uint32(x.clock(0)().Unix() / 10)
	p := i.exchangeWith(public(x.scalarR), wallNow, []byte("\x10\x0cStreamClient\x20\x03mmm\x10\x00\x20\x01x"))
	x.drop(x.from, p, handshake.BadBody)
	x.drop(x.from, p, handshake.BadBody) // not seen

	ticket, mine := x.ticket()
	holder := x.dialler(func(c *handshake.InitiatorConfig) {
		c.Mode, c.Ticket, c.Static = handshake.Ticketed, ticket, mine
		c.Extensions = []wire.Extension{{Tag: wire.TagStreamClient, Value: []byte("mmm")}}
	})
	x.drop(x.from, holder.Next(x.now), handshake.BadBody)
	if len(x.ran) != 0 || x.wallet[ticket.ID] == nil {
		t.Error("something was run or redeemed")
	}
	_, _, o := x.send(x.from, x.holder(ticket, mine).Next(x.now))
	want(t, o, handshake.Completed)
}
