package rud

import (
	"time"

	"meshpresence/internal/key"
)

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
