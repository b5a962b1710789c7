package rud

import (
	"time"

	"meshpresence/transport/rud/wire"
)

// acks is what we tell the peer of its packets: which of its frame packets were
// opened and held, and when the next acknowledgement is owed. The zero value has
// nothing to tell.
type acks struct {
	newest  uint32 // newest frame packet held; 0 is none
	pending uint16 // held since the last acknowledgement left
	urgent  bool   // owed at once
	bitmap  uint64 // bit i is newest-1-i
	due     time.Duration
}

// note takes in a frame packet that is held. gap says that its number does not
// follow the newest number opened before it.
func (a *acks) note(now time.Duration, n uint32, gap bool) {
	switch {
	case n > a.newest:
		a.advance(n)
	case a.newest-n <= wire.AckBits && n != a.newest:
		a.bitmap |= 1 << (a.newest - n - 1)
	}
	if a.pending == 0 {
		a.due = now + ackDelay
	}
	a.pending++
	// "every 8th, on a gap, or within 25 ms"
	if gap || a.pending >= ackEvery {
		a.urgent = true
	}
}

func (a *acks) advance(n uint32) {
	shift := n - a.newest
	if shift > wire.AckBits {
		a.bitmap = 0
	} else if a.bitmap <<= shift; a.newest != 0 {
		a.bitmap |= 1 << (shift - 1)
	}
	a.bitmap &= 1<<wire.AckBits - 1
	a.newest = n
}

// put fills the acknowledgement into the header of a packet we send; opened is
// the newest number opened.
func (a *acks) put(h *wire.Header, opened uint32) {
	if a.newest == 0 || opened-a.newest >= ackHorizon {
		return
	}
	h.Flags |= wire.FlagAckValid
	h.Newest = uint16(a.newest)
	h.Bitmap = a.bitmap
}

// sent notes that an acknowledgement left on the path in use.
func (a *acks) sent() {
	a.pending, a.urgent, a.due = 0, false, 0
}

// owed reports whether an acknowledgement is due at now.
func (a *acks) owed(now time.Duration) bool {
	return a.pending > 0 && (a.urgent || now >= a.due)
}

// told is an acknowledgement that arrived, with the peer's 16 bits completed.
type told struct {
	newest uint32 // 0 is none
	bitmap uint64
}

// readAck completes the acknowledgement of a header: "low 16 bits mean the
// nearest number to the last sent; above it: close". ok is false then, and also
// below number 1, which was not sent either.
func readAck(h *wire.Header, last uint32) (t told, ok bool) {
	if !h.AckValid() {
		return told{}, true
	}
	ahead := int32(int16(h.Newest - uint16(last)))
	newest := int64(last) + int64(ahead)
	if ahead > 0 || newest < 1 {
		return told{}, false
	}
	return told{uint32(newest), h.Bitmap}, true
}

// has reports whether number n, at least 1, is acknowledged.
func (t told) has(n uint32) bool {
	if n >= t.newest {
		return n == t.newest
	}
	below := t.newest - n
	return below <= wire.AckBits && t.bitmap&(1<<(below-1)) != 0
}
