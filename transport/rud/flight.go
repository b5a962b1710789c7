package rud

import "time"

// flight is the frame packets that are outstanding: sent, and neither
// acknowledged nor taken for retransmission. At most 48.
type flight struct {
	sent    []record // by number
	lost    int32    // of them
	order   uint32   // frame packets sent so far
	best    uint32   // greatest order acknowledged
	reorder uint32   // packets that may overtake one before it is lost
}

// record is one outstanding packet.
type record struct {
	number uint32
	order  uint32 // count of frame packets when it left
	before uint32 // number this piece had last, 0 for none
	past   uint32 // order it had then
	frame  uint32 // its frame's index
	size   uint16 // of the packet
	piece  uint8
	at     time.Duration // when it left
	path   uint8         // the path's epoch
	aside  bool          // went elsewhere than the path in use
	lost   bool          // waits to be sent again
}

// add notes a packet that leaves.
func (f *flight) add(r record) {
	f.order++
	r.order = f.order
	f.sent = append(f.sent, r)
}

// inside returns how many packets are believed to be on their way.
func (f *flight) inside() int { return len(f.sent) - int(f.lost) }

// oldest returns the oldest outstanding number, or next when there is none.
func (f *flight) oldest(next uint32) uint32 {
	if len(f.sent) == 0 {
		return next
	}
	return f.sent[0].number
}

// take removes the i-th record: it is acknowledged, or about to be sent again.
func (f *flight) take(i int) record {
	r := f.sent[i]
	if r.lost {
		f.lost--
	}
	f.sent = append(f.sent[:i], f.sent[i+1:]...)
	f.shrink()
	return r
}

// shrink lets go of a large slice when nothing is outstanding.
func (f *flight) shrink() {
	if len(f.sent) == 0 && cap(f.sent) > 16 {
		f.sent = nil
	}
}

// markLost marks the i-th record.
func (f *flight) markLost(i int) {
	if !f.sent[i].lost {
		f.sent[i].lost = true
		f.lost++
	}
}

// firstLost returns the place of the oldest lost record, or -1.
func (f *flight) firstLost() int {
	if f.lost > 0 {
		for i := range f.sent {
			if f.sent[i].lost {
				return i
			}
		}
	}
	return -1
}

// threshold is how many orders a packet may be behind the best one.
func (f *flight) threshold() uint32 { return max(f.reorder, reorderFirst) }

// needless notes a retransmission whose first copy, of that order, arrived after
// all: the path reorders more than was allowed for.
func (f *flight) needless(past uint32) {
	if f.best > past && f.best-past >= f.threshold() {
		f.reorder = min(max(f.threshold(), f.best-past)+1, reorderMost)
	}
}

// drop forgets every record.
func (f *flight) drop() {
	f.sent, f.lost = f.sent[:0], 0
	f.shrink()
}
