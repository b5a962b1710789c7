package lab_test

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"meshpresence/testnet/lab"
)

// What strangers may cost others: "bytes out <= 1.0x in for challenges; <= 3.0x
// ever before validation; <= 10 replies/s per /24 or /48 with a burst of 256".
const (
	answerRatio  = 1.0
	pathRatio    = 3.0
	replyRate    = 10.0
	replyBurst   = 256.0
	replyLatency = 2.0 // seconds that answers may lie between the node and the tap
)

// strange says that an address is no device's.
func strange(a netip.Addr) bool { return strangers.Contains(a) || strangers6.Contains(a) }

// ledger counts on the node's tap what strangers sent and got, address by address
// at every moment, and how often each network was answered. UDP payloads count,
// and of everything else, as ICMP, whole packets.
type ledger struct {
	mu      sync.Mutex
	ratio   float64 // what is allowed
	in, out int     // bytes
	sent    int     // packets of strangers
	replies int
	by      map[netip.Addr]*[2]int // in, out
	buckets map[netip.Prefix]*bucket
	most    map[netip.Prefix]int
	worst   float64
	fault   string // the first one
}

// bucket is a leaky one: replies fill it, time empties it.
type bucket struct {
	level float64
	at    time.Duration
}

// watch begins a new count.
func (s *scene) watch(ratio float64) *ledger {
	l := &ledger{
		ratio: ratio, by: map[netip.Addr]*[2]int{},
		buckets: map[netip.Prefix]*bucket{}, most: map[netip.Prefix]int{},
	}
	s.wire.Keep(func(p *lab.Seen) bool {
		l.note(p)
		return false
	})
	return l
}

func (l *ledger) note(p *lab.Seen) {
	them := p.From.Addr()
	if p.Out {
		them = p.To.Addr()
	}
	if !strange(them) {
		return
	}
	size := p.Size
	if p.UDP() {
		size = len(p.Data)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.by[them]
	if b == nil {
		b = new([2]int)
		l.by[them] = b
	}
	if !p.Out {
		l.in, l.sent = l.in+size, l.sent+1
		b[0] += size
		return
	}
	l.out, l.replies = l.out+size, l.replies+1
	b[1] += size
	ratio := float64(b[1]) / float64(max(b[0], 1))
	l.worst = max(l.worst, ratio)
	if ratio > l.ratio {
		l.note1("%v sent %d bytes and got %d", them, b[0], b[1])
	}
	l.fill(them, p.At)
}

// fill counts a reply to a network.
func (l *ledger) fill(a netip.Addr, now time.Duration) {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	net, _ := a.Prefix(bits)
	b := l.buckets[net]
	if b == nil {
		b = &bucket{at: now}
		l.buckets[net] = b
	}
	b.level = max(0, b.level-replyRate*(now-b.at).Seconds()) + 1
	b.at = now
	l.most[net]++
	if b.level > replyBurst+replyRate*replyLatency {
		l.note1("%v got %d replies by %v", net, l.most[net], now)
	}
}

func (l *ledger) note1(format string, args ...any) {
	if l.fault == "" {
		l.fault = fmt.Sprintf(format, args...)
	}
}

// judge tells the count, and what was wrong with it. replies is the least number
// without which the count proves nothing.
func (l *ledger) judge(s *scene, what string, replies int) {
	s.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 0
	for _, n := range l.most {
		most = max(most, n)
	}
	s.t.Logf("%s: %d packets with %d bytes in, %d with %d out: %.2fx, at most %.2fx to one address, at most %d replies to one network of %d",
		what, l.sent, l.in, l.replies, l.out, float64(l.out)/float64(max(l.in, 1)), l.worst, most, len(l.most))
	if l.fault != "" {
		s.t.Errorf("%s: %s", what, l.fault)
	}
	if l.replies < replies {
		s.t.Errorf("%s: the control failed: %d replies, want at least %d", what, l.replies, replies)
	}
}
