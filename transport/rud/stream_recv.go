package rud

import (
	"crypto/subtle"
	"net/netip"
	"time"

	"meshpresence/transport/rud/wire"
)

// receive takes a packet under our data id. "Data: id; length; header flags,
// index, number; tag; body; ONLY then window, acks, path, frame."
//
// n is how many bytes the id has as sent; counter is that of a one-time id.
func (s *Stream) receive(now time.Duration, from netip.AddrPort, packet []byte, n int, counter uint64) {
	c := s.c
	h, body, other, o := s.open(now, packet, n)
	if o != sound {
		c.onDropped(now, packet, o)
		return
	}
	if !s.window.Check(h.Number) {
		c.e.stats.Replayed++
		return
	}
	// "A peer that breaks a limit with a packet that opened is closed."
	ack, fine := readAck(&h, s.next-1)
	index, v := uint32(0), keep
	if !h.NoFrame() {
		index, v = s.inbox.judge(&h, c.wideHere(s))
	}
	if !fine || v == breach || h.Number > s.most {
		c.end(now, ReasonBreach)
		return
	}
	if s.other != nil {
		s.onKeys(now, other)
	}
	if counter != 0 {
		s.spend(now, counter)
	}
	gap := h.Number != s.window.Newest()+1
	s.window.Commit(h.Number)
	opened := c.confirm(now, h.Number)
	s.onAck(now, ack, h.NoFrame() && !h.Probe())
	c.onPath(now, s, from, &h, len(packet))
	if opened {
		c.e.cfg.Handler.Opened(c.e.now, c)
	}
	if c.phase == phaseOpen {
		s.onBody(now, from, &h, body, index, v, gap)
	}
	c.flush(now)
}

// opening is what came of opening a packet.
type opening byte

const (
	sealed opening = iota // not the peer's, or not whole
	bad                   // the peer's, and against the rules of header and body
	sound
)

// onKeys takes note of which keys opened a packet, while there are two.
func (s *Stream) onKeys(now time.Duration, other bool) {
	if other {
		s.onOther(now)
	} else {
		s.c.onNew(now)
	}
}

// try opens a packet with one of the stream's keys.
func (s *Stream) try(now time.Duration, p *protection, packet []byte, n int) (h wire.Header, plain []byte, ok bool) {
	if p.keys == nil || n == wire.SizeID && wire.ID(packet[:wire.SizeID]) != p.id {
		return h, nil, false
	}
	mem := &s.c.e.scratch
	h, err := p.readHeaderAfter(mem, packet, n)
	if err != nil || !s.window.InRange(h.Number) {
		return h, nil, false
	}
	plain, err = p.unsealAfter(mem, packet, n, h.Number)
	if err != nil {
		if s.c.failed++; s.c.failed >= maxFailed {
			s.c.end(now, ReasonForged)
		}
		return h, nil, false
	}
	return h, plain, true
}

// open makes every check that needs only the packet and the keys, and changes
// nothing but the count of failed opens. other says that the stream's other keys
// opened it.
func (s *Stream) open(now time.Duration, packet []byte, n int) (h wire.Header, body wire.Body, other bool, o opening) {
	if len(packet) < wire.MinData+n-wire.SizeID || len(packet) > wire.MaxPacket {
		return h, body, false, sealed
	}
	h, plain, ok := s.try(now, &s.in, packet, n)
	if !ok && s.other != nil {
		h, plain, ok = s.try(now, &s.other.protection, packet, n)
		other = ok
	}
	if !ok {
		return h, body, false, sealed
	}
	var err error
	if body, err = wire.ParseBody(plain); err != nil || h.CheckOpened() != nil {
		return h, body, other, bad
	}
	// "entries in a piece other than 0", and "no-frame with a payload"
	if h.NoFrame() && len(body.Payload) > 0 || h.Index > 0 && !body.Extensions.IsEmpty() {
		return h, body, other, bad
	}
	// No packet of 1200 bytes carries more than this: a piece has its place.
	if len(entries(body.Extensions))+len(body.Payload) > payloadLarge {
		return h, body, other, bad
	}
	return h, body, other, sound
}

