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
	responder *handshake.Responder // nil when strangers are not listened to
	waiting
	proved   map[limit.Key]int // devices, by prefix
	dialling int
	answer   [wire.MaxPacket]byte // what leaves to a stranger
}

func (g *gate) init() {
	g.waiting.init()
	g.proved = make(map[limit.Key]int)
}

func (g *gate) advance(now time.Time, t time.Duration) {
	g.waiting.advance(t)
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
	if !e.invited(packet) || !e.listen() {
		e.stats.Unknown++
		return
	}
	answer, result, o := e.gate.responder.Receive(e.now, from, packet, e.gate.answer[:0])
	e.stats.Handshake[o]++
	switch o {
	case handshake.Completed:
		e.admit(now, from, result, answer)
	case handshake.Resent:
	case handshake.Challenged:
		if !e.cfg.Listen {
			return // a Challenge leads to First Contact, which is for anybody
		}
	default:
		return
	}
	e.reply(from, answer)
}

// invited reports whether a stranger's packet is looked at: every one when we
// listen, else one that names a ticket of ours. That may be spent and its answer
// lost, so it is looked at also while a connection is provisional.
func (e *Endpoint) invited(packet []byte) bool {
	if e.cfg.Listen || e.cfg.Tickets == nil {
		return e.cfg.Listen
	}
	if kind, err := wire.FirstType(packet); err != nil || kind != wire.TypeExchange {
		return false
	}
	x, err := wire.ParseExchange(packet)
	return err == nil && x.HasTicket() && (len(e.gate.byRequest) > 0 || e.cfg.Tickets.Find(x.Ticket) != nil)
}

// listen makes the responder, at the first call of the Endpoint's, and reports
// whether there is one.
func (e *Endpoint) listen() bool {
	if e.gate.responder != nil {
		return true
	}
	if !e.cfg.Listen && e.cfg.Tickets == nil {
		return false
	}
	// Attack: tokens under a key of zeros could be made by anybody who sees an id.
	if e.cfg.Reset == (key.Secret{}) {
		var fresh key.Secret // half of one would be taken for a key at the next try
		if e.draw(fresh[:]) != nil {
			return false
		}
		e.cfg.Reset = fresh
	}
	r, err := handshake.NewResponder(e.now, handshake.ResponderConfig{
		Statics: e.cfg.statics(), Card: e.cfg.CardHash, Reset: e.cfg.Reset,
		Table: table{e}, Rand: e.cfg.Rand, Wall: e.cfg.Wall,
		Quiet: e.cfg.Quiet, Rate: e.cfg.Rate, Burst: e.cfg.Burst,
		Busy: e.cfg.Busy, Answer: e.cfg.early(e), Tickets: e.cfg.Tickets,
	})
	if err != nil {
		return false // no randomness: the next packet tries again
	}
	e.gate.responder = r
	return true
}

// early returns Config.Early for the responder, which has no time to pass.
func (cfg *Config) early(e *Endpoint) func(netip.AddrPort, key.Agreement, []byte, int) []byte {
	if cfg.Early == nil {
		return nil
	}
	return func(from netip.AddrPort, peer key.Agreement, payload []byte, room int) []byte {
		return e.cfg.Early(e.now, from, peer, payload, room)
	}
}

// table is what the responder asks of our connections.
type table struct{ e *Endpoint }

// Stored implements handshake.Table.
func (t table) Stored(from netip.AddrPort, request [wire.SizeHash]byte) []byte {
	p := t.e.gate.byRequest[request]
	if p == nil || withoutZone(p.from) != withoutZone(from) {
		return nil
	}
	p.at = 0 // leaves a second time: no measure of the path any more
	return p.answer
}

// Room implements handshake.Table.
func (t table) Room(from netip.AddrPort, validated bool) bool {
	return t.e.gate.room(t.e.now.Sub(t.e.start), from, validated)
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
