package rud

import (
	"bytes"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
)

// world is a network of Endpoints with one clock that only step moves: seeded
// loss, delay, reordering, repetition and corruption, and no goroutine.
type world struct {
	t     *testing.T
	now   time.Time
	rng   *rand.Rand
	queue flights
	order int
	made  uint64 // hosts
	hosts map[netip.AddrPort]*host

	delay, jitter               time.Duration
	loss, again, bent, overtake float64
	mtu                         int // larger packets vanish; 0 is none

	// drop, when set, decides about a packet first; tap sees every packet sent.
	drop func(from, to netip.AddrPort, packet []byte) bool
	tap  func(from, to netip.AddrPort, packet []byte)
}

// host is one Endpoint at one address, and the notes of its Handler.
type host struct {
	*Endpoint
	w         *world
	addr      netip.AddrPort
	static    *key.Static
	opened    []*Conn
	messages  []Message // copies
	closed    map[*Conn]Reason
	bytes     int           // received
	moved     int           // calls of Moved
	fast      time.Duration // the wall clock is
	onOpened  func(c *Conn)
	onClosed  func(c *Conn)
	onMessage func(c *Conn, m Message)
	streamNotes
}

type flown struct {
	at       time.Time
	order    int
	from, to netip.AddrPort
	packet   []byte
}

type flights []flown

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	if f[i].at.Equal(f[j].at) {
		return f[i].order < f[j].order
	}
	return f[i].at.Before(f[j].at)
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flown)) }
func (f *flights) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t:     t,
		now:   time.Unix(1_800_000_000, 0),
		rng:   rand.New(rand.NewPCG(seed, 1)),
		hosts: make(map[netip.AddrPort]*host),
		delay: 25 * time.Millisecond,
	}
}

// seeded is randomness for keys and ids: the same seed, the same bytes.
type seeded struct{ *rand.ChaCha8 }

func newSeeded(seed uint64) seeded {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	return seeded{rand.NewChaCha8(s)}
}

