package sim

import (
	"fmt"
	"testing"
	"time"

	"meshpresence/transport/rud"
)

// lossy is the row N1: "loss 0/5/10/20/30% both ways, bursts of 3".
func lossy(share float64) Link {
	return Link{Delay: 25 * time.Millisecond, Loss: share, Burst: 3}
}

// crowd is count devices with links of their own, and a node with a perfect one.
func crowd(t *testing.T, n *Net, count int, l Link) (devices []*peer, node *peer) {
	t.Helper()
	node = start(t, n.Internet().Host("node", "192.0.2.1"), ":6770")
	for i := range count {
		h := n.Internet().Host(fmt.Sprint("device ", i), fmt.Sprintf("198.51.%d.%d", i/250, 1+i%250))
		h.SetLink(l)
		devices = append(devices, start(t, h, ":0"))
	}
	return devices, node
}

// N1: "handshake at 30%: 99% <= 15 s" of simulated time, and of each connection
// "notify p99 0.15 / 0.5 / 1 / 1.5 / 2 s", "16-packet status p99 at 30% <= 5 s",
// "100% of newest states delivered <= 30 s".
func TestN1Loss(t *testing.T) {
	rows := []struct {
		loss    float64
		notify  time.Duration
		devices int
	}{
		{0, 150 * time.Millisecond, 5}, {0.05, 500 * time.Millisecond, 25}, {0.1, time.Second, 25},
		{0.2, 1500 * time.Millisecond, 25}, {0.3, 2 * time.Second, 60},
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("loss=%v", row.loss), func(t *testing.T) {
			var handshakes, small, large []time.Duration
			Scenario(t, 2, func(t *testing.T, n *Net) {
				h, s, l := measure(t, n, row.loss, row.devices)
				handshakes, small, large = append(handshakes, h...), append(small, s...), append(large, l...)
			})
			h, s, l := percentile(handshakes, 99), percentile(small, 99), percentile(large, 99)
			t.Logf("%d connections: handshake p50 %v p99 %v; notify p50 %v p99 %v max %v; 16 packets p50 %v p99 %v max %v", len(handshakes),
				percentile(handshakes, 50), h, percentile(small, 50), s, percentile(small, 100), percentile(large, 50), l, percentile(large, 100))
			if h > 15*time.Second {
				t.Errorf("handshake p99 %v", h)
			}
			if s > row.notify {
				t.Errorf("notify p99 %v", s)
			}
			if l > 5*time.Second {
				t.Errorf("16 packets p99 %v", l)
			}
			if m := max(percentile(small, 100), percentile(large, 100)); m > 30*time.Second {
				t.Errorf("a state took %v", m)
			}
		})
	}
}

// measure connects a crowd at once and sends to each device, one after the other,
// a small frame and one of 16 packets.
func measure(t *testing.T, n *Net, loss float64, count int) (handshakes, small, large []time.Duration) {
	devices, node := crowd(t, n, count, lossy(loss))
	begin := time.Now()
	for _, d := range devices {
		d.do(func(now time.Time) { d.dialNow(now, node) })
	}
	node.until("all connections open", 5*time.Minute, func() bool { return len(node.conns) == count })
	node.do(func(time.Time) {
		for _, at := range node.opened {
			handshakes = append(handshakes, at.Sub(begin))
		}
	})
	attach(devices, node)
	return handshakes, notify(t, devices, node, 300), notify(t, devices, node, whole)
}

// attach is what comes first: a device asks three things and is answered.
func attach(devices []*peer, node *peer) {
	node.do(func(time.Time) {
		node.onMessage = func(now time.Time, c *rud.Conn, m rud.Message) { _, _ = c.Send(now, m.Payload) }
	})
	for i := range 3 {
		for _, d := range devices {
			d.do(func(now time.Time) { _, _ = d.conns[0].Send(now, text(i, 300)) })
		}
		for _, d := range devices {
			d.until("answer", 2*time.Minute, func() bool { return len(d.got) == i+1 })
		}
		time.Sleep(10 * time.Second)
	}
	for _, d := range devices {
		d.do(func(time.Time) { d.got = nil })
	}
}

