package sim

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// Dependence is what a NAT's mapping, or its filter, looks at beside the inner
// address and port (RFC 4787 sections 4.1 and 5).
type Dependence byte

const (
	Independent    Dependence = iota // of the endpoint
	OnAddress                        // of its address
	OnAddressPort                    // of its address and port
	dependences    = iota
	defaultTimeout = 2 * time.Minute
)

var dependenceNames = [dependences]string{"independent", "address", "address and port"}

// String is the RFC's word, shortened.
func (d Dependence) String() string { return dependenceNames[d] }

// part is as much of an endpoint as d looks at.
func (d Dependence) part(a netip.AddrPort) netip.AddrPort {
	switch d {
	case Independent:
		return netip.AddrPort{}
	case OnAddress:
		return netip.AddrPortFrom(a.Addr(), 0)
	}
	return a
}

// Behaviour is how a NAT behaves, in the words of RFC 4787.
type Behaviour struct {
	Name      string
	Mapping   Dependence
	Filtering Dependence

	Preserve  bool          // "port preservation": the outer port is the inner one while that is free
	Draw      bool          // else it is drawn, not the next one
	Hairpin   bool          // inner hosts reach each other by outer addresses
	Timeout   time.Duration // of a mapping that nothing leaves by; 0 is 2 minutes
	RefreshIn bool          // what comes in keeps a mapping, too

	// Identity translates nothing: a firewall that lets in what was asked for.
	Identity bool
	// Static gives each outer address to one inner one, for good (1:1 NAT), and
	// filters nothing.
	Static bool
}

// Kinds are the NATs that people name, as data.
var Kinds = []Behaviour{
	{Name: "full cone", Mapping: Independent, Filtering: Independent, Preserve: true},
	{Name: "address restricted", Mapping: Independent, Filtering: OnAddress, Preserve: true},
	{Name: "port restricted", Mapping: Independent, Filtering: OnAddressPort, Preserve: true},
	{Name: "symmetric", Mapping: OnAddressPort, Filtering: OnAddressPort, Draw: true},
	{Name: "1:1", Static: true},
}

// Kind finds one of Kinds.
func Kind(name string) Behaviour {
	for _, b := range Kinds {
		if b.Name == name {
			return b
		}
	}
	panic("no NAT is called " + name)
}

// NAT is the table of one NAT: pure, stepped by times and packets. One loop owns
// it.
type NAT struct {
	Behaviour
	rng     *rand.Rand
	outer   []netip.Addr
	next    uint16
	inward  map[natKey]*mapping
	outward map[netip.AddrPort]*mapping
	static  map[netip.Addr]netip.Addr // inner to outer
}

// natKey is what finds a mapping: the inner endpoint, and as much of the outer one
// as the mapping depends on.
type natKey struct{ inner, peer netip.AddrPort }

type mapping struct {
	key     natKey
	outer   netip.AddrPort
	used    time.Duration
	permits map[netip.AddrPort]time.Duration // who may send in, and when it was sent to last
}

// NewNAT makes a NAT with those outer addresses.
func NewNAT(b Behaviour, rng *rand.Rand, outer ...netip.Addr) *NAT {
	if b.Identity {
		b.Mapping = Independent // there is one outer endpoint to map to
	}
	n := &NAT{Behaviour: b, rng: rng, outer: outer, next: uint16(20000 + rng.IntN(20000))}
	n.Forget()
	return n
}

// Forget drops every mapping, as a NAT does that restarts.
func (n *NAT) Forget() {
	n.inward = make(map[natKey]*mapping)
	n.outward = make(map[netip.AddrPort]*mapping)
	n.static = make(map[netip.Addr]netip.Addr)
}

// Out takes a packet from inside and returns the source it gets; false when there
// is none for it.
func (n *NAT) Out(now time.Duration, src, dst netip.AddrPort) (netip.AddrPort, bool) {
	if n.Static {
		return n.pair(src)
	}
	key := natKey{src, n.Mapping.part(dst)}
	m := n.inward[key]
	if m != nil && n.expired(now, m.used) {
		n.remove(m)
		m = nil
	}
	if m == nil {
		if m = n.add(now, key); m == nil {
			return netip.AddrPort{}, false
		}
	}
	m.used = now
	m.permits[n.Filtering.part(dst)] = now
	return m.outer, true
}

// In takes a packet from outside to one of the outer addresses and returns the
// inner destination; false when it is filtered, or nobody's.
func (n *NAT) In(now time.Duration, from, to netip.AddrPort) (netip.AddrPort, bool) {
	if n.Static {
		for inner, outer := range n.static {
			if outer == to.Addr() {
				return netip.AddrPortFrom(inner, to.Port()), true
			}
		}
		return netip.AddrPort{}, false
	}
	m := n.outward[to]
	if m == nil || n.expired(now, m.used) {
		return netip.AddrPort{}, false
	}
	// The filter of an independent NAT is open while its mapping lives.
	at, ok := m.permits[n.Filtering.part(from)]
	if !ok || n.Filtering != Independent && n.expired(now, at) {
		return netip.AddrPort{}, false
	}
	if n.RefreshIn {
		m.used = now
		m.permits[n.Filtering.part(from)] = now
	}
	return m.key.inner, true
}

// Len is the number of mappings that live.
func (n *NAT) Len(now time.Duration) int {
	live := len(n.static)
	for _, m := range n.outward {
		if !n.expired(now, m.used) {
			live++
		}
	}
	return live
}

func (n *NAT) expired(now, used time.Duration) bool {
	timeout := n.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	return now-used >= timeout
}

// pair gives the inner address of a 1:1 NAT its outer one.
func (n *NAT) pair(src netip.AddrPort) (netip.AddrPort, bool) {
	outer, ok := n.static[src.Addr()]
	if !ok {
		if len(n.static) == len(n.outer) {
			return netip.AddrPort{}, false
		}
		outer = n.outer[len(n.static)]
		n.static[src.Addr()] = outer
	}
	return netip.AddrPortFrom(outer, src.Port()), true
}

func (n *NAT) remove(m *mapping) {
	delete(n.inward, m.key)
	delete(n.outward, m.outer)
}

// add makes a mapping; nil when no port is free.
func (n *NAT) add(now time.Duration, key natKey) *mapping {
	outer, ok := n.assign(now, key.inner)
	if !ok {
		return nil
	}
	m := &mapping{key: key, outer: outer, permits: make(map[netip.AddrPort]time.Duration)}
	n.inward[key] = m
	n.outward[outer] = m
	return m
}

// assign chooses an outer endpoint.
func (n *NAT) assign(now time.Duration, inner netip.AddrPort) (netip.AddrPort, bool) {
	if n.Identity {
		return inner, n.free(now, inner)
	}
	for _, addr := range n.outer {
		if a := netip.AddrPortFrom(addr, inner.Port()); n.Preserve && n.free(now, a) {
			return a, true
		}
	}
	const lowest, ports = 1024, 1<<16 - 1024
	for range ports {
		n.next++
		if n.Draw {
			n.next = uint16(n.rng.IntN(ports))
		}
		a := netip.AddrPortFrom(n.outer[0], lowest+n.next%ports)
		if n.free(now, a) {
			return a, true
		}
	}
	return netip.AddrPort{}, false
}

// free reports whether no mapping that lives has the outer endpoint, and takes one
// away that does not.
func (n *NAT) free(now time.Duration, outer netip.AddrPort) bool {
	m := n.outward[outer]
	if m != nil && n.expired(now, m.used) {
		n.remove(m)
		m = nil
	}
	return m == nil
}
