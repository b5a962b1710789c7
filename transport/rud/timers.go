package rud

import "time"

// timers is a heap of connections by their next deadline, so that ten thousand
// idle devices cost nothing: no scan, and O(log n) when a deadline changes. Each
// Conn knows its place (slot, from 1; 0 means none).
type timers []*Conn

// set gives c that deadline; 0 removes it.
func (t *timers) set(c *Conn, deadline time.Duration) {
	if deadline == 0 {
		t.remove(c)
		return
	}
	if c.slot == 0 {
		*t = append(*t, c)
		c.slot = len(*t)
		c.deadline = deadline
		t.up(c.slot - 1)
		return
	}
	earlier := deadline < c.deadline
	c.deadline = deadline
	if earlier {
		t.up(c.slot - 1)
	} else {
		t.down(c.slot - 1)
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
	h[last] = nil
	*t = h[:last]
	c.slot = 0
	c.deadline = 0
	if i < last {
		t.up(i)
		t.down(i)
	}
}

// first returns the connection with the earliest deadline, nil when none has.
func (t timers) first() *Conn {
	if len(t) == 0 {
		return nil
	}
	return t[0]
}

func (t timers) swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].slot, t[j].slot = i+1, j+1
}

func (t timers) less(i, j int) bool { return t[i].deadline < t[j].deadline }

func (t timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.less(i, parent) {
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
		if right := child + 1; right < len(t) && t.less(right, child) {
			child = right
		}
		if !t.less(child, i) {
			return
		}
		t.swap(i, child)
		i = child
	}
}
