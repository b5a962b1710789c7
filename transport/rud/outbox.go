package rud

import (
	"meshpresence/transport/rud/wire"
)

// outbox is the frames of one direction that are not wholly acknowledged: the
// indexes base to next-1. Not more than 64, so a frame may always leave as far as
// the frame window is concerned.
type outbox struct {
	ring  []outFrame // frame index mod len, which is a power of two
	base  uint32     // oldest frame not wholly acknowledged
	next  uint32     // index of the next frame
	todo  uint32     // no frame below has pieces not sent yet
	held  int32      // bytes of buffers
	wide  int32      // frames of two or more packets under way
	ahead int16      // frames of control that have not left: they go before all others
	told  int16      // frames of control that are not wholly acknowledged
	given uint64     // bit i: frame base-1-i was given up, not acknowledged
}

// outFrame is one frame.
type outFrame struct {
	payload []byte // lent by buffers; its first bytes are the entries of the list
	share   uint16 // bytes of payload in each piece but the last
	head    uint16 // bytes of entries, all in piece 0
	flags   byte   // Final, Probe
	pieces  uint8  // 0 until it is cut
	cut     uint8  // how often it was cut anew
	sent    uint16 // pieces sent under this cut, bit by index
	acked   uint16
	active  bool // of two or more packets, and under way
	padded  bool // probes the larger packet size
	given   bool // given up: sent as an empty frame
	done    bool // wholly acknowledged
}

func (o *outbox) frame(index uint32) *outFrame { return &o.ring[index&uint32(len(o.ring)-1)] }

func (o *outbox) len() int { return int(o.next - o.base) }

// add takes a frame in and returns its index. The payload is copied.
func (o *outbox) add(b *buffers, payload []byte, flags byte) uint32 {
	return o.addControl(b, nil, payload, flags)
}

// addControl takes a frame in that has entries in its list.
func (o *outbox) addControl(b *buffers, entries, payload []byte, flags byte) uint32 {
	if o.len() == len(o.ring) {
		o.grow()
	}
	index := o.next
	o.next++
	f := o.frame(index)
	*f = outFrame{flags: flags, head: uint16(len(entries))}
	if f.head > 0 {
		o.ahead++
		o.told++
	}
	if size := len(entries) + len(payload); size > 0 {
		f.payload = b.get(size)
		copy(f.payload, entries)
		copy(f.payload[len(entries):], payload)
		o.held += int32(cap(f.payload))
	}
	return index
}

func (o *outbox) grow() {
	bigger := make([]outFrame, max(4, 2*len(o.ring)))
	for i := o.base; i != o.next; i++ {
		bigger[i&uint32(len(bigger)-1)] = *o.frame(i)
	}
	o.ring = bigger
}

// all returns the bits of all pieces.
func (f *outFrame) all() uint16 { return uint16(1<<f.pieces - 1) }

// divide cuts the frame for packets that carry share bytes of payload. A frame
// that no longer fits 16 of them is given up: an empty one takes its index,
// which the peer's frame window needs.
func (f *outFrame) divide(b *buffers, share int) (freed int32) {
	if len(f.payload) > wire.MaxPieces*share {
		freed = f.drop(b)
		f.given = true
		f.head = 0
	}
	f.share = uint16(share)
	f.pieces = uint8(max(1, (len(f.payload)+share-1)/share))
	return freed
}

// recut starts the frame anew: "unfinished frames are cut again under the same
// frame index and cut + 1".
func (f *outFrame) recut() {
	f.cut++
	f.sent, f.acked, f.pieces, f.padded = 0, 0, 0, false
}

// piece returns the entries and the payload of one piece.
func (f *outFrame) piece(i int) (entries, payload []byte) {
	share := int(f.share)
	payload = f.payload[min(i*share, len(f.payload)):min((i+1)*share, len(f.payload))]
	if i == 0 {
		return payload[:f.head], payload[f.head:]
	}
	return nil, payload
}

