package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meshpresence/node/client"
	"meshpresence/transport/udpport"
)

var _ client.Port = (*Port)(nil)

// plain sends packets as they are from one port to another and returns when each
// that arrived did.
func plain(t *testing.T, n *Net, l Link, count, size int, gap time.Duration) (took []time.Duration, order []int) {
	t.Helper()
	a, b := n.Internet().Host("a", "192.0.2.1"), n.Internet().Host("b", "192.0.2.2")
	b.SetLinks(Link{}, l)
	from, _ := a.Listen(":1")
	to, _ := b.Listen(":2")
	var mu sync.Mutex
	var sent []time.Time
	go func() {
		var batch udpport.Batch
		for {
			if _, err := to.ReadBatch(&batch); err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			for _, m := range batch.Messages[:batch.N] {
				i := int(binary.BigEndian.Uint32(m.Data))
				if i < len(sent) {
					took = append(took, time.Since(sent[i]))
				}
				order = append(order, i)
			}
			mu.Unlock()
		}
	}()
	for i := range count {
		p := make([]byte, size)
		binary.BigEndian.PutUint32(p, uint32(i))
		mu.Lock()
		sent = append(sent, time.Now())
		mu.Unlock()
		from.Send(at("192.0.2.2:2"), p)
		if err := from.Flush(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(gap)
	}
	time.Sleep(10 * time.Second)
	to.Close()
	synctest.Wait()
	mu.Lock()
	defer mu.Unlock()
	return took, order
}

func TestLinkLoses(t *testing.T) {
	Scenario(t, 2, func(t *testing.T, n *Net) {
		_, order := plain(t, n, Link{Loss: 0.2, Burst: 3}, 4000, 100, time.Millisecond)
		if got := len(order); got < 3000 || got > 3400 {
			t.Errorf("%d of 4000 arrived at 20%% loss", got)
		}
		runs := make(map[int]int)
		for i := 1; i < len(order); i++ {
			runs[(order[i]-order[i-1]-1)%3]++
		}
		if runs[1]+runs[2] > 0 {
			t.Errorf("losses not in bursts of 3: %v", runs)
		}
	})
}

func TestLinkDelaysAndOrders(t *testing.T) {
	Scenario(t, 2, func(t *testing.T, n *Net) {
		took, order := plain(t, n, Link{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}, 2000, 100, time.Millisecond)
		for i, d := range took {
			if d < 20*time.Millisecond || d > 31*time.Millisecond {
				t.Fatalf("packet %d took %v", i, d)
			}
		}
		for i := 1; i < len(order); i++ {
			if order[i] < order[i-1] {
				t.Fatal("jitter alone reordered")
			}
		}
	})
	Scenario(t, 2, func(t *testing.T, n *Net) {
		_, order := plain(t, n, Link{Reorder: 0.25, Hold: 100 * time.Millisecond, Duplicate: 0.1}, 2000, 100, time.Millisecond)
		late, newest := 0, -1
		for _, i := range order {
			if i < newest {
				late++
			}
			newest = max(newest, i)
		}
		if len(order) < 2100 || len(order) > 2300 || late < 400 || late > 700 {
			t.Errorf("%d arrived, %d of them overtaken", len(order), late)
		}
	})
}

func TestLinkRateAndSize(t *testing.T) {
	Scenario(t, 1, func(t *testing.T, n *Net) {
		// 128 bytes at 1280 a second are 100 ms each; every 50 ms one begins.
		took, order := plain(t, n, Link{Rate: 1280, Queue: time.Second}, 100, 100, 50*time.Millisecond)
		if len(order) < 50 || len(order) > 75 {
			t.Errorf("%d arrived through half the rate", len(order))
		}
		if last := took[len(took)-1]; last < time.Second || last > 1200*time.Millisecond {
			t.Errorf("the last waited %v", last)
		}
	})
	Scenario(t, 1, func(t *testing.T, n *Net) {
		if _, order := plain(t, n, Link{MTU: 576}, 10, 549, time.Millisecond); len(order) != 0 {
			t.Error("577 bytes passed an MTU of 576")
		}
	})
	Scenario(t, 1, func(t *testing.T, n *Net) {
		if _, order := plain(t, n, Link{MTU: 576}, 10, 548, time.Millisecond); len(order) != 10 {
			t.Error("576 bytes did not pass an MTU of 576")
		}
	})
}

// "Same seed = same bytes": every packet on the internet, and when.
func TestSameSeed(t *testing.T) {
	run := func(seed uint64) (sum [32]byte) {
		synctest.Test(t, func(t *testing.T) {
			n := New(seed)
			h := sha256.New()
			begin := time.Now()
			n.Tap(func(now time.Time, p Packet) bool {
				binary.Write(h, binary.BigEndian, now.Sub(begin))
				h.Write(p.Data)
				return true
			})
			device, node, d, c := pair(t, n)
			device.host.SetLink(Link{Delay: 25 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.1, Burst: 3, Duplicate: 0.1, Corrupt: 0.05})
			for i := range 20 {
				device.send(d, text(i, 1000))
				node.send(c, text(i, 4000))
				node.until("delivery", time.Minute, node.has(text(i, 1000)))
				device.until("delivery", time.Minute, device.has(text(i, 4000)))
			}
			sum = [32]byte(h.Sum(nil))
		})
		return sum
	}
	first, second := run(7), run(7)
	if first != second {
		t.Error("the same seed gave two runs")
	}
	if first == run(8) {
		t.Error("two seeds gave one run")
	}
}

func TestSegments(t *testing.T) {
	Scenario(t, 1, func(t *testing.T, n *Net) {
		outer := n.Internet().NAT(Kind("port restricted"), "203.0.113.1")
		inner := outer.NAT(Behaviour{Name: "hairpin", Hairpin: true}, "100.64.0.2")
		server := n.Internet().Host("server", "192.0.2.1", "2001:db8::1")
		a := inner.Host("a", "10.0.0.2", "2001:db8:1::2")
		b := inner.Host("b", "10.0.0.3")
		echo := func(p *Port) {
			var batch udpport.Batch
			for {
				if _, err := p.ReadBatch(&batch); err != nil {
					return
				}
				for _, m := range batch.Messages[:batch.N] {
					p.Send(m.Addr, []byte(m.Addr.String()))
				}
				_ = p.Flush()
			}
		}
		listen := func(h *Host, addr string) *Port {
			p, err := h.Listen(addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			return p
		}
		ask := func(p *Port, to string) string {
			p.Send(at(to), []byte("who am I"))
			_ = p.Flush()
			time.Sleep(time.Second)
			synctest.Wait()
			p.host.net.mu.Lock()
			defer p.host.net.mu.Unlock()
			if len(p.waiting) == 0 {
				return ""
			}
			answer := string(p.waiting[0].Data)
			p.waiting = p.waiting[1:]
			return answer
		}
		go echo(listen(server, ":80"))
		go echo(listen(b, ":80"))
		pa := listen(a, ":5000")
		if got := ask(pa, "192.0.2.1:80"); !strings.HasPrefix(got, "203.0.113.1:") {
			t.Errorf("behind two NATs: %q", got)
		}
		if got := ask(pa, "[2001:db8::1]:80"); got != "[2001:db8:1::2]:5000" {
			t.Errorf("by IPv6 through two firewalls: %q", got)
		}
		if got := ask(pa, "10.0.0.3:80"); got != "10.0.0.2:5000" {
			t.Errorf("in one segment: %q", got)
		}
		ps := listen(server, ":81")
		if got := ask(ps, "[2001:db8:1::2]:5000"); got != "" {
			t.Error("a stranger passed the firewall")
		}
		// The outer gate does not bring a packet back, the inner one does. b has
		// its first outer port there from what it sends now.
		pb := listen(b, ":7")
		if ask(pb, "192.0.2.1:80") == "" {
			t.Fatal("no answer")
		}
		var outside string
		n.mu.Lock()
		for to, m := range inner.four.outward {
			if m.key.inner == at("10.0.0.3:7") {
				outside = to.String()
			}
		}
		n.mu.Unlock()
		pa.Send(at(outside), []byte("by the gate"))
		_ = pa.Flush()
		if got := ask(pb, "10.0.0.2:1"); !strings.HasPrefix(got, "by the gate") {
			t.Errorf("by hairpin: %q", got)
		}
		a.Move(n.Internet(), "198.51.100.9")
		if got := ask(pa, "192.0.2.1:80"); got != "198.51.100.9:5000" {
			t.Errorf("after a move: %q", got)
		}
		if outer.Mappings() == 0 {
			t.Error("no mapping at the outer gate")
		}
	})
}
