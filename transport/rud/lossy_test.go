package rud

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// recorder reads the header of every data packet that any host sends and notes
// its number: "never reused, never two seals under one number".
type recorder struct {
	w     *world
	seen  map[sealKey][]byte
	bytes int
}

type sealKey struct {
	id     uint64
	number uint32
}

func record1(w *world) *recorder {
	r := &recorder{w: w, seen: make(map[sealKey][]byte)}
	w.tap = r.tap
	return r
}

func (r *recorder) tap(_, _ netip.AddrPort, packet []byte) {
	r.bytes += len(packet)
	id := binary.BigEndian.Uint64(packet)
	for _, h := range r.w.hosts {
		stream := h.streams[id]
		if stream == nil {
			continue
		}
		var s scratch
		head, err := stream.in.readHeader(&s, packet)
		if err != nil {
			r.w.t.Errorf("sent a header that does not parse: %v", err)
		}
		k := sealKey{id, head.Number}
		if _, ok := r.seen[k]; ok {
			r.w.t.Errorf("two packets under one key and number %d", head.Number)
		}
		r.seen[k] = packet[:0:0]
	}
}

// check wants every payload exactly once, in any order.
func checkOnce(t *testing.T, what string, got []Message, want [][]byte) {
	t.Helper()
	left := make(map[string]int)
	for _, p := range want {
		left[string(p)]++
	}
	for _, m := range got {
		left[string(m.Payload)]--
	}
	for p, n := range left {
		if n != 0 {
			t.Errorf("%s: payload %.9q of %d bytes: %d missing (negative: too many)", what, p, len(p), n)
		}
	}
}

// exchange sends count frames of mixed sizes each way as fast as there is room,
// and waits until all is delivered and acknowledged.
func exchange(t *testing.T, w *world, device, node *host, d, n *Conn, count int, within time.Duration) {
	t.Helper()
	sizes := []int{10, 300, 1155, 1156, 4000, 18480, 60}
	var up, down [][]byte
	for i := range count {
		up = append(up, text(2*i, sizes[i%len(sizes)]))
		down = append(down, text(2*i+1, sizes[(i+3)%len(sizes)]))
	}
	feed := func(c *Conn, list [][]byte, next *int) {
		for *next < len(list) {
			p := list[*next]
			if len(p) > c.MaxPayload() {
				p = p[:c.MaxPayload()]
				list[*next] = p
			}
			if _, err := c.Send(w.now, p); err != nil {
				return
			}
			*next++
		}
	}
	ups, downs := 0, 0
	w.until("everything delivered and acknowledged", within, func() bool {
		feed(d, up, &ups)
		feed(n, down, &downs)
		return ups == count && downs == count && d.main.outbox.len() == 0 && n.main.outbox.len() == 0
	})
	checkOnce(t, "to the node", node.messages, up)
	checkOnce(t, "to the device", device.messages, down)
}

// N1, N2: loss, reordering, repetition and corruption both ways, 16-packet frames
// among others; every frame arrives once, and no number is sealed twice.
func TestEverythingArrivesOnce(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.1, 0.2, 0.3} {
		t.Run(fmt.Sprintf("loss %v", loss), func(t *testing.T) {
			w := newWorld(t, uint64(100*loss))
			w.loss, w.again, w.bent, w.overtake, w.jitter = loss, 0.1, 0.05, 0.25, 100*time.Millisecond
			r := record1(w)
			node := w.add("192.0.2.1:6770", true)
			device := w.add("198.51.100.2:40000", false)
			d, n := w.connect(device, node)
			exchange(t, w, device, node, d, n, 40, 10*time.Minute)
			if len(r.seen) < 100 {
				t.Errorf("the recorder saw %d packets", len(r.seen))
			}
			checkEmpty(t, device.Endpoint)
			checkEmpty(t, node.Endpoint)
		})
	}
}

// checkEmpty wants no buffer held by any connection.
func checkEmpty(t *testing.T, e *Endpoint) {
	t.Helper()
	for _, s := range e.streams {
		if s.outbox.held != 0 || s.outbox.wide != 0 || len(s.flight.sent) != 0 || len(s.inbox.parts) != 0 {
			t.Errorf("left over: %d bytes, %d wide frames, %d packets, %d assemblies", s.outbox.held, s.outbox.wide, len(s.flight.sent), len(s.inbox.parts))
		}
	}
}

