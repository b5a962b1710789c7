package lab_test

import (
	"slices"
	"testing"
	"time"

	"meshpresence/testnet/lab"
)

// N8: "idle cost, on the wire, answers included: <= 60 kB/h per device behind a
// 30 s NAT". The keep-alives come every second here and are counted as if they
// came at their usual pace.
func TestIdleCost(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	phone := s.device("phone")
	phone.account()
	phone.wire.Keep(nil)
	phone.watches("--heartbeat", "1s")
	const (
		begin = 16 // packets, of which the first ones say what the device missed
		count = 36
		pace  = 25 * time.Second // presence --heartbeat
		limit = 60_000.0
	)
	// The tool that made the account has ended, and its connection is not counted.
	port := phone.socket().Port()
	its := func(p *lab.Seen) bool { return p.UDP() && (p.From.Port() == port || p.To.Port() == port) }
	s.eventually("the phone has been idle for a while", func() bool { return phone.wire.Count(its) > begin+count })
	seen := phone.wire.Seen()
	others := 0
	for _, p := range seen {
		if !p.Out && !its(&p) {
			others += p.Size
		}
	}
	seen = slices.DeleteFunc(seen, func(p lab.Seen) bool { return !its(&p) })[begin:]
	bytes := 0
	for _, p := range seen[1:] {
		bytes += p.Size
	}
	took := seen[len(seen)-1].At - seen[0].At
	beat := float64(bytes) / took.Seconds()
	hour := beat * float64(time.Hour/pace)
	t.Logf("%d packets with %d bytes in %v: %.0f bytes a beat, %.0f an hour; besides %d bytes came for a tool that had ended",
		len(seen), bytes, took, beat, hour, others)
	if hour > limit {
		t.Errorf("an idle device costs %.0f bytes an hour, want at most %.0f", hour, limit)
	}
}
