package handshake_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// settled is how long after its start a responder answers an Exchange at once.
const settled = 130 * time.Second

// exchangeRig is a rig with a wall clock, whose responder answers Exchanges at
// once.
type exchangeRig struct {
	*rig
	skew   time.Duration // of the responder's wall clock
	ran    [][]byte      // payloads that Answer had
	peers  []key.Agreement
	answer []byte // what it says
	busy   bool
	wallet wallet
}

// wallet is a store of tickets.
type wallet map[[16]byte]*handshake.Ticket

func (w wallet) Find(id [16]byte) *handshake.Ticket { return w[id] }
func (w wallet) Redeem(t *handshake.Ticket) error {
	delete(w, t.ID)
	return nil
}

var wallStart = time.Date(2026, 11, 21, 18, 0, 3, 0, time.UTC)

func newExchangeRig(t testing.TB, change ...func(*handshake.ResponderConfig)) *exchangeRig {
	t.Helper()
	x := &exchangeRig{wallet: wallet{}}
	set := func(c *handshake.ResponderConfig) {
		c.Wall = func() time.Time {
			if x.rig == nil { // the responder's start
				return wallStart.Add(x.skew)
			}
			return wallStart.Add(x.now.Sub(x.start) + x.skew)
		}
		c.Answer = func(_ netip.AddrPort, peer key.Agreement, payload []byte, _ int) []byte {
			x.peers = append(x.peers, peer)
			x.ran = append(x.ran, bytes.Clone(payload))
			return x.answer
		}
		c.Busy = func() bool { return x.busy }
		c.Tickets = x.wallet
	}
	x.rig = newRig(t, append([]func(*handshake.ResponderConfig){set}, change...)...)
	x.after(settled)
	return x
}

// clock is a wall clock that runs with the test's time.
func (g *rig) clock(skew time.Duration) wall.Clock {
	return func() time.Time { return wallStart.Add(g.now.Sub(g.start) + skew) }
}

// dialler is an initiator of Immediate with a payload.
func (x *exchangeRig) dialler(change ...func(*handshake.InitiatorConfig)) *handshake.Initiator {
	x.t.Helper()
	set := func(c *handshake.InitiatorConfig) {
		c.Mode = handshake.Immediate
		c.Pin = handshake.Pin{Key: static(x.t, x.scalarR).Public()}
		c.Wall = x.clock(0)
		c.Payload = []byte("resolve")
	}
	return x.initiator(append([]func(*handshake.InitiatorConfig){set}, change...)...)
}

// deferred takes both to their results by a Challenge.
func (x *exchangeRig) deferred(i *handshake.Initiator) (ours, theirs *handshake.Result) {
	x.t.Helper()
	challenge, _, o := x.send(x.from, i.Next(x.now))
	want(x.t, o, handshake.Challenged)
	x.give(i, challenge, handshake.Accepted)
	answer, theirs, o := x.send(x.from, i.Next(x.now))
	want(x.t, o, handshake.Completed)
	return x.give(i, answer, handshake.Completed), theirs
}

func TestImmediate(t *testing.T) {
	for _, size := range []int{wire.MaxPacket, wire.SmallPacket} {
		x := newExchangeRig(t)
		x.answer = bytes.Repeat([]byte{7}, 400)
		i := x.dialler(func(c *handshake.InitiatorConfig) { c.Size = size })
		p := i.Next(x.now)
		if len(p) != size || p[16] != wire.TypeExchange {
			t.Fatalf("%d bytes of type %d", len(p), p[16])
		}
		answer, theirs, o := x.send(x.from, p)
		want(t, o, handshake.Completed)
		ours := x.give(i, answer, handshake.Completed)
		same(t, "secret", ours.Secret[:], theirs.Secret[:])
		same(t, "payload", theirs.Payload, []byte("resolve"))
		same(t, "answer", ours.Payload, x.answer)
		if len(x.ran) != 1 || ours.Mode != handshake.Immediate || theirs.Mode != handshake.Immediate || theirs.Validated ||
			ours.Mine != theirs.Peer || ours.Peer != theirs.Mine || ours.MyID != theirs.PeerID || ours.PeerID != theirs.MyID ||
			ours.Reset != theirs.Reset || ours.Size != size || theirs.Size != size || theirs.From != x.from {
			t.Errorf("%+v\n%+v", ours, theirs)
		}
		again, _, o := x.send(x.from, p)
		want(t, o, handshake.Resent)
		if !slices.Equal(again, answer) || len(x.ran) != 1 {
			t.Error("not the stored answer")
		}
	}
}
