package lab

import (
	"slices"
	"sync"
	"time"
)

// keptBytes is how much of each datagram a Tap keeps: all of it.
const keptBytes = 2048

// Seen is a packet that a Tap saw.
type Seen struct {
	Packet
	At  time.Duration // since the tap was made
	Out bool          // the host sent it
}

// Tap sees what passes between a host and its Wire, outside of anything that the
// host says of itself: what left the host, before the wire's faults, and what
// arrived there, after them. The zero value is not ready. It is safe for
// concurrent use.
type Tap struct {
	start time.Time

	mu   sync.Mutex
	list []Seen
	keep func(*Seen) bool // nil: everything
}

func newTap() *Tap { return &Tap{start: time.Now()} }

// Keep forgets what was seen, and from now on keeps only what the function
// chooses; nil chooses all. It runs for one packet at a time, in the wire's
// goroutines, and may count.
func (t *Tap) Keep(choose func(*Seen) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list, t.keep = nil, choose
}

// Now is the time by which the tap counts.
func (t *Tap) Now() time.Duration { return time.Since(t.start) }

func (t *Tap) see(packet []byte, out bool) {
	p, ok := ParsePacket(packet)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Seen{Packet: p, At: time.Since(t.start), Out: out}
	if t.keep != nil && !t.keep(&s) {
		return
	}
	if s.Data != nil {
		s.Data = append(make([]byte, 0, min(len(s.Data), keptBytes)), s.Data[:min(len(s.Data), keptBytes)]...)
	}
	t.list = append(t.list, s)
}

// Seen returns what was kept so far, in order. The Data is shared and not to be
// changed.
func (t *Tap) Seen() []Seen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

// Count counts what was kept and is wanted.
func (t *Tap) Count(want func(*Seen) bool) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.list {
		if want(&t.list[i]) {
			n++
		}
	}
	return n
}
