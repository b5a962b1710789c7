package node

import (
	"net"
	"net/netip"

	"meshpresence/discovery"
	"meshpresence/internal/key"
)

// maxAddresses bounds the addresses on a node's card.
const maxAddresses = 8

// reachable lists where others may send to a socket: its own address, or for
// one that listens everywhere the machine's, loopback last and only when there
// is no other.
func reachable(local netip.AddrPort) []netip.AddrPort {
	if !local.Addr().IsUnspecified() {
		return []netip.AddrPort{local}
	}
	var list, loopback []netip.AddrPort
	ifaces, _ := net.InterfaceAddrs()
	for _, a := range ifaces {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr().Unmap()
		switch at := netip.AddrPortFrom(ip, local.Port()); {
		case ip.IsLoopback():
			loopback = append(loopback, at)
		case ip.IsLinkLocalUnicast() || local.Addr().Is4() && !ip.Is4():
		default:
			list = append(list, at)
		}
	}
	if len(list) == 0 {
		list = loopback
	}
	return list[:min(len(list), maxAddresses)]
}

// addressOf is the one form in which a node's address is printed and typed.
func addressOf(at netip.AddrPort, rud key.Agreement) string {
	a := discovery.Address{Host: at.Addr().String(), Port: at.Port(), Fingerprint: rud.UDF()}
	return a.String()
}
