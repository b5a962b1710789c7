package main

import (
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// answering is a node that answers each message with 120 bytes.
type answering struct{ silent }

var reply120 [120]byte

func (answering) Message(now time.Time, c *rud.Conn, m rud.Message) {
	if len(m.Payload) > 0 {
		_, _ = c.Send(now, reply120[:])
	}
}

// BenchmarkCrowd is the engine's part of one heartbeat and its answer, at the node,
// with 256 devices taking turns: with one, caches hold all that the node touches.
func BenchmarkCrowd(b *testing.B) {
	nodeKey, _ := key.NewStatic(key.X25519)
	to := netip.MustParseAddrPort("127.0.0.1:6770")
	var toNode, toDevice [][]byte
	node, err := rud.NewEndpoint(rud.Config{Static: nodeKey, Listen: true, Handler: answering{},
		Send: func(_ netip.AddrPort, p []byte) { toDevice = append(toDevice, append([]byte(nil), p...)) }})
	if err != nil {
		b.Fatal(err)
	}
	var devices [256]*rud.Endpoint
	var conns [256]*rud.Conn
	now := time.Now()
	exchange := func(i int) {
		from := netip.AddrPortFrom(deviceAddr(i), 4000)
		for len(toNode)+len(toDevice) > 0 {
			for _, p := range toNode {
				node.Receive(now, from, p)
			}
			toNode = toNode[:0]
			got := toDevice
			toDevice = nil
			for _, p := range got {
				devices[i].Receive(now, to, p)
			}
		}
	}
	for i := range devices {
		static, _ := key.NewStatic(key.X25519)
		devices[i], err = rud.NewEndpoint(rud.Config{Static: static, Handler: silent{},
			Send: func(_ netip.AddrPort, p []byte) { toNode = append(toNode, append([]byte(nil), p...)) }})
		if err != nil {
			b.Fatal(err)
		}
		conns[i], err = devices[i].Dial(now, rud.Target{To: to, Pin: handshake.Pin{Key: nodeKey.Public()}, FirstContact: true})
		if err != nil {
			b.Fatal(err)
		}
		exchange(i)
	}
	var spent time.Duration
	best := time.Hour
	for n := 0; b.Loop(); n++ {
		now = now.Add(3 * time.Millisecond)
		// all devices ask, then the node answers all, as in batches off the wire
		var asks [256][]byte
		for i := range devices {
			if at := devices[i].Deadline(); !at.IsZero() && !at.After(now) {
				devices[i].Advance(now)
			}
			toNode = toNode[:0]
			if _, err := conns[i].Send(now, reply120[:40]); err != nil {
				b.Fatal(err)
			}
			asks[i] = toNode[len(toNode)-1]
		}
		toNode, toDevice = nil, nil
		out := 0
		var answers [256][]byte
		start := time.Now()
		for i := range devices {
			node.Receive(now, netip.AddrPortFrom(deviceAddr(i), 4000), asks[i])
			answers[i] = toDevice[len(toDevice)-1]
			out++
		}
		if at := node.Deadline(); !at.IsZero() && !at.After(now) {
			node.Advance(now)
		}
		d := time.Since(start)
		spent += d
		best = min(best, d)
		toDevice = nil
		for i := range devices {
			devices[i].Receive(now, to, answers[i])
		}
		toNode = nil
	}
	b.ReportMetric(float64(spent)/float64(b.N)/256, "ns/heartbeat")
	b.ReportMetric(float64(best)/256, "best-ns/heartbeat")
}
