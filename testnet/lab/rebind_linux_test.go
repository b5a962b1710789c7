package lab_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"meshpresence/testnet/lab"
)

// Addresses of a home behind a NAT.
var (
	natAddr   = netip.MustParseAddr("203.0.113.7")
	homeAddr  = netip.MustParseAddr("192.168.1.1")
	phoneAddr = netip.MustParseAddr("192.168.1.2")
)

// home is a device behind a NAT that forgets.
func (s *scene) home(m lab.Mapping, idle time.Duration) (*device, *lab.NAT) {
	s.t.Helper()
	inside := s.newCloud()
	n, err := lab.NewNAT("router", inside, s.cloud, homeAddr, natAddr, m, idle)
	if err != nil {
		s.t.Skipf("SKIP: this kernel makes no NAT: %v", err)
	}
	s.t.Cleanup(n.Close)
	return s.deviceAt("phone", inside, phoneAddr), n
}

// ports are those from which the home's NAT sent to the node, in order.
func ports(w *lab.Wire) (list []uint16) {
	for _, p := range w.Seen() {
		if p.Out || !p.UDP() || p.From.Addr() != natAddr {
			continue
		}
		if n := len(list); n == 0 || list[n-1] != p.From.Port() {
			list = append(list, p.From.Port())
		}
	}
	return list
}

// N3: "NAT rebind (3 s timeout, then every 5 s): 0 new handshakes; node-initiated
// notify reaches device".
func TestRebind(t *testing.T) {
	t.Parallel()
	s := newScene(t, "nft")
	phone, nat := s.home(lab.Hard, 3*time.Second)
	laptop := s.device("laptop")
	laptop.account()
	laptop.admits(phone)
	watch := phone.watches("--heartbeat", "5s")
	laptop.posts("before")
	s.says(watch, "before")

	s.wire.Keep(nil)
	// The keep-alives are further apart than the NAT waits.
	s.eventually("the mapping has ended by itself", func() bool { return len(ports(s.wire)) >= 2 })
	for text, m := range map[string]lab.Mapping{
		"another port at random": lab.Hard, "another range of ports": lab.Ports(700, 799),
	} {
		changes := len(ports(s.wire))
		// Now nothing that the node sends comes through: the phone has to speak.
		if err := errors.Join(nat.Map(m), nat.Forget()); err != nil {
			t.Fatal(err)
		}
		began := s.wire.Now()
		laptop.posts(text)
		s.says(watch, text)
		t.Logf("%s: heard after %v, the ports were %v", text, s.wire.Now()-began, ports(s.wire))
		if len(ports(s.wire)) == changes {
			t.Errorf("%s: the control failed: the port is the same", text)
		}
	}
	if n := s.begun(natAddr); n > 0 {
		t.Errorf("%d packets of handshakes while the NAT rebound", n)
	}
}
