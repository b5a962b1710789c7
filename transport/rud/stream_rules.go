package rud

import (
	"time"

	"meshpresence/transport/rud/wire"
)

// Send queues one frame, the last of a message, as Conn.Send does. In a stream
// beside the main the payload is not empty, and the error may also be ErrDirection:
// only the sender of an asynchronous stream sends; in a transactional one the opener
// asks, and the other answers, no more often than it was asked.
func (s *Stream) Send(now time.Time, payload []byte) (frame uint64, err error) {
	return s.send(now, payload, wire.FlagFinal)
}

// SendMore is Send of a frame that is not its message's last.
func (s *Stream) SendMore(now time.Time, payload []byte) (frame uint64, err error) {
	return s.send(now, payload, 0)
}

func (s *Stream) send(now time.Time, payload []byte, flags byte) (frame uint64, err error) {
	t := s.c.e.begin(now)
	if err := s.maySend(payload); err != nil {
		return 0, err
	}
	index, err := s.accept(payload, flags)
	if err != nil {
		return 0, err
	}
	s.onSend(flags)
	s.c.flush(t)
	return uint64(index), nil
}

// sends reports whether data goes from us: answers are not data.
func (b *bound) sends() bool {
	if b.Kind == Asynchronous {
		return b.Sender == b.opener
	}
	return b.opener
}

// maySend says whether the stream's kind lets us send a frame now.
func (s *Stream) maySend(payload []byte) error {
	b := s.bound
	switch {
	case b == nil:
		return nil
	case b.state == streamEnded || b.state == streamLeaving:
		return ErrClosed
	case len(payload) == 0:
		return ErrEmpty
	case b.sends():
		return nil
	case b.Kind == Transactional && b.told < b.asked:
		return nil
	}
	return ErrDirection
}

// onSend counts what was accepted.
func (s *Stream) onSend(flags byte) {
	b := s.bound
	switch {
	case b == nil || flags&wire.FlagFinal == 0:
	case b.sends():
		b.asked++
	default:
		b.told++
	}
}

// mayReceive says whether the stream's kind lets the peer have sent this frame,
// and counts it. Frames come in any order: once as many answers are final as were
// asked for, none is behind the last of these.
func (b *bound) mayReceive(index uint32, final bool) bool {
	switch {
	case !b.sends():
		if final {
			b.asked++
		}
		return true
	case b.Kind == Asynchronous:
		return false
	}
	b.last = max(b.last, index+1)
	if final {
		b.told++
		b.lastAnswer = max(b.lastAnswer, index+1)
	}
	return b.told < b.asked || b.told == b.asked && b.last <= b.lastAnswer
}
