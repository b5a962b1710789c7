package rud

import (
	"net/netip"
	"time"

	"meshpresence/transport/rud/wire"
)

// MaxPayload returns how many bytes a frame of this connection can carry now: 16
// packets of the path, 18,480 or 8,048, and 8,048 until the connection is open. It
// may fall.
func (c *Conn) MaxPayload() int { return wire.MaxPieces * c.share() }

// share returns the payload of one packet.
func (c *Conn) share() int { return c.size - packetOverhead }

// Send queues one frame of 1 to 16 packets, a copy of the payload, and sends what
// may leave now. The frame's index answers Acknowledged. Frames are sent again
// until acknowledged, and may arrive in another order.
//
// The error is ErrTooLarge (MaxPayload says how much fits), ErrFull (too much is
// not acknowledged yet), or ErrClosed, and then nothing changed.
func (c *Conn) Send(now time.Time, payload []byte) (frame uint64, err error) {
	t := c.e.begin(now)
	index, err := c.accept(payload, wire.FlagFinal)
	if err != nil {
		return 0, err
	}
	c.flush(t)
	return uint64(index), nil
}

// SendProbe is Send for what must not tell the peer where we are, or is an answer
// to such a packet: an endpoint request, its response, a punch. The first copy
// goes to the address to, when the frame is one packet and the path is proved or
// at most 3 times what came from there; it, and all later ones, goes to the path
// in use otherwise, as when to is the zero AddrPort.
func (c *Conn) SendProbe(now time.Time, to netip.AddrPort, payload []byte) (frame uint64, err error) {
	t := c.e.begin(now)
	index, err := c.accept(payload, wire.FlagFinal|wire.FlagProbe)
	if err != nil {
		return 0, err
	}
	if to.IsValid() && to != c.paths.current {
		c.sendAside(t, index, to)
	}
	c.flush(t)
	return uint64(index), nil
}

// sendAside sends the one packet of a frame to another address than the path in
// use, if that is allowed now.
func (c *Conn) sendAside(now time.Duration, index uint32, to netip.AddrPort) {
	f := c.outbox.frame(index)
	if c.phase != phaseOpen || len(f.payload) > c.share() || !c.roomForNew() {
		return
	}
	c.outbox.held -= f.divide(&c.e.buffers, c.share())
	if c.paths.spend(now, to, packetOverhead+len(f.payload)) {
		c.sendPiece(now, to, index, 0, record{})
	}
}

// accept queues a frame.
func (c *Conn) accept(payload []byte, flags byte) (index uint32, err error) {
	limit := c.sending()
	size := 0
	if len(payload) > 0 {
		size = bufferSize(len(payload))
	}
	switch {
	case c.phase != phaseOpen && c.phase != phaseDialling:
		return 0, ErrClosed
	case len(payload) > c.MaxPayload():
		return 0, ErrTooLarge
	case c.outbox.len() >= limit.frames, c.outbox.held+size > limit.held:
		return 0, ErrFull
	}
	return c.outbox.add(&c.e.buffers, payload, flags), nil
}

// Acknowledged reports whether the peer holds the whole frame. A frame that
// became too large for a path whose packet size fell is never acknowledged; the
// last 64 of these are known.
func (c *Conn) Acknowledged(frame uint64) bool {
	return c.phase != phaseDialling && frame < uint64(c.outbox.next) && c.outbox.acknowledged(uint32(frame))
}

// flush sends what may leave now, then sets the deadline.
func (c *Conn) flush(now time.Duration) {
	if c.phase != phaseOpen {
		return
	}
	for c.sendNext(now) {
	}
	if c.acks.owed(now) {
		c.sendPlain(now, c.paths.current, 0, nil)
	}
	c.schedule()
}

