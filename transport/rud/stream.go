package rud

import (
	"time"

	"meshpresence/internal/replay"
	"meshpresence/transport/rud/wire"
)

// Stream is one pair of directions of a connection: two ids, each with its keys,
// packet numbers, acknowledgements and frames. Where the peer is, how far and how
// fast the path, is the connection's. Every connection has its main stream.
type Stream struct {
	// App is the owner's: the engine never looks at it. Of the main stream,
	// Conn.App is.
	App any

	c *Conn

	// Receiving.
	in     protection
	window replay.Window
	mover  uint32 // newest number of a packet that may move the path
	inbox  inbox
	acks   acks

	// Sending.
	out    protection
	next   uint32 // number of the next packet
	outbox outbox
	flight flight

	// Recovery.
	backoff uint8         // PTOs since the last acknowledgement
	frameAt time.Duration // the last frame packet left
	lossAt  time.Duration // the next packet counts as lost
}

// Conn returns the connection that the stream is part of.
func (s *Stream) Conn() *Conn { return s.c }

// deadline returns when the stream's timers come, the earliest, 0 for never.
func (s *Stream) deadline() (at time.Duration) {
	for _, d := range [...]time.Duration{s.acks.due, s.lossAt, s.probeAt()} {
		if d != 0 && (at == 0 || d < at) {
			at = d
		}
	}
	return at
}

// onTimers runs the stream's timers that have come.
func (s *Stream) onTimers(now time.Duration) {
	if s.lossAt != 0 && now >= s.lossAt {
		s.detectLoss(now)
	}
	if at := s.probeAt(); at != 0 && now >= at {
		s.onProbeTimeout(now)
	}
}

// free gives back what the stream holds, keys and buffers.
func (s *Stream) free(b *buffers) {
	s.inbox.free(b)
	s.outbox.free(b)
	s.flight.drop()
	s.in, s.out = protection{}, protection{}
}

// share returns the payload of one packet of the stream.
func (s *Stream) share() int { return s.c.size - packetOverhead }

// MaxPayload returns how many bytes a frame of this stream can carry now: 16
// packets of the path, 18,480 or 8,048, and 8,048 until the connection is open. It
// may fall.
func (s *Stream) MaxPayload() int { return wire.MaxPieces * s.share() }
