package lab_test

import (
	"fmt"
	"net/netip"
	"testing"
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

	// The one that watches: others were there before, of tools that have ended.
	old := phone.socket()
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
	laptop.posts("arrived")
	s.says(watch, "arrived")
	s.wire.Keep(nil)
	for n := range 3 {
		text := fmt.Sprintf("settled %d", n)
		laptop.posts(text)
		s.says(watch, text)
	}
	for _, p := range s.wire.Seen() {
		if p.Out && p.To == old {
			t.Errorf("%d bytes went to %v after the phone had moved: %.16x", p.Size, p.To, p.Data)
		}
	}
}

// N4, "v4 <-> v6": the phone's network loses one family and keeps the other. "Dual
// stack is one connection."
func TestRoamToIPv6(t *testing.T) {
	t.Parallel()
	newScene(t).changesFamily(nodeAddr, wlanAddr, wlanAddr6)
}

func TestRoamToIPv4(t *testing.T) {
	t.Parallel()
	newScene(t).changesFamily(nodeAddr6, wlanAddr6, wlanAddr)
}

func (s *scene) changesFamily(node, from, to netip.Addr) {
	s.t.Helper()
	phone := s.deviceAt("phone", s.cloud, from, to)
	laptop := s.device("laptop")
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches("--heartbeat", "2s", "--node", s.node.At(node))
	laptop.posts("on the old family")
	s.says(watch, "on the old family")
	if at := phone.socket().Addr(); at != from {
		s.t.Fatalf("the control failed: the phone is at %v, want %v", at, from)
	}

	s.wire.Keep(nil)
	if err := phone.wire.Remove(from); err != nil {
		s.t.Fatal(err)
	}
	began := s.wire.Now()
	laptop.posts("on the new family")
	s.says(watch, "on the new family")
	s.t.Logf("heard %v after %v was gone", s.wire.Now()-began, from)
	for _, a := range []netip.Addr{from, to} {
		if n := s.begun(a); n > 0 {
			s.t.Errorf("%d packets of handshakes from %v", n, a)
		}
	}
}