// drop gives the payload's buffer back.
func (f *outFrame) drop(b *buffers) (freed int32) {
	freed = int32(cap(f.payload))
	b.put(f.payload)
	f.payload = nil
	f.head = 0
	return freed
}

// ready returns the next piece that was not sent yet, in the order of frames. A
// frame of two or more packets waits until fewer than wide are under way.
func (o *outbox) ready(b *buffers, share, wide int) (index uint32, piece int, ok bool) {
	front := true
	for i := o.todo; i != o.next; i++ {
		f := o.frame(i)
		if f.pieces == 0 {
			o.held -= f.divide(b, share)
		}
		if f.done || f.sent == f.all() {
			if front {
				o.todo = i + 1
			}
			continue
		}
		if f.pieces > 1 && !f.active && int(o.wide) >= wide {
			front = false
			continue
		}
		return i, firstZero(f.sent), true
	}
	return 0, 0, false
}

// readyControl returns the first frame of control, of one packet, that has not left.
func (o *outbox) readyControl(b *buffers, share int) (index uint32, ok bool) {
	if o.ahead == 0 {
		return 0, false
	}
	for i := o.todo; i != o.next; i++ {
		f := o.frame(i)
		if f.head == 0 || f.sent != 0 || f.done {
			continue
		}
		if f.pieces == 0 {
			o.held -= f.divide(b, share)
		}
		if f.pieces == 1 {
			return i, true
		}
	}
	return 0, false
}

func firstZero(bits uint16) int {
	i := 0
	for bits&(1<<i) != 0 {
		i++
	}
	return i
}

// onSent notes that a piece left.
func (o *outbox) onSent(index uint32, piece int) {
	f := o.frame(index)
	if f.head > 0 && f.sent == 0 {
		o.ahead--
	}
	f.sent |= 1 << piece
	if f.pieces > 1 && !f.active {
		f.active = true
		o.wide++
	}
}

// onAck notes that the peer holds a piece, and frees what is done.
func (o *outbox) onAck(b *buffers, index uint32, piece int) {
	f := o.frame(index)
	f.acked |= 1 << piece
	if f.acked != f.all() || f.done {
		return
	}
	f.done = true
	if f.head > 0 {
		o.told--
	}
	o.held -= f.drop(b)
	if f.active {
		o.wide--
	}
	for o.base != o.next && o.frame(o.base).done {
		o.given <<= 1
		if o.frame(o.base).given {
			o.given |= 1
		}
		o.base++
	}
	if o.todo-o.base > o.next-o.base {
		o.todo = o.base
	}
	if o.base == o.next && len(o.ring) > 8 {
		o.ring = nil // idle connections stay small
	}
}

// acknowledged reports whether the peer holds the whole frame. Of frames given
// up the last 64 are known.
func (o *outbox) acknowledged(index uint32) bool {
	below := o.base - index
	switch {
	case index >= o.next:
		return false
	case index >= o.base:
		return o.ring != nil && o.frame(index).done && !o.frame(index).given
	default:
		return below > frameWindow || o.given&(1<<(below-1)) == 0
	}
}

// longest returns the longest payload not wholly acknowledged.
func (o *outbox) longest() int {
	n := 0
	for i := o.base; i != o.next; i++ {
		n = max(n, len(o.frame(i).payload))
	}
	return n
}

// again notes that a frame is cut anew.
func (o *outbox) again(index uint32) {
	f := o.frame(index)
	if f.head > 0 && f.sent != 0 {
		o.ahead++
	}
	f.recut()
	o.todo = min(o.todo, index)
}

// free gives every buffer back.
func (o *outbox) free(b *buffers) {
	for i := o.base; o.ring != nil && i != o.next; i++ {
		o.frame(i).drop(b)
	}
	*o = outbox{base: o.base, next: o.next, todo: o.next, given: o.given}
}
