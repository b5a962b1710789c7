package rud

import (
	"encoding/binary"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/limit"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// gate is what stands between strangers and connections: the responder, and the
// connections whose initiator has not sent Data yet.
type gate struct {
	responder   *handshake.Responder // nil until the first packet, or when we do not listen
	provisional map[[wire.SizeHash]byte]*Conn
	crowd       map[limit.Key]int // of them, by prefix
	proved      map[limit.Key]int // devices, by prefix
	dialling    int
}

// provisional is what a connection has until it is proved.
type provisional struct {
	request [wire.SizeHash]byte // SHA-256 of the Complete
	answer  []byte              // the ResponderComplete, resent byte for byte
	at      time.Duration       // when it left, 0 once it left twice
}

func (g *gate) init() {
	g.provisional = make(map[[wire.SizeHash]byte]*Conn)
	g.crowd = make(map[limit.Key]int)
	g.proved = make(map[limit.Key]int)
}

func (g *gate) advance(now time.Time) {
	if g.responder != nil {
		g.responder.Advance(now)
	}
}

func (g *gate) deadline() time.Time {
	if g.responder == nil {
		return time.Time{}
	}
	return g.responder.Deadline()
}

// count adds d to a count by prefix, and forgets zeros.
func count(m map[limit.Key]int, k limit.Key, d int) {
	if m[k] += d; m[k] <= 0 {
		delete(m, k)
	}
}

// knock takes a packet that begins with zeros: a stranger's.
func (e *Endpoint) knock(now time.Duration, from netip.AddrPort, packet []byte) {
	if !e.cfg.Listen || !e.listen() {
		e.stats.Unknown++
		return
	}
	answer, result, o := e.gate.responder.Receive(e.now, from, packet, e.scratch.seal[:0])
	e.stats.Handshake[o]++
	switch o {
	case handshake.Completed:
		if !e.admit(now, from, result, answer) {
			return
		}
	case handshake.Resent, handshake.Challenged:
	default:
		return
	}
	e.reply(from, answer)
}

// listen makes the responder when the first stranger comes.
func (e *Endpoint) listen() bool {
	if e.gate.responder != nil {
		return true
	}
	r, err := handshake.NewResponder(e.now, handshake.ResponderConfig{
		Statics: []*key.Static{e.cfg.Static}, Card: e.cfg.CardHash, Reset: e.cfg.Reset,
		Table: table{e}, Rand: e.cfg.Rand,
		Quiet: e.cfg.Quiet, Rate: e.cfg.Rate, Burst: e.cfg.Burst,
	})
	if err != nil {
		return false // no randomness: the next packet tries again
	}
	e.gate.responder = r
	return true
}

// admit makes a provisional connection: "until then it replaces nothing, moves no
// endpoint and runs no verb".
func (e *Endpoint) admit(now time.Duration, from netip.AddrPort, r *handshake.Result, answer []byte) bool {
	c := &Conn{e: e, born: now}
	if c.establish(r) != nil {
		return false
	}
	c.phase = phaseProvisional
	c.paths.current = from
	c.provisional = &provisional{r.Request, append([]byte(nil), answer...), now}
	e.gate.provisional[r.Request] = c
	count(e.gate.crowd, prefix(from), 1)
	e.timers.set(c, now+provisionalFor)
	return true
}

// leaveGate ends the provisional state of c, proved or not.
func (e *Endpoint) leaveGate(c *Conn) {
	delete(e.gate.provisional, c.provisional.request)
	count(e.gate.crowd, prefix(c.paths.current), -1)
	c.provisional = nil
}

// table is what the responder asks of our connections.
type table struct{ e *Endpoint }

// Stored implements handshake.Table.
func (t table) Stored(from netip.AddrPort, request [wire.SizeHash]byte) []byte {
	c := t.e.gate.provisional[request]
	if c == nil || withoutZone(c.paths.current) != withoutZone(from) {
		return nil
	}
	c.provisional.at = 0 // leaves a second time: no measure of the path any more
	return c.provisional.answer
}

// Room implements handshake.Table.
func (t table) Room(from netip.AddrPort, _ bool) bool {
	g := &t.e.gate
	return len(g.provisional) < maxProvisional && g.crowd[prefix(from)] < maxProvisionalPrefix
}

// Proved implements handshake.Table.
func (t table) Proved(a netip.Addr) bool { return t.e.gate.proved[limit.Prefix(a)] > 0 }

// Taken implements handshake.Table.
func (t table) Taken(id wire.ID) bool { return t.e.taken(id) }

// enter puts c into the table under its data id.
func (e *Endpoint) enter(c *Conn) {
	e.streams[binary.BigEndian.Uint64(c.main.in.id[:])] = &c.main
	e.conns++
}

func withoutZone(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}
