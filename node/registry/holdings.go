package registry

import (
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// MaxRanges bounds what is remembered of one device above the floors: one that
// acknowledges with holes cannot grow a node's memory. Past it the lowest range
// of the channel at hand is forgotten, and delivered again. OURS: the 16 of
// federation.md are what a device tells of a channel. A node that remembered no
// more would offer the same posts again and again, and never those after them.
const MaxRanges = 4 * MaxEvents

// MaxStreams bounds the publisher channels and statuses remembered for one
// device.
const MaxStreams = 4096

// Range is a run of sequences, both ends included.
type Range struct{ From, To int64 }

// Holdings is what a device says it has received: per publisher and channel a
// floor and the ranges above it, and per publisher and tag the Serial of the
// status (federation.md, Delivery). The zero value holds nothing.
type Holdings struct {
	queued   map[stream]*ranges
	statuses map[stream]int64
	above    int // ranges of all channels
}

type stream struct {
	publisher key.Hash
	name      string // channel, or tag
}

type ranges struct {
	floor int64 // all up to here is held
	above []Range
}

// Queued notes a floor and ranges that the device told.
func (h *Holdings) Queued(publisher key.Hash, channel string, floor int64, above []Range) {
	if h.queued == nil {
		h.queued = make(map[stream]*ranges)
	}
	s := stream{publisher, channel}
	if h.queued[s] == nil && len(h.queued) >= MaxStreams {
		return
	}
	if old := h.queued[s]; old != nil {
		h.above -= len(old.above)
	}
	r := &ranges{floor: floor}
	h.queued[s] = r
	for _, one := range above {
		h.add(r, one)
	}
}

// add merges a run into one channel's ranges, within the bound.
func (h *Holdings) add(r *ranges, n Range) {
	before := len(r.above)
	r.add(n)
	if h.above += len(r.above) - before; h.above > MaxRanges {
		r.above = slices.Delete(r.above, 0, 1)
		h.above--
	}
}

// Status notes the Serial of a status that the device told.
func (h *Holdings) Status(publisher key.Hash, tag string, serial int64) {
	if h.statuses == nil {
		h.statuses = make(map[stream]int64)
	}
	s := stream{publisher, tag}
	if _, known := h.statuses[s]; !known && len(h.statuses) >= MaxStreams {
		return
	}
	h.statuses[s] = max(h.statuses[s], serial)
}

// Add notes that the device received an event: with a tag the status of that
// Serial, without one the sequence of a channel.
func (h *Holdings) Add(publisher key.Hash, tag, channel string, sequence, serial int64) {
	if tag != "" {
		h.Status(publisher, tag, serial)
		return
	}
	s := stream{publisher, channel}
	if h.queued[s] == nil {
		h.Queued(publisher, channel, 0, nil)
	}
	if r := h.queued[s]; r != nil {
		h.add(r, Range{sequence, sequence})
	}
}

// Has reports whether the device holds this event, or a newer status.
func (h *Holdings) Has(f *record.Fact) bool {
	e := f.Body.(*record.Event)
	publisher := f.Author.Hash()
	if e.Tag != nil {
		serial, known := h.statuses[stream{publisher, string(e.Tag)}]
		return known && serial >= f.Serial
	}
	r := h.queued[stream{publisher, e.Channel}]
	return r != nil && r.has(e.Sequence)
}

// Floor returns up to which sequence the device holds all of a publisher's
// channel; 0 when it said nothing of it.
func (h *Holdings) Floor(publisher key.Hash, channel string) int64 {
	if r := h.queued[stream{publisher, channel}]; r != nil {
		return r.floor
	}
	return 0
}

func (r *ranges) has(n int64) bool {
	if n <= r.floor {
		return true
	}
	return slices.ContainsFunc(r.above, func(one Range) bool { return one.From <= n && n <= one.To })
}

// add merges a run into the ranges and moves the floor up when the run touches it.
func (r *ranges) add(n Range) {
	if n.To < n.From || n.To <= r.floor {
		return
	}
	i := 0
	for i < len(r.above) && r.above[i].To+1 < n.From {
		i++
	}
	j := i
	for j < len(r.above) && r.above[j].From <= n.To+1 {
		n.From = min(n.From, r.above[j].From)
		n.To = max(n.To, r.above[j].To)
		j++
	}
	r.above = slices.Replace(r.above, i, j, n)
	for len(r.above) > 0 && r.above[0].From <= r.floor+1 {
		r.floor = max(r.floor, r.above[0].To)
		r.above = slices.Delete(r.above, 0, 1)
	}
}
