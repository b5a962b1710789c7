package federation

import (
	"meshpresence/node/registry"
	"slices"
	"sync"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// speakers is what the beacons of other nodes claim. Its zero value is ready.
type speakers struct {
	mu    sync.Mutex
	nodes map[key.Hash]*speaker
}

// speaker is what one node claims of itself.
type speaker struct {
	boot, serial int64
	grown        time.Time    // when a later beacon than the first was seen
	offset       int64        // its clock less ours, seconds, at grown
	set          registry.Sum // of attached
	claimed      registry.Sum // of the node's own set
	attached     map[key.Hash]struct{}
}

// fresh reports whether the node was seen to speak within BeaconFresh.
func (s *speaker) fresh(now time.Time) bool {
	return !s.grown.IsZero() && now.Sub(s.grown) < BeaconFresh
}

// later reports whether a beacon is later than what was heard of its node.
func (t *speakers) later(b *beacon) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.nodes[b.node.Hash()]
	return s == nil || b.grew(s.boot, s.serial)
}

// heard applies a verified beacon. It reports whether the beacon was later than
// the ones before it, and whether our list of the node's attachments does not
// agree with its claim, so that the list must be asked for.
func (t *speakers) heard(now time.Time, local wall.Time, b *beacon) (later, differs bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	node := b.node.Hash()
	s := t.nodes[node]
	switch {
	case s == nil:
		// The first beacon may be an old one sent again: not fresh yet.
		if s = t.add(now, node); s == nil {
			return false, false
		}
	case !b.grew(s.boot, s.serial):
		return false, false
	default:
		s.grown = now
	}
	s.boot, s.serial, s.claimed = b.boot, b.serial, b.set
	s.offset = int64(b.time) - int64(local)
	for _, h := range b.removed {
		s.remove(h)
	}
	for _, h := range b.added {
		s.put(h)
	}
	return true, s.set != s.claimed
}

// add makes room for one more node, if need be in the place of a stale one.
func (t *speakers) add(now time.Time, node key.Hash) *speaker {
	if t.nodes == nil {
		t.nodes = make(map[key.Hash]*speaker)
	}
	if len(t.nodes) >= maxSpeakers {
		for h, s := range t.nodes {
			if !s.fresh(now) {
				delete(t.nodes, h)
				break
			}
		}
	}
	if len(t.nodes) >= maxSpeakers {
		return nil
	}
	s := &speaker{attached: make(map[key.Hash]struct{})}
	t.nodes[node] = s
	return s
}

func (s *speaker) put(h key.Hash) {
	if _, ok := s.attached[h]; !ok && len(s.attached) < maxAttached {
		s.attached[h] = struct{}{}
		s.set.Add(h)
	}
}

func (s *speaker) remove(h key.Hash) {
	if _, ok := s.attached[h]; ok {
		delete(s.attached, h)
		s.set.Remove(h)
	}
}

// listed replaces a node's attachments by the whole list.
func (t *speakers) listed(node key.Hash, list []key.Hash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.nodes[node]
	if s == nil {
		return
	}
	clear(s.attached)
	s.set = registry.Sum{}
	for _, h := range list {
		s.put(h)
	}
}

// freshAt reports whether the node was heard lately.
func (t *speakers) freshAt(now time.Time, node key.Hash) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.nodes[node]
	return s != nil && s.fresh(now)
}

// heardAt is when the node was last heard; zero: not yet.
func (t *speakers) heardAt(node key.Hash) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.nodes[node]; s != nil {
		return s.grown
	}
	return time.Time{}
}

// claiming names the nodes heard lately that claim an attachment.
func (t *speakers) claiming(now time.Time, attach key.Hash) []key.Hash {
	t.mu.Lock()
	defer t.mu.Unlock()
	var nodes []key.Hash
	for node, s := range t.nodes {
		if _, ok := s.attached[attach]; ok && s.fresh(now) {
			nodes = append(nodes, node)
		}
	}
	slices.SortFunc(nodes, compare)
	return nodes
}

// Clocks compares this node's wall clock with those that other nodes tell.
type Clocks struct {
	// Count is how many clocks were compared, our own included.
	Count int
	// Offset is our clock less the median, in seconds.
	Offset int64
}

// Off reports whether our clock is so far from the median of at least three
// that this node confirms no copies (federation.md, Promises).
func (c Clocks) Off() bool {
	return c.Count >= 3 && (c.Offset > MaxClockOffset || c.Offset < -MaxClockOffset)
}

// Doubtful reports whether two clocks disagree, and nobody knows which is right.
func (c Clocks) Doubtful() bool {
	return c.Count == 2 && (c.Offset > MaxClockOffset || c.Offset < -MaxClockOffset)
}

// clocks compares our clock with those heard lately.
func (t *speakers) clocks(now time.Time) Clocks {
	t.mu.Lock()
	defer t.mu.Unlock()
	offsets := []int64{0}
	for _, s := range t.nodes {
		if s.fresh(now) {
			offsets = append(offsets, s.offset)
		}
	}
	slices.Sort(offsets)
	// Of an even number, the middle one nearer to us: the doubt is ours.
	middle := offsets[len(offsets)/2]
	if len(offsets) == 2 {
		middle = offsets[0] + offsets[1]
	} else if lower := offsets[(len(offsets)-1)/2]; abs(lower) < abs(middle) {
		middle = lower
	}
	return Clocks{Count: len(offsets), Offset: -middle}
}

func abs(v int64) int64 { return max(v, -v) }
