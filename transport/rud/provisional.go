package rud

import (
	"container/list"
	"encoding/binary"
	"net/netip"
	"time"

	"meshpresence/internal/limit"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// provisional is a connection whose initiator has not sent Data yet: what it takes
// to make one, and no Conn. Its keys are expanded for each packet under its id, of
// which only the initiator knows. Attack: forged Exchanges make thousands; each takes
// 1 KiB.
type provisional struct {
	result *handshake.Result
	answer []byte         // the ResponderComplete, resent byte for byte
	from   netip.AddrPort // of the Complete or Exchange
	born   time.Duration
	at     time.Duration // when the answer left, 0 once it left twice
	place  *list.Element
}

// waiting are the provisional connections.
type waiting struct {
	byRequest map[[wire.SizeHash]byte]*provisional // SHA-256 of Complete or Exchange
	byID      map[uint64]*provisional              // our data id
	queue     list.List                            // oldest first
	crowd     map[limit.Key]int                    // by prefix

	unvalidated int               // those made by an Exchange
	strangers   map[limit.Key]int // of these, by prefix
}

func (w *waiting) init() {
	w.byRequest = make(map[[wire.SizeHash]byte]*provisional)
	w.byID = make(map[uint64]*provisional)
	w.crowd = make(map[limit.Key]int)
	w.strangers = make(map[limit.Key]int)
}

func (p *provisional) id() uint64 { return binary.BigEndian.Uint64(p.result.MyID[:]) }

// add takes one in.
func (w *waiting) add(p *provisional) {
	w.byRequest[p.result.Request] = p
	w.byID[p.id()] = p
	p.place = w.queue.PushBack(p)
	w.count(p, 1)
}

// drop takes one out, proved or not. Its secret goes.
func (w *waiting) drop(p *provisional) {
	delete(w.byRequest, p.result.Request)
	delete(w.byID, p.id())
	w.queue.Remove(p.place)
	w.count(p, -1)
	p.result = nil
}

// count adds d to the counts that p is in.
func (w *waiting) count(p *provisional, d int) {
	from := prefix(p.from)
	count(w.crowd, from, d)
	if !p.result.Validated {
		w.unvalidated += d
		count(w.strangers, from, d)
	}
}

// room reports whether one more may come from there; an old one may give way to it.
func (w *waiting) room(now time.Duration, from netip.AddrPort, validated bool) bool {
	k := prefix(from)
	if !validated && (w.unvalidated >= maxUnvalidated || w.strangers[k] >= maxUnvalidatedPrefix) {
		return false
	}
	crowded := w.crowd[k] >= maxProvisionalPrefix
	if !crowded && len(w.byRequest) < maxProvisional {
		return true
	}
	return validated && w.yield(now, k, crowded)
}

// yield drops the oldest one, of that prefix when it is crowded, unless it is too
// young, and reports whether it did. Attack: a neighbour of a device makes two a
// second, proves none, and has the prefix to itself.
func (w *waiting) yield(now time.Duration, k limit.Key, crowded bool) bool {
	for e := w.queue.Front(); e != nil; e = e.Next() {
		p := e.Value.(*provisional)
		if now < p.born+provisionalLeast {
			return false // so are those after it
		}
		if !crowded || prefix(p.from) == k {
			w.drop(p)
			return true
		}
	}
	return false
}

// oldest returns the one whose time is over first, nil for none.
func (w *waiting) oldest() *provisional {
	if e := w.queue.Front(); e != nil {
		return e.Value.(*provisional)
	}
	return nil
}

// advance drops those whose time is over.
func (w *waiting) advance(now time.Duration) {
	for p := w.oldest(); p != nil && now >= p.born+provisionalFor; p = w.oldest() {
		w.drop(p)
	}
}

// admit makes a provisional connection: "until then it replaces nothing, moves no
// endpoint and runs no verb but Immediate's three".
func (e *Endpoint) admit(now time.Duration, from netip.AddrPort, r *handshake.Result, answer []byte) {
	r.Payload, r.Extensions = nil, wire.Extensions{} // done with
	e.gate.waiting.add(&provisional{result: r, answer: append([]byte(nil), answer...), from: from, born: now, at: now})
}

// prove takes a packet for a provisional connection. If it opens there is a
// connection, and else nothing changed.
func (e *Endpoint) prove(now time.Duration, from netip.AddrPort, p *provisional, packet []byte) {
	if len(packet) < wire.MinData || len(packet) > wire.MaxPacket {
		e.stats.Dropped++
		return
	}
	c := &Conn{e: e, born: now, phase: phaseProvisional, provisional: p}
	c.paths.current = p.from
	if c.establish(p.result) != nil {
		return // no ciphers: cannot be
	}
	c.main.receive(now, from, packet, wire.SizeID, 0)
	switch {
	case c.phase == phaseProvisional:
		c.end(now, ReasonClosed) // it did not open
	case p.result != nil:
		e.gate.waiting.drop(p) // it opened and broke a limit
	}
}

// leaveGate ends the provisional state of c, which is proved.
func (e *Endpoint) leaveGate(c *Conn) {
	e.gate.waiting.drop(c.provisional)
	c.provisional = nil
}
