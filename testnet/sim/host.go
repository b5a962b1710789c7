package sim

import (
	"net/netip"
	"slices"
)

// Host is a machine: addresses in one segment, a link, and ports.
type Host struct {
	net      *Net
	name     string
	order    uint64
	segment  *Segment
	addrs    []netip.Addr
	up, down lane
	ports    map[netip.AddrPort]*Port // bound to no address: under the zero Addr
	next     uint16
}

// Host adds a machine to the segment, with a perfect link.
func (s *Segment) Host(name string, addrs ...string) *Host {
	n := s.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts++
	h := &Host{net: n, name: name, order: n.hosts, ports: make(map[netip.AddrPort]*Port), next: 40000}
	h.up.rng, h.down.rng = n.Rand(name+" up"), n.Rand(name+" down")
	h.attach(s, addrs)
	return h
}

func (h *Host) attach(s *Segment, addrs []string) {
	h.segment = s
	h.addrs = nil
	for _, a := range addrs {
		addr := netip.MustParseAddr(a).Unmap()
		h.addrs = append(h.addrs, addr)
		s.claim(addr, place{host: h})
	}
}

// Move takes all addresses from the host and gives it others, in the same segment
// or another: what is under way to the old ones is lost. Ports that are bound to
// no address go on.
func (h *Host) Move(to *Segment, addrs ...string) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for _, a := range h.addrs {
		h.segment.release(a)
	}
	h.attach(to, addrs)
}

// Addr is the host's address of the family of a.
func (h *Host) Addr(six bool) netip.Addr {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.addr(six)
}

func (h *Host) addr(six bool) netip.Addr {
	for _, a := range h.addrs {
		if a.Is6() == six {
			return a
		}
	}
	return netip.Addr{}
}

// SetLink changes both directions.
func (h *Host) SetLink(l Link) { h.SetLinks(l, l) }

// SetLinks changes what the host sends by, and what it receives by.
func (h *Host) SetLinks(up, down Link) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.up.Link, h.down.Link = up, down
}

// Links are both directions.
func (h *Host) Links() (up, down Link) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.up.Link, h.down.Link
}

// Hole turns a black hole around the host on and off: the link swallows all, in
// both directions.
func (h *Host) Hole(on bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.up.Down, h.down.Down = on, on
}

// Spoof sends a datagram with any source by the host's uplink.
func (h *Host) Spoof(from, to netip.AddrPort, packet []byte) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.emit(Packet{from, to, slices.Clone(packet)})
}

// emit puts a packet on the uplink.
func (h *Host) emit(p Packet) {
	n := h.net
	at, copies := h.up.carry(n.now(), p.Data, len(p.Data)+overhead(p.To.Addr().Is6()))
	for i := range copies {
		if i > 0 {
			p.Data = slices.Clone(p.Data)
		}
		n.push(flight{Packet: p, at: at[i], host: h.order, leg: legOut, segment: h.segment})
	}
}

// take gives a packet that came down the link to the port it is for.
func (h *Host) take(p Packet) {
	if !slices.Contains(h.addrs, p.To.Addr()) {
		return // the address was the host's when the packet left
	}
	port := h.ports[p.To]
	if port == nil {
		port = h.ports[netip.AddrPortFrom(netip.Addr{}, p.To.Port())]
	}
	if port != nil {
		port.take(p)
	}
}
