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
	responder   *handshake.Responder // nil when strangers are not listened to
	provisional map[[wire.SizeHash]byte]*Conn
	crowd       map[limit.Key]int // of them, by prefix
	unvalidated int               // of them, those made by an Exchange
	strangers   map[limit.Key]int // of these, by prefix
	proved      map[limit.Key]int // devices, by prefix
	dialling    int
	answer      [wire.MaxPacket]byte // what leaves to a stranger
}

// provisional is what a connection has until it is proved.
type provisional struct {
	request   [wire.SizeHash]byte // SHA-256 of the Complete or Exchange
	answer    []byte              // the ResponderComplete, resent byte for byte
	at        time.Duration       // when it left, 0 once it left twice
	validated bool                // the peer receives where it says
}

func (g *gate) init() {
	g.provisional = make(map[[wire.SizeHash]byte]*Conn)
	g.crowd = make(map[limit.Key]int)
	g.strangers = make(map[limit.Key]int)
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
	if !e.invited(packet) || !e.listen() {
		e.stats.Unknown++
		return
	}
	answer, result, o := e.gate.responder.Receive(e.now, from, packet, e.gate.answer[:0])
	e.stats.Handshake[o]++
	switch o {
	case handshake.Completed:
		if !e.admit(now, from, result, answer) {
			return
		}
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
	return err == nil && x.HasTicket() && (len(e.gate.provisional) > 0 || e.cfg.Tickets.Find(x.Ticket) != nil)
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
	if e.cfg.Reset == (key.Secret{}) && e.draw(e.cfg.Reset[:]) != nil {
		return false
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

// admit makes a provisional connection: "until then it replaces nothing, moves no
// endpoint and runs no verb but Immediate's three".
func (e *Endpoint) admit(now time.Duration, from netip.AddrPort, r *handshake.Result, answer []byte) bool {
	c := &Conn{e: e, born: now}
	if c.establish(r) != nil {
		return false
	}
	c.phase = phaseProvisional
	c.paths.current = from
	c.provisional = &provisional{r.Request, append([]byte(nil), answer...), now, r.Validated}
	e.gate.provisional[r.Request] = c
	e.gate.count(c, 1)
	e.timers.set(c, now+provisionalFor)
	return true
}

// leaveGate ends the provisional state of c, proved or not.
func (e *Endpoint) leaveGate(c *Conn) {
	delete(e.gate.provisional, c.provisional.request)
	e.gate.count(c, -1)
	c.provisional = nil
}

// count adds d to the counts of provisional connections that c is in.
func (g *gate) count(c *Conn, d int) {
	from := prefix(c.paths.current)
	count(g.crowd, from, d)
	if !c.provisional.validated {
		g.unvalidated += d
		count(g.strangers, from, d)
	}
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
func (t table) Room(from netip.AddrPort, validated bool) bool {
	g := &t.e.gate
	if !validated && (g.unvalidated >= maxUnvalidated || g.strangers[prefix(from)] >= maxUnvalidatedPrefix) {
		return false
	}
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
