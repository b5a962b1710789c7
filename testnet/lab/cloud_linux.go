package lab

import (
	"net/netip"
	"slices"
	"sync"
)

// Cloud is the network between machines: it carries each IP packet to the Wire,
// or to the stranger, with the longest prefix that holds its destination, and
// whatever source it claims. It is safe for concurrent use.
type Cloud struct {
	seed uint64

	mu     sync.Mutex
	routes []route // longest prefix first
	wires  []*Wire
}

type route struct {
	prefix netip.Prefix
	to     func(packet []byte) // lent
	wire   *Wire               // nil for a stranger
}

// NewCloud returns a network without wires, whose faults are drawn from a seed.
func NewCloud(seed uint64) *Cloud { return &Cloud{seed: seed} }

// Stranger has a function take what is sent to a prefix, as an attacker who speaks
// for all of it, until leave is called. The packet is lent.
func (c *Cloud) Stranger(prefix netip.Prefix, take func(packet []byte)) (leave func()) {
	c.route(route{prefix: prefix, to: take})
	return func() { c.unroute(nil, func(p netip.Prefix) bool { return p == prefix }) }
}

func (c *Cloud) route(r route) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routes = append(c.routes, r)
	slices.SortStableFunc(c.routes, func(a, b route) int { return b.prefix.Bits() - a.prefix.Bits() })
}

// unroute forgets those prefixes of a wire, or of strangers, that are wanted gone.
func (c *Cloud) unroute(w *Wire, gone func(netip.Prefix) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routes = slices.DeleteFunc(c.routes, func(r route) bool { return r.wire == w && gone(r.prefix) })
}

// Send carries a packet, which is lent; one that nobody has the address of is
// lost.
func (c *Cloud) Send(packet []byte) {
	p, ok := ParsePacket(packet)
	if !ok {
		return
	}
	if to := c.find(p.To.Addr()); to != nil {
		to(packet)
	}
}

func (c *Cloud) find(to netip.Addr) func([]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.routes {
		if r.prefix.Contains(to) {
			return r.to
		}
	}
	return nil
}

// Close ends the wires.
func (c *Cloud) Close() {
	c.mu.Lock()
	wires := c.wires
	c.wires, c.routes = nil, nil
	c.mu.Unlock()
	for _, w := range wires {
		w.close()
	}
}
