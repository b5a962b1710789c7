package federation

import (
	"encoding/binary"
	"sync"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/limit"
)

// rates bound what one member can make us do a second, and what we log of it.
type rates struct {
	mu       sync.Mutex
	messages *limit.Buckets // gossip messages, by the peer that sent them
	asks     *limit.Buckets // requests on streams, likewise
	beacons  *limit.Buckets // by author
	lists    *limit.Buckets // asked of a node after its beacon
	logs     *limit.Buckets // by node
}

func newRates(now time.Time) *rates {
	table := func(rate, burst int) *limit.Buckets {
		return limit.New(now, limit.Config{Rate: rate, Burst: burst, Size: maxSpeakers})
	}
	return &rates{
		messages: table(messageRate, messageBurst),
		asks:     table(askRate, askBurst),
		beacons:  table(beaconRate, beaconBurst),
		lists:    table(1, listBurst),
		logs:     table(1, logBurst),
	}
}

// allow takes a token of a node's bucket.
func (r *rates) allow(b *limit.Buckets, node key.Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return b.Allow(time.Now(), limit.Identity(binary.BigEndian.Uint64(node[:])), 1)
}
