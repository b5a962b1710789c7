package client

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

const (
	// holeLife is how long a hole can still be filled: no post lives longer, and
	// an hour is allowed for clocks (facts.md, Expired).
	holeLife = DefaultEventLife + time.Hour
	// maxHoles bounds the holes remembered of one channel, as its ranges are.
	maxHoles = maxRanges
	// maxStores bounds the nodes whose stores are remembered: a device that is
	// sent from node to node does not fill its state.
	maxStores = 16
)

// GapError says that posts will not come any more, as far as this device can
// know. Watch yields it and goes on.
type GapError struct {
	// Channel and Publisher, a device's hash, say whose posts; both are empty
	// when a node lost its store, and nobody knows what it alone had.
	Channel, Publisher string
	// From and To are the first and last sequence missed.
	From, To int64
	// Dropped says that the account held more than its quota and the node let go
	// of them; else they expired before they reached this device.
	Dropped bool
	// Node is the address of the node that lost its store.
	Node string
}

// Error says what is missing, and what to do about it.
func (g *GapError) Error() string {
	if g.Node != "" {
		return fmt.Sprintf("gap: the node %s lost its store or was set back; posts that only it had are gone, "+
			"but for those that their publishers put back: a second node would have kept them (presence account home add)", g.Node)
	}
	what := fmt.Sprintf("gap: posts %d to %d of %s by %s", g.From, g.To, g.Channel, g.Publisher)
	if g.From == g.To {
		what = fmt.Sprintf("gap: post %d of %s by %s", g.From, g.Channel, g.Publisher)
	}
	if g.Dropped {
		return what + " found no room among all that the account's devices posted and will not come; post less, or ask the publisher"
	}
	return what + " expired before reaching this device; ask the publisher"
}

// hole is a run of sequences that did not come, and until when one of them can.
type hole struct {
	From  int64     `json:"from"`
	To    int64     `json:"to"`
	Until wall.Time `json:"until"`
}

// stored is how much a node's store ever held for the account, as it said last.
type stored struct {
	ID    []byte `json:"id"`
	Count int64  `json:"count"`
}

// expire tells what is missing below a publisher's Oldest: it signed that all of
// it is over.
func (h *held) expire(oldest int64) []*GapError {
	return h.gaps(h.missing(1, oldest-1), false)
}

// await notes what is missing between the highest sequence that came before and
// this one. What lies below the first that ever came was before our time.
func (h *held) await(sequence int64, now wall.Time) {
	if h.Floor == 0 && len(h.Ranges) == 0 && h.Begin == 0 && h.Told == 0 {
		h.Begin = sequence
		return
	}
	top := h.Floor
	if n := len(h.Ranges); n > 0 {
		top = h.Ranges[n-1].To
	}
	if sequence <= top+1 || sequence <= h.Begin {
		return
	}
	h.Holes = append(h.Holes, hole{max(top, h.Begin) + 1, sequence - 1, now.Add(holeLife)})
	if over := len(h.Holes) - maxHoles; over > 0 {
		h.Holes = slices.Delete(h.Holes, 0, over)
	}
}

// missing are the runs that did not come, of those from one sequence to another
// that are neither before our time nor told already.
func (h *held) missing(from, to int64) (runs []mpp.Range) {
	from = max(from, h.Begin+1, h.Told+1, h.Floor+1)
	for _, r := range h.Ranges {
		switch {
		case r.To < from:
		case r.From > to:
		default:
			if r.From > from {
				runs = append(runs, mpp.Range{From: from, To: r.From - 1})
			}
			from = r.To + 1
		}
	}
	if from <= to {
		runs = append(runs, mpp.Range{From: from, To: to})
	}
	return runs
}

func (h *held) gaps(runs []mpp.Range, dropped bool) (list []*GapError) {
	for _, r := range runs {
		list = append(list, &GapError{Channel: h.Channel, Publisher: h.Publisher.String(), From: r.From, To: r.To, Dropped: dropped})
	}
	return list
}

