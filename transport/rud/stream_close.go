package rud

import (
	"encoding/binary"
	"slices"
	"time"

	"meshpresence/transport/rud/wire"
)

// Close ends a stream beside the main one, on both sides: what is not acknowledged
// is given up, and its ids are never heard again. Of the main stream it does
// nothing: that is closed with its connection.
func (s *Stream) Close(now time.Time) {
	c := s.c
	t := c.e.begin(now)
	if s.bound == nil || c.phase != phaseOpen {
		return
	}
	switch s.bound.state {
	case streamOpening:
		// Its name is not known yet: the answer is awaited, then closed.
		s.bound.state = streamLeaving
		s.outbox.free(&c.e.buffers)
		c.announceClosed(s)
	case streamOpen:
		c.sayClosed(t, s)
	}
	c.flush(t)
}

// sayClosed ends the stream and tells the peer.
func (c *Conn) sayClosed(now time.Duration, s *Stream) {
	name := append(s.bound.first[:], s.bound.second[:]...)
	wide := int(s.outbox.wide)
	c.leave(s)
	if c.phase == phaseOpen {
		c.tell(now, &c.main, wire.Extension{Tag: wire.TagCloseStream, Value: name})
	}
	if x := c.beside; x != nil && len(x.queue) > 0 {
		last := &x.queue[len(x.queue)-1]
		last.gone, last.wide = true, wide
	}
}

// onClosed takes the peer's CloseStream. Of a stream that is not there it is
// ignored: both closed it. One that is being opened was accepted and closed, and
// this frame overtook the answer.
func (c *Conn) onClosed(k *control) {
	for _, s := range c.others() {
		b := s.bound
		if b.first == k.id && (b.second == k.answerer || b.opener && b.second.IsZero()) {
			c.leave(s)
			return
		}
	}
}

// leave takes the stream out and tells the Handler, once.
func (c *Conn) leave(s *Stream) {
	told := s.bound.state == streamLeaving
	c.drop(s)
	if !told {
		c.announceClosed(s)
	}
}

func (c *Conn) announceClosed(s *Stream) {
	if h, ok := c.e.cfg.Handler.(StreamHandler); ok {
		h.StreamClosed(c.e.now, s)
	}
}

// drop takes the stream out: its ids are retired, packets under them are silence.
func (c *Conn) drop(s *Stream) {
	s.bound.state = streamEnded
	s.free(c.e)
	x := c.beside
	x.list = slices.DeleteFunc(x.list, func(o *Stream) bool { return o == s })
	x.queue = slices.DeleteFunc(x.queue, func(q queued) bool { return q.s == s })
	x.turn = 0
}

// dropAll ends every stream beside the main.
func (c *Conn) dropAll() {
	for _, s := range slices.Clone(c.others()) {
		c.leave(s)
	}
	c.beside = nil
}

// unlisten takes the stream's ids out of the table.
func (s *Stream) unlisten() {
	s.unlist(s.in.id)
	if s.other != nil {
		s.unlist(s.other.id)
	}
}

func (s *Stream) unlist(id wire.ID) {
	n := binary.BigEndian.Uint64(id[:])
	if s.c != nil && s.c.e.streams[n] == s {
		delete(s.c.e.streams, n)
	}
}
