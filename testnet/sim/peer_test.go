package sim

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/udpport"
)

// peer is a host that runs a real Endpoint in a loop, as package client does. Its
// notes belong to the loop: do and until look at them there.
type peer struct {
	t      *testing.T
	host   *Host
	port   *Port
	static *key.Static
	ep     *rud.Endpoint
	posts  chan func(now time.Time)
	full   chan *udpport.Batch
	empty  chan *udpport.Batch
	stop   chan struct{}
	waits  []wait

	conns  []*rud.Conn // opened, or dialled and opened
	got    []delivery
	closed []rud.Reason
	moved  []time.Time
	opened []time.Time

	streamsClosed int

	onMessage func(now time.Time, c *rud.Conn, m rud.Message)
}

type wait struct {
	ok   func() bool
	done chan time.Time
}

// delivery is one frame that arrived.
type delivery struct {
	at      time.Time
	conn    *rud.Conn
	payload []byte
}

// start runs an Endpoint on the host; one that listens is a node.
func start(t *testing.T, h *Host, listen string, change ...func(*rud.Config)) *peer {
	t.Helper()
	port, err := h.Listen(listen)
	if err != nil {
		t.Fatal(err)
	}
	random := h.net.Bytes(h.name)
	var raw [32]byte
	random.Read(raw[:])
	static, err := key.StaticFromSeed(key.X25519, raw[:])
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{
		t: t, host: h, port: port, static: static,
		posts: make(chan func(time.Time)),
		full:  make(chan *udpport.Batch, 1),
		empty: make(chan *udpport.Batch, 1),
		stop:  make(chan struct{}),
	}
	cfg := rud.Config{
		Static: static, Rand: random, Handler: p, Send: port.Send,
		Listen: port.LocalAddr().Port() == nodePort, Rate: 1000, Burst: 10000,
	}
	for _, f := range change {
		f(&cfg)
	}
	if p.ep, err = rud.NewEndpoint(cfg); err != nil {
		t.Fatal(err)
	}
	p.empty <- new(udpport.Batch)
	go p.read()
	go p.loop()
	t.Cleanup(func() {
		close(p.stop)
		port.Close()
		synctest.Wait()
	})
	return p
}

const nodePort = 6770

func (p *peer) read() {
	for {
		var b *udpport.Batch
		select {
		case b = <-p.empty:
		case <-p.stop:
			return
		}
		if _, err := p.port.ReadBatch(b); err != nil {
			return
		}
		select {
		case p.full <- b:
		case <-p.stop:
			return
		}
	}
}

func (p *peer) loop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case b := <-p.full:
			now := time.Now()
			for _, m := range b.Messages[:b.N] {
				p.ep.Receive(now, m.Addr, m.Data)
			}
			p.empty <- b
		case f := <-p.posts:
			f(time.Now())
		case <-timer.C:
		case <-p.stop:
			return
		}
		timer.Reset(p.turn(time.Now()))
	}
}

func (p *peer) turn(now time.Time) time.Duration {
	if d := p.ep.Deadline(); !d.IsZero() && !d.After(now) {
		p.ep.Advance(now)
	}
	_ = p.port.Flush()
	p.waits = slices.DeleteFunc(p.waits, func(w wait) bool {
		if !w.ok() {
			return false
		}
		w.done <- now
		return true
	})
	d := p.ep.Deadline()
	if d.IsZero() {
		return time.Hour
	}
	return max(0, d.Sub(now))
}

func (p *peer) Opened(now time.Time, c *rud.Conn) {
	p.conns = append(p.conns, c)
	p.opened = append(p.opened, now)
}

func (p *peer) Message(now time.Time, c *rud.Conn, m rud.Message) {
	if len(m.Payload) > 0 {
		p.got = append(p.got, delivery{now, c, bytes.Clone(m.Payload)})
	}
	if p.onMessage != nil {
		p.onMessage(now, c, m)
	}
}

func (p *peer) Closed(_ time.Time, _ *rud.Conn, r rud.Reason) { p.closed = append(p.closed, r) }

func (p *peer) Moved(now time.Time, _ *rud.Conn) { p.moved = append(p.moved, now) }

// Accept lets the peer open every stream.
func (p *peer) Accept(time.Time, *rud.Conn, *rud.Stream, []byte) bool { return true }

func (p *peer) StreamOpened(time.Time, *rud.Stream) {}

func (p *peer) StreamClosed(time.Time, *rud.Stream) { p.streamsClosed++ }

