package rud

import (
	"meshpresence/transport/rud/wire"
)

// inbox is the frames of the direction towards us: which were whole, and the
// pieces of those that are not. "No frame index more than 63 above the oldest
// not wholly acknowledged": the sender's oldest is at or below base.
type inbox struct {
	base  uint32      // oldest frame not whole
	whole uint64      // bit i: frame base+i is whole
	parts []*assembly // frames of two or more packets under way
}

// assembly is the pieces of one frame.
type assembly struct {
	frame  uint32
	pieces int
	cut    int
	final  bool
	have   uint16
	head   uint16 // bytes of entries, before the payload of piece 0
	size   [wire.MaxPieces]uint16
	buf    []byte // piece i stands at i * payloadLarge
}

// verdict is what becomes of a frame packet.
type verdict byte

const (
	keep   verdict = iota // a new piece, or a whole frame
	again                 // a piece of a frame that is whole, or a piece held: acknowledged, not delivered
	old                   // of an older cut: not acknowledged
	breach                // breaks a limit: the connection is closed
)

// index completes the 16 bits of a frame index: the nearest to base.
func (x *inbox) index(low uint16) (index uint32, ok bool) {
	n := int64(x.base) + int64(int16(low-uint16(x.base)))
	return uint32(n), n >= 0
}

// judge says what becomes of a frame packet, and changes nothing. wide is how
// many frames of two or more packets the peer may have under way.
func (x *inbox) judge(h *wire.Header, wide int) (index uint32, v verdict) {
	index, ok := x.index(h.Frame)
	switch {
	case !ok, int64(index)-int64(x.base) >= frameWindow:
		return index, breach
	case x.isWhole(index):
		return index, again
	}
	a := x.find(index)
	if a == nil {
		if h.Pieces > 1 && len(x.parts) >= wide {
			return index, breach
		}
		return index, keep
	}
	return index, a.judge(h)
}

// judge compares a piece with those held: "c+1 and c+2 are newer, c+3 older".
func (a *assembly) judge(h *wire.Header) verdict {
	switch (h.Cut() - a.cut) & 3 {
	case 3:
		return old
	case 1, 2:
		return keep
	}
	switch {
	case h.Pieces != a.pieces || h.Final() != a.final:
		return breach // the length changes only with the cut
	case a.have&(1<<h.Index) != 0:
		return again
	}
	return keep
}

func (x *inbox) isWhole(index uint32) bool {
	return index < x.base || x.whole&(1<<(index-x.base)) != 0
}

func (x *inbox) find(index uint32) *assembly {
	for _, a := range x.parts {
		if a.frame == index {
			return a
		}
	}
	return nil
}

// hold keeps one piece of a frame of two or more and returns the frame when it is
// whole: its entries and its payload, in one, and the buffer that release takes.
func (x *inbox) hold(b *buffers, h *wire.Header, index uint32, body wire.Body) (whole wire.Body, buf []byte) {
	a := x.find(index)
	if a == nil {
		a = &assembly{frame: index}
		x.parts = append(x.parts, a)
	}
	if a.buf == nil || a.cut != h.Cut() {
		a.begin(b, h)
	}
	place := a.buf[h.Index*payloadLarge:]
	n := copy(place, entries(body.Extensions))
	if h.Index == 0 {
		a.head = uint16(n)
	}
	a.size[h.Index] = uint16(n + copy(place[n:], body.Payload))
	a.have |= 1 << h.Index
	if a.have != uint16(1<<a.pieces-1) {
		return wire.Body{}, nil
	}
	return a.join(), a.buf
}

// entries returns a list without its end.
func entries(list wire.Extensions) []byte { return list[:max(0, len(list)-2)] }

// begin starts the frame, or starts it anew under a newer cut.
func (a *assembly) begin(b *buffers, h *wire.Header) {
	b.put(a.buf)
	*a = assembly{frame: a.frame, pieces: h.Pieces, cut: h.Cut(), final: h.Final()}
	a.buf = b.get(h.Pieces * payloadLarge)
}

// join moves the pieces together.
func (a *assembly) join() wire.Body {
	n := int(a.size[0])
	for i := 1; i < a.pieces; i++ {
		n += copy(a.buf[n:], a.buf[i*payloadLarge:][:a.size[i]])
	}
	return wire.Body{Extensions: wire.Extensions(a.buf[:a.head]), Payload: a.buf[a.head:n]}
}

// finish notes that a frame is whole. Pieces held of it, which are of an older
// cut when it came in one, are given back to b; nil keeps the buffer for the
// caller.
func (x *inbox) finish(b *buffers, index uint32) {
	for i, a := range x.parts {
		if a.frame == index {
			if b != nil {
				b.put(a.buf)
			}
			last := len(x.parts) - 1
			x.parts[i], x.parts[last] = x.parts[last], nil
			x.parts = x.parts[:last]
			break
		}
	}
	x.whole |= 1 << (index - x.base)
	for x.whole&1 != 0 {
		x.whole >>= 1
		x.base++
	}
}

// free gives every buffer back.
func (x *inbox) free(b *buffers) {
	for _, a := range x.parts {
		b.put(a.buf)
	}
	x.parts = nil
}
