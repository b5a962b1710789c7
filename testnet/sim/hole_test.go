package sim

import (
	"fmt"
	"testing"
	"time"

	"meshpresence/transport/rud"
)

// sizeOf is the packet size of a connection's path.
func sizeOf(p *peer, c *rud.Conn) (size int) {
	p.do(func(now time.Time) { size = c.Paths(now)[0].Size })
	return size
}

// timeout is the connection's PTO.
func timeout(p *peer, c *rud.Conn) (pto time.Duration) {
	p.do(func(now time.Time) {
		i := c.Paths(now)[0]
		pto = i.RTT + 4*i.Variation + 25*time.Millisecond
	})
	return pto
}

// N6: "MTU blackhole at 1280 and 576, no ICMP: 16-packet status delivered; size
// falls within 3 timeouts; no livelock".
func TestN6HoleForLargePackets(t *testing.T) {
	for _, side := range []string{"both", "down", "up"} {
		for _, mtu := range []int{1280, 576} {
			t.Run(fmt.Sprintf("%s/%d", side, mtu), func(t *testing.T) {
				Scenario(t, 2, func(t *testing.T, n *Net) {
					device, node, d, c := pair(t, n)
					small, open := usual, usual
					small.MTU = mtu
					switch side {
					case "both":
						device.host.SetLink(small)
					case "down":
						device.host.SetLinks(open, small)
					case "up":
						device.host.SetLinks(small, open)
					}
					status := func(from, to *peer, conn *rud.Conn, i, size int) {
						t.Helper()
						pto := timeout(from, conn)
						p := text(i, size)
						begin := from.send(conn, p)
						took := to.until("16 packets", 10*time.Second, to.has(p)).Sub(begin)
						// timeouts of one, one and two PTO, and the way
						if took > 4*pto+4*75*time.Millisecond {
							t.Errorf("%d bytes took %v, a timeout is %v", size, took, pto)
						}
					}
					want := 1200
					if mtu == 1280 {
						status(node, device, c, 1, whole)
						status(device, node, d, 2, whole)
					} else {
						status(node, device, c, 1, 16*503)
						status(device, node, d, 2, 16*503)
						want = 548
					}
					if got := sizeOf(node, c); got != want && side != "up" {
						t.Errorf("size to the device %d", got)
					}
					if got := sizeOf(device, d); got != want && side != "down" {
						t.Errorf("size from the device %d", got)
					}
					for i := range 20 { // no livelock
						status(node, device, c, 10+i, 16*503)
						time.Sleep(time.Second)
					}
					device.host.SetLink(open)
					time.Sleep(25 * time.Minute)
					if a, b := sizeOf(node, c), sizeOf(device, d); a != 1200 || b != 1200 {
						t.Errorf("sizes %d and %d when the hole was gone", a, b)
					}
				})
			})
		}
	}
}

// N6 for a frame that no longer fits 16 packets: it is given up, its sender is told
// by Acknowledged, and what comes after it passes.
func TestN6FrameTooLargeForThePath(t *testing.T) {
	Scenario(t, 2, func(t *testing.T, n *Net) {
		device, node, _, c := pair(t, n)
		small := usual
		small.MTU = 576
		device.host.SetLink(small)
		var lost []uint64
		node.do(func(now time.Time) { // as much as there is room for
			for i := 0; ; i++ {
				f, err := c.Send(now, text(i, whole))
				if err != nil {
					return
				}
				lost = append(lost, f)
			}
		})
		time.Sleep(2 * time.Minute)
		p := text(9, 16*503)
		node.send(c, p)
		device.until("what fits", 10*time.Second, device.has(p))
		node.do(func(time.Time) {
			for _, f := range lost {
				if c.Acknowledged(f) {
					t.Error("a frame that could not pass is acknowledged")
				}
			}
		})
	})
}

// N6 from the start: the handshake falls back.
func TestN6HandshakeThroughAHole(t *testing.T) {
	Scenario(t, 2, func(t *testing.T, n *Net) {
		node := start(t, n.Internet().Host("node", "192.0.2.1"), ":6770")
		host := n.Internet().Host("device", "198.51.100.2")
		small := usual
		small.MTU = 576
		host.SetLink(small)
		device := start(t, host, ":0")
		begin := time.Now()
		_, c := device.connect(node)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("the handshake took %v", took)
		}
		p := text(1, 16*503)
		node.send(c, p)
		device.until("16 packets", time.Second, device.has(p))
	})
}

// N7: "blackhole 5 s on / 2 s off; 30 s outage: connection survives".
func TestN7Outages(t *testing.T) {
	Scenario(t, 3, func(t *testing.T, n *Net) {
		device, node, d, c := pair(t, n)
		l := watch(n, node)
		sent := 0
		say := func(size int) {
			node.send(c, text(sent, size))
			device.send(d, text(sent, 100))
			sent++
		}
		both := func() bool { return len(device.got) == sent && len(node.got) == sent }
		for range 8 {
			device.host.Hole(true)
			say(3000)
			time.Sleep(5 * time.Second)
			device.host.Hole(false)
			time.Sleep(2 * time.Second)
			device.do(func(time.Time) {
				if !both() {
					t.Errorf("%d and %d of %d delivered in the 2 s between", len(device.got), len(node.got), sent)
				}
			})
		}
		device.host.Hole(true)
		say(whole)
		time.Sleep(30 * time.Second)
		device.host.Hole(false)
		back := time.Now()
		device.until("delivery", 10*time.Second, func() bool { return len(device.got) == sent })
		node.until("delivery", 10*time.Second, func() bool { return len(node.got) == sent })
		t.Logf("%v after 30 s of outage", time.Since(back))
		if l.firsts() != 0 || len(device.closed)+len(node.closed) != 0 {
			t.Errorf("%d first packets, closed %v and %v", l.firsts(), device.closed, node.closed)
		}
		if got := sizeOf(node, c); got != 1200 {
			t.Errorf("an outage passed for a fallen MTU: %d", got)
		}
	})
}

// N7: "750 ms delay", each way, from the start and suddenly.
func TestN7LongDelay(t *testing.T) {
	const count = 30
	long := Link{Delay: 750 * time.Millisecond}
	bytes := func(t *testing.T, n *Net, l Link, before bool) int64 {
		node := start(t, n.Internet().Host("node", "192.0.2.1"), ":6770")
		host := n.Internet().Host("device", "198.51.100.2")
		host.SetLink(usual)
		if before {
			host.SetLink(l)
		}
		device := start(t, host, ":0")
		d, c := device.connect(node)
		host.SetLink(l)
		was := n.Total().Bytes
		twoWays(t, device, node, d, c, count, 5*time.Minute)
		time.Sleep(time.Minute)
		once(t, node, count, 0)
		once(t, device, count, 1)
		if len(device.closed)+len(node.closed) != 0 {
			t.Error("closed")
		}
		return n.Total().Bytes - was
	}
	for _, before := range []bool{true, false} {
		Scenario(t, 2, func(t *testing.T, n *Net) {
			b := bytes(t, n, long, before)
			t.Logf("%d bytes, delay from the start: %v", b, before)
			if b > 400_000 { // 202 kB are payload
				t.Errorf("%d bytes", b)
			}
		})
	}
}