func newStatic(t testing.TB, seed uint64) *key.Static {
	t.Helper()
	var raw [32]byte
	newSeeded(seed).Read(raw[:])
	s, err := key.StaticFromSeed(key.X25519, raw[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// add puts a host at an address; one that listens is a node. with changes its
// config.
func (w *world) add(addr string, listen bool, with ...func(*Config)) *host {
	w.t.Helper()
	w.made++
	n := w.made
	h := &host{w: w, addr: netip.MustParseAddrPort(addr), closed: make(map[*Conn]Reason)}
	cfg := Config{
		Static: newStatic(w.t, n), Rand: newSeeded(n), Listen: listen, Rate: 1000, Burst: 1000, Handler: h,
		Send: func(to netip.AddrPort, packet []byte) { w.send(h.addr, to, packet) },
		Wall: func() time.Time { return w.now.Add(h.fast) },
	}
	for _, f := range with {
		f(&cfg)
	}
	h.static = cfg.Static
	var err error
	if h.Endpoint, err = NewEndpoint(cfg); err != nil {
		w.t.Fatal(err)
	}
	w.hosts[h.addr] = h
	h.Advance(w.now)
	return h
}

// moveTo gives the host another address; nobody is at the old one any more.
func (h *host) moveTo(addr string) {
	delete(h.w.hosts, h.addr)
	h.addr = netip.MustParseAddrPort(addr)
	h.w.hosts[h.addr] = h
}

func (h *host) Opened(_ time.Time, c *Conn) {
	h.opened = append(h.opened, c)
	if h.onOpened != nil {
		h.onOpened(c)
	}
}

func (h *host) Message(_ time.Time, c *Conn, m Message) {
	if len(m.Payload) == 0 {
		return
	}
	m.Payload = bytes.Clone(m.Payload)
	h.messages = append(h.messages, m)
	if h.onMessage != nil {
		h.onMessage(c, m)
	}
}

func (h *host) Closed(_ time.Time, c *Conn, r Reason) {
	h.closed[c] = r
	if h.onClosed != nil {
		h.onClosed(c)
	}
}

func (h *host) Moved(time.Time, *Conn) { h.moved++ }

// target is what a device that has been here before dials.
func (h *host) target() Target {
	return Target{To: h.addr, Pin: handshake.Pin{Key: h.static.Public()}}
}

// send takes a packet from a host.
func (w *world) send(from, to netip.AddrPort, packet []byte) {
	if w.tap != nil {
		w.tap(from, to, packet)
	}
	if w.drop != nil && w.drop(from, to, packet) || w.rng.Float64() < w.loss || w.mtu > 0 && len(packet) > w.mtu {
		return
	}
	w.fly(from, to, packet)
	if w.rng.Float64() < w.again {
		w.fly(from, to, packet)
	}
}

func (w *world) fly(from, to netip.AddrPort, packet []byte) {
	packet = slices.Clone(packet)
	if w.rng.Float64() < w.bent {
		packet[w.rng.IntN(len(packet))] ^= 1 << w.rng.IntN(8)
	}
	d := w.delay
	if w.jitter > 0 && w.rng.Float64() < max(w.overtake, 0) {
		d += time.Duration(w.rng.Int64N(int64(w.jitter)))
	}
	w.order++
	heap.Push(&w.queue, flown{w.now.Add(d), w.order, from, to, packet})
}

// step moves to the next event, not past end; false when there is none until then.
func (w *world) step(end time.Time) bool {
	next := end
	var due *host
	for _, addr := range w.addresses() {
		h := w.hosts[addr]
		if d := h.Deadline(); !d.IsZero() && !d.After(next) {
			next, due = d, h
		}
	}
	if len(w.queue) > 0 && !w.queue[0].at.After(next) {
		f := heap.Pop(&w.queue).(flown)
		w.to(f.at)
		if h := w.hosts[f.to]; h != nil {
			h.bytes += len(f.packet)
			h.Receive(w.now, f.from, f.packet)
		}
		return true
	}
	w.to(next)
	if due == nil {
		return false
	}
	due.Advance(w.now)
	return true
}

func (w *world) to(at time.Time) {
	if at.After(w.now) {
		w.now = at
	}
}

func (w *world) addresses() []netip.AddrPort {
	list := make([]netip.AddrPort, 0, len(w.hosts))
	for a := range w.hosts {
		list = append(list, a)
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return list
}

// run lets d pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for n := 0; w.step(end); n++ {
		if n > 1_000_000 {
			w.t.Fatal("a million events without an end: a timer that does not move")
		}
	}
}

// until runs until ok, at most d, and returns how long it took.
func (w *world) until(what string, d time.Duration, ok func() bool) time.Duration {
	w.t.Helper()
	begin := w.now
	end := begin.Add(d)
	for !ok() {
		if !w.step(end) {
			w.t.Fatalf("%s: not within %v", what, d)
		}
	}
	return w.now.Sub(begin)
}

// connect dials from a to b and waits until both sides are open.
func (w *world) connect(a, b *host) (device, node *Conn) {
	w.t.Helper()
	before := len(b.opened)
	c, err := a.Dial(w.now, b.target())
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("connection open on both sides", time.Minute, func() bool { return c.Proved() && len(b.opened) > before })
	return c, b.opened[len(b.opened)-1]
}

// pair is a world of one device and one node, connected.
func pair(t *testing.T, seed uint64) (w *world, device, node *host, d, n *Conn) {
	t.Helper()
	w = newWorld(t, seed)
	node = w.add("192.0.2.1:6770", true)
	device = w.add("198.51.100.2:40000", false)
	d, n = w.connect(device, node)
	return w, device, node, d, n
}

// text makes a payload of n bytes that says which it is.
func text(i, n int) []byte {
	b := fmt.Appendf(nil, "%08d ", i)
	for len(b) < n {
		b = append(b, byte('a'+(i+len(b))%26))
	}
	return b[:max(n, 9)]
}

type netipAddrPort = netip.AddrPort

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func mustAddrPort(host string, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port))
}
