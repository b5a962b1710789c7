package federation

import (
	"sync"
	"time"

	"meshpresence/internal/key"
)

// declined remembers offered facts that were not taken in, for declineFor, so
// that a peer that goes on offering them is not asked for them at every sync.
// It holds at most maxDeclined in two halves, as verified does.
type declined struct {
	mu         sync.Mutex
	young, old map[key.Hash]time.Time // until
}

func (d *declined) has(now time.Time, h key.Hash) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, ok := d.young[h]
	if !ok {
		until, ok = d.old[h]
	}
	return ok && now.Before(until)
}

// forget ends all of it: what was taken in since may have made room.
func (d *declined) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.young)
	clear(d.old)
}

func (d *declined) add(now time.Time, h key.Hash) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.young) >= maxDeclined/2 {
		d.young, d.old = d.old, d.young
		clear(d.young)
	}
	if d.young == nil {
		d.young = make(map[key.Hash]time.Time)
	}
	d.young[h] = now.Add(declineFor)
}
