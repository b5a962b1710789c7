package rud

import (
	"net/netip"
	"time"

	"meshpresence/transport/rud/wire"
)

// MaxPayload returns how many bytes a frame of the main stream can carry now: 16
// packets of the path, 18,480 or 8,048, and 8,048 until the connection is open. It
// may fall.
func (c *Conn) MaxPayload() int { return c.main.MaxPayload() }

// Send queues one frame of 1 to 16 packets, a copy of the payload, and sends what
// may leave now. The frame's index answers Acknowledged. Frames are sent again
// until acknowledged, and may arrive in another order.
//
// The error is ErrTooLarge (MaxPayload says how much fits), ErrFull (too much is
// not acknowledged yet), or ErrClosed, and then nothing changed.
func (c *Conn) Send(now time.Time, payload []byte) (frame uint64, err error) {
	return c.main.Send(now, payload)
}

// SendProbe is Send for what must not tell the peer where we are, or is an answer
// to such a packet: an endpoint request, its response, a punch. The first copy
// goes to the address to, when the frame is one packet and the path is proved or
// at most 3 times what came from there; it, and all later ones, goes to the path
// in use otherwise, as when to is the zero AddrPort.
func (c *Conn) SendProbe(now time.Time, to netip.AddrPort, payload []byte) (frame uint64, err error) {
	t := c.e.begin(now)
	index, err := c.main.accept(payload, wire.FlagFinal|wire.FlagProbe)
	if err != nil {
		return 0, err
	}
	if to.IsValid() && to != c.paths.current {
		c.main.sendAside(t, index, to)
	}
	c.flush(t)
	return uint64(index), nil
}

// Acknowledged reports whether the peer holds the whole frame. A frame that
// became too large for a path whose packet size fell is never acknowledged; the
// last 64 of these are known.
func (c *Conn) Acknowledged(frame uint64) bool {
	return c.main.Acknowledged(frame)
}

// flush sends what may leave now, then sets the deadline.
func (c *Conn) flush(now time.Duration) {
	if c.phase != phaseOpen {
		return
	}
	c.say()
	for c.sendNext(now) {
	}
	c.main.sendAck(now)
	for i := 0; i < len(c.others()); i++ { // each may end all
		c.others()[i].sendAck(now)
	}
	c.schedule()
}

// sendNext sends one packet: the oldest lost one again, else a new one.
func (c *Conn) sendNext(now time.Duration) bool {
	c.paceAt = 0
	if c.phase != phaseOpen {
		return false
	}
	full := c.inside() >= c.flow.window
	if full && !c.tells() {
		return false
	}
	s, j, ok := c.choose(full)
	if !ok {
		return false
	}
	if at := c.flow.pace(now, c.rtt.srtt()); at > now {
		c.paceAt = at
		return false
	}
	s.do(now, j)
	return true
}
