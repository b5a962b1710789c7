package rud

import (
	"time"
)

// onAck takes what the peer says of our packets.
func (c *Conn) onAck(now time.Duration, t told) {
	if t.newest == 0 || len(c.flight.sent) == 0 {
		return
	}
	full := c.flight.inside() >= c.flow.window
	news := false
	for i := 0; i < len(c.flight.sent); {
		r := &c.flight.sent[i]
		arrived := t.has(r.number)
		if !arrived && (r.before == 0 || !t.has(r.before)) {
			i++
			continue
		}
		news = true
		c.onArrived(now, c.flight.take(i), arrived, full, t.newest)
	}
	if !news {
		return
	}
	c.backoff = 0
	c.detectLoss(now)
}

// onArrived takes one record off that is acknowledged, under its own number or,
// when arrived is false, under the one its piece had before.
func (c *Conn) onArrived(now time.Duration, r record, arrived, full bool, newest uint32) {
	own := r.path == c.paths.epoch && !r.aside
	if arrived {
		c.flight.best = max(c.flight.best, r.order)
		if own && r.number == newest {
			c.rtt.sample(now - r.at)
		}
	} else {
		c.flight.needless(r.past)
		c.e.stats.Needless++
	}
	if own && full {
		c.flow.onAck()
	}
	c.onSize(&r)
	if c.outbox.frame(r.frame).padded {
		c.raised()
	}
	c.outbox.onAck(&c.e.buffers, r.frame, int(r.piece))
}

// detectLoss marks the packets that enough later ones overtook, or long enough
// ago, and sets the timer for those that are not yet.
func (c *Conn) detectLoss(now time.Duration) {
	c.lossAt = 0
	f := &c.flight
	allowed := f.threshold()
	delay := c.lossDelay(allowed)
	for i := 0; i < len(f.sent); {
		r := &f.sent[i]
		switch {
		case r.order >= f.best:
			return // nothing overtook it, nor those after it
		case r.lost:
		case f.best-r.order >= allowed || now-r.at >= delay:
			if c.lose(now, i) {
				continue // its record is gone
			}
		case c.lossAt == 0 || r.at+delay < c.lossAt:
			c.lossAt = r.at + delay
		}
		i++
	}
}

// lossDelay is how long after it left a packet that was overtaken counts as lost:
// 9/8 of a round trip, and more on a path that reorders.
func (c *Conn) lossDelay(allowed uint32) time.Duration {
	rtt := max(c.rtt.srtt(), c.rtt.latest)
	return rtt + rtt/8*time.Duration(allowed-reorderFirst+1)
}

// lose marks the i-th outstanding packet as lost. It reports whether the record
// is gone: a probe of the packet size is not sent again as it was.
func (c *Conn) lose(now time.Duration, i int) (gone bool) {
	r := c.flight.sent[i]
	if c.outbox.frame(r.frame).padded {
		c.notRaised(now, i)
		return true
	}
	c.flight.markLost(i)
	if r.path == c.paths.epoch && !r.aside {
		c.paths.lost++
		c.flow.onLoss(now, r.at)
	}
	return false
}

// probeAt returns when the PTO comes, 0 for never: "PTO = srtt + 4 var + 25 ms,
// doubling".
func (c *Conn) probeAt() time.Duration {
	if c.flight.inside() == 0 {
		return 0
	}
	pto := c.rtt.pto()
	return c.frameAt + max(pto, min(pto<<c.backoff, backoffMost))
}

// onProbeTimeout sends the oldest packets again, whatever window and pace say.
func (c *Conn) onProbeTimeout(now time.Duration) {
	if c.backoff < 16 {
		c.backoff++
	}
	// One silent PTO may be a lost acknowledgement; a second is a loss.
	if c.backoff > 1 {
		c.flow.onLoss(now, c.flight.sent[0].at)
	}
	if c.largeUnanswered() && c.largeFailed(now) {
		return
	}
	// The second packet is the next one, or a lone one once more when a first
	// PTO did not help.
	packets := ptoPackets
	if len(c.flight.sent) == 1 && c.backoff == 1 {
		packets = 1
	}
	for n := 0; n < packets && c.phase == phaseOpen && len(c.flight.sent) > 0; n++ {
		if c.outbox.frame(c.flight.sent[0].frame).padded {
			c.notRaised(now, 0)
			continue
		}
		c.paths.lost++
		c.resend(now, 0)
	}
	c.compare(now)
}

// loseAll marks everything outstanding to be sent again: the path changed under
// it. That is no sign of congestion.
func (c *Conn) loseAll() {
	for i := range c.flight.sent {
		c.flight.markLost(i)
	}
}
