package handshake

import "time"

// budget counts what goes to the curve in a second.
type budget struct {
	since time.Time
	spent int
}

// spend takes cost of this second's budget of limit, when it has that much.
func (b *budget) spend(now time.Time, cost, limit int) bool {
	if now.Sub(b.since) >= time.Second {
		*b = budget{since: now}
	}
	if b.spent+cost > limit {
		return false
	}
	b.spent += cost
	return true
}
