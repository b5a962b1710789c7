package node

import (
	"testing"
	"time"

	"meshpresence/transport/udpport"
)

// Whatever asks for a sweep, and however often, the next one leaves the loop time
// for the devices.
func TestSweepsComeNoSoonerThanTheyMay(t *testing.T) {
	n, now := new(Node), time.Now()
	n.sweepSoon()
	if n.sweepAt.After(now) {
		t.Errorf("the first is in %v, want now", n.sweepAt.Sub(now))
	}
	n.swept, n.sweepAt = now, now.Add(time.Minute)
	for range 3 {
		n.sweepSoon()
	}
	if got := n.sweepAt.Sub(now); got != sweepAgain {
		t.Errorf("the next is in %v, want %v", got, sweepAgain)
	}
	n.sweepAt = now.Add(time.Millisecond)
	n.sweepSoon()
	if got := n.sweepAt.Sub(now); got != time.Millisecond {
		t.Errorf("one that is due sooner was put off to %v", got)
	}
}

// "with the handshake queue an eighth full": of what may wait for the loop.
func TestOverrun(t *testing.T) {
	n := new(Node)
	for waiting, want := range map[int64]bool{0: false, readBusy - 1: false, readBusy: true} {
		n.unread.Store(waiting)
		if n.overrun() != want {
			t.Errorf("with %d datagrams waiting: %v", waiting, !want)
		}
	}
	if readBusy*8 != readAhead*udpport.BatchSize {
		t.Errorf("%d is not an eighth of what may wait", readBusy)
	}
}
