package main

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// listenAddresses turns what a person types into multiaddrs, QUIC then TCP for
// each host:port; a multiaddr stands as it is. Nothing given is nil.
func listenAddresses(flag string, given []string) ([]string, error) {
	var list []string
	for _, g := range given {
		if strings.HasPrefix(g, "/") {
			list = append(list, g)
			continue
		}
		hosts, port, err := splitListen(g)
		if err != nil {
			return nil, usage("give HOST:PORT, like :6771 or 192.0.2.7:6771, or a multiaddr like /ip4/192.0.2.7/tcp/6771", "%s %q: %v", flag, g, err)
		}
		for _, h := range hosts {
			list = append(list, multiaddr(h, "udp", port)+"/quic-v1")
		}
		for _, h := range hosts {
			list = append(list, multiaddr(h, "tcp", port))
		}
	}
	return list, nil
}

// splitListen reads host:port. No host means every address, IPv4 and IPv6;
// localhost is this machine's own.
func splitListen(s string) ([]netip.Addr, uint16, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return nil, 0, errors.New("it is not HOST:PORT")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, 0, errors.New("its port is not a number from 0 to 65535")
	}
	switch host {
	case "":
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, uint16(n), nil
	case "localhost":
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, uint16(n), nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, 0, errors.New("its host is not an IP address")
	}
	return []netip.Addr{ip}, uint16(n), nil
}

// multiaddr writes an address as libp2p reads it.
func multiaddr(ip netip.Addr, protocol string, port uint16) string {
	kind := "ip4"
	if ip.Is6() {
		kind = "ip6"
	}
	prefix := ""
	if zone := ip.Zone(); zone != "" {
		prefix = "/ip6zone/" + zone
	}
	return prefix + "/" + kind + "/" + ip.WithZone("").String() + "/" + protocol + "/" + strconv.Itoa(int(port))
}
