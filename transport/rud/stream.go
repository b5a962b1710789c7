package rud

import (
	"fmt"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/replay"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// Kind is the declared characteristic of a stream (RUD §3.3).
type Kind byte

// The kinds.
const (
	Main          Kind = iota // of the connection itself: either side sends
	Transactional             // the opener asks, the peer answers
	Asynchronous              // one side sends
)

var kindNames = [...]string{"main", "transactional", "asynchronous"}

// String returns the kind in a word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// Binding is what a stream beside the main is for.
type Binding struct {
	Kind   Kind
	Sender bool // asynchronous: the opener sends

	// Protocol names the service or the use, 1 to 255 bytes of UTF-8.
	Protocol string

	// Credentials are the principal's, for this stream alone. They are opaque
	// here: the application checks them (RUD §3.4.2). Together with Protocol
	// the list that opens fits 495 bytes, one packet on any path.
	Credentials []wire.Extension
}

// Stream is one pair of directions of a connection: two ids, each with its keys,
// packet numbers, acknowledgements and frames. Where the peer is, how far and how
// fast the path, is the connection's. Every connection has its main stream.
type Stream struct {
	// App is the owner's: the engine never looks at it. Of the main stream,
	// Conn.App is.
	App any

	c     *Conn
	bound *bound // nil: the main stream

	// Receiving. The other protection is the next keys or the last ones, or
	// those of the next id or the last one: see roll.go and stream_renew.go.
	in     protection
	other  *otherKeys
	most   uint32 // greatest number the peer may use
	window replay.Window
	mover  uint32 // newest number of a packet that may move the path
	came   int8   // by which it came: 0 the path in use, 1 + place of a candidate, -1 another
	here   bool   // one came by the path in use, since it is: newer ones are newer than the move
	inbox  inbox
	acks   acks

	// Sending.
	out    protection
	next   uint32 // number of the next packet
	since  uint32 // the last one before these keys
	soft   uint32 // a number that wants new keys
	outbox outbox
	flight flight

	// Recovery.
	backoff uint8         // PTOs since the last acknowledgement
	told    uint32        // newest number that the peer acknowledged
	frameAt time.Duration // the last frame packet left
	lossAt  time.Duration // the next packet counts as lost

	blinded *blinded // while ids are for one time
}

// bound is what a stream beside the main has more.
type bound struct {
	Binding
	opener           bool // we are
	state            streamState
	first, second    wire.ID // opener's and answerer's id at the start: the stream's name
	asked, told      uint32  // final datagrams: requests and answers
	last, lastAnswer uint32  // newest frame of answers, newest final one; 1 is index 0
}

// streamState is where a stream beside the main stands.
//
//	Open ----> opening --StreamNew answer--> open --CloseStream--> ended
//	              |--Close--> leaving --answer or Refuse--> ended
//	              +--Refuse--> ended
type streamState byte

const (
	streamOpening streamState = iota
	streamOpen
	streamLeaving
	streamEnded
)

// Conn returns the connection that the stream is part of.
func (s *Stream) Conn() *Conn { return s.c }

// Binding returns what the stream is for, Main for the main stream.
func (s *Stream) Binding() Binding {
	if s.bound == nil {
		return Binding{Protocol: wire.Protocol}
	}
	return s.bound.Binding
}

// Opener reports whether we opened the stream; of the main stream, whether we
// dialled.
func (s *Stream) Opener() bool {
	if s.bound == nil {
		return s.c.initiator
	}
	return s.bound.opener
}

// String names the stream and shows no secret.
func (s *Stream) String() string {
	b := s.Binding()
	return fmt.Sprintf("%v stream %q of %v", b.Kind, b.Protocol, s.c)
}

// Format writes String for every verb and flag: what a Stream holds is secret.
func (s *Stream) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// deadline returns when the stream's timers come, the earliest, 0 for never.
func (s *Stream) deadline() (at time.Duration) {
	if s.stuck() {
		return s.blinded.since + oneTimePatience
	}
	for _, d := range [...]time.Duration{s.acks.due, s.lossAt, s.probeAt(), s.renewAt()} {
		if d != 0 && (at == 0 || d < at) {
			at = d
		}
	}
	return at
}

// onTimers runs the stream's timers that have come.
func (s *Stream) onTimers(now time.Duration) {
	if s.stuck() {
		s.onStuck(now)
		return
	}
	if s.lossAt != 0 && now >= s.lossAt {
		s.detectLoss(now)
	}
	if at := s.probeAt(); at != 0 && now >= at {
		s.onProbeTimeout(now)
	}
	if at := s.renewAt(); at != 0 && now >= at {
		s.forgetID()
	}
}

// free gives back what the stream holds, keys and buffers.
func (s *Stream) free(e *Endpoint) {
	s.inbox.free(&e.buffers)
	s.outbox.free(&e.buffers)
	s.flight.drop()
	s.unlisten()
	e.scratch.awake.drop(&s.in)
	e.scratch.awake.drop(&s.out)
	s.dropOther()
	s.in, s.out = protection{}, protection{}
	s.acks = acks{}
	s.lossAt = 0
	s.unblind()
}

// share returns the payload of one packet of the stream.
func (s *Stream) share() int { return s.c.size - s.overhead() }

// overhead returns what of a packet is no payload.
func (s *Stream) overhead() int {
	if s.blind() {
		return packetOverhead + wire.SizeOneTimeID - wire.SizeID
	}
	return packetOverhead
}

// MaxPayload returns how many bytes a frame of this stream can carry now: 16
// packets of the path, 18,480 or 8,048, under one-time ids 18,352 or 7,920, and
// 8,048 until the connection is open. It may fall.
func (s *Stream) MaxPayload() int { return wire.MaxPieces * s.share() }

// base returns the secret of the stream's keys, of a secret of the connection.
// Every key depends on the ids that both sides drew when the stream began: no
// peer can make two streams of ours share a key by issuing an id twice.
func (s *Stream) base(secret key.Secret) key.Secret {
	if s.bound == nil {
		return secret
	}
	return handshake.StreamSecret(secret, s.bound.first, s.bound.second)
}

// receiveKeys makes the protection of what arrives under that id of ours.
func (s *Stream) receiveKeys(secret key.Secret, id wire.ID) (protection, error) {
	return s.protection(secret, direction(!s.c.initiator), id)
}

// sendKeys makes the protection of what leaves under that id of the peer's.
func (s *Stream) sendKeys(secret key.Secret, id wire.ID) (protection, error) {
	return s.protection(secret, direction(s.c.initiator), id)
}

func (s *Stream) protection(secret key.Secret, dir handshake.Direction, id wire.ID) (protection, error) {
	header, packet := handshake.Keys(s.base(secret), dir, id)
	return newProtection(s.c.suite, id, header, packet)
}

func direction(fromInitiator bool) handshake.Direction {
	if fromInitiator {
		return handshake.I2R
	}
	return handshake.R2I
}
