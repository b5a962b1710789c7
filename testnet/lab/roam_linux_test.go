package lab_test

import (
	"net/netip"
	"testing"

	"meshpresence/testnet/lab"
)

// Addresses that a phone roams between.
var (
	wlanAddr  = netip.MustParseAddr("10.78.0.2")
	otherAddr = netip.MustParseAddr("10.79.0.2")
	wlanAddr6 = netip.MustParseAddr("fd78::2")
)

// N4: "roam: address deleted, new interface: 0 new handshakes; nothing to old path
// after validation".
func TestRoam(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	phone := s.deviceAt("phone", s.cloud, wlanAddr)
	laptop := s.device("laptop")
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches("--heartbeat", "3s")
	laptop.posts("at home")
	s.says(watch, "at home")

	s.wire.Keep(nil)
	lte, err := s.cloud.Connect(phone.Machine, "lte0", otherAddr)
	if err != nil {
		t.Fatal(err)
	}
	if err := phone.wire.Remove(wlanAddr); err != nil {
		t.Fatal(err)
	}
	phone.wire.Close()
	if err := lte.Default(otherAddr); err != nil {
		t.Fatal(err)
	}
	began := s.wire.Now()
	laptop.posts("on the way")
	s.says(watch, "on the way")
	t.Logf("heard %v after the address was gone", s.wire.Now()-began)
	for _, a := range []netip.Addr{wlanAddr, otherAddr} {
		if n := s.begun(a); n > 0 {
			t.Errorf("%d packets of handshakes from %v", n, a)
		}
	}
	s.leaves(wlanAddr, otherAddr)
	laptop.posts("arrived")
	s.says(watch, "arrived")
}

// leaves looks that nothing goes to an old address any more once the node has
// moved to a new one: after a second frame from there, which acknowledges.
func (s *scene) leaves(old, new netip.Addr) {
	s.t.Helper()
	s.wire.Keep(nil)
	s.eventually("the phone has been heard at its new address", func() bool {
		return s.wire.Count(func(p *lab.Seen) bool { return !p.Out && p.From.Addr() == new }) > 0
	})
	if n := s.wire.Count(func(p *lab.Seen) bool { return p.Out && p.To.Addr() == old }); n > 0 {
		s.t.Errorf("%d packets went to %v after the phone had moved", n, old)
	}
}
