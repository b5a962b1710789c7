package rud

import (
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// Leave tells the peer that we close, in one packet that nothing repeats, and
// closes: a peer that does not hear of it finds out by silence. What is not
// acknowledged is given up on both sides.
func (c *Conn) Leave(now time.Time) {
	t := c.e.begin(now)
	s := &c.main
	if c.phase == phaseOpen && s.outbox.len() < frameWindow && !s.stuck() {
		entries := appendEntries(c.e.entries[:0], []wire.Extension{{Tag: wire.TagCloseConnection}})
		index := s.outbox.addControl(&c.e.buffers, entries, nil, wire.FlagFinal)
		s.outbox.frame(index).divide(&c.e.buffers, s.share())
		s.sendPiece(t, c.paths.current, index, 0, record{})
	}
	c.end(t, ReasonClosed)
}

// Close ends the connection. Nothing is sent: the peer finds out by silence.
func (c *Conn) Close(now time.Time) { c.end(c.e.begin(now), ReasonClosed) }

// end takes the connection out of the tables, gives back what it holds, and tells
// the Handler of one it knows.
func (c *Conn) end(now time.Duration, reason Reason) {
	e := c.e
	switch c.phase {
	case phaseClosed:
		return
	case phaseDialling:
		if c.dial != nil {
			c.leaveDial()
		}
	case phaseOpen:
		if !c.initiator {
			count(e.gate.proved, prefix(c.paths.current), -1)
		}
	}
	c.phase = phaseClosed
	if !c.main.in.id.IsZero() {
		e.conns--
	}
	e.timers.remove(c)
	c.dropAll()
	c.main.free(e)
	c.roll, c.secret = nil, key.Secret{}
	if c.announced {
		e.cfg.Handler.Closed(e.now, c, reason)
	}
}
