package federation

import (
	"sync"

	"meshpresence/internal/record"
)

// outbox is the bounded queue of facts to gossip: a ring whose oldest fact is
// overwritten, and counted, when it is full. What is lost comes by sync.
type outbox struct {
	mu      sync.Mutex
	ring    [gossipQueue]*record.Fact
	first   int
	count   int
	dropped int64
	ready   chan struct{} // holds one token while there may be something
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

// put queues facts and never blocks.
func (o *outbox) put(facts []*record.Fact) {
	if len(facts) == 0 {
		return
	}
	o.mu.Lock()
	for _, f := range facts {
		if o.count == len(o.ring) {
			o.first = (o.first + 1) % len(o.ring)
			o.count--
			o.dropped++
		}
		o.ring[(o.first+o.count)%len(o.ring)] = f
		o.count++
	}
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take moves the oldest facts, at most MaxBatch, to batch.
func (o *outbox) take(batch []*record.Fact) []*record.Fact {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.count > 0 && len(batch) < MaxBatch {
		batch = append(batch, o.ring[o.first])
		o.ring[o.first] = nil
		o.first = (o.first + 1) % len(o.ring)
		o.count--
	}
	return batch
}

// lost returns how many facts were overwritten.
func (o *outbox) lost() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}
