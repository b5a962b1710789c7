package sim

import (
	"errors"
	"testing"
	"time"

	"meshpresence/transport/rud"
)

// Three streams beside the main one, with ids that are used once where that was
// asked for, through a path that loses, repeats, reorders, bends and changes: what
// each carries arrives once.
func TestStreamsUnderLoss(t *testing.T) {
	for _, blind := range []bool{false, true} {
		Scenario(t, 2, func(t *testing.T, n *Net) {
			device, node, d, c, home := behindNAT(t, n, Kind("symmetric"))
			l := usual
			l.Loss, l.Burst, l.Duplicate, l.Corrupt, l.Reorder, l.Hold = 0.1, 3, 0.1, 0.02, 0.2, 50*time.Millisecond
			device.host.SetLink(l)
			streams := openThree(t, device, d, blind)
			const each = 40
			for i := range each {
				for k, s := range streams {
					sendSoon(t, device, s.Send, text(2*(each*k+i), 600))
				}
				sendSoon(t, node, c.Send, text(2*i+1, 3000))
				time.Sleep(400 * time.Millisecond)
				if i%15 == 14 {
					home.Forget()
				}
			}
			time.Sleep(30 * time.Second)
			once(t, node, 3*each, 0)
			once(t, device, each, 1)
			device.do(func(now time.Time) {
				for _, s := range streams {
					s.Close(now)
				}
			})
			device.until("closed", 30*time.Second, func() bool { return device.streamsClosed == 3 })
			node.until("closed", 30*time.Second, func() bool { return node.streamsClosed == 3 })
			if len(device.closed)+len(node.closed) != 0 {
				t.Errorf("closed %v and %v", device.closed, node.closed)
			}
		})
	}
}

// openThree opens three streams in which the device sends; blind ones have ids that
// are used once, both ways.
func openThree(t *testing.T, p *peer, c *rud.Conn, blind bool) (list []*rud.Stream) {
	p.do(func(now time.Time) {
		for range 3 {
			s, err := c.Open(now, rud.Binding{Kind: rud.Asynchronous, Sender: true, Protocol: "news"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, s)
		}
	})
	if blind {
		time.Sleep(5 * time.Second)
		p.do(func(now time.Time) {
			for _, s := range list {
				if err := s.AskOneTime(now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	return list
}

// sendSoon sends when there is room.
func sendSoon(t *testing.T, p *peer, send func(time.Time, []byte) (uint64, error), payload []byte) {
	t.Helper()
	for range 1000 {
		var err error
		p.do(func(now time.Time) { _, err = send(now, payload) })
		if err == nil {
			return
		}
		if !errors.Is(err, rud.ErrFull) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("no room in 20 s")
}
