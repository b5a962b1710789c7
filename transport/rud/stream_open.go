package rud

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"meshpresence/transport/rud/wire"
)

// StreamHandler is what a Handler has more that takes part in streams beside the
// main one. A Handler without it refuses every stream.
type StreamHandler interface {
	// Accept answers the peer, who opens a stream; first is its first datagram,
	// lent, and empty for none. What is sent in s meanwhile leaves after.
	Accept(now time.Time, c *Conn, s *Stream, first []byte) bool

	// StreamOpened says that the peer accepted a stream of ours.
	StreamOpened(now time.Time, s *Stream)

	// StreamClosed says that a stream ended that was accepted or that Open made,
	// whoever ended it; a refused one, too. Once for each.
	StreamClosed(now time.Time, s *Stream)
}

// beside is what a connection has for streams beside the main: nil until the first.
type beside struct {
	list   []*Stream
	turn   int // who sends next: 0 is the main stream
	queue  []queued
	ghosts []ghost
}

// ghost is a stream that we closed, until the peer knows: it may hold pieces of so
// many wide frames.
type ghost struct {
	wide  int
	frame uint32 // that says so
}

// queued is a frame of control that waits for room.
type queued struct {
	s       *Stream
	entries []byte
	set     bool // of one-time ids
	gone    bool // it closes a stream
	wide    int  // frames of that under way
}

// others returns the streams beside the main.
func (c *Conn) others() []*Stream {
	if c.beside == nil {
		return nil
	}
	return c.beside.list
}

func (c *Conn) besides() *beside {
	if c.beside == nil {
		c.beside = &beside{}
	}
	return c.beside
}

// Open opens a stream beside the main one. first is its first datagram: a request,
// or, when we send, data; empty for none. Frames may be sent in it at once, and
// leave when the peer has accepted it.
//
// The error is ErrClosed, ErrStreams (there are 3, or their memory is in use),
// ErrBinding, ErrDirection (first in a stream that the peer sends), ErrTooLarge or
// ErrFull, and then nothing changed.
func (c *Conn) Open(now time.Time, b Binding, first []byte) (*Stream, error) {
	t := c.e.begin(now)
	if err := c.mayOpen(&b, first); err != nil {
		return nil, err
	}
	id, err := c.e.newID()
	if err != nil {
		return nil, err
	}
	list := append([]wire.Extension{{Tag: wire.TagStreamNew, Value: id[:]}, {Tag: b.tag(), Value: []byte(b.Protocol)}}, b.Credentials...)
	if wire.CheckExtensions(list) != nil {
		return nil, ErrBinding
	}
	c.e.entries = appendEntries(c.e.entries[:0], list)
	if len(c.e.entries) > entriesMost {
		return nil, ErrBinding
	}
	if len(c.e.entries)+len(first) > wire.MaxPieces*payloadSmallest {
		return nil, ErrTooLarge
	}
	if !c.roomFor(&c.main, len(c.e.entries)+len(first)) {
		return nil, ErrFull
	}
	s := c.add(b, true, id)
	s.in.id = id
	c.e.streams[binary.BigEndian.Uint64(id[:])] = s
	if len(first) > 0 {
		s.bound.asked++
	}
	c.main.outbox.addControl(&c.e.buffers, c.e.entries, first, wire.FlagFinal)
	c.flush(t)
	return s, nil
}

// mayOpen makes the checks of Open that need no id.
func (c *Conn) mayOpen(b *Binding, first []byte) error {
	switch {
	case c.phase != phaseOpen:
		return ErrClosed
	case b.Kind != Transactional && b.Kind != Asynchronous, b.Protocol == "", len(b.Protocol) > protocolMost, !utf8.ValidString(b.Protocol):
		return ErrBinding
	case b.Kind == Asynchronous && !b.Sender && len(first) > 0:
		return ErrDirection
	case !c.roomForStream():
		return ErrStreams
	}
	for _, x := range b.Credentials {
		if isControl(x.Tag) {
			return ErrBinding
		}
	}
	return nil
}

// roomForStream reports whether there may be one stream more: of 3, and within the
// memory of the connection.
func (c *Conn) roomForStream() bool {
	n := len(c.others())
	return n < maxBeside && c.held() <= c.heldMost(n+1) && c.wide() <= c.sending().wide-c.narrower()
}

// tag returns the tag that binds such a stream.
func (b *Binding) tag() string {
	switch {
	case b.Kind == Transactional:
		return wire.TagStreamClient
	case b.Sender:
		return wire.TagStreamSender
	}
	return wire.TagStreamReceiver
}

