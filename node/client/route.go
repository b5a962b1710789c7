package client

import (
	"context"
	"net"
	"net/netip"
	"time"

	"meshpresence/discovery"
)

// routeEvery is how often the kernel is asked where packets to the node would
// leave. It costs a few system calls and no packet.
const routeEvery = 5 * time.Second

// systemRoute is the local address that the kernel would choose for packets to
// that address; the zero Addr when there is no way there. Connecting a UDP socket
// sends nothing.
func systemRoute(to netip.AddrPort) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

// route asks where packets to that address would leave; the zero Addr means
// nowhere, or that nobody knows.
func (c *Client) route(to netip.AddrPort) netip.Addr {
	if c.cfg.Route == nil {
		return netip.Addr{}
	}
	return c.cfg.Route(to)
}

// noticeRoute moves to a fresh socket when the way to the node begins at another
// local address than before: the network changed, and what is on the way from the
// node would wait for the next heartbeat, or never find its NAT open. It reports
// whether it did.
func (c *Client) noticeRoute(ctx context.Context, l *link) bool {
	c.mu.Lock()
	there := l.to
	c.mu.Unlock()
	to, local := there, c.route(there)
	if !local.IsValid() {
		to, local = c.elsewhere(l.address.Fingerprint)
	}
	if !local.IsValid() {
		return false // no network: nothing would be gained by moving
	}
	c.mu.Lock()
	was := l.local
	l.local, l.to = local, to
	c.mu.Unlock()
	if was == local || !was.IsValid() {
		return false
	}
	c.cfg.Log.Info("the network changed", "from", was, "to", local)
	if to != there {
		_ = c.post(ctx, func(now time.Time) { l.conn.RebindTo(now, to) })
	}
	if err := c.Rebind(ctx); err != nil {
		c.cfg.Log.Warn("moving to a fresh socket", "err", err)
		return false
	}
	return true
}

// elsewhere is another address of a node that there is a way to, of those the
// profile pins: IPv6, where only IPv4 was and is gone. "Dual stack is one
// connection." The zero Addr means that there is none.
func (c *Client) elsewhere(fingerprint string) (to netip.AddrPort, local netip.Addr) {
	for _, n := range c.profile.Nodes() {
		a, err := discovery.ParseAddress(n)
		if err != nil || a.Fingerprint != fingerprint {
			continue
		}
		ip, err := netip.ParseAddr(a.Host)
		if err != nil {
			continue // a name: asking for it takes long, and no network may be there
		}
		to = netip.AddrPortFrom(ip.Unmap(), a.Port)
		if local = c.route(to); local.IsValid() {
			return to, local
		}
	}
	return to, netip.Addr{}
}

// firstReached picks the address to send to: the first that there is a way to.
func (c *Client) firstReached(ips []netip.Addr, port uint16) netip.AddrPort {
	for _, ip := range ips {
		if to := netip.AddrPortFrom(ip.Unmap(), port); c.route(to).IsValid() {
			return to
		}
	}
	return netip.AddrPortFrom(ips[0].Unmap(), port)
}
