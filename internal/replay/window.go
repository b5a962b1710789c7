// Package replay remembers which packet numbers were seen: a sliding window of
// 2048 under the newest of a stream of 32-bit numbers that start at 1 (rud.md,
// Data packets).
//
//	        newest-2047 ......... newest | ......... newest+65535
//	never   one bit each, in a ring      | new: moves the window      never
//
// Looking never changes anything. Only Commit does, after the packet's tag
// opened: else a forged number would push the window past honest packets.
package replay

// Size is the number of packet numbers remembered, the newest included.
const Size = 2048

// Ahead bounds how far a number may be above the newest. Attack: after a number
// near the end of the space every honest packet would be too old.
const Ahead = 65535

const (
	wordBits = 64
	words    = Size / wordBits
)

// Window is a replay window. The zero Window has seen nothing; its newest number
// is 0 and number 0 is never acceptable. Not safe for concurrent use.
type Window struct {
	newest uint32
	seen   [words]uint64 // bit n mod Size
}

// Newest returns the greatest number committed, 0 at first.
func (w *Window) Newest() uint32 { return w.newest }

// InRange reports whether n is from newest-2047 to newest+65535, and not 0.
func (w *Window) InRange(n uint32) bool {
	ahead := int64(n) - int64(w.newest)
	return n != 0 && ahead <= Ahead && ahead > -Size
}

// Check reports whether n is in range and was not committed yet.
func (w *Window) Check(n uint32) bool {
	return w.InRange(n) && (n > w.newest || !w.has(n))
}

// Commit notes n and reports what Check would have: false changes nothing.
func (w *Window) Commit(n uint32) bool {
	if !w.Check(n) {
		return false
	}
	if n > w.newest {
		w.advance(n)
	}
	w.seen[n/wordBits%words] |= 1 << (n % wordBits)
	return true
}

func (w *Window) has(n uint32) bool {
	return w.seen[n/wordBits%words]&(1<<(n%wordBits)) != 0
}

// advance makes n the newest and forgets the numbers whose bits it and the ones
// it skips take over.
func (w *Window) advance(n uint32) {
	if n-w.newest >= Size {
		w.seen = [words]uint64{}
		w.newest = n
		return
	}
	for first := w.newest + 1; ; {
		word := &w.seen[first/wordBits%words]
		last := min(first|(wordBits-1), n)
		*word &^= span(first%wordBits, last%wordBits)
		if last == n {
			break
		}
		first = last + 1
	}
	w.newest = n
}

// span returns the bits from low to high, both included.
func span(low, high uint32) uint64 {
	return ^uint64(0) << low & (^uint64(0) >> (wordBits - 1 - high))
}