// add makes a stream without keys.
func (c *Conn) add(b Binding, opener bool, first wire.ID) *Stream {
	s := &Stream{c: c, next: 1, bound: &bound{Binding: b, opener: opener, first: first}}
	s.rekeyed()
	x := c.besides()
	x.list = append(x.list, s)
	return s
}

// establish gives the stream its keys: those of the connection's secret, and of
// the other one while keys roll, because the peer may be further or less far.
func (s *Stream) establish(mine, peer wire.ID) error {
	c := s.c
	var err error
	if s.in, err = s.receiveKeys(c.secret, mine); err != nil {
		return err
	}
	if s.out, err = s.sendKeys(c.secret, peer); err != nil {
		return err
	}
	if c.roll != nil && c.roll.two() {
		other, err := s.receiveKeys(c.roll.other, mine)
		if err != nil {
			return err
		}
		s.other = &otherKeys{protection: other}
	}
	s.bound.state = streamOpen
	c.e.streams[binary.BigEndian.Uint64(mine[:])] = s
	return nil
}

// onOpenStream answers a peer that opens a stream.
func (c *Conn) onOpenStream(now time.Duration, k *control, list wire.Extensions, first []byte) {
	for _, s := range c.others() {
		if !s.bound.opener && s.bound.first == k.id {
			c.end(now, ReasonBreach) // two of its streams under one id
			return
		}
	}
	if k.kind == Asynchronous && !k.sender && len(first) > 0 {
		c.end(now, ReasonBreach)
		return
	}
	handler, ok := c.e.cfg.Handler.(StreamHandler)
	if k.noun == badStream || !ok || len(k.protocol) == 0 || len(k.protocol) > protocolMost || !utf8.Valid(k.protocol) || len(entries(list)) > entriesMost || !c.roomForStream() {
		c.refuse(now, k.id)
		return
	}
	mine, err := c.e.newID()
	if err != nil {
		c.refuse(now, k.id)
		return
	}
	s := c.add(Binding{k.kind, k.sender, string(k.protocol), credentials(list)}, false, k.id)
	s.bound.second = mine
	if s.establish(mine, k.id) != nil {
		c.drop(s)
		c.refuse(now, k.id)
		return
	}
	if len(first) > 0 {
		s.bound.asked++
	}
	out := s.out
	s.out = protection{} // or what Accept sends would come before the answer, to no keys
	accepted := handler.Accept(c.e.now, c, s, first)
	switch {
	case c.phase != phaseOpen || s.bound.state != streamOpen: // Accept ended it, or all
	case !accepted:
		c.drop(s)
		c.refuse(now, k.id)
	default:
		s.out = out
		c.beside.turn = 0
		both := append(k.id[:], mine[:]...)
		c.tell(now, &c.main, wire.Extension{Tag: wire.TagStreamNew, Value: both})
	}
}

func (c *Conn) refuse(now time.Duration, id wire.ID) {
	if c.phase == phaseOpen {
		c.tell(now, &c.main, wire.Extension{Tag: wire.TagRefuse, Value: id[:]})
	}
}

// credentials copies what of a list belongs to the application.
func credentials(list wire.Extensions) (own []wire.Extension) {
	for tag, value := range list.All() {
		if !isControl(string(tag)) {
			own = append(own, wire.Extension{Tag: string(tag), Value: append([]byte(nil), value...)})
		}
	}
	return own
}

// onStreamAnswer takes the peer's answer to Open. An answer to nothing is ignored:
// the stream was closed by a frame that overtook it.
func (c *Conn) onStreamAnswer(now time.Duration, k *control) {
	s := c.opening(k.id)
	if s == nil {
		return
	}
	s.bound.second = k.answerer
	if s.bound.state == streamLeaving {
		c.sayClosed(now, s)
		return
	}
	if s.establish(k.id, k.answerer) != nil {
		c.end(now, ReasonClosed) // no ciphers: cannot be
		return
	}
	if h, ok := c.e.cfg.Handler.(StreamHandler); ok {
		h.StreamOpened(c.e.now, s)
	}
}

// opening finds the stream that we opened under that id and that is not answered.
func (c *Conn) opening(id wire.ID) *Stream {
	for _, s := range c.others() {
		if b := s.bound; b.opener && b.first == id && (b.state == streamOpening || b.state == streamLeaving) {
			return s
		}
	}
	return nil
}

func (c *Conn) onRefused(id wire.ID) {
	if s := c.opening(id); s != nil {
		c.leave(s)
	}
}
