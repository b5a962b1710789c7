package rud

import "time"

// timers is a heap of connections by their next deadline, so that ten thousand
// idle devices cost nothing: no scan, and O(log n) when a deadline comes nearer.
// Each Conn knows its place (slot, from 1; 0 means none).
//
// A deadline that moves away, as at nearly every packet, moves nothing: the place is
// put right when it comes first. So a packet does not touch the memory of
// connections that it is not for.
type timers []timer

// timer is one place of the heap: at is never after the connection's deadline.
type timer struct {
	at time.Duration
	c  *Conn
}

// set gives c that deadline; 0 removes it.
func (t *timers) set(c *Conn, deadline time.Duration) {
	if deadline == 0 {
		t.remove(c)
		return
	}
	c.deadline = deadline
	if c.slot == 0 {
		*t = append(*t, timer{deadline, c})
		c.slot = len(*t)
		t.up(c.slot - 1)
		return
	}
	if p := &(*t)[c.slot-1]; deadline < p.at {
		p.at = deadline
		t.up(c.slot - 1)
	}
}

// remove takes c out.
func (t *timers) remove(c *Conn) {
	if c.slot == 0 {
		return
	}
	h := *t
	i, last := c.slot-1, len(h)-1
	h.swap(i, last)
	h[last] = timer{}
	*t = h[:last]
	c.slot = 0
	c.deadline = 0
	if i < last {
		t.up(i)
		t.down(i)
	}
}

// first returns the connection with the earliest deadline, nil for none.
func (t timers) first() *Conn {
	if len(t) == 0 {
		return nil
	}
	for t[0].at < t[0].c.deadline {
		t[0].at = t[0].c.deadline
		t.down(0)
	}
	return t[0].c
}

func (t timers) swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].c.slot, t[j].c.slot = i+1, j+1
}

func (t timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if t[i].at >= t[parent].at {
			return
		}
		t.swap(i, parent)
		i = parent
	}
}

func (t timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(t) {
			return
		}
		if right := child + 1; right < len(t) && t[right].at < t[child].at {
			child = right
		}
		if t[child].at >= t[i].at {
			return
		}
		t.swap(i, child)
		i = child
	}
}
