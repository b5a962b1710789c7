package handshake_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
)

const slot = 10 * time.Second

// unlimited lets one test do what would take an attacker a network.
func unlimited(c *handshake.ResponderConfig) { c.Rate, c.Burst = 1e9, 1e9 }

// skewed is the first Exchange of a device whose clock is wrong by that much.
func (x *exchangeRig) skewed(skew time.Duration) []byte {
	x.t.Helper()
	return x.dialler(func(c *handshake.InitiatorConfig) { c.Wall = x.clock(skew) }).Next(x.now)
}

// restarted is the same responder after a restart: same keys, nothing remembered.
func (x *exchangeRig) restarted() *handshake.Responder {
	x.t.Helper()
	r, err := handshake.NewResponder(x.now, x.cfg)
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

// An Exchange sent again: to its own source the stored answer, to every other one
// silence, and once the connection is proved silence to all.
func TestReplayFromAnotherAddress(t *testing.T) {
	x := newExchangeRig(t)
	p := x.skewed(0)
	_, res, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	for _, other := range []string{"192.0.2.7:51001", "192.0.2.8:51000", "[2001:db8::1]:51000", "[::ffff:192.0.2.9]:51000"} {
		x.drop(netip.MustParseAddrPort(other), p, handshake.Replayed)
	}
	_, _, o = x.send(netip.MustParseAddrPort("[::ffff:192.0.2.7]:51000"), p)
	want(t, o, handshake.Resent)
	x.table.forget(res)
	x.drop(x.from, p, handshake.Replayed)
	if len(x.ran) != 1 {
		t.Errorf("the verb ran %d times", len(x.ran))
	}
}

// What was answered once is never answered again, from whatever clock it came and
// however long somebody waits: remembered for the 25 slots in which it could be,
// and in doubt before and after.
func TestReplayAcrossEndOfMemory(t *testing.T) {
	for skew := -12; skew <= 12; skew++ {
		x := newExchangeRig(t, unlimited)
		x.after(12 * slot) // settled for clocks that are behind too
		p := x.skewed(time.Duration(skew) * slot)
		_, res, o := x.send(x.from, p)
		want(t, o, handshake.Completed)
		x.table.forget(res)
		for n := range 60 {
			_, _, o := x.send(x.from, p)
			if o != handshake.Replayed && o != handshake.Challenged {
				t.Fatalf("skew of %d slots, %d slots later: %q", skew, n/2, o)
			}
			if within := n/2 <= 12+skew; within && o != handshake.Replayed {
				t.Fatalf("skew of %d slots, %d slots later: %q", skew, n/2, o)
			}
			x.after(slot / 2)
		}
	}
}

// "in the first 12 slots after boot": what was answered before a restart is not
// answered after it, from whatever clock it came. A device whose clock is behind is
// in doubt for longer, and one ahead for less: only what it sent before counts.
func TestReplayAfterRestart(t *testing.T) {
	for skew := -12; skew <= 12; skew++ {
		x := newExchangeRig(t, unlimited)
		x.after(12 * slot)
		p := x.skewed(time.Duration(skew) * slot)
		_, _, o := x.send(x.from, p)
		want(t, o, handshake.Completed)
		for late := range 3 {
			r := x.restarted()
			begun := x.now
			for n := range 60 {
				if _, _, o := r.Receive(x.now, x.from, p, nil); o != handshake.Challenged {
					t.Fatalf("skew of %d slots, restarted after %d, replayed after %d: %q", skew, late, n/2, o)
				}
				x.after(slot / 2)
			}
			x.now = begun
			x.after(slot)
		}
	}
}

// The same when our wall clock goes back after the restart: floor knows the time of
// the start, however few slots ago the clock says it was.
func TestReplayAfterRestartWhenOurClockGoesBack(t *testing.T) {
	for _, back := range []time.Duration{slot, 12 * slot, 20 * slot, 30 * slot, time.Hour} {
		x := newExchangeRig(t, unlimited)
		p := x.skewed(0)
		_, _, o := x.send(x.from, p)
		want(t, o, handshake.Completed)
		x.r = x.restarted()
		x.skew = -back
		for n := range 120 {
			if _, _, o := x.send(x.from, p); o != handshake.Challenged {
				t.Fatalf("%v back, replayed after %d slots: %q", back, n/2, o)
			}
			x.after(slot / 2)
		}
	}
}

// After a restart everybody is answered at once again, when it must be safe.
func TestSettledAfterRestart(t *testing.T) {
	for _, skew := range []int{-12, -1, 0, 1, 12} {
		x := newExchangeRig(t, unlimited)
		x.r = x.restarted()
		first := -1
		for n := range 30 {
			if _, _, o := x.send(x.from, x.skewed(time.Duration(skew)*slot)); o == handshake.Completed && first < 0 {
				first = n
			} else if first >= 0 {
				want(t, o, handshake.Completed)
			}
			x.after(slot)
		}
		if want := 13 - skew; first != want {
			t.Errorf("skew of %d slots: answered %d slots after the start, want %d", skew, first, want)
		}
	}
}

// Our wall clock goes back, by NTP or by hand: what was answered at the later time
// is not answered again when that time comes back, nor ever.
func TestReplayWhenOurClockGoesBack(t *testing.T) {
	for _, back := range []time.Duration{slot, 5 * slot, 12 * slot, 13 * slot, 24 * slot, time.Hour, 24 * time.Hour} {
		x := newExchangeRig(t, unlimited)
		p := x.skewed(0)
		_, res, o := x.send(x.from, p)
		want(t, o, handshake.Completed)
		x.table.forget(res)
		x.after(30 * slot) // forgotten, if time alone did it
		_, _, o = x.send(x.from, x.skewed(0))
		want(t, o, handshake.Completed)
		x.skew = -back
		for range 60 {
			if _, _, o := x.send(x.from, p); o != handshake.Replayed && o != handshake.Challenged {
				t.Fatalf("%v back: %q", back, o)
			}
			x.after(slot / 2)
		}
	}
}

// Any walk of our clock: nothing is answered twice.
func TestReplayUnderAnyClock(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 4 {
		x := newExchangeRig(t, unlimited)
		var sent [][]byte
		done := map[string]bool{}
		for range 250 {
			switch rnd.IntN(5) {
			case 0:
				x.skew += time.Duration(rnd.IntN(61)-30) * slot / 2
			case 1:
				x.after(time.Duration(rnd.IntN(40)) * slot / 4)
			case 2:
				sent = append(sent, x.skewed(x.skew+time.Duration(rnd.IntN(27)-13)*slot))
			}
			if len(sent) == 0 {
				continue
			}
			p := sent[rnd.IntN(len(sent))]
			_, res, o := x.send(x.from, p)
			if o != handshake.Completed {
				continue
			}
			x.table.forget(res)
			if done[string(p)] {
				t.Fatal("an Exchange was answered twice")
			}
			done[string(p)] = true
		}
		if len(done) < 10 {
			t.Errorf("%d Exchanges were answered", len(done))
		}
	}
}

// A host without a clock of its own starts in 1970 and learns the time later: what
// it answered before it went down is still in doubt then.
func TestReplayWhenOurClockWasWrongAtBoot(t *testing.T) {
	x := newExchangeRig(t, unlimited)
	p := x.skewed(0)
	_, _, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	right := x.skew
	x.skew = time.Unix(1000, 0).Sub(wallStart)
	x.r = x.restarted()
	x.after(3 * time.Second)
	x.skew = right
	for range 30 {
		_, _, o := x.send(x.from, p)
		want(t, o, handshake.Challenged)
		x.after(slot / 2)
	}
	_, _, o = x.send(x.from, x.skewed(0))
	want(t, o, handshake.Completed)
}

// Our clock is wrong for a moment, far ahead, and nothing comes that fits it: then
// nothing is lost.
func TestClockWrongForAMoment(t *testing.T) {
	x := newExchangeRig(t)
	_, _, o := x.send(x.from, x.skewed(0))
	want(t, o, handshake.Completed)
	x.skew = 1000 * time.Hour
	_, _, o = x.send(x.from, x.skewed(0))
	want(t, o, handshake.Challenged)
	x.skew = 0
	_, _, o = x.send(x.from, x.skewed(0))
	want(t, o, handshake.Completed)

	// Somebody was there with the same wrong clock: from now on there is doubt,
	// and everybody still gets in.
	x.skew = 1000 * time.Hour
	_, _, o = x.send(x.from, x.skewed(x.skew))
	want(t, o, handshake.Completed)
	x.skew = 0
	ours, _ := x.deferred(x.dialler())
	if ours.Mode != handshake.Deferred {
		t.Errorf("mode %v", ours.Mode)
	}
}
