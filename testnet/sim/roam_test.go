package sim

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"meshpresence/transport/rud"
)

// ledger counts, as an outside tap sees it, what went between a node and each
// address.
type ledger struct {
	n      *Net
	node   map[netip.Addr]bool
	of     map[netip.AddrPort]account
	hellos int // first packets of handshakes to the node
}

// account is one address's.
type account struct {
	to, from Traffic
	last     time.Time // the newest packet to it
}

// at is what is known of an address.
func (l *ledger) at(a netip.AddrPort) (x account) {
	l.n.Between(func() { x = l.of[a] })
	return x
}

// all is a copy.
func (l *ledger) all() (m map[netip.AddrPort]account) {
	l.n.Between(func() { m = maps.Clone(l.of) })
	return m
}

// firsts is how many first packets of handshakes reached the node's network.
func (l *ledger) firsts() (count int) {
	l.n.Between(func() { count = l.hellos })
	return count
}

func watch(n *Net, node *peer) *ledger {
	l := &ledger{
		n:    n,
		node: map[netip.Addr]bool{node.host.Addr(false): true, node.host.Addr(true): true},
		of:   make(map[netip.AddrPort]account),
	}
	n.Tap(func(now time.Time, p Packet) bool {
		if l.node[p.From.Addr()] {
			x := l.of[p.To]
			x.to.add(len(p.Data))
			x.last = now
			l.of[p.To] = x
		}
		if l.node[p.To.Addr()] {
			x := l.of[p.From]
			x.from.add(len(p.Data))
			l.of[p.From] = x
			if len(p.Data) > 16 && [16]byte(p.Data) == [16]byte{} {
				l.hellos++
			}
		}
		return true
	})
	return l
}

// behindNAT is a device behind that NAT, with a round trip of 50 ms to a node.
func behindNAT(t *testing.T, n *Net, b Behaviour) (device, node *peer, d, c *rud.Conn, home *Segment) {
	t.Helper()
	node = start(t, n.Internet().Host("node", "192.0.2.1", "2001:db8::1"), ":6770")
	home = n.Internet().NAT(b, "203.0.113.1")
	host := home.Host("device", "10.0.0.2")
	host.SetLink(usual)
	device = start(t, host, ":0")
	d, c = device.connect(node)
	return device, node, d, c, home
}

// N3: "NAT rebind (3 s timeout, then every 5 s): 0 new handshakes; node-initiated
// notify reaches device <= keepalive + 1 RTT". It is 2: the keepalive's way, the
// challenge and its answer, the notify's way. One less would be to send 300 bytes
// where nobody is proved to be.
func TestN3Rebinding(t *testing.T) {
	const keepalive, rtt = 2 * time.Second, 50 * time.Millisecond
	b := Kind("symmetric")
	b.Timeout = 3 * time.Second
	Scenario(t, 3, func(t *testing.T, n *Net) {
		device, node, d, c, home := behindNAT(t, n, b)
		l := watch(n, node)
		stop := make(chan struct{})
		defer close(stop)
		go func() { // the device's keepalive
			for {
				device.do(func(now time.Time) { _, _ = d.Send(now, []byte("alive")) })
				select {
				case <-stop:
					return
				case <-time.After(keepalive):
				}
			}
		}()
		go func() { // the NAT forgets every 5 s
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Second):
					home.Forget()
				}
			}
		}()
		var worst time.Duration
		random := n.Rand("notify")
		for i := range 100 {
			time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second))))
			p := text(i, 300)
			sent := node.send(c, p)
			took := device.until("notify", time.Minute, device.has(p)).Sub(sent)
			worst = max(worst, took)
		}
		t.Logf("100 notifies through %d endpoints: slowest %v, %d moves", len(l.all()), worst, len(node.moved))
		if worst > keepalive+2*rtt {
			t.Errorf("a notify took %v", worst)
		}
		if l.firsts() != 0 || len(node.conns) != 1 {
			t.Errorf("%d first packets, %d connections", l.firsts(), len(node.conns))
		}
	})
}