// onDropped counts a packet for this connection that was dropped, and ends it when
// that says that the peer lost it: "any packet of 44-64 bytes for a known id that is
// dropped at ANY check is compared, last 16 bytes, constant time". One that opened is
// the peer's, who has not lost it: its tag is no token.
func (c *Conn) onDropped(now time.Duration, packet []byte, o opening) {
	c.e.stats.Dropped++
	if o == bad || c.phase != phaseOpen || !c.initiator || len(packet) < resetLeast || len(packet) > resetMost {
		return
	}
	if subtle.ConstantTimeCompare(packet[len(packet)-wire.SizeResetToken:], c.reset[:]) == 1 {
		c.e.stats.Resets++
		c.end(now, ReasonReset)
	}
}

// confirm opens a provisional connection: "any packet that opens confirms,
// whatever its number". It reports whether it did.
func (c *Conn) confirm(now time.Duration, number uint32) bool {
	if c.phase != phaseProvisional {
		return false
	}
	// The first Data leaves at once; a later one measures what was lost, too.
	if at := c.provisional.at; at != 0 && number == 1 {
		c.rtt.sample(now - at)
	}
	c.e.leaveGate(c)
	c.phase = phaseOpen
	c.e.stats.Opened[c.mode]++
	c.announced = true
	c.born = now
	count(c.e.gate.proved, prefix(c.paths.current), 1)
	c.planRaise(now)
	return true
}

// onBody takes what is inside a packet that opened, for the first time.
func (s *Stream) onBody(now time.Duration, from netip.AddrPort, h *wire.Header, body wire.Body, index uint32, v verdict, gap bool) {
	c := s.c
	if h.NoFrame() {
		c.onPathValues(now, from, body.Extensions)
		return
	}
	if v == old {
		return // "an older piece is not acknowledged"
	}
	s.acks.note(now, h.Number, gap)
	if v == again {
		return
	}
	m := Message{Payload: body.Payload, From: from, Probe: h.Probe(), Final: h.Final(), Stream: s}
	if h.Pieces == 1 {
		s.inbox.finish(&c.e.buffers, index)
		s.deliver(now, index, body.Extensions, m)
		return
	}
	whole, buf := s.inbox.hold(&c.e.buffers, h, index, body)
	if buf == nil {
		return
	}
	// The buffer is not the connection's any more: the Handler may close it.
	s.inbox.finish(nil, index)
	m.Payload = whole.Payload
	s.deliver(now, index, whole.Extensions, m)
	c.e.buffers.put(buf)
}

// deliver takes a whole frame: first what its list asks for, then its payload.
func (s *Stream) deliver(now time.Duration, index uint32, list wire.Extensions, m Message) {
	c := s.c
	if len(entries(list)) > 0 && s.onList(now, list, m.Payload) {
		return
	}
	if b := s.bound; b != nil {
		if len(m.Payload) == 0 || b.state != streamOpen {
			return
		}
		if !b.mayReceive(index, m.Final) {
			c.end(now, ReasonBreach)
			return
		}
	}
	if c.phase == phaseOpen {
		c.e.cfg.Handler.Message(c.e.now, c, m)
	}
}

// onList obeys the list of a whole frame. It reports whether the payload is not to
// be delivered.
func (s *Stream) onList(now time.Duration, list wire.Extensions, payload []byte) bool {
	c := s.c
	k, err := parseControl(list)
	if err != nil || k.noun.isMain() && s.bound != nil {
		c.end(now, ReasonBreach)
		return true
	}
	switch k.noun {
	case nothing:
		return false
	case openStream, badStream:
		c.onOpenStream(now, &k, list, payload)
		return true
	case answered:
		c.onStreamAnswer(now, &k)
	case refused:
		c.onRefused(k.id)
	case closed:
		c.onClosed(&k)
	case renewed:
		s.onRenewed(now, k.id)
	case rolled:
		c.onRoll(now, k.value)
	case oneTime:
		s.onOneTime(now, k.value)
	case newToken:
		c.onToken(now, k.value)
	case left:
		c.end(now, ReasonLeft)
	}
	return len(payload) == 0 || c.phase != phaseOpen
}
