package rud

import "time"

// congestion is the window of one path, in packets: "window from 10 packets,
// minimum 2, halved once per RTT with loss", and its pace. Times are since the
// Endpoint's start.
type congestion struct {
	window    int
	threshold int           // slow start ends here
	acked     int           // towards the next packet of the window
	halved    time.Duration // losses of packets sent before are of the same event

	// Pace: a bucket of a first window of packets that fills at 5/4 of a window
	// per round trip.
	spent float64 // packets that the bucket lacked at paced
	paced time.Duration
}

func newCongestion() congestion {
	return congestion{window: windowFirst, threshold: windowMost}
}

// windowMost is as much as can be outstanding at all.
const windowMost = outstandingToDevice

// onAck grows the window for one packet acknowledged while the window was full.
func (g *congestion) onAck() {
	if g.window >= windowMost {
		return
	}
	if g.window < g.threshold {
		g.window++
		return
	}
	if g.acked++; g.acked >= g.window {
		g.acked = 0
		g.window++
	}
}

// onLoss halves the window, once for all packets sent before it halved last.
func (g *congestion) onLoss(now, sent time.Duration) {
	if sent <= g.halved && g.halved != 0 {
		return
	}
	g.halved = now
	g.window = max(g.window/2, windowLeast)
	g.threshold = g.window
	g.acked = 0
}

// pace returns when the bucket has a packet: not after now when it has one.
func (g *congestion) pace(now, srtt time.Duration) time.Duration {
	perPacket := float64(srtt) * 4 / 5 / float64(g.window)
	g.spent = max(0, g.spent-float64(now-g.paced)/perPacket)
	g.paced = now
	if missing := g.spent + 1 - windowFirst; missing > 0 {
		return now + time.Duration(missing*perPacket) + 1
	}
	return now
}

// onSent takes a packet out of the bucket. What left at a PTO, whatever the pace
// said, leaves no debt. Fault: a peer that slept for a second, and was sent the same
// 30 times, would wait many round trips for the next thing.
func (g *congestion) onSent() { g.spent = min(g.spent+1, windowFirst) }