// N3: the mapping runs out by itself, and nothing arrives until the device sends.
func TestN3Timeout(t *testing.T) {
	b := Kind("symmetric")
	b.Timeout = 3 * time.Second
	Scenario(t, 2, func(t *testing.T, n *Net) {
		device, node, d, c, _ := behindNAT(t, n, b)
		l := watch(n, node)
		for i := range 5 {
			time.Sleep(10 * time.Second)
			p := text(i, 300)
			node.send(c, p)
			if _, ok := device.within(4*time.Second, device.has(p)); ok {
				t.Error("a notify passed a mapping that had run out")
			}
			awake := device.send(d, []byte("alive"))
			took := device.until("notify", time.Minute, device.has(p)).Sub(awake)
			if took > 105*time.Millisecond {
				t.Errorf("%v from the keepalive to the notify", took)
			}
		}
		if l.firsts() != 0 {
			t.Errorf("%d first packets", l.firsts())
		}
	})
}

// roams are the changes of N4: where the device was and is.
var roams = []struct {
	name     string
	from, to func(n *Net) (*Segment, string)
}{
	{"v4 to v4", inOpen("198.51.100.2"), inOpen("198.51.100.77")},
	{"v4 to v6", inOpen("198.51.100.2"), inOpen("2001:db8:2::2")},
	{"v6 to v4", inOpen("2001:db8:2::2"), inOpen("198.51.100.2")},
	{"into a NAT", inOpen("198.51.100.2"), inHome},
	{"out of a NAT", inHome, inOpen("198.51.100.2")},
}

func inOpen(addr string) func(*Net) (*Segment, string) {
	return func(n *Net) (*Segment, string) { return n.Internet(), addr }
}

func inHome(n *Net) (*Segment, string) {
	return n.Internet().NAT(Kind("port restricted"), "203.0.113.7"), "10.0.0.2"
}

// N4: "address deleted, new interface, v4 <-> v6: 0 new handshakes; first notify on
// new path <= 1 s after first packet; nothing to old path after validation".
func TestN4Roam(t *testing.T) {
	for _, r := range roams {
		t.Run(r.name, func(t *testing.T) {
			Scenario(t, 2, func(t *testing.T, n *Net) {
				node := start(t, n.Internet().Host("node", "192.0.2.1", "2001:db8::1"), ":6770")
				segment, addr := r.from(n)
				host := segment.Host("device", addr)
				host.SetLink(usual)
				device := start(t, host, ":0")
				d, c := device.connect(node)
				device.send(d, text(0, 50))
				node.until("first", time.Second, node.has(text(0, 50)))
				node.send(c, text(0, 50))
				device.until("first", time.Second, device.has(text(0, 50)))
				var before netip.AddrPort
				node.do(func(time.Time) { before = c.Path() })
				l := watch(n, node)

				segment, addr = r.to(n)
				host.Move(segment, addr)
				time.Sleep(3 * time.Second)
				p := text(1, 300)
				node.send(c, p) // to where nobody is
				time.Sleep(time.Second)
				var moved time.Time
				device.do(func(now time.Time) {
					moved = now
					d.RebindTo(now, node.addr(!host.Addr(false).IsValid()))
				})
				took := device.until("notify on the new path", 5*time.Second, device.has(p)).Sub(moved)
				valid := node.until("moved", time.Second, func() bool { return len(node.moved) == 1 })
				if took > time.Second {
					t.Errorf("the first notify took %v", took)
				}
				time.Sleep(10 * time.Second)
				p = text(2, 300)
				node.send(c, p)
				device.until("another", time.Second, device.has(p))
				if at := l.at(before).last; at.After(valid) {
					t.Errorf("a packet to the old path %v after validation", at.Sub(valid))
				}
				if l.firsts() != 0 || len(node.conns) != 1 {
					t.Errorf("%d first packets, %d connections", l.firsts(), len(node.conns))
				}
				node.do(func(now time.Time) {
					paths := c.Paths(now)
					if len(paths) != 2 || paths[1].Addr != before || !paths[1].Validated || paths[1].RTT == 0 || paths[1].Sent == 0 {
						t.Errorf("paths %+v", paths)
					}
				})
			})
		})
	}
}

