package sim

import (
	"container/heap"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Net is an internet. It is made inside a bubble and used only there; its methods,
// and those of all its parts, are safe for concurrent use.
type Net struct {
	seed  uint64
	start time.Time

	mu       sync.Mutex
	internet *Segment
	segments int
	hosts    uint64
	turns    uint64
	queue    flights
	timer    *time.Timer
	stepping bool
	taps     []Tap
	total    Traffic
	second   time.Duration // of the packets counted in busy
	busy     int
	flooded  bool

	tapping sync.Mutex // held while a tap runs
}

// Packet is one datagram where it passes the internet: outside all NATs.
type Packet struct {
	From, To netip.AddrPort
	Data     []byte // lent to a Tap until it returns
}

// Tap sees a packet when it has passed the sender's uplink and NATs, and may change
// its bytes; one that returns false has swallowed it. It may call the Net, but for
// Between.
type Tap func(now time.Time, p Packet) (pass bool)

// Traffic counts.
type Traffic struct{ Packets, Bytes int64 }

func (t *Traffic) add(n int) { t.Packets++; t.Bytes += int64(n) }

// New makes an internet without hosts.
func New(seed uint64) *Net {
	n := &Net{seed: seed, start: time.Now()}
	n.internet = newSegment(n, "internet", nil)
	n.timer = time.AfterFunc(time.Hour, n.step)
	n.timer.Stop()
	return n
}

// Seed is what the Net was made from.
func (n *Net) Seed() uint64 { return n.seed }

// Rand is a generator for that purpose, from the seed: the same name, the same
// numbers.
func (n *Net) Rand(name string) *rand.Rand { return rand.New(n.source(name)) }

func (n *Net) source(name string) *rand.ChaCha8 {
	h := fnv.New64a()
	h.Write([]byte(name))
	var seed [32]byte
	for i := range 8 {
		seed[i] = byte(n.seed >> (8 * i))
		seed[8+i] = byte(h.Sum64() >> (8 * i))
	}
	return rand.NewChaCha8(seed)
}

// Bytes is Rand as a stream of bytes, for keys and ids.
func (n *Net) Bytes(name string) *rand.ChaCha8 { return n.source("bytes of " + name) }

// Internet is the outermost segment.
func (n *Net) Internet() *Segment { return n.internet }

// Tap adds a tap; they are asked in the order they were added.
func (n *Net) Tap(tap Tap) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taps = append(n.taps, tap)
}

// Between runs f while no tap runs: to look at what taps note.
func (n *Net) Between(f func()) {
	n.tapping.Lock()
	defer n.tapping.Unlock()
	f()
}

// Total counts what passed the taps, in UDP payload.
func (n *Net) Total() Traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.total
}

// Inject puts a datagram with any source on the internet, past all taps: it
// reaches the destination's NATs and downlink after that delay.
func (n *Net) Inject(from, to netip.AddrPort, packet []byte, after time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.push(flight{
		at: n.now() + after + 1, leg: legInside,
		segment: n.internet, Packet: Packet{from, to, slices.Clone(packet)},
	})
}

func (n *Net) now() time.Duration { return time.Since(n.start) }

// leg is what a packet does next.
type leg byte

const (
	legOut    leg = iota // it has passed the uplink
	legInside            // its destination is in the segment, or behind it
	legPort              // it has passed the downlink
)

// flight is a packet under way.
type flight struct {
	Packet
	at         time.Duration
	host, turn uint64 // of the sender: what happens at one instant has an order
	leg        leg
	segment    *Segment
	to         *Host
}

type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	a, b := &f[i], &f[j]
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.host != b.host:
		return a.host < b.host
	}
	return a.turn < b.turn
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	last := (*f)[len(*f)-1]
	(*f)[len(*f)-1] = flight{}
	*f = (*f)[:len(*f)-1]
	return last
}

// flood is how many packets a simulated second carries. Two peers that answer each
// other without end would else stop the clock, and the test.
const flood = 200_000

// Flooded reports whether packets were lost because a second had too many.
func (n *Net) Flooded() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.flooded
}

// push queues a packet and sets the timer for it when it is the next one.
func (n *Net) push(f flight) {
	if s := n.now().Truncate(time.Second); s != n.second {
		n.second, n.busy = s, 0
	}
	if n.busy++; n.busy > flood {
		n.flooded = true
		return
	}
	n.turns++
	f.turn = n.turns
	heap.Push(&n.queue, f)
	if !n.stepping && n.queue[0].turn == f.turn {
		n.timer.Reset(n.queue[0].at - n.now())
	}
}

// step moves every packet whose time has come.
func (n *Net) step() {
	n.mu.Lock()
	n.stepping = true
	for len(n.queue) > 0 && n.queue[0].at <= n.now() {
		f := heap.Pop(&n.queue).(flight)
		switch f.leg {
		case legOut:
			n.leave(f)
		case legInside:
			n.enter(f)
		case legPort:
			f.to.take(f.Packet)
		}
	}
	n.stepping = false
	if len(n.queue) > 0 {
		n.timer.Reset(n.queue[0].at - n.now())
	}
	n.mu.Unlock()
}

// leave takes a packet outwards until a segment has its destination.
func (n *Net) leave(f flight) {
	s := f.segment
	for ; s.outside != nil && s.at[f.To.Addr()] == (place{}); s = s.outside {
		if s.gateHas(f.To.Addr()) {
			f.segment = s
			n.hairpin(f)
			return
		}
		var ok bool
		if f.From, ok = s.gate(f.From).Out(n.now(), f.From, f.To); !ok {
			return
		}
	}
	f.segment = s
	if s != n.internet || n.tapped(&f) {
		n.enter(f)
	}
}

// hairpin brings a packet back that goes to its own gate: "external source IP
// address and port" (RFC 4787 section 6).
func (n *Net) hairpin(f flight) {
	gate := f.segment.gate(f.From)
	if !gate.Hairpin {
		return
	}
	var ok bool
	if f.From, ok = gate.Out(n.now(), f.From, f.To); !ok {
		return
	}
	if f.To, ok = gate.In(n.now(), f.From, f.To); ok {
		n.enter(f)
	}
}

// enter takes a packet inwards from a segment that knows its destination, and
// through the downlink of the host that has it.
func (n *Net) enter(f flight) {
	where := f.segment.at[f.To.Addr()]
	for where.inside != nil {
		var ok bool
		if f.To, ok = where.inside.gate(f.To).In(n.now(), f.From, f.To); !ok {
			return
		}
		where = where.inside.at[f.To.Addr()]
	}
	if where.host == nil {
		return
	}
	h := where.host
	at, copies := h.down.carry(n.now(), f.Data, len(f.Data)+overhead(f.To.Addr().Is6()))
	f.leg, f.to = legPort, h
	for i := range copies {
		f.at = at[i]
		if i > 0 {
			f.Data = slices.Clone(f.Data)
		}
		n.push(f)
	}
}

// tapped shows the packet to the taps, without the lock.
func (n *Net) tapped(f *flight) (pass bool) {
	taps := n.taps
	n.mu.Unlock()
	pass = true
	n.tapping.Lock()
	for _, tap := range taps {
		if pass = tap(time.Now(), f.Packet); !pass {
			break
		}
	}
	n.tapping.Unlock()
	n.mu.Lock()
	if pass {
		n.total.add(len(f.Data))
	}
	return pass
}
