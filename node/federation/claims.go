package federation

import (
	"sync"
	"time"

	"meshpresence/internal/key"
)

// claims are the facts that syncs are bringing just now, so that several peers
// that have the same ones do not all send them. A claim ends after claimFor,
// since its peer may never send; and what a peer offered never keeps us from
// asking another one for it. The zero value is ready.
type claims struct {
	mu   sync.Mutex
	held map[key.Hash]claim
}

type claim struct {
	until time.Time
	asked bool // by us; not merely offered by a peer
}

// take claims those of the hashes that are free, and returns them.
func (c *claims) take(now time.Time, hashes []key.Hash, asked bool) []key.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = make(map[key.Hash]claim)
	}
	var mine []key.Hash
	for _, h := range hashes {
		old, ok := c.held[h]
		if ok && now.Before(old.until) && (old.asked || !asked) || !ok && len(c.held) >= maxClaims {
			continue
		}
		c.held[h] = claim{now.Add(claimFor), asked}
		mine = append(mine, h)
	}
	return mine
}

// release ends claims.
func (c *claims) release(hashes []key.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range hashes {
		delete(c.held, h)
	}
}
