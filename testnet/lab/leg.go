package lab

import (
	"container/heap"
	"slices"
	"sync"
	"time"
)

const (
	// maxHeld and maxHeldBytes bound the packets under way on a leg, as the queue
	// of a router does: what comes on top is lost.
	maxHeld      = 4096
	maxHeldBytes = 4 << 20
	// maxWait bounds how long a packet is under way.
	maxWait = 10 * time.Second
)

// leg is one direction of a Wire: packets go in, and come out of sink when their
// time has come. It is safe for concurrent use.
type leg struct {
	sink  func([]byte)
	start time.Time
	wake  chan struct{}
	quit  chan struct{}
	done  chan struct{}

	mu    sync.Mutex
	lot   *lot
	held  heldHeap
	bytes int
	order uint64
	lost  uint64
}

func newLeg(seed uint64, name string, sink func([]byte)) *leg {
	l := &leg{
		sink: sink, start: time.Now(), lot: newLot(seed, name),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run()
	return l
}

// set changes what the leg does from the next packet on.
func (l *leg) set(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lot.fault = f
}

// send takes one packet, which is lent.
func (l *leg) send(packet []byte) {
	l.mu.Lock()
	now := time.Since(l.start)
	d := l.lot.draw(now, len(packet))
	if len(d.due) == 0 {
		l.lost++
	}
	if d.flip {
		packet = corrupt(packet, d.bit)
	}
	direct := false
	for _, at := range d.due {
		if at <= now && len(l.held) == 0 {
			direct = true
			continue
		}
		l.hold(min(at, now+maxWait), packet)
	}
	l.mu.Unlock()
	if direct {
		l.sink(packet)
	}
}

// hold keeps a copy of a packet until its time.
func (l *leg) hold(at time.Duration, packet []byte) {
	if len(l.held) >= maxHeld || l.bytes+len(packet) > maxHeldBytes {
		l.lost++
		return
	}
	l.order++
	heap.Push(&l.held, held{at, l.order, slices.Clone(packet)})
	l.bytes += len(packet)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// next takes the packet whose time has come, or says how long it is until one's.
func (l *leg) next() (packet []byte, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) == 0 {
		return nil, maxWait
	}
	if wait := l.held[0].at - time.Since(l.start); wait > 0 {
		return nil, wait
	}
	h := heap.Pop(&l.held).(held)
	l.bytes -= len(h.packet)
	return h.packet, 0
}

func (l *leg) run() {
	defer close(l.done)
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for {
		packet, wait := l.next()
		if packet != nil {
			l.sink(packet)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.quit:
			return
		}
	}
}

// losses is how many packets did not come through.
func (l *leg) losses() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *leg) close() {
	close(l.quit)
	<-l.done
}

// held is a packet under way.
type held struct {
	at     time.Duration
	order  uint64
	packet []byte
}

// heldHeap has the packet whose time comes first on top; packets of one time
// come in the order in which they were sent.
type heldHeap []held

func (h heldHeap) Len() int { return len(h) }
func (h heldHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h heldHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heldHeap) Push(x any)   { *h = append(*h, x.(held)) }
func (h *heldHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = held{}
	*h = old[:len(old)-1]
	return x
}
