package lab_test

import (
	"strings"
	"testing"

	"meshpresence/testnet/lab"
)

// N6: "MTU blackhole at 576, no ICMP: 16-packet status delivered; no livelock".
// The hole is between each device and the node, from the first packet on.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	laptop, phone := s.device("laptop"), s.device("phone")
	narrow := lab.Fault{MTU: 576}
	for _, d := range []*device{laptop, phone} {
		d.wire.Faults(narrow, narrow)
	}
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches("--timeout", "60s")
	// As much as the tool takes: many packets of 548 bytes.
	text := strings.Repeat("0123456789abcdef", 256)
	r := laptop.run("--timeout", "60s", "publish", text)
	s.says(watch, text)
	t.Logf("4096 bytes published in %v, %d packets lost in the hole", r.Took, laptop.wire.Losses()+phone.wire.Losses())
	if laptop.wire.Losses() == 0 {
		t.Error("the control failed: nothing was too long")
	}
	longest := 0
	for _, p := range append(laptop.wire.Seen(), phone.wire.Seen()...) {
		if !p.Out {
			longest = max(longest, p.Size)
		}
	}
	if longest > 576 {
		t.Errorf("a packet of %d bytes came through a hole of 576", longest)
	}
}

// A hole that opens later: the connection finds it and goes on.
func TestBlackHoleLater(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	laptop, phone := s.device("laptop"), s.device("phone")
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches("--heartbeat", "3s")
	laptop.posts("wide")
	s.says(watch, "wide")
	narrow := lab.Fault{MTU: 576}
	phone.wire.Faults(narrow, narrow)
	s.wire.Keep(nil)
	text := strings.Repeat("0123456789abcdef", 256)
	laptop.posts(text)
	s.says(watch, text)
	t.Logf("4096 bytes came through, %d packets were lost in the hole, %d were of handshakes", phone.wire.Losses(), s.begun(phone.addr))
	if phone.wire.Losses() == 0 {
		t.Error("the control failed: nothing was too long")
	}
	if n := s.begun(phone.addr); n > 0 {
		t.Errorf("the phone needed %d packets of a new handshake", n)
	}
}
