package lab_test

import (
	"fmt"
	"testing"
	"time"

	"meshpresence/testnet/hostile"
	"meshpresence/testnet/lab"
)

// A3: garbage "beside live devices": what a datagram of it costs the node, and
// whether the devices notice. Times are printed, not judged: this machine is
// also the attacker's.
func TestCostOfRubbish(t *testing.T) {
	s := newScene(t)
	real := s.conversation()
	laptop, phone := s.device("laptop"), s.device("phone")
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches("--heartbeat", "1s")
	s.wire.Keep(func(*lab.Seen) bool { return false })

	const pings = 5
	quiet := s.spend(func() { s.pings(pings) })
	rss := s.resident()

	a := s.attacker()
	rubbish := hostile.NewRubbish(s.seed, real)
	done := make(chan error, 1)
	began, start := time.Now(), must(s.node.CPU())
	live := s.device("live")
	go func() {
		r, err := live.Run(s.ctx, "--trust-first", "--json", "ping", "--count", fmt.Sprint(pings))
		if err == nil && r.Code != 0 {
			err = fmt.Errorf("exit %d: %s%s", r.Code, r.Out, r.Err)
		}
		if err == nil {
			r, err = laptop.Run(s.ctx, "publish", "through the rubbish")
		}
		if err == nil && r.Code != 0 {
			err = fmt.Errorf("exit %d: %s%s", r.Code, r.Out, r.Err)
		}
		done <- err
	}()
	var err error
	for finished := false; !finished; {
		for range window {
			_, data := rubbish.Next()
			a.send(stranger(int(a.sent)), data)
		}
		select {
		case err = <-done:
			finished = true
		default:
		}
	}
	took, spent := time.Since(began), must(s.node.CPU())-start
	if err != nil {
		t.Errorf("live traffic beside rubbish: %v", err)
	}
	s.says(watch, "through the rubbish")
	grown := s.resident() - rss
	t.Logf("%d datagrams in %v, %.0f a second: %v of processor time (%v of it were spent on %d pings without), %v a datagram, %.0f%% of a core; resident %+d KiB",
		a.sent, took, float64(a.sent)/took.Seconds(), spent, quiet, pings, spent/time.Duration(max(a.sent, 1)), 100*spent.Seconds()/took.Seconds(), grown)
	if grown > maxGrowth {
		t.Errorf("rubbish leaves %d KiB, want at most %d", grown, maxGrowth)
	}
}

// maxGrowth is what an attack may leave resident, KiB: "RSS delta <= 4 MiB".
const maxGrowth = 4 << 10

// pings has a device ping, all of which must be answered.
func (s *scene) pings(count int) lab.Result {
	s.t.Helper()
	return s.device("pinger").run("--trust-first", "--json", "ping", "--count", fmt.Sprint(count))
}

// spend is the processor time that the node spends meanwhile.
func (s *scene) spend(do func()) time.Duration {
	s.t.Helper()
	before := must(s.node.CPU())
	do()
	return must(s.node.CPU()) - before
}

func (s *scene) resident() int {
	s.t.Helper()
	kib, err := s.node.RSS()
	if err != nil {
		s.t.Fatal(err)
	}
	return kib
}
