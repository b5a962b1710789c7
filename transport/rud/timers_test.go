package rud

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The heap against a scan, over random changes: the first is exact, whatever moved
// away without moving.
func TestTimers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var h timers
	conns := make([]*Conn, 100)
	for i := range conns {
		conns[i] = &Conn{}
	}
	for range 20000 {
		c := conns[rng.IntN(len(conns))]
		h.set(c, time.Duration(rng.IntN(50)))
		var first time.Duration
		n := 0
		for _, c := range conns {
			if c.slot == 0 {
				continue
			}
			n++
			if h[c.slot-1].c != c {
				t.Fatal("a connection does not stand where it says")
			}
			if first == 0 || c.deadline < first {
				first = c.deadline
			}
		}
		if n != len(h) || n > 0 && h.first().deadline != first {
			t.Fatalf("%d of %d, first %v, want %v", len(h), n, h.first().deadline, first)
		}
	}
}