// An address changes in the middle of 16 packets: "unproved paths get at most 3x
// the bytes opened from them", and the lost part leaves on the new path only once
// that is validated, counted outside.
func TestN4RoamInADatagram(t *testing.T) {
	Scenario(t, 3, func(t *testing.T, n *Net) {
		device, node, d, c := pair(t, n)
		link := usual
		link.Rate, link.Queue = 40_000, time.Second // 16 packets take half a second
		device.host.SetLink(link)
		before := netip.AddrPort{}
		node.do(func(time.Time) { before = c.Path() })
		l := watch(n, node)
		p := text(1, whole)
		node.send(c, p)
		time.Sleep(200 * time.Millisecond)
		device.host.Move(n.Internet(), "198.51.100.99")
		device.do(func(now time.Time) { d.Rebind(now) })
		var early account
		var fresh netip.AddrPort
		valid := node.until("moved", 2*time.Second, func() bool {
			if len(node.moved) == 1 {
				fresh = node.conns[0].Path()
				early = l.at(fresh)
			}
			return len(node.moved) == 1
		})
		if fresh == before {
			t.Fatal("the path is the old one")
		}
		t.Logf("%d bytes to the new path before it was validated, %d from it", early.to.Bytes, early.from.Bytes)
		if early.to.Bytes > 3*early.from.Bytes {
			t.Error("more than 3 times")
		}
		at := device.until("all 16 packets", 5*time.Second, device.has(p))
		t.Logf("whole %v after validation", at.Sub(valid))
		if device.count(p) != 1 {
			t.Error("delivered more than once")
		}
		if l.at(before).last.After(valid) {
			t.Error("a packet to the old path after validation")
		}
	})
}

// "The old path kept as a fallback": going back within 30 s begins nothing anew.
func TestFallbackKeepsItsEstimates(t *testing.T) {
	Scenario(t, 2, func(t *testing.T, n *Net) {
		device, node, d, c := pair(t, n)
		for i := range 5 {
			node.send(c, text(i, whole))
			device.until("delivery", time.Second, device.has(text(i, whole)))
			time.Sleep(time.Second)
		}
		var was, back, aside rud.PathInfo
		node.do(func(now time.Time) { was = c.Paths(now)[0] })
		move := func(addr string, l Link) {
			device.host.Move(n.Internet(), addr)
			device.host.SetLink(l)
			moves := 0
			node.do(func(time.Time) { moves = len(node.moved) })
			device.do(func(now time.Time) { d.Rebind(now) })
			node.until("moved", 2*time.Second, func() bool { return len(node.moved) > moves })
		}
		move("198.51.100.99", Link{Delay: 200 * time.Millisecond})
		time.Sleep(5 * time.Second)
		move("198.51.100.2", usual)
		node.do(func(now time.Time) { back, aside = c.Paths(now)[0], c.Paths(now)[1] })
		if back.Addr != was.Addr || back.RTT != was.RTT || back.Sent < was.Sent || !back.InUse {
			t.Errorf("was %+v\nis %+v", was, back)
		}
		if aside.RTT < 300*time.Millisecond || !aside.Validated || aside.InUse {
			t.Errorf("aside %+v", aside)
		}
		begin := node.send(c, text(9, whole))
		took := device.until("at the old speed", time.Second, device.has(text(9, whole))).Sub(begin)
		// a new window of 10 would need a second round trip
		if took > 60*time.Millisecond {
			t.Errorf("16 packets took %v on the path as it was", took)
		}
	})
}
