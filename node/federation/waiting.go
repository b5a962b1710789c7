package federation

import (
	"sync"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// waiting keeps verified facts whose author or vouching host is not known yet,
// by the peer that brought them, for WaitFor (federation.md, Validators).
type waiting struct {
	mu    sync.Mutex
	peers map[key.Hash][]waiter
}

type waiter struct {
	fact  *record.Fact
	until time.Time
}

// add keeps facts. Past maxWaiting of one peer, or for one peer too many, they
// are dropped: sync brings them.
func (w *waiting) add(now time.Time, from key.Hash, facts []*record.Fact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.peers == nil {
		w.peers = make(map[key.Hash][]waiter)
	}
	list, ok := w.peers[from]
	if !ok && len(w.peers) >= maxWaitingPeers {
		return
	}
	for _, f := range facts {
		if len(list) >= maxWaiting {
			break
		}
		if !holds(list, f) {
			list = append(list, waiter{f, now.Add(WaitFor)})
		}
	}
	if len(list) > 0 {
		w.peers[from] = list
	}
}

func holds(list []waiter, f *record.Fact) bool {
	for _, e := range list {
		if e.fact.Hash() == f.Hash() {
			return true
		}
	}
	return false
}

// live forgets what waited too long and returns the rest by peer; what is
// returned keeps waiting until done.
func (w *waiting) live(now time.Time) map[key.Hash][]*record.Fact {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all map[key.Hash][]*record.Fact
	for from, list := range w.peers {
		keep := list[:0]
		for _, e := range list {
			if now.Before(e.until) {
				keep = append(keep, e)
			}
		}
		clear(list[len(keep):])
		w.peers[from] = keep
		if len(keep) == 0 {
			delete(w.peers, from)
			continue
		}
		if all == nil {
			all = make(map[key.Hash][]*record.Fact)
		}
		for _, e := range keep {
			all[from] = append(all[from], e.fact)
		}
	}
	return all
}

// done ends the waiting of one fact of a peer.
func (w *waiting) done(from key.Hash, f *record.Fact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.peers[from]
	for i := range list {
		if list[i].fact == f {
			w.peers[from] = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(w.peers[from]) == 0 {
		delete(w.peers, from)
	}
}

// empty reports whether nothing waits.
func (w *waiting) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.peers) == 0
}
