package sim

import (
	"math/rand/v2"
	"time"
)

// Link is one direction between a host and its segment. The zero Link is perfect.
type Link struct {
	Delay  time.Duration
	Jitter time.Duration // up to so much longer, in the order of sending
	Loss   float64       // share of packets that are lost
	Burst  int           // packets lost one after another; 0 is 1

	Duplicate float64       // share that arrives twice
	Reorder   float64       // share that is held up and overtaken
	Hold      time.Duration // for up to so long
	Corrupt   float64       // share with one bit turned

	// MTU is the longest IP packet, headers included; longer ones vanish and
	// nobody is told. 0 is none.
	MTU int

	// Rate is in bytes a second, headers included, and Queue the longest wait
	// for it; what would wait longer is lost. 0 is without bound, and 50 ms.
	Rate  int
	Queue time.Duration

	// Down swallows everything: a black hole.
	Down bool
}

// lane is a Link and what it remembers.
type lane struct {
	Link
	rng    *rand.Rand
	bursts int           // packets still to lose
	busy   time.Duration // when the rate lets the next packet begin
	last   time.Duration // arrival of the newest packet in order
}

const defaultQueue = 50 * time.Millisecond

// instant is the most that a packet takes longer than the link says.
const instant = time.Microsecond

// overhead is the length of the IP and UDP headers.
func overhead(six bool) int {
	if six {
		return 48
	}
	return 28
}

// carry says when the copies of a packet arrive: none when it is lost, two when it
// is repeated. It turns bits of the packet in place. n is the length of the IP
// packet.
func (l *lane) carry(now time.Duration, packet []byte, n int) (at [2]time.Duration, copies int) {
	if l.Down || l.MTU > 0 && n > l.MTU || l.loses() {
		return at, 0
	}
	begin, ok := l.wait(now, n)
	if !ok {
		return at, 0
	}
	if l.Corrupt > 0 && l.rng.Float64() < l.Corrupt && len(packet) > 0 {
		packet[l.rng.IntN(len(packet))] ^= 1 << l.rng.IntN(8)
	}
	at[0] = l.arrival(begin)
	copies = 1
	if l.Duplicate > 0 && l.rng.Float64() < l.Duplicate {
		at[1] = l.arrival(begin)
		copies = 2
	}
	return at, copies
}

// loses says whether the next packet is lost. Runs of Burst packets are, so often
// that Loss of all are.
func (l *lane) loses() bool {
	if l.bursts > 0 {
		l.bursts--
		return true
	}
	if l.Loss <= 0 {
		return false
	}
	if l.Loss >= 1 {
		return true
	}
	burst := max(l.Burst, 1)
	if l.rng.Float64() >= l.Loss/(l.Loss+float64(burst)*(1-l.Loss)) {
		return false
	}
	l.bursts = burst - 1
	return true
}

// wait takes the packet's turn at the rate.
func (l *lane) wait(now time.Duration, n int) (begin time.Duration, ok bool) {
	if l.Rate == 0 {
		return now, true
	}
	queue := l.Queue
	if queue == 0 {
		queue = defaultQueue
	}
	begin = max(now, l.busy)
	if begin-now > queue {
		return 0, false
	}
	l.busy = begin + time.Duration(float64(n)/float64(l.Rate)*float64(time.Second))
	return l.busy, true
}

func (l *lane) arrival(begin time.Duration) time.Duration {
	at := begin + l.Delay + 1 + time.Duration(l.rng.Int64N(int64(instant)))
	if l.Jitter > 0 {
		at += time.Duration(l.rng.Int64N(int64(l.Jitter)))
	}
	if l.Reorder > 0 && l.Hold > 0 && l.rng.Float64() < l.Reorder {
		return at + time.Duration(l.rng.Int64N(int64(l.Hold)))
	}
	l.last = max(l.last+1, at)
	return l.last
}
