package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// N1 for every mode of handshake: "handshake at 30%: 99% <= 15 s". What the first
// packet carries is run: one of three verbs that change nothing, once for each
// Exchange that was made, which is again in 548 bytes and after 2 s.
func TestN1Modes(t *testing.T) {
	const count = 30
	for _, mode := range []handshake.Mode{handshake.Immediate, handshake.Deferred, handshake.Ticketed} {
		t.Run(mode.String(), func(t *testing.T) {
			var took []time.Duration
			early, late, repeats := 0, 0, 0
			Scenario(t, 2, func(t *testing.T, n *Net) {
				ran := make(map[string]int)
				tickets := rud.NewTickets(rud.TicketsConfig{})
				node := start(t, n.Internet().Host("node", "192.0.2.1"), ":6770", func(cfg *rud.Config) {
					cfg.Tickets = tickets
					cfg.Busy = func() bool { return mode == handshake.Deferred }
					cfg.Early = func(_ time.Time, _ netip.AddrPort, _ key.Agreement, p []byte, _ int) []byte {
						ran[string(p)]++
						return []byte("answer")
					}
				})
				node.do(node.ep.Advance)
				time.Sleep(3 * time.Minute) // at first every Exchange gets a Challenge
				node.do(func(time.Time) {
					node.onMessage = func(_ time.Time, _ *rud.Conn, m rud.Message) {
						if len(m.Payload) > 0 {
							ran[string(m.Payload)]++
						}
					}
				})
				var devices []*peer
				for i := range count {
					h := n.Internet().Host(fmt.Sprint("device ", i), fmt.Sprintf("198.51.%d.2", i))
					h.SetLink(lossy(0.3))
					devices = append(devices, start(t, h, ":0"))
				}
				begin := time.Now()
				for i, d := range devices {
					target := rud.Target{To: node.addr(false), Pin: handshake.Pin{Key: node.static.Public()}, Early: text(i, 40)}
					if mode == handshake.Ticketed {
						target.Ticket = ticket(t, n, i, d, node)
						node.do(func(time.Time) {
							if err := tickets.Put(target.Ticket, wall.Of(time.Now())); err != nil {
								t.Error(err)
							}
						})
					}
					d.do(func(now time.Time) {
						if _, err := d.ep.Dial(now, target); err != nil {
							t.Error(err)
						}
					})
				}
				node.until("all connections open", 2*time.Minute, func() bool { return len(node.conns) == count })
				time.Sleep(time.Minute)
				node.do(func(time.Time) {
					for i, c := range node.conns {
						took = append(took, node.opened[i].Sub(begin))
						switch c.Mode() {
						case mode:
							early++
						case handshake.FirstContact: // a responder cannot tell it from Deferred
							late++
						default:
							t.Errorf("mode %v", c.Mode())
						}
					}
					for i := range count {
						got := ran[string(text(i, 40))]
						repeats += got - 1
						if got < 1 || got > 3 {
							t.Errorf("%d: the early payload ran %d times", i, got)
						}
					}
				})
			})
			p := percentile(took, 99)
			t.Logf("%d connections, %d of them deferred, %d early payloads ran again: p50 %v p99 %v max %v", early+late, late, repeats, percentile(took, 50), p, percentile(took, 100))
			if p > 15*time.Second {
				t.Errorf("p99 %v", p)
			}
		})
	}
}

// ticket makes one for a device, to be redeemed by a node.
func ticket(t *testing.T, n *Net, i int, device, node *peer) *handshake.Ticket {
	t.Helper()
	x := &handshake.Ticket{
		Initiator: device.static.Public(), Responder: node.static.Public(),
		Expires: wall.Of(time.Now().Add(time.Hour)), Redeemer: handshake.ResponderRole,
	}
	random := n.Bytes(fmt.Sprint("ticket ", i))
	random.Read(x.ID[:])
	random.Read(x.Secret[:])
	return x
}

