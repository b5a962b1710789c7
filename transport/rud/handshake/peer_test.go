package handshake_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// rig is an initiator and a responder that only talk when the test says so.
type rig struct {
	t     testing.TB
	now   time.Time
	rnd   *rand.ChaCha8
	table *table
	r     *handshake.Responder
	from  netip.AddrPort

	scalarR []byte    // the responder's static key
	start   time.Time // when it began
	cfg     handshake.ResponderConfig
}

// table is an owner's connections as a test sets them.
type table struct {
	stored map[request][]byte
	full   bool
	half   bool // no room for a source that is not validated
	proved netip.Prefix
}

type request struct {
	from netip.AddrPort
	hash [32]byte
}

func (t *table) Stored(from netip.AddrPort, hash [32]byte) []byte {
	return t.stored[request{from, hash}]
}
func (t *table) Room(_ netip.AddrPort, v bool) bool {
	return !t.full && (v || !t.half)
}
func (t *table) Proved(a netip.Addr) bool     { return t.proved.Contains(a) }
func (t *table) Taken(wire.ID) bool           { return false }
func (t *table) keep(from request, a []byte)  { t.stored[from] = a }
func (t *table) forget(r *handshake.Result)   { delete(t.stored, request{r.From, r.Request}) }
func (t *table) provisional() (connected int) { return len(t.stored) }

var source = netip.MustParseAddrPort("192.0.2.7:51000")

func newRig(t testing.TB, change ...func(*handshake.ResponderConfig)) *rig {
	t.Helper()
	g := &rig{
		t: t, now: time.Now(), rnd: rand.NewChaCha8([32]byte{7}), from: source,
		table: &table{stored: map[request][]byte{}},
	}
	g.start = g.now
	g.scalarR = g.draw(32)
	cfg := handshake.ResponderConfig{
		Statics: []*key.Static{static(t, g.scalarR)}, Card: [32]byte{1}, Reset: key.Secret(g.draw(32)), Table: g.table, Rand: g.rnd,
	}
	for _, f := range change {
		f(&cfg)
	}
	g.cfg = cfg
	r, err := handshake.NewResponder(g.now, cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.r = r
	return g
}

func (g *rig) draw(n int) []byte {
	b := make([]byte, n)
	g.rnd.Read(b)
	return b
}

func (g *rig) after(d time.Duration) { g.now = g.now.Add(d) }

func (g *rig) pin() handshake.Pin {
	return handshake.Pin{Expect: static(g.t, g.scalarR).Public().Expect()}
}

func (g *rig) initiator(change ...func(*handshake.InitiatorConfig)) *handshake.Initiator {
	g.t.Helper()
	cfg := handshake.InitiatorConfig{Static: static(g.t, g.draw(32)), Pin: g.pin(), Rand: g.rnd}
	for _, f := range change {
		f(&cfg)
	}
	i, err := handshake.NewInitiator(g.now, cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	return i
}

// send gives the responder a packet, and keeps the answer of a handshake as the
// owner of a provisional connection does.
func (g *rig) send(from netip.AddrPort, p []byte) ([]byte, *handshake.Result, handshake.Outcome) {
	g.t.Helper()
	answer, res, o := g.r.Receive(g.now, from, p, nil)
	if len(answer) > len(p) {
		g.t.Fatalf("%d bytes answered by %d", len(p), len(answer))
	}
	if silent := o > handshake.Resent; silent != (len(answer) == 0) || silent && res != nil {
		g.t.Fatalf("outcome %q with an answer of %d bytes", o, len(answer))
	}
	if res != nil {
		g.table.keep(request{res.From, res.Request}, answer)
	}
	return answer, res, o
}

// drop sends a packet that must be dropped for that reason.
func (g *rig) drop(from netip.AddrPort, p []byte, why handshake.Outcome) {
	g.t.Helper()
	_, _, o := g.send(from, p)
	want(g.t, o, why)
}

// hello has the initiator's Hello answered and returns both packets.
func (g *rig) hello(i *handshake.Initiator) (hello, challenge []byte) {
	g.t.Helper()
	hello = i.Next(g.now)
	challenge, _, o := g.send(g.from, hello)
	want(g.t, o, handshake.Challenged)
	return hello, challenge
}

// complete takes the initiator to its first Complete.
func (g *rig) complete(i *handshake.Initiator) []byte {
	g.t.Helper()
	_, challenge := g.hello(i)
	g.give(i, challenge, handshake.Accepted)
	p := i.Next(g.now)
	if p == nil {
		g.t.Fatal("no Complete is due")
	}
	return p
}

// give gives the initiator a packet that must have that outcome.
func (g *rig) give(i *handshake.Initiator, p []byte, o handshake.Outcome) *handshake.Result {
	g.t.Helper()
	res, got := i.Receive(g.now, p)
	want(g.t, got, o)
	if (res != nil) != (o == handshake.Completed) {
		g.t.Fatalf("outcome %q with result %v", got, res)
	}
	return res
}

// finish takes both to their results.
func (g *rig) finish(i *handshake.Initiator) (ours, theirs *handshake.Result) {
	g.t.Helper()
	answer, theirs, o := g.send(g.from, g.complete(i))
	want(g.t, o, handshake.Completed)
	return g.give(i, answer, handshake.Completed), theirs
}

// forger is an attacker, or a dishonest device: it knows the responder's
// Challenge to its own Hello and seals what it likes with the model.
type forger struct {
	g                *rig
	id, e, static    []byte
	size             int
	hello, challenge []byte
	value, k, s      []byte
	run              *model
}

func (g *rig) forger() *forger {
	g.t.Helper()
	f := &forger{g: g, id: g.draw(8), e: g.draw(32), static: g.draw(32), size: wire.SmallPacket}
	f.hello = modelHello(f.size, f.id, make([]byte, 32))
	var o handshake.Outcome
	f.challenge, _, o = g.send(g.from, f.hello)
	want(g.t, o, handshake.Challenged)
	f.k, f.s, f.value = f.challenge[11:43], f.challenge[43:75], f.challenge[107:]
	f.run = modelStart(f.hello, f.challenge)
	return f
}

// complete seals a section with the given body, which is put where list and
// payload stand.
func (f *forger) complete(id, body []byte) []byte {
	plain := append(append(append([]byte{}, public(f.static)...), id...), body...)
	plain = append(plain, make([]byte, f.size-116-16-len(plain))...)
	return f.run.complete(f.id, f.value, f.e, f.s, f.k, plain)
}