// overdue tells the holes that nothing can fill any more, and forgets those that
// were filled.
func (s *state) overdue(now wall.Time) (list []*GapError, changed bool) {
	for i := range s.Streams {
		h := &s.Streams[i]
		h.Holes = slices.DeleteFunc(h.Holes, func(one hole) bool {
			left := h.missing(one.From, one.To)
			over := len(left) == 0 || one.Until <= now
			if over {
				list = append(list, h.gaps(left, false)...)
				changed = true
			}
			return over
		})
	}
	return list, changed
}

// dropped tells what a node's quota took of channels that this device holds less
// of.
func (s *state) dropped(gone []mpp.Since) (list []*GapError, changed bool) {
	for _, g := range gone {
		if len(g.Publisher) != len(key.Hash{}) || g.Channel == "" {
			continue
		}
		h := s.stream(key.Hash(g.Publisher), g.Channel)
		if h == nil || g.Floor <= h.Told {
			continue
		}
		list = append(list, h.gaps(h.missing(1, g.Floor), true)...)
		h.Told, changed = g.Floor, true
	}
	return list, changed
}

// store notes what a node says of its store, and tells when that is another one
// than before or was set back. alone says that no other home can fill it.
func (s *state) store(node key.Hash, says *mpp.History, alone bool) (lost, changed bool) {
	if says == nil {
		return false, false
	}
	name := node.String()
	known, met := s.Stores[name]
	if met && bytes.Equal(known.ID, says.ID) && known.Count == says.Count {
		return false, false
	}
	if s.Stores == nil {
		s.Stores = make(map[string]stored)
	}
	for other := range s.Stores {
		if !met && len(s.Stores) >= maxStores {
			delete(s.Stores, other)
		}
	}
	s.Stores[name] = stored{says.ID, says.Count}
	return met && alone && known.Count > 0 && (!bytes.Equal(known.ID, says.ID) || says.Count < known.Count), true
}

// arrival is what a node said when this device began to watch there.
type arrival struct {
	link    *link
	history *mpp.History
	gone    []mpp.Since
}

// came hands what a node said to the watcher.
func (c *Client) came(sub *subscription, a *arrival) {
	c.mu.Lock()
	sub.arrival = a
	c.mu.Unlock()
	select {
	case sub.arrived <- struct{}{}:
	default:
	}
}

// arrived yields the gaps that show when this device comes to a node, and those
// whose time is over. Each is told once: it is remembered after it was yielded.
func (c *Client) arrived(ctx context.Context, a *arrival, yield func(Event, error) bool) bool {
	now, alone := c.wall.Now(), c.profile.onlyHome(a.link.node, c.wall.Now())
	find := func(s *state) (list []*GapError, changed bool) {
		lost, changed := s.store(a.link.node, a.history, alone)
		if lost {
			list = append(list, &GapError{Node: a.link.address.String()})
		}
		gone, some := s.dropped(a.gone)
		over, more := s.overdue(now)
		return slices.Concat(list, gone, over), changed || some || more
	}
	st, err := c.readShared()
	if err != nil {
		yield(Event{}, err)
		return false
	}
	list, changed := find(st)
	for _, g := range list {
		if !yield(Event{}, g) {
			return false
		}
	}
	if !changed {
		return true
	}
	c.profile.mu.Lock()
	err = c.profile.shared(func(s *state) (bool, error) {
		_, changed := find(s)
		return changed, nil
	})
	c.profile.mu.Unlock()
	if err != nil {
		yield(Event{}, err)
		return false
	}
	return ctx.Err() == nil
}

// onlyHome reports whether no other node says that it keeps the account: what one
// of several homes lost, the others bring back (federation.md, sync).
func (p *Profile) onlyHome(node key.Hash, now wall.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.homeNodes() {
		if name := h.Key.Hash(); name != node && p.keepsAccount(name, now) {
			return false
		}
	}
	return true
}
