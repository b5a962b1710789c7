package rud

import (
	"slices"
	"time"

	"meshpresence/transport/rud/wire"
)

// This file is what the streams of a connection share: memory, packets under way,
// and turns.

// inside returns how many frame packets are believed to be on their way.
func (c *Conn) inside() int {
	n := c.main.flight.inside()
	for _, s := range c.others() {
		n += s.flight.inside()
	}
	return n
}

// outstanding returns how many frame packets are outstanding.
func (c *Conn) outstanding() int {
	n := len(c.main.flight.sent)
	for _, s := range c.others() {
		n += len(s.flight.sent)
	}
	return n
}

// held returns the bytes of frames accepted and not wholly acknowledged.
func (c *Conn) held() int {
	n := int(c.main.outbox.held)
	for _, s := range c.others() {
		n += int(s.outbox.held)
	}
	return n
}

// frames returns their number.
func (c *Conn) frames() int {
	n := c.main.outbox.len()
	for _, s := range c.others() {
		n += s.outbox.len()
	}
	return n
}

// wide returns how many frames of two or more packets the peer may have pieces of.
func (c *Conn) wide() int {
	n := int(c.main.outbox.wide)
	if x := c.beside; x != nil {
		for _, q := range x.queue {
			n += q.wide
		}
		for _, g := range x.ghosts {
			n += g.wide
		}
		for _, s := range x.list {
			n += int(s.outbox.wide)
		}
	}
	return n
}

// narrower is by how many wide frames fewer go to a device that has streams beside
// the main one: their keys take the place of one frame in its 80 KiB.
func (c *Conn) narrower() int {
	if c.initiator {
		return 0
	}
	return 1
}

// wideMost is how many wide frames may be under way to the peer.
func (c *Conn) wideMost() int {
	most := c.sending().wide
	if x := c.beside; x != nil && (len(x.list) > 0 || len(x.queue) > 0 || len(x.ghosts) > 0) {
		most -= c.narrower()
	}
	return most
}

// wideHere is how many wide frames the peer may have under way in stream s.
func (c *Conn) wideHere(s *Stream) int {
	most := c.receiving().wide
	list := c.others()
	if list == nil {
		return most
	}
	narrow := false
	for _, o := range list {
		narrow = narrow || o.bound.state == streamOpen
		if o != s {
			most -= len(o.inbox.parts)
		}
	}
	if s != &c.main {
		most -= len(c.main.inbox.parts)
	}
	if narrow && c.initiator {
		most--
	}
	return most
}

// heldMost is how many bytes may be held while there are n streams beside the main.
func (c *Conn) heldMost(n int) int {
	if c.initiator {
		return c.sending().held
	}
	return c.sending().held - n*besideMemory
}

// roomFor reports whether a stream may take in one frame more of so many bytes. The
// main stream always has room that the others may not use.
func (c *Conn) roomFor(s *Stream, size int) bool {
	limit := c.sending()
	frames, held := limit.frames, c.heldMost(len(c.others()))
	if s != &c.main {
		if s.outbox.len() >= besideFrames {
			return false
		}
		frames -= limit.mainFrames
		held -= limit.mainHeld
	}
	if size > 0 {
		size = bufferSize(size)
	}
	return c.frames() < frames && c.held()+size <= held
}

// tells reports whether control waits to leave.
func (c *Conn) tells() bool {
	for s := range c.keyed {
		if s.outbox.ahead > 0 {
			return true
		}
	}
	return false
}

// choose returns the stream that sends next, in turn, and what.
// When the window is full it is control, or nothing.
func (c *Conn) choose(full bool) (s *Stream, j job, ok bool) {
	x := c.beside
	if x == nil {
		j, ok = c.main.due(full)
		return &c.main, j, ok
	}
	for i := range len(x.list) + 1 {
		turn := (x.turn + i) % (len(x.list) + 1)
		s = &c.main
		if turn > 0 {
			s = x.list[turn-1]
		}
		if j, ok = s.due(full); ok {
			x.turn = turn + 1
			return s, j, true
		}
	}
	return nil, j, false
}

// controls returns how many frames of control are not wholly acknowledged.
func (c *Conn) controls() int {
	n := 0
	for s := range c.keyed {
		n += int(s.outbox.told)
	}
	return n
}

// tell queues a frame of control in stream s. Attack: a peer that never acknowledges
// and makes us answer without end.
func (c *Conn) tell(now time.Duration, s *Stream, list ...wire.Extension) {
	x := c.besides()
	if len(x.queue) >= queueMost {
		c.end(now, ReasonBreach)
		return
	}
	x.queue = append(x.queue, queued{s: s, entries: appendEntries(nil, list)})
}

// say moves control that waits into frames, as far as there is room.
func (c *Conn) say() {
	x := c.beside
	if x == nil {
		return
	}
	x.ghosts = slices.DeleteFunc(x.ghosts, func(g ghost) bool { return c.main.outbox.acknowledged(g.frame) })
	for len(x.queue) > 0 {
		q := x.queue[0]
		if q.s.outbox.len() >= frameWindow || c.controls() >= c.sending().control {
			return
		}
		frame := q.s.outbox.addControl(&c.e.buffers, q.entries, nil, wire.FlagFinal)
		x.queue = x.queue[1:]
		if q.gone {
			x.ghosts = append(x.ghosts, ghost{q.wide, frame})
		}
	}
	if len(x.queue) > 0 {
		return
	}
	x.queue = nil
	if len(x.list) == 0 && len(x.ghosts) == 0 {
		c.beside = nil // idle connections stay small
	}
}
