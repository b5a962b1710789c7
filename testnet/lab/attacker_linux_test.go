package lab_test

import (
	"net/netip"

	"meshpresence/testnet/lab"
)

// attacker sends the node datagrams from wherever it likes, over the node's wire.
type attacker struct {
	s    *scene
	to   netip.AddrPort
	buf  []byte
	sent uint64
	base lab.UDP
}

// window is how many datagrams may wait in the node's socket: the scenarios are
// about what the node does with them, so none may be lost before it.
const window = 128

func (s *scene) attacker() *attacker {
	s.t.Helper()
	return &attacker{s: s, to: netip.AddrPortFrom(nodeAddr, lab.DevicePort), base: s.udp()}
}

func (s *scene) udp() lab.UDP {
	s.t.Helper()
	u, err := s.node.Machine.UDP()
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// send sends one datagram, and now and then waits until the node has read.
func (a *attacker) send(from netip.AddrPort, data []byte) {
	a.buf = lab.AppendUDP(a.buf[:0], from, a.to, data)
	a.s.cloud.Send(a.buf)
	if a.sent++; a.sent%window == 0 {
		a.settle()
	}
}

// settle waits until the node has read everything.
func (a *attacker) settle() {
	a.s.t.Helper()
	for a.s.ctx.Err() == nil {
		now := a.s.udp()
		if now.Refused > a.base.Refused {
			a.s.t.Fatalf("%d datagrams were lost before the node", now.Refused-a.base.Refused)
		}
		if now.Read-a.base.Read >= a.sent {
			return
		}
	}
	a.s.t.Fatal("the node stopped reading")
}

// port is the n-th address of the strangers, one in each /24 after the other.
func stranger(n int) netip.AddrPort {
	const nets = 2 << 8 // /24s in strangers
	net, host := n%nets, n/nets%254+1
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(18 + net>>8), byte(net), byte(host)}), uint16(1024+n%50_000))
}
