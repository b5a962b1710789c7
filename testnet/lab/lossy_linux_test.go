package lab_test

import (
	"strings"
	"testing"
	"time"

	"meshpresence/testnet/lab"
)

// N1: "loss 30% both ways, bursts of 3": what a person does still works.
func TestLossy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	laptop, phone := s.device("laptop"), s.device("phone")
	laptop.account()
	laptop.admits(phone)
	bad := lab.Fault{Loss: 0.3, Burst: 3, Delay: 25 * time.Millisecond, Jitter: 10 * time.Millisecond, Reorder: 0.05, Double: 0.02}
	for _, d := range []*device{laptop, phone} {
		d.wire.Faults(bad, bad)
	}
	watch := phone.watches("--timeout", "60s")
	r := laptop.run("--timeout", "60s", "ping", "--count", "5")
	t.Logf("5 pings took %v:\n%s", r.Took, r.Out)
	for _, text := range []string{"first", "second", "third", strings.Repeat("a long one ", 370)} {
		r := laptop.run("--timeout", "60s", "publish", text)
		began := time.Now()
		s.says(watch, text)
		t.Logf("publishing %.12q took %v, and %v more to be heard", text, r.Took, time.Since(began))
	}
	lost, seen := laptop.wire.Losses()+phone.wire.Losses(), len(laptop.wire.Seen())+len(phone.wire.Seen())
	t.Logf("%d packets lost, %d seen at the devices", lost, seen)
	if lost == 0 {
		t.Error("the control failed: nothing was lost")
	}
}
