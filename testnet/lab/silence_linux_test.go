package lab_test

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"meshpresence/testnet/hostile"
	"meshpresence/testnet/lab"
	"meshpresence/transport/rud/wire"
)

// A2: "10^6 random, truncated, bit-flipped and wrong-id datagrams, every length
// 0-1500: 0 bytes out; 0 log lines beyond 1 per second."
func TestSilence(t *testing.T) {
	s := newScene(t)
	real := s.conversation()
	count := 100_000
	if os.Getenv("MESHPRESENCE_SLOW") != "" {
		count = 1_000_000
	}
	var out, packets atomic.Int64
	s.wire.Keep(func(p *lab.Seen) bool {
		if p.Out && strange(p.To.Addr()) {
			out.Add(int64(p.Size))
			packets.Add(1)
			return packets.Load() < 10
		}
		return false
	})
	began, lines := s.wire.Now(), s.node.Err.Lines()
	a := s.attacker()
	rubbish := hostile.NewRubbish(s.seed, real)
	kinds := map[string]int{}
	for n := range count {
		kind, data := rubbish.Next()
		kinds[kind]++
		a.send(stranger(n), data)
	}
	a.finish()
	s.answers()
	took, said := s.wire.Now()-began, s.node.Err.Lines()-lines
	t.Logf("%d datagrams in %v: %v; %d bytes out, %d log lines", count, took, kinds, out.Load(), said)
	if out.Load() > 0 {
		t.Errorf("%d packets with %d bytes went to strangers, the first ones: %v", packets.Load(), out.Load(), s.wire.Seen())
	}
	if float64(said) > took.Seconds()+1 {
		t.Errorf("%d lines were logged in %v", said, took)
	}
}

// conversation is what a device sent in one: Hello, Complete, or Exchange, and
// data.
func (s *scene) conversation() (list [][]byte) {
	s.t.Helper()
	d := s.device("talker")
	d.run("--trust-first", "ping", "--count", "2")
	types := map[byte]bool{}
	for _, p := range d.wire.Seen() {
		if p.Out && p.UDP() && p.To.Port() == lab.DevicePort && len(p.Data) > 0 {
			list = append(list, p.Data)
			if kind, err := wire.FirstType(p.Data); err == nil {
				types[kind] = true
			}
		}
	}
	if len(list) < 4 || !types[wire.TypeHello] || !types[wire.TypeComplete] {
		s.t.Fatalf("the control failed: a device's conversation has %d packets, of types %v", len(list), types)
	}
	return list
}

// answers is the control: an honest device is still answered.
func (s *scene) answers() {
	s.t.Helper()
	d := s.device("honest")
	if r := d.run("--trust-first", "--json", "ping"); !strings.Contains(r.Out, `"rtt_ms"`) {
		s.t.Fatalf("ping printed %q", r.Out)
	}
}