// Keys roll every 10 s in both directions' asking, ids change and are used once,
// through a path that loses, repeats, reorders and changes: everything arrives once.
func TestRollsUnderLoss(t *testing.T) {
	Scenario(t, 3, func(t *testing.T, n *Net) {
		device, node, d, c, home := behindNAT(t, n, Kind("symmetric"))
		l := usual
		l.Loss, l.Burst, l.Duplicate, l.Corrupt, l.Reorder, l.Hold = 0.1, 3, 0.1, 0.02, 0.2, 100*time.Millisecond
		device.host.SetLink(l)
		rolled := 0
		const count = 150
		for i := range count {
			device.do(func(now time.Time) { _, _ = d.Send(now, text(2*i, 700)) })
			node.do(func(now time.Time) { _, _ = c.Send(now, text(2*i+1, 2500)) })
			time.Sleep(700 * time.Millisecond)
			switch i % 30 {
			case 10:
				device.do(func(now time.Time) { rolled += worked(t, d.Roll(now)) })
			case 25:
				node.do(func(now time.Time) { rolled += worked(t, c.Roll(now)) })
			case 29:
				home.Forget()
			}
		}
		time.Sleep(30 * time.Second)
		once(t, node, count, 0)
		once(t, device, count, 1)
		var a, b time.Duration
		device.do(func(now time.Time) { a = d.KeyAge(now) })
		node.do(func(now time.Time) { b = c.KeyAge(now) })
		t.Logf("%d rolls begun; keys are %v and %v old after 135 s; %d moves", rolled, a, b, len(node.moved))
		if a > 100*time.Second || b > 100*time.Second || rolled < 5 {
			t.Errorf("keys are %v and %v old, %d rolls begun", a, b, rolled)
		}
		if len(device.closed)+len(node.closed) != 0 {
			t.Errorf("closed %v and %v", device.closed, node.closed)
		}
	})
}

func worked(t *testing.T, err error) int {
	switch {
	case err == nil:
		return 1
	case !errors.Is(err, rud.ErrRolling):
		t.Error(err)
	}
	return 0
}

// "A node forgotten is a node found": the node restarts, tells whom it served, and
// each device that hears it dials at once; one that hears nothing finds out by
// itself. The path loses 30% in bursts of 3.
func TestRestartUnderLoss(t *testing.T) {
	const count = 20
	Scenario(t, 2, func(t *testing.T, n *Net) {
		withKey := func(cfg *rud.Config) { cfg.Reset[0] = 77 }
		host := n.Internet().Host("node", "192.0.2.1")
		node := start(t, host, ":6770", withKey)
		var devices []*peer
		for i := range count {
			h := n.Internet().Host(fmt.Sprint("device ", i), fmt.Sprintf("198.51.%d.2", i))
			h.SetLink(lossy(0.3))
			devices = append(devices, start(t, h, ":0"))
			devices[i].connect(node)
		}
		var kept []rud.Remnant
		node.do(func(time.Time) {
			for _, c := range node.conns {
				if r, ok := c.Remnant(); ok {
					kept = append(kept, r)
				}
			}
		})
		node.port.Close() // as kill -9
		again := start(t, host, ":6770", withKey)
		begin := time.Now()
		for range 5 {
			again.do(func(now time.Time) {
				for _, r := range kept {
					again.ep.SendReset(now, r)
				}
			})
			time.Sleep(500 * time.Millisecond)
		}
		heard := 0
		for _, d := range devices {
			d.do(func(time.Time) {
				if len(d.closed) == 1 && d.closed[0] == rud.ReasonReset {
					heard++
				}
			})
		}
		t.Logf("%d of %d devices heard of the restart within %v", heard, count, time.Since(begin))
		if heard < count*3/4 { // 5 packets in bursts of 3 are lost to one in 60
			t.Errorf("%d of %d devices heard of the restart", heard, count)
		}
		// A stranger's resets are silence.
		stranger := start(t, n.Internet().Host("stranger", "203.0.113.9"), ":6770")
		for _, d := range devices[:5] {
			_, c := d.connect(again)
			var r rud.Remnant
			again.do(func(time.Time) { r, _ = c.Remnant() })
			stranger.do(func(now time.Time) { stranger.ep.SendReset(now, r) })
			time.Sleep(time.Second)
			d.do(func(time.Time) {
				if len(d.closed) > 1 {
					t.Error("a reset under another key ended a connection")
				}
			})
		}
	})
}