// notify sends one frame of that size, or the longest that fits, to every device
// and returns how long each took.
func notify(t *testing.T, devices []*peer, node *peer, size int) (took []time.Duration) {
	var begin time.Time
	node.do(func(now time.Time) {
		for i, c := range node.conns {
			if _, err := c.Send(now, text(i, min(size, c.MaxPayload()))); err != nil {
				t.Errorf("send: %v", err)
			}
		}
		begin = now
	})
	for _, d := range devices {
		d.until("delivery", 2*time.Minute, func() bool { return len(d.got) == 1 })
		d.do(func(time.Time) {
			took = append(took, d.got[0].at.Sub(begin))
			d.got = nil
		})
	}
	time.Sleep(20 * time.Second)
	return took
}

// twoWays sends count frames of mixed sizes each way as fast as there is room, and
// waits until all have arrived; how long that took.
func twoWays(t *testing.T, device, node *peer, d, c *rud.Conn, count int, limit time.Duration) time.Duration {
	t.Helper()
	begin := time.Now()
	sizes := []int{10, 300, 1155, 1156, 4000, whole, 60}
	feed := func(p *peer, c *rud.Conn, parity int) {
		go func() {
			var next []byte
			for i := 0; i < count && time.Since(begin) < limit; {
				p.do(func(now time.Time) {
					for ; i < count; i, next = i+1, nil {
						if next == nil {
							next = text(2*i+parity, min(sizes[(i+3*parity)%len(sizes)], c.MaxPayload()))
						}
						if _, err := c.Send(now, next); err != nil {
							return
						}
					}
				})
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	feed(device, d, 0)
	feed(node, c, 1)
	node.until("all to the node", limit, func() bool { return len(node.got) >= count })
	device.until("all to the device", limit, func() bool { return len(device.got) >= count })
	return time.Since(begin)
}

// once wants every payload that twoWays sent, once and unchanged.
func once(t *testing.T, p *peer, count, parity int) {
	t.Helper()
	p.do(func(time.Time) {
		seen := make(map[int]bool)
		for _, g := range p.got {
			var i int
			if _, err := fmt.Sscanf(string(g.payload[:8]), "%d", &i); err != nil || string(g.payload) != string(text(i, len(g.payload))) || i%2 != parity {
				t.Errorf("delivered what was not sent: %.12q", g.payload)
			}
			if seen[i] {
				t.Errorf("%d delivered twice", i)
			}
			seen[i] = true
		}
		if len(seen) != count {
			t.Errorf("%d of %d delivered", len(seen), count)
		}
	})
}

// N2: "reorder 25%, dup 10%, corrupt 5%, jitter 100 ms: 0 duplicates or corrupt up;
// <= 1.3x bytes of the clean run".
func TestN2Disorder(t *testing.T) {
	run := func(n *Net, t *testing.T, l Link) Traffic {
		const count = 60
		device, node, d, c := pair(t, n)
		before := n.Total()
		device.host.SetLink(l)
		took := twoWays(t, device, node, d, c, count, 2*time.Minute)
		time.Sleep(10 * time.Second) // later copies would show
		once(t, node, count, 0)
		once(t, device, count, 1)
		after := n.Total()
		t.Logf("%d bytes in %v", after.Bytes-before.Bytes, took)
		return Traffic{after.Packets - before.Packets, after.Bytes - before.Bytes}
	}
	clean, dirty := make(map[uint64]Traffic), make(map[uint64]Traffic)
	Scenario(t, 3, func(t *testing.T, n *Net) { clean[n.Seed()] = run(n, t, usual) })
	l := usual
	l.Reorder, l.Hold, l.Duplicate, l.Corrupt = 0.25, 100*time.Millisecond, 0.1, 0.05
	Scenario(t, 3, func(t *testing.T, n *Net) { dirty[n.Seed()] = run(n, t, l) })
	for seed := range clean {
		// The uplink's copies pass the tap; the downlink's do not.
		if ratio := float64(dirty[seed].Bytes) / float64(clean[seed].Bytes); ratio > 1.3 {
			t.Errorf("seed=%d: %.2f times the bytes of the clean run", seed, ratio)
		} else {
			t.Logf("seed=%d: %.2f times the bytes of the clean run", seed, ratio)
		}
	}
}