// do runs f in the peer's loop and waits for it.
func (p *peer) do(f func(now time.Time)) {
	done := make(chan struct{})
	p.posts <- func(now time.Time) { f(now); close(done) }
	<-done
}

// until waits for ok, which is asked in the loop after each of its turns, and
// returns when that was; after limit it fails the test.
func (p *peer) until(what string, limit time.Duration, ok func() bool) time.Time {
	p.t.Helper()
	at, fine := p.within(limit, ok)
	if !fine {
		p.t.Fatalf("%s: not within %v", what, limit)
	}
	return at
}

func (p *peer) within(limit time.Duration, ok func() bool) (time.Time, bool) {
	done := make(chan time.Time, 1)
	p.do(func(time.Time) { p.waits = append(p.waits, wait{ok, done}) })
	select {
	case at := <-done:
		return at, true
	case <-time.After(limit):
		p.do(func(time.Time) {
			p.waits = slices.DeleteFunc(p.waits, func(w wait) bool { return w.done == done })
		})
		return time.Time{}, false
	}
}

// addr is where the peer is reached by that family.
func (p *peer) addr(six bool) netip.AddrPort {
	return netip.AddrPortFrom(p.host.Addr(six), p.port.LocalAddr().Port())
}

// dial begins a connection to a node.
func (p *peer) dial(node *peer) (c *rud.Conn) {
	p.do(func(now time.Time) { c = p.dialNow(now, node) })
	return c
}

func (p *peer) dialNow(now time.Time, node *peer) *rud.Conn {
	six := !p.host.Addr(false).IsValid()
	c, err := p.ep.Dial(now, rud.Target{To: node.addr(six), Pin: handshake.Pin{Key: node.static.Public()}, FirstContact: true})
	if err != nil {
		p.t.Error(err)
	}
	return c
}

// connect dials and waits until both are open.
func (p *peer) connect(node *peer) (device, there *rud.Conn) {
	p.t.Helper()
	find := func() bool {
		i := slices.IndexFunc(node.conns, func(c *rud.Conn) bool {
			return c.Proved() && bytes.Equal(c.Peer().Bytes(), p.static.Public().Bytes())
		})
		if i >= 0 {
			there = node.conns[i]
		}
		return i >= 0
	}
	c := p.dial(node)
	node.until("connection open", time.Minute, find)
	p.until("connection open", time.Minute, c.Proved)
	return c, there
}

// send queues one frame and returns when.
func (p *peer) send(c *rud.Conn, payload []byte) (at time.Time) {
	p.t.Helper()
	p.do(func(now time.Time) {
		if _, err := c.Send(now, payload); err != nil {
			p.t.Errorf("send %d bytes: %v", len(payload), err)
		}
		at = now
	})
	return at
}

// has reports whether that payload arrived.
func (p *peer) has(payload []byte) func() bool {
	return func() bool {
		return slices.ContainsFunc(p.got, func(d delivery) bool { return bytes.Equal(d.payload, payload) })
	}
}

// count is how often it did.
func (p *peer) count(payload []byte) (n int) {
	p.do(func(time.Time) {
		for _, d := range p.got {
			if bytes.Equal(d.payload, payload) {
				n++
			}
		}
	})
	return n
}

// text makes a payload of n bytes that says which it is.
func text(i, n int) []byte {
	b := make([]byte, max(n, 9))
	copy(b, fmt.Sprintf("%08d ", i))
	copy(b[9:], letters[i%26:])
	return b
}

// letters is longer than any frame.
var letters = bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz"), 1+(whole+52)/26)

// whole is 16 packets of 1200 bytes.
const whole = 16 * 1155

// usual is a link that gives a round trip of 50 ms with a perfect one at the other
// end.
var usual = Link{Delay: 25 * time.Millisecond}

// pair is a node, and a device with a usual link, connected.
func pair(t *testing.T, n *Net) (device, node *peer, d, c *rud.Conn) {
	t.Helper()
	node = start(t, n.Internet().Host("node", "192.0.2.1", "2001:db8::1"), ":6770")
	host := n.Internet().Host("device", "198.51.100.2")
	host.SetLink(usual)
	device = start(t, host, ":0")
	d, c = device.connect(node)
	return device, node, d, c
}

func percentile(list []time.Duration, p int) time.Duration {
	slices.Sort(list)
	return list[(len(list)*p+99)/100-1]
}
