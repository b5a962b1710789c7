package rud

import (
	"math"
	"time"

	"meshpresence/transport/rud/wire"
)

// sizing is how large packets, over 548 bytes, fare on the path.
//
// A path that swallows them looks like one that loses everything, so a small one
// is sent beside: only when that arrives and they do not has the size fallen.
type sizing struct {
	since  time.Duration // when the first of them was noticed
	failed time.Duration // when the last one was
	fails  uint8         // rounds in which large packets were lost, and none arrived since
	asked  bool          // a small frame left in these rounds
	small  uint8         // small frame packets that left in these rounds and arrived

	raise time.Duration // when 1200 is tried again; 0: no reason to
	wait  time.Duration
}

// planRaise plans the first try of the larger size when the path has the smaller.
func (c *Conn) planRaise(now time.Duration) {
	c.sizing = sizing{}
	if c.size < wire.MaxPacket {
		c.sizing.wait = raiseFirst
		c.sizing.raise = now + raiseFirst
	}
}

// largeUnanswered reports whether a large packet is outstanding that left since
// the last failure was noticed.
func (c *Conn) largeUnanswered() bool {
	for s := range c.keyed {
		for i := range s.flight.sent {
			if r := &s.flight.sent[i]; r.size > wire.SmallPacket && r.at >= c.sizing.failed {
				return true
			}
		}
	}
	return false
}

// largeFailed notes a round in which large packets were lost. It reports whether
// the path's MTU is now believed to have fallen, and acts on it.
func (c *Conn) largeFailed(now time.Duration) bool {
	z := &c.sizing
	if now == z.failed {
		return false // the same round
	}
	if z.fails == 0 {
		z.since, z.asked, z.small = now, false, 0
	}
	z.failed = now
	z.fails = min(z.fails, sizeRounds) + 1
	if int(z.fails) < c.sizePatience() {
		return false
	}
	c.fall(now)
	return true
}

// sizePatience is how many rounds it takes to believe: more when a frame would be
// given up for it, or when nothing small could be sent to compare with; without
// end when the small one does not arrive either.
func (c *Conn) sizePatience() int {
	switch {
	case c.sizing.asked && c.sizing.small == 0:
		return math.MaxInt
	case c.sizing.small > 0 && c.longest() <= wire.MaxPieces*payloadSmall:
		return sizeTries
	case c.sizing.small >= sizeProofs:
		return 4 * sizeTries
	}
	return 10 * sizeTries // no room for a small one, as in an outage under full load
}

// longest returns the longest payload not wholly acknowledged.
func (c *Conn) longest() int {
	n := 0
	for s := range c.keyed {
		n = max(n, s.outbox.longest())
	}
	return n
}

// compare sends an empty frame beside the large packets that fail, the next one
// when it arrived.
func (c *Conn) compare(now time.Duration) {
	z := &c.sizing
	if z.fails < 2 || z.asked || z.small >= sizeProofs || !c.main.roomForNew() {
		return
	}
	index, err := c.main.accept(nil, wire.FlagFinal|wire.FlagProbe)
	if err != nil {
		return
	}
	z.asked = true
	c.main.outbox.held -= c.main.outbox.frame(index).divide(&c.e.buffers, c.main.share())
	c.main.sendPiece(now, c.paths.current, index, 0, record{})
}

// onSize takes note of a frame packet that arrived.
func (c *Conn) onSize(r *record) {
	switch {
	case r.size > wire.SmallPacket:
		c.sizing.fails = 0
	case c.sizing.fails > 0 && r.at >= c.sizing.since:
		c.sizing.small = min(c.sizing.small, sizeRounds) + 1
		c.sizing.asked = false
	}
}

// fall takes the smaller packet size: "when the path MTU falls, unfinished frames
// are cut again under the same frame index and cut + 1; pieces of the older cut
// are dropped". Frames of one small packet stay as they are.
func (c *Conn) fall(now time.Duration) {
	c.size = wire.SmallPacket
	c.sizing.fails = 0
	c.sizing.wait = min(max(2*c.sizing.wait, raiseFirst), raiseMost)
	c.sizing.raise = now + c.sizing.wait
	for s := range c.keyed {
		s.cutAll()
	}
}

// tryRaise sends an empty frame in a packet of 1200 bytes.
func (c *Conn) tryRaise(now time.Duration) {
	c.sizing.raise = 0
	index, err := c.main.accept(nil, wire.FlagFinal|wire.FlagProbe)
	if err != nil || !c.main.roomForNew() {
		c.sizing.raise = now + c.sizing.wait
		return
	}
	f := c.main.outbox.frame(index)
	f.padded = true
	c.main.outbox.held -= f.divide(&c.e.buffers, c.main.share())
	c.main.sendPiece(now, c.paths.current, index, 0, record{})
}

// raised takes the larger size: the probe arrived.
func (c *Conn) raised() {
	c.size = wire.MaxPacket
	c.sizing = sizing{}
}

// recut cuts one frame anew and forgets the pieces of the older cut.
func (s *Stream) recut(index uint32) {
	for i := 0; i < len(s.flight.sent); {
		if s.flight.sent[i].frame == index {
			s.flight.take(i)
		} else {
			i++
		}
	}
	s.outbox.again(index)
}

// notRaised gives the probe in the i-th record up: its frame, which the peer's
// frame window needs, goes again without padding, cut anew.
func (s *Stream) notRaised(now time.Duration, i int) {
	s.recut(s.flight.sent[i].frame)
	s.c.sizing.wait = min(2*s.c.sizing.wait, raiseMost)
	s.c.sizing.raise = now + s.c.sizing.wait
}
