package node

import (
	"errors"
	"net"
	"time"

	"meshpresence/node/registry"
	"meshpresence/transport/udpport"
)

const (
	// deliverEvery is how often sessions with something due are looked at.
	deliverEvery = 20 * time.Millisecond
	idle         = time.Hour
	// sweepAgain is how soon one sweep follows another: each looks at all that is
	// held, and an account that signs home facts in a loop asks for one each time.
	sweepAgain = 250 * time.Millisecond
)

// read hands batches of datagrams to the loop until the socket is closed.
func (n *Node) read() {
	defer n.running.Done()
	for {
		var b *udpport.Batch
		select {
		case b = <-n.empty:
		case <-n.stop:
			return
		}
		if _, err := n.port.ReadBatch(b); err != nil {
			if !errors.Is(err, net.ErrClosed) {
				n.log.Error("reading from the device socket ended", "err", err)
			}
			return
		}
		n.unread.Add(int64(b.N))
		select {
		case n.full <- b:
		case <-n.stop:
			return
		}
	}
}

// loop owns everything that decides. It is the only reader of the clock below
// package cmd.
func (n *Node) loop() {
	defer n.running.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case b := <-n.full:
			n.unread.Add(-int64(b.N))
			n.receive(time.Now(), b)
			n.empty <- b
		case f := <-n.posts:
			f(time.Now())
		case <-timer.C:
		case <-n.stop:
			return
		}
		timer.Reset(n.turn(time.Now()))
	}
}

// overrun reports that datagrams come faster than the loop takes them.
func (n *Node) overrun() bool { return n.unread.Load() >= readBusy }

// receive feeds one batch of datagrams to the endpoint.
func (n *Node) receive(now time.Time, b *udpport.Batch) {
	for i := range b.Messages[:b.N] {
		m := &b.Messages[i]
		n.ep.Receive(now, m.Addr, m.Data)
	}
}

// turn does what is due, sends what was queued and returns how long the loop
// may sleep.
func (n *Node) turn(now time.Time) time.Duration {
	if d := n.ep.Deadline(); !d.IsZero() && !d.After(now) {
		n.ep.Advance(now)
	}
	next := n.deliverDue(now)
	if !now.Before(n.sweepAt) {
		n.sweep(now)
	}
	if at := n.serveRemnants(now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
		next = at
	}
	if err := n.port.Flush(); err != nil && !errors.Is(err, net.ErrClosed) {
		n.log.Warn("sending to devices", "err", err)
	}
	return n.sleep(now, next)
}

// sleep is the time to the earliest of the deadlines.
func (n *Node) sleep(now, next time.Time) time.Duration {
	for _, t := range [...]time.Time{n.ep.Deadline(), n.sweepAt} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if next.IsZero() {
		return idle
	}
	return max(0, next.Sub(now))
}

// sweep renews what this node says, forgets what expired, and closes sessions
// that fell silent.
func (n *Node) sweep(now time.Time) {
	n.swept, n.sweepAt = now, now.Add(registry.SweepEvery())
	n.renew(now)
	n.reviewHomes(now)
	n.commit(now, true, nil)
	n.reg.Expire(n.wall.Now(), &n.fx)
	n.expiredAttach(n.fx.Delete)
	n.forgetStates()
	n.forgetHistory()
	n.commit(now, false, nil)
	n.lapse(now)
	n.closeSilent(now)
	n.keepPeers(now)
	n.forgetTickets(now)
}

// sweepSoon brings the next sweep forward: to this turn of the loop, unless one was
// a moment ago.
func (n *Node) sweepSoon() {
	if soon := n.swept.Add(sweepAgain); soon.Before(n.sweepAt) {
		n.sweepAt = soon
	}
}
