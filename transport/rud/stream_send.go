package rud

import (
	"net/netip"
	"time"

	"meshpresence/transport/rud/wire"
)

// sendAside sends the one packet of a frame to another address than the path in
// use, if that is allowed now.
func (s *Stream) sendAside(now time.Duration, index uint32, to netip.AddrPort) {
	f := s.outbox.frame(index)
	if s.c.phase != phaseOpen || len(f.payload) > s.share() || !s.roomForNew() {
		return
	}
	s.outbox.held -= f.divide(&s.c.e.buffers, s.share())
	if s.c.paths.spend(now, to, s.overhead()+len(f.payload)) {
		s.sendPiece(now, to, index, 0, record{})
	}
}

// accept queues a frame.
func (s *Stream) accept(payload []byte, flags byte) (index uint32, err error) {
	switch {
	case s.c.phase != phaseOpen && s.c.phase != phaseDialling:
		return 0, ErrClosed
	case len(payload) > s.MaxPayload():
		return 0, ErrTooLarge
	case !s.c.roomFor(s, len(payload)):
		return 0, ErrFull
	}
	return s.outbox.add(&s.c.e.buffers, payload, flags), nil
}

// Acknowledged reports whether the peer holds the whole frame. A frame that
// became too large for a path whose packet size fell is never acknowledged; the
// last 64 of these are known.
func (s *Stream) Acknowledged(frame uint64) bool {
	return s.c.phase != phaseDialling && frame < uint64(s.outbox.next) && s.outbox.acknowledged(uint32(frame))
}

// job is the packet that a stream sends next: an outstanding one again, by its
// place, or, when lost is negative, a new piece of a frame.
type job struct {
	lost  int
	index uint32
	piece int
}

// due returns what the stream sends next: control, then the oldest lost packet, then
// a new piece. When the window is full it is control, or nothing: a few packets that
// the peer may be waiting for.
func (s *Stream) due(full bool) (j job, ok bool) {
	if s.out.keys == nil || s.stuck() {
		return j, false
	}
	j.lost = -1
	if s.outbox.ahead > 0 && s.roomForNew() {
		if j.index, ok = s.outbox.readyControl(&s.c.e.buffers, s.share()); ok {
			return j, true
		}
	}
	if full || s.low() {
		return j, false
	}
	if j.lost = s.flight.firstLost(); j.lost >= 0 {
		return j, true
	}
	if !s.roomForNew() {
		return j, false
	}
	j.index, j.piece, ok = s.outbox.ready(&s.c.e.buffers, s.share(), s.c.wideMost()-s.c.wide()+int(s.outbox.wide))
	return j, ok
}

// do sends it.
func (s *Stream) do(now time.Duration, j job) {
	if j.lost >= 0 {
		s.resend(now, j.lost)
		return
	}
	s.sendPiece(now, s.c.paths.current, j.index, j.piece, record{})
}

// roomForNew reports whether a new frame packet may leave: "no NEW frame packet
// leaves while next - oldest outstanding number > 48", and so many outstanding.
func (s *Stream) roomForNew() bool {
	limit := s.c.sending()
	most := limit.outstanding
	if s != &s.c.main {
		if len(s.flight.sent) >= besideOutstanding {
			return false
		}
		most -= limit.mainOutstanding
	}
	return s.c.outstanding() < most && !s.stuck() && s.next-s.flight.oldest(s.next) <= numberSpan
}

// resend sends the i-th outstanding packet again: "the same PLAINTEXT sealed
// again" under the next number.
func (s *Stream) resend(now time.Duration, i int) {
	r := s.flight.sent[i]
	if r.size > wire.SmallPacket && r.at >= s.c.sizing.failed && s.c.largeFailed(now) {
		return // its frame was cut anew
	}
	if s.stuck() {
		return
	}
	s.flight.take(i)
	s.c.e.stats.Resent++
	s.sendPiece(now, s.c.paths.current, r.frame, int(r.piece), r)
}

// sendPiece sends one piece of a frame; was is its record from the last time.
func (s *Stream) sendPiece(now time.Duration, to netip.AddrPort, index uint32, piece int, was record) {
	if s.exhausted(now) {
		return
	}
	f := s.outbox.frame(index)
	h := wire.Header{
		Flags:  f.flags | wire.CutFlag(int(f.cut)),
		Pieces: int(f.pieces),
		Index:  piece,
		Frame:  uint16(index),
	}
	pad := 0
	if f.padded {
		pad = wire.MaxPacket
	}
	number := s.next
	entries, payload := f.piece(piece)
	packet := s.seal(&h, entries, payload, pad)
	r := record{
		number: number, before: was.number, past: was.order,
		frame: index, piece: uint8(piece),
		size: uint16(len(packet)), at: now,
		path: s.c.paths.epoch, aside: to != s.c.paths.current,
	}
	s.flight.add(r)
	s.outbox.onSent(index, piece)
	s.frameAt = now
	if !r.aside {
		s.c.flow.onSent()
		s.c.paths.sent++
	}
	s.transmit(to, packet, f.flags&wire.FlagProbe != 0 && was.number == 0)
}

// sendPlain sends a packet without a frame: an acknowledgement, or a path value.
func (s *Stream) sendPlain(now time.Duration, to netip.AddrPort, flags byte, list []wire.Extension) {
	if s.exhausted(now) || s.stuck() {
		return
	}
	e := s.c.e
	e.entries = appendEntries(e.entries[:0], list)
	h := wire.Header{Flags: flags | wire.FlagNoFrame, Pieces: 1}
	s.transmit(to, s.seal(&h, e.entries, nil, 0), flags&wire.FlagProbe != 0)
}

// sendAck sends an acknowledgement alone if it is owed.
func (s *Stream) sendAck(now time.Duration) {
	if !s.acks.owed(now) {
		return
	}
	if s.low() && now < s.blinded.acked+s.c.rtt.pto() {
		s.acks.urgent, s.acks.due = false, s.blinded.acked+s.c.rtt.pto()
		return
	}
	s.sendPlain(now, s.c.paths.current, 0, nil)
	if s.low() {
		s.blinded.acked = now
	}
}

// seal makes a packet under the next number. The number is used up whatever
// happens to the packet: "never two seals under one number even if a write
// fails". The packet is in the scratch; size, when not 0, is what zeros fill it
// up to.
func (s *Stream) seal(h *wire.Header, entries, payload []byte, size int) []byte {
	h.Number = s.next
	s.next++
	s.acks.put(h, s.window.Newest())
	mem := &s.c.e.scratch
	var b []byte
	n := wire.SizeID
	if s.blind() {
		id := s.take(s.c.e.now.Sub(s.c.e.start))
		b = beginOneTime(mem, &id, h)
		n = wire.SizeOneTimeID
	} else {
		b = s.out.begin(mem, h)
	}
	b = wire.AppendBinary(wire.AppendString(append(b, entries...), ""), payload)
	for len(b) < size-wire.SizeTag {
		b = append(b, 0)
	}
	return s.out.sealAfter(mem, b, n)
}

// transmit puts a packet on the wire. A first probe back to the source of the
// packet being received answers it, and leaves by the socket that it came through.
func (s *Stream) transmit(to netip.AddrPort, packet []byte, probe bool) {
	if to == s.c.paths.current {
		s.acks.sent()
	}
	if probe && to == s.c.e.source {
		s.c.e.reply(to, packet)
		return
	}
	s.c.e.send(to, packet)
}
