package sim

import (
	"fmt"
	"net/netip"
)

// Segment is an address space whose hosts reach each other directly: the internet,
// or the inside of a NAT.
type Segment struct {
	net     *Net
	name    string
	at      map[netip.Addr]place
	outside *Segment // nil for the internet
	four    *NAT     // the gate for IPv4, with addresses of the segment outside
	six     *NAT     // and for IPv6, whose addresses are the same on both sides
}

// place is what has an address: a host of the segment, or the gate of a segment
// inside it.
type place struct {
	host   *Host
	inside *Segment
}

func newSegment(n *Net, name string, outside *Segment) *Segment {
	return &Segment{net: n, name: name, at: make(map[netip.Addr]place), outside: outside}
}

// NAT makes a segment behind a NAT of that behaviour, which has those addresses of
// this segment. IPv6 passes it by a firewall that filters alike and translates
// nothing.
func (s *Segment) NAT(b Behaviour, outer ...string) *Segment {
	n := s.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.segments++
	in := newSegment(n, fmt.Sprintf("NAT %d", n.segments), s)
	addrs := make([]netip.Addr, 0, len(outer))
	for _, a := range outer {
		addr := netip.MustParseAddr(a)
		addrs = append(addrs, addr)
		s.claim(addr, place{inside: in})
	}
	in.four = NewNAT(b, n.Rand(in.name), addrs...)
	b.Identity, b.Static = true, false
	in.six = NewNAT(b, n.Rand(in.name+" firewall"))
	return in
}

// Forget drops the mappings of the segment's gate, as when it restarts: inner
// hosts appear under other endpoints from their next packet on.
func (s *Segment) Forget() {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.four.Forget()
	s.six.Forget()
}

// Mappings is how many endpoints of the gate are in use.
func (s *Segment) Mappings() int {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.four.Len(s.net.now()) + s.six.Len(s.net.now())
}

// gate is the NAT for addresses of that family.
func (s *Segment) gate(a netip.AddrPort) *NAT {
	if a.Addr().Is6() {
		return s.six
	}
	return s.four
}

// gateHas reports whether an address is one of the gate's own.
func (s *Segment) gateHas(a netip.Addr) bool { return s.outside.at[a].inside == s && a.Is4() }

// claim gives an address to a place; an IPv6 one also outside, where the gate has
// it.
func (s *Segment) claim(a netip.Addr, p place) {
	if s.at[a] != (place{}) {
		panic(fmt.Sprintf("%v is taken in the %s", a, s.name))
	}
	s.at[a] = p
	if a.Is6() && s.outside != nil {
		s.outside.claim(a, place{inside: s})
	}
	if a.Is4() && s.four != nil && s.four.Static {
		s.four.pair(netip.AddrPortFrom(a, 0))
	}
}

// release takes it away again.
func (s *Segment) release(a netip.Addr) {
	delete(s.at, a)
	if a.Is6() && s.outside != nil {
		s.outside.release(a)
	}
}