func percentile(list []time.Duration, p int) time.Duration {
	slices.Sort(list)
	return list[(len(list)-1)*p/100]
}

// N1: "notify p99 0.15 / 0.5 / 1 / 1.5 / 2 s; 16-packet status p99 at 30% <= 5 s",
// RTT 50 ms.
func TestLatencyUnderLoss(t *testing.T) {
	limits := map[float64]time.Duration{0: 150, 0.1: 1000, 0.3: 2000}
	for loss, limit := range limits {
		var small, large []time.Duration
		for seed := range uint64(100) {
			w, device, _, _, n := pair(t, seed)
			w.loss = loss
			send := func(size int) time.Duration {
				got := len(device.messages)
				p := text(int(seed), size)
				if _, err := n.Send(w.now, p); err != nil {
					t.Fatal(err)
				}
				return w.until("delivery", time.Minute, func() bool { return len(device.messages) > got })
			}
			small = append(small, send(300))
			w.run(20 * time.Second)
			large = append(large, send(min(18480, n.MaxPayload())))
		}
		s, l := percentile(small, 99), percentile(large, 99)
		t.Logf("loss %v: notify p50 %v p99 %v; 16 packets p50 %v p99 %v", loss, percentile(small, 50), s, percentile(large, 50), l)
		if s > limit*time.Millisecond {
			t.Errorf("loss %v: notify p99 %v", loss, s)
		}
		if l > 5*time.Second {
			t.Errorf("loss %v: 16-packet p99 %v", loss, l)
		}
	}
}

// N1: "handshake at 30%: 99% <= 15 s".
func TestHandshakeUnderLoss(t *testing.T) {
	var took []time.Duration
	for seed := range uint64(200) {
		w := newWorld(t, seed)
		w.loss = 0.3
		node := w.add("192.0.2.1:6770", true)
		device := w.add("198.51.100.2:40000", false)
		begin := w.now
		w.connect(device, node)
		took = append(took, w.now.Sub(begin))
	}
	t.Logf("p50 %v p99 %v", percentile(took, 50), percentile(took, 99))
	if p := percentile(took, 99); p > 15*time.Second {
		t.Errorf("p99 %v", p)
	}
}

// N2: "0 duplicates or corrupt up; <= 1.3x bytes of the clean run" with reorder
// 25%, dup 10%, corrupt 5%, jitter 100 ms.
func TestBytesUnderReordering(t *testing.T) {
	run := func(dirty bool) int {
		w := newWorld(t, 5)
		r := record1(w)
		node := w.add("192.0.2.1:6770", true)
		device := w.add("198.51.100.2:40000", false)
		d, n := w.connect(device, node)
		if dirty {
			w.again, w.bent, w.overtake, w.jitter = 0.1, 0.05, 0.25, 100*time.Millisecond
		}
		exchange(t, w, device, node, d, n, 100, 10*time.Minute)
		t.Logf("dirty %v: %d bytes, node %+v", dirty, r.bytes, node.Stats())
		return r.bytes
	}
	clean, dirty := run(false), run(true)
	if ratio := float64(dirty) / float64(clean); ratio > 1.3 {
		t.Errorf("%.2f times the bytes of the clean run", ratio)
	}
}

// N7: a blackhole of 5 s on and 2 s off, and an outage of 30 s: the connection
// survives.
func TestOutages(t *testing.T) {
	w, device, _, _, n := pair(t, 9)
	for i := range 4 {
		w.loss = 1
		if _, err := n.Send(w.now, text(i, 500)); err != nil {
			t.Fatal(err)
		}
		w.run(5 * time.Second)
		w.loss = 0
		w.run(2 * time.Second)
	}
	w.loss = 1
	if _, err := n.Send(w.now, text(9, 3000)); err != nil {
		t.Fatal(err)
	}
	w.run(30 * time.Second)
	w.loss = 0
	w.until("delivery after the outage", backoffMost+time.Second, func() bool { return len(device.messages) == 5 })
	if got := n.MaxPayload(); got != 18480 {
		t.Errorf("an outage was taken for a fallen MTU: MaxPayload %d", got)
	}
}

