package handshake_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// sent is a packet that came from Next at a time.
type sent struct {
	at time.Duration
	p  []byte
}

// run drives the initiator at its deadlines for d and returns what it sent.
func (g *rig) run(i *handshake.Initiator, d time.Duration) (all []sent) {
	g.t.Helper()
	start, end := g.now, g.now.Add(d)
	for !g.now.After(end) {
		for p := i.Next(g.now); p != nil; p = i.Next(g.now) {
			all = append(all, sent{g.now.Sub(start), p})
		}
		next := i.Deadline()
		if !next.After(g.now) {
			g.t.Fatalf("deadline %v ago", g.now.Sub(next))
		}
		if p := i.Next(g.now.Add(next.Sub(g.now) - 1)); p != nil {
			g.t.Fatal("a packet was due before the deadline")
		}
		g.now = next
	}
	g.now = end
	return all
}

// "Hello, Exchange and Complete are resent every 500 ms (± 10%) for 15 s, then
// every 5 s"; "only Hello and Exchange fall back to 548 (after two unanswered
// tries)".
func TestHelloSchedule(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	all := g.run(i, time.Minute)
	checkIntervals(t, all)
	for n, s := range all {
		if want := []int{wire.MaxPacket, wire.SmallPacket}[min(n/2, 1)]; len(s.p) != want {
			t.Errorf("Hello %d has %d bytes", n+1, len(s.p))
		}
		if !bytes.Equal(s.p, all[n/2*2].p) && n < 4 || n >= 4 && !bytes.Equal(s.p, all[3].p) {
			t.Errorf("Hello %d is not the same bytes again", n+1)
		}
	}
	if fast := 15 * time.Second / (550 * time.Millisecond); len(all) < int(fast)+8 {
		t.Errorf("%d Hellos in a minute", len(all))
	}
}

func checkIntervals(t *testing.T, all []sent) {
	t.Helper()
	seen := map[time.Duration]bool{}
	for n := 1; n < len(all); n++ {
		want := 500 * time.Millisecond
		if all[n-1].at >= 15*time.Second {
			want = 5 * time.Second
		}
		d := all[n].at - all[n-1].at
		if d < want*9/10 || d > want*11/10 {
			t.Errorf("try %d after %v, want %v +- 10%%", n+1, d, want)
		}
		seen[d] = true
	}
	if len(seen) < len(all)/2 {
		t.Error("no jitter")
	}
}

// "Complete unanswered for 8 s starts over: a new attempt, with new handshake
// id, Hello and e_I (the old ids are listened to for 5 s more)".
func TestUnansweredComplete(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	first, _ := i.IDs()
	complete := g.complete(i)
	all := g.run(i, 8*time.Second-1)
	checkIntervals(t, all)
	for _, s := range all {
		if !bytes.Equal(s.p, complete) {
			t.Fatal("the Complete is not the same bytes again")
		}
	}
	g.after(1)
	hello := i.Next(g.now)
	current, old := i.IDs()
	if current == first || old != first {
		t.Errorf("ids %v, %v after %v", current, old, first)
	}
	if len(hello) != wire.MaxPacket || hello[16] != wire.TypeHello || !bytes.Equal(hello[19:27], current[:]) {
		t.Error("the new attempt does not begin with its own Hello")
	}
	again, _, o := g.send(g.from, hello)
	want(t, o, handshake.Challenged)
	g.give(i, again, handshake.Accepted)
	if p := i.Next(g.now); bytes.Equal(p[84:116], complete[84:116]) {
		t.Error("e_I again")
	}

	// The first attempt's answer still counts, for 5 s.
	answer, _, o := g.send(g.from, complete)
	want(t, o, handshake.Completed)
	g.after(5*time.Second - 1)
	g.give(i, answer, handshake.Completed)
}

func TestOldAttemptIsForgotten(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	_, challenge := g.hello(i)
	g.give(i, challenge, handshake.Accepted)
	answer, _, o := g.send(g.from, i.Next(g.now))
	want(t, o, handshake.Completed)
	g.run(i, 8*time.Second)
	g.give(i, challenge, handshake.BadType) // an old attempt gets no more Completes
	g.run(i, 5*time.Second)
	if _, old := i.IDs(); !old.IsZero() {
		t.Error("the old id is still listened to")
	}
	g.give(i, answer, handshake.BadID)
}

// A path that carries 548 bytes and no more.
func TestSmallPath(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	for {
		p := i.Next(g.now)
		if len(p) == wire.SmallPacket {
			challenge, _, _ := g.send(g.from, p)
			g.give(i, challenge, handshake.Accepted)
			break
		}
		g.now = i.Deadline()
	}
	answer, theirs, o := g.send(g.from, i.Next(g.now))
	want(t, o, handshake.Completed)
	if ours := g.give(i, answer, handshake.Completed); ours.Size != 548 || theirs.Size != 548 {
		t.Errorf("sizes %d and %d", ours.Size, theirs.Size)
	}
}

// A Challenge to the Hello of 1200 that comes after the fall to 548 is answered
// at 1200: "exactly as long as the first packet it answers".
func TestLateChallengeToFullHello(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	_, challenge := g.hello(i)
	g.run(i, 2*time.Second)
	g.give(i, challenge, handshake.Accepted)
	if p := i.Next(g.now); len(p) != wire.MaxPacket {
		t.Errorf("a Complete of %d bytes", len(p))
	}
}

// With 30% loss each way "500 ms leaves 0.15%" unfinished at 15 s.
func TestHandshakesUnderLoss(t *testing.T) {
	const runs, delay = 100, 25 * time.Millisecond
	rnd := rand.New(rand.NewPCG(1, 2))
	lost := func() bool { return rnd.IntN(10) < 3 }
	late := 0
	for range runs {
		g := newRig(t)
		if took := lossy(g, g.initiator(), delay, lost); took > 15*time.Second {
			late++
		}
	}
	if late > runs/100 {
		t.Errorf("%d of %d handshakes took more than 15 s", late, runs)
	}
}

// lossy runs a handshake over a link with loss and returns how long it took, a
// minute at most.
func lossy(g *rig, i *handshake.Initiator, delay time.Duration, lost func() bool) time.Duration {
	start := g.now
	type flight struct {
		at time.Time
		p  []byte
	}
	var back []flight
	for g.now.Sub(start) < time.Minute {
		for p := i.Next(g.now); p != nil; p = i.Next(g.now) {
			if lost() {
				continue
			}
			// One way at once, the way back after the whole round trip.
			if answer, _, _ := g.send(g.from, p); answer != nil && !lost() {
				back = append(back, flight{g.now.Add(2 * delay), answer})
			}
		}
		next := i.Deadline()
		if len(back) > 0 && back[0].at.Before(next) {
			g.now = back[0].at
			res, _ := i.Receive(g.now, back[0].p)
			if back = back[1:]; res != nil {
				return g.now.Sub(start)
			}
			continue
		}
		g.now = next
	}
	return time.Minute
}