// sendNext sends one packet: the oldest lost one again, else a new one.
func (c *Conn) sendNext(now time.Duration) bool {
	c.paceAt = 0
	if c.phase != phaseOpen || c.flight.inside() >= c.flow.window {
		return false
	}
	lost := c.flight.firstLost()
	if lost < 0 && !c.roomForNew() {
		return false
	}
	var index uint32
	var piece int
	if lost < 0 {
		var ok bool
		if index, piece, ok = c.outbox.ready(&c.e.buffers, c.share(), c.sending().wide); !ok {
			return false
		}
	}
	if at := c.flow.pace(now, c.rtt.srtt()); at > now {
		c.paceAt = at
		return false
	}
	if lost >= 0 {
		c.resend(now, lost)
		return true
	}
	c.sendPiece(now, c.paths.current, index, piece, record{})
	return true
}

// roomForNew reports whether a new frame packet may leave: "no NEW frame packet
// leaves while next - oldest outstanding number > 48", and so many outstanding.
func (c *Conn) roomForNew() bool {
	return len(c.flight.sent) < c.sending().outstanding && c.next-c.flight.oldest(c.next) <= numberSpan
}

// resend sends the i-th outstanding packet again: "the same PLAINTEXT sealed
// again" under the next number.
func (c *Conn) resend(now time.Duration, i int) {
	r := c.flight.sent[i]
	if r.size > wire.SmallPacket && r.at >= c.sizing.failed && c.largeFailed(now) {
		return // its frame was cut anew
	}
	c.flight.take(i)
	c.e.stats.Resent++
	c.sendPiece(now, c.paths.current, r.frame, int(r.piece), r)
}

// sendPiece sends one piece of a frame; was is its record from the last time.
func (c *Conn) sendPiece(now time.Duration, to netip.AddrPort, index uint32, piece int, was record) {
	if c.exhausted(now) {
		return
	}
	f := c.outbox.frame(index)
	h := wire.Header{
		Flags:  f.flags | wire.CutFlag(int(f.cut)),
		Pieces: int(f.pieces),
		Index:  piece,
		Frame:  uint16(index),
	}
	pad := 0
	if f.padded {
		pad = wire.MaxPacket
	}
	number := c.next
	packet := c.seal(&h, nil, f.piece(piece), pad)
	r := record{
		number: number, before: was.number, past: was.order,
		frame: index, piece: uint8(piece),
		size: uint16(len(packet)), at: now,
		path: c.paths.epoch, aside: to != c.paths.current,
	}
	c.flight.add(r)
	c.outbox.onSent(index, piece)
	c.frameAt = now
	if !r.aside {
		c.flow.onSent()
		c.paths.sent++
	}
	c.transmit(to, packet)
}

// sendPlain sends a packet without a frame: an acknowledgement, or a path value.
func (c *Conn) sendPlain(now time.Duration, to netip.AddrPort, flags byte, list []wire.Extension) {
	if c.exhausted(now) {
		return
	}
	h := wire.Header{Flags: flags | wire.FlagNoFrame, Pieces: 1}
	c.transmit(to, c.seal(&h, list, nil, 0))
}

// exhausted closes a connection whose packet numbers are used up: "hard stop at
// 2^25".
func (c *Conn) exhausted(now time.Duration) bool {
	if c.next > maxPackets {
		c.end(now, ReasonExhausted)
	}
	return c.phase != phaseOpen
}

// seal makes a packet under the next number. The number is used up whatever
// happens to the packet: "never two seals under one number even if a write
// fails". The packet is in the scratch; size, when not 0, is what zeros fill it
// up to.
func (c *Conn) seal(h *wire.Header, list []wire.Extension, payload []byte, size int) []byte {
	h.Number = c.next
	c.next++
	c.acks.put(h, c.window.Newest())
	s := &c.e.scratch
	b := wire.AppendBody(c.out.begin(s, h), list, payload)
	for len(b) < size-wire.SizeTag {
		b = append(b, 0)
	}
	return c.out.seal(s, b)
}

// transmit puts a packet on the wire.
func (c *Conn) transmit(to netip.AddrPort, packet []byte) {
	if to == c.paths.current {
		c.acks.sent()
	}
	c.e.send(to, packet)
}