// N6: "MTU blackhole at 576, no ICMP: 16-packet status delivered; size falls within
// 3 timeouts; no livelock", and the size comes back when the path does.
func TestPathSizeFalls(t *testing.T) {
	w, device, node, d, n := pair(t, 11)
	w.mtu = 576
	big := text(1, 8048)
	if _, err := n.Send(w.now, big); err != nil {
		t.Fatal(err)
	}
	lost, err := n.Send(w.now, text(2, 18480))
	if err != nil {
		t.Fatal(err)
	}
	up := text(3, 2000)
	if _, err := d.Send(w.now, up); err != nil {
		t.Fatal(err)
	}
	took := w.until("delivery in small packets", 10*time.Second, func() bool { return len(device.messages) == 1 && len(node.messages) == 1 })
	t.Logf("took %v", took)
	if !bytes.Equal(device.messages[0].Payload, big) || !bytes.Equal(node.messages[0].Payload, up) {
		t.Error("another payload arrived")
	}
	w.run(2 * time.Second)
	if n.Acknowledged(lost) {
		t.Error("a frame that no longer fits is acknowledged")
	}
	if n.main.outbox.len() != 0 {
		t.Error("the frame that no longer fits blocks the window")
	}
	if got := n.MaxPayload(); got != 8048 {
		t.Errorf("MaxPayload %d", got)
	}
	if _, err := n.Send(w.now, text(4, 8049)); err != ErrTooLarge {
		t.Errorf("8049 bytes on a small path: %v", err)
	}
	w.run(time.Minute)
	w.mtu = 0
	w.until("the size comes back", 2*raiseMost, func() bool { return n.MaxPayload() == 18480 && d.MaxPayload() == 18480 })
}

// A path of 548 from the start: the handshake falls back, and the connection
// begins with that size.
func TestSmallHandshake(t *testing.T) {
	w := newWorld(t, 12)
	w.mtu = 576
	node := w.add("192.0.2.1:6770", true)
	device := w.add("198.51.100.2:40000", false)
	d, n := w.connect(device, node)
	if d.MaxPayload() != 8048 || n.MaxPayload() != 8048 {
		t.Errorf("MaxPayload %d and %d", d.MaxPayload(), n.MaxPayload())
	}
	exchange(t, w, device, node, d, n, 20, time.Minute)
}

// Dial goes on for as long as nobody answers, and stops at Close.
func TestDialGoesOn(t *testing.T) {
	w := newWorld(t, 13)
	node := w.add("192.0.2.1:6770", true)
	device := w.add("198.51.100.2:40000", false)
	w.loss = 1
	c, err := device.Dial(w.now, node.target())
	if err != nil {
		t.Fatal(err)
	}
	queued, err := c.Send(w.now, text(1, 50))
	if err != nil {
		t.Fatal(err)
	}
	w.run(10 * time.Minute)
	w.loss = 0
	w.until("open", 10*time.Second, c.Proved)
	w.until("queued frame", time.Second, func() bool { return len(node.messages) == 1 })
	w.run(time.Second)
	if !c.Acknowledged(queued) {
		t.Error("the queued frame is not acknowledged")
	}
	c.Close(w.now)
	if r, ok := device.closed[c]; !ok || r != ReasonClosed {
		t.Errorf("closed for %v", r)
	}
	if device.Len() != 0 || !device.Deadline().IsZero() {
		t.Errorf("%d connections and a deadline %v left", device.Len(), device.Deadline())
	}
	c2, err := device.Dial(w.now, Target{To: netip.MustParseAddrPort("203.0.113.9:1")})
	if err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	sent := device.Stats().Sent
	c2.Close(w.now)
	w.run(time.Minute)
	if device.Stats().Sent != sent || len(device.dials) != 0 {
		t.Error("a closed dial goes on")
	}
	if _, err := c2.Send(w.now, nil); err != ErrClosed {
		t.Errorf("send on a closed connection: %v", err)
	}
}
