package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// capture keeps what passes the tap, in order.
type capture struct {
	n       *Net
	packets []Packet
}

// take returns what was captured since it was called last.
func (c *capture) take() (list []Packet) {
	c.n.Between(func() { list, c.packets = c.packets, nil })
	return list
}

func record(n *Net) *capture {
	c := &capture{n: n}
	n.Tap(func(_ time.Time, p Packet) bool {
		p.Data = slices.Clone(p.Data)
		c.packets = append(c.packets, p)
		return true
	})
	return c
}

// A5: "each of 10k captured datagrams sent again, late up to 5 s, reordered within
// 2048: 0 second deliveries; 0 false drops inside the window; side effect count 1".
func TestA5Replay(t *testing.T) {
	const frames = 5000 // a packet each way
	Scenario(t, 1, func(t *testing.T, n *Net) {
		device, node, d, c := pair(t, n)
		tape := record(n)
		ran := make(map[string]int)
		node.do(func(time.Time) {
			node.onMessage = func(_ time.Time, _ *rud.Conn, m rud.Message) { ran[string(m.Payload)]++ }
		})
		total := 0
		again := func() { // everything of the last 5 s, shuffled, from where it came
			list := tape.take()
			total += len(list)
			rng := n.Rand(fmt.Sprint("replay ", len(list)))
			for _, i := range rng.Perm(len(list)) {
				for range 1 + rng.IntN(2) {
					n.Inject(list[i].From, list[i].To, list[i].Data, time.Duration(rng.Int64N(int64(5*time.Second))))
				}
			}
		}
		const several = 5
		say := func(from *peer, conn *rud.Conn, i, parity int) {
			from.do(func(now time.Time) {
				for k := range several {
					if _, err := conn.Send(now, text(2*(i+k)+parity, 50)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := 0; i < frames; i += several {
			say(device, d, i, 0)
			say(node, c, i, 1)
			time.Sleep(several * 5 * time.Millisecond)
			if i%200 == 0 {
				again()
			}
		}
		again()
		time.Sleep(20 * time.Second)
		once(t, node, frames, 0)
		once(t, device, frames, 1)
		var a, b rud.Stats
		node.do(func(time.Time) { a = node.ep.Stats() })
		device.do(func(time.Time) { b = device.ep.Stats() })
		t.Logf("%d captured; %d and %d replays found, %d and %d dropped", total, a.Replayed, b.Replayed, a.Dropped, b.Dropped)
		for p, count := range ran {
			if count != 1 {
				t.Errorf("%.9q ran %d times", p, count)
			}
		}
		if a.Resent+b.Resent != 0 {
			t.Errorf("%d packets sent again: one was dropped inside the window", a.Resent+b.Resent)
		}
		if a.Unknown+b.Unknown+a.Dropped+b.Dropped != 0 {
			t.Errorf("not opened: %+v, %+v", a, b)
		}
		if got := total; got < 9900 {
			t.Errorf("%d packets captured", got)
		}
	})
}

// A5: packets late up to 5 s and overtaken by up to 2048 others are not dropped for
// it.
func TestA5LateInsideTheWindow(t *testing.T) {
	Scenario(t, 2, func(t *testing.T, n *Net) {
		device, node, d, _ := pair(t, n)
		late := usual
		late.Reorder, late.Hold = 0.1, 5*time.Second
		device.host.SetLinks(late, usual)
		const frames = 500
		sent := 0
		for sent < frames {
			device.do(func(now time.Time) {
				if _, err := d.Send(now, text(2*sent, 50)); err == nil {
					sent++
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		once(t, node, frames, 0)
		node.do(func(time.Time) {
			if s := node.ep.Stats(); s.Dropped != 0 {
				t.Errorf("%d packets inside the window dropped", s.Dropped)
			}
		})
	})
}

// A5: "replayed first flights": no second connection, no second run of the verb.
func TestA5FirstFlightsAgain(t *testing.T) {
	for _, first := range []bool{true, false} {
		Scenario(t, 2, func(t *testing.T, n *Net) {
			ran := 0
			node := start(t, n.Internet().Host("node", "192.0.2.1"), ":6770", func(cfg *rud.Config) {
				cfg.Early = func(time.Time, netip.AddrPort, key.Agreement, []byte, int) []byte { ran++; return []byte("answer") }
			})
			host := n.Internet().Host("device", "198.51.100.2")
			host.SetLink(usual)
			device := start(t, host, ":0")
			tape := record(n)
			node.do(node.ep.Advance)    // its clock begins with the first call
			time.Sleep(5 * time.Minute) // the first slots after boot answer no Exchange
			device.do(func(now time.Time) {
				target := rud.Target{To: node.addr(false), Pin: handshake.Pin{Key: node.static.Public()}, FirstContact: first}
				if !first {
					target.Early = []byte("question")
				}
				if _, err := device.ep.Dial(now, target); err != nil {
					t.Error(err)
				}
			})
			node.until("open", 10*time.Second, func() bool { return len(node.conns) == 1 })
			time.Sleep(time.Second)
			was := tape.take()
			attacker := at("203.0.113.66:666")
			for range 50 {
				for _, p := range was {
					if p.To.Addr() != node.host.Addr(false) {
						continue
					}
					n.Inject(p.From, p.To, p.Data, 0)
					n.Inject(attacker, p.To, p.Data, 0)
				}
				time.Sleep(700 * time.Millisecond)
			}
			time.Sleep(time.Minute)
			node.do(func(time.Time) {
				if len(node.conns) != 1 || node.ep.Len() != 1 {
					t.Errorf("%d opened, %d kept", len(node.conns), node.ep.Len())
				}
				if !first && ran != 1 {
					t.Errorf("the early verb ran %d times", ran)
				}
				if node.conns[0].Path().Addr() == attacker.Addr() {
					t.Error("the path is the attacker's")
				}
			})
			device.do(func(time.Time) {
				if len(device.closed) != 0 {
					t.Errorf("closed: %v", device.closed)
				}
			})
		})
	}
}
