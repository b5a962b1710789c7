package lab_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"meshpresence/testnet/lab"
	"meshpresence/transport/rud/wire"
)

// A4: "valid-shape InitiatorExchange, fresh ephemerals, spoofed sources: RSS delta
// <= 4 MiB; honest first contact; 0 state per spoofed source".
func TestHandshakeFlood(t *testing.T) {
	s := newScene(t)
	s.answers()
	f := newForger(s.seed)
	f.node = s.nodeKey()
	count := 60_000
	if os.Getenv("MESHPRESENCE_SLOW") != "" {
		count = 1_000_000
	}
	l := s.watch(answerRatio)
	a := s.attacker()
	honest := make(chan error, 1)
	go func() { honest <- s.contacts(3) }()

	rss, cpu, began := s.resident(), must(s.node.CPU()), time.Now()
	for n := range count {
		from := stranger(n)
		switch {
		case n%50 == 0:
			a.send(from, f.whole(time.Now()))
		case n%5 == 0:
			a.send(from, f.complete(wire.MaxPacket))
		default:
			a.send(from, f.shape([]int{wire.MaxPacket, wire.SmallPacket}[n%2]))
		}
	}
	a.finish()
	took, spent := time.Since(began), must(s.node.CPU())-cpu
	grown := s.resident() - rss
	if err := <-honest; err != nil {
		t.Errorf("first contact beside the flood: %v", err)
	}
	l.judge(s, "Exchanges and Completes from 512 networks", 1)
	t.Logf("%d first packets in %v, %.0f a second: %v of processor time, %v each, %.0f%% of a core; resident %+d KiB",
		count, took, float64(count)/took.Seconds(), spent, spent/time.Duration(count), 100*spent.Seconds()/took.Seconds(), grown)
	if grown > maxGrowth {
		t.Errorf("the flood leaves %d KiB, want at most %d", grown, maxGrowth)
	}
}

// A4 and A2 once the node takes Exchanges at once, two minutes after its start:
// "defer mode", and a flipped Exchange gets nothing.
func TestExchangeFlood(t *testing.T) {
	if os.Getenv("MESHPRESENCE_SLOW") == "" {
		t.Skip("SKIP: waits two minutes for the node to take Exchanges: set MESHPRESENCE_SLOW=1")
	}
	t.Parallel()
	s := newScene(t)
	s.answers()
	f := newForger(s.seed)
	f.node = s.nodeKey()
	a := s.attacker()
	s.wire.Keep(func(p *lab.Seen) bool { return p.Out && p.UDP() && strange(p.To.Addr()) })
	s.looks(time.Second, "an Exchange is answered by a ResponderComplete", func() bool {
		a.send(stranger(int(a.sent)), f.whole(time.Now()))
		a.finish()
		return s.wire.Count(completes) > 0
	})

	l := s.watch(answerRatio)
	for n := range 300 { // fewer than make the node defer
		b := f.whole(time.Now())
		at := behindSlot + int(f.rng.Uint64()%uint64(len(b)-behindSlot))
		b[at] ^= 1 << (f.rng.Uint64() % 8)
		a.send(stranger(n), b)
	}
	a.finish()
	l.judge(s, "Exchanges with a bit flipped behind the time", 0)
	if l.replies > 0 {
		t.Errorf("%d flipped Exchanges were answered", l.replies)
	}

	packets := make([][]byte, 4000)
	for n := range packets {
		packets[n] = f.whole(time.Now())
	}
	s.wire.Keep(func(p *lab.Seen) bool { return p.Out && p.UDP() && strange(p.To.Addr()) })
	rss, began := s.resident(), s.wire.Now()
	for n, b := range packets {
		a.send(stranger(n), b)
	}
	a.finish()
	took, opened, deferred := s.wire.Now()-began, s.wire.Count(completes), time.Duration(0)
	for _, p := range s.wire.Seen() {
		if !completes(&p) {
			deferred = p.At - began
			break
		}
	}
	t.Logf("%d Exchanges that open in %v: %d answered at once, the first deferred after %v; resident %+d KiB",
		len(packets), took, opened, deferred, s.resident()-rss)
	if limit := 500 * int(took.Seconds()+2); opened > limit {
		t.Errorf("%d answered at once in %v, want at most %d", opened, took, limit)
	}
	s.answers()
}

// behindSlot is where an Exchange goes on behind its time: one of another time gets
// a Challenge, as a Hello does.
const behindSlot = 31

// completes reports whether a packet to a stranger is a ResponderComplete.
func completes(p *lab.Seen) bool {
	return p.Out && len(p.Data) > wire.SizeID && p.Data[wire.SizeID] == wire.TypeResponderComplete
}

// contacts has devices that never were here before meet the node, one after the
// other.
func (s *scene) contacts(count int) error {
	for range count {
		d := s.device("newcomer")
		r, err := d.Run(s.ctx, "--trust-first", "--json", "ping")
		if err != nil || r.Code != 0 {
			return fmt.Errorf("exit %d, %w: %s%s", r.Code, err, r.Out, r.Err)
		}
		s.t.Logf("a newcomer's first contact and ping took %v", r.Took)
	}
	return nil
}
