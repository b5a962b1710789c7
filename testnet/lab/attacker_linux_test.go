package lab_test

import (
	"encoding/binary"
	"net/netip"

	"meshpresence/testnet/lab"
	"meshpresence/transport/rud/wire"
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
	to := a.to
	if from.Addr().Is6() {
		to = netip.AddrPortFrom(nodeAddr6, to.Port())
	}
	a.buf = lab.AppendUDP(a.buf[:0], from, to, data)
	a.s.cloud.Send(a.buf)
	if a.sent++; a.sent%window == 0 {
		a.settle()
	}
}

// settle waits until the node has read everything that was sent.
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

// finish waits until the node has read everything, and has sent what it answers:
// a Hello that comes after all of it got its Challenge.
func (a *attacker) finish() {
	a.s.t.Helper()
	a.settle()
	back := make(chan struct{}, 1)
	// From a network that nobody else comes from: its bucket is full.
	a.s.finishes++
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, byte(64 + a.s.finishes>>8), byte(a.s.finishes), 1}), 9)
	leave := a.s.cloud.Stranger(netip.PrefixFrom(from.Addr(), 32), func([]byte) {
		select {
		case back <- struct{}{}:
		default:
		}
	})
	defer leave()
	a.s.cloud.Send(lab.AppendUDP(nil, from, a.to, hello(wire.SmallPacket, 0)))
	a.sent++
	select {
	case <-back:
	case <-a.s.ctx.Done():
		a.s.t.Fatal("the node stopped answering")
	}
}

// hello is the first packet of First Contact, from whoever: its handshake id is n.
func hello(size, n int) []byte {
	h := wire.Hello{Suite: wire.SuiteX25519AESGCM}
	binary.BigEndian.PutUint64(h.ID[:], uint64(n)+1)
	return h.Append(nil, size, nil)
}

// stranger is the n-th address of the strangers, one in each /24 after the other.
func stranger(n int) netip.AddrPort {
	const nets = 2 << 8 // /24s in strangers
	net, host := n%nets, n/nets%254+1
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(18 + net>>8), byte(net), byte(host)}), uint16(1024+n%50_000))
}

// stranger6 is the n-th address of one /48.
func stranger6(n int) netip.AddrPort {
	a := strangers6.Addr().As16()
	binary.BigEndian.PutUint64(a[8:], uint64(n)+1)
	return netip.AddrPortFrom(netip.AddrFrom16(a), uint16(1024+n%50_000))
}
