package mdns

import (
	"net"
	"net/netip"
	"slices"
)

// link is one interface that is joined, and the addresses it has.
type link struct {
	net.Interface
	addrs    []netip.Addr   // usable ones, without zones
	prefixes []netip.Prefix // of all
	v4, v6   bool           // joined
}

func (l *link) loopback() bool { return l.Flags&net.FlagLoopback != 0 }

// same reports whether nothing changed that others were told.
func (l *link) same(o *link) bool {
	return l.v4 == o.v4 && l.v6 == o.v6 && slices.Equal(l.addrs, o.addrs)
}

// has reports whether an address lies on the link.
func (l *link) has(a netip.Addr) bool {
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// speaks reports whether the link has an address of a family.
func (l *link) speaks(family func(netip.Addr) bool) bool {
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return family(p.Addr()) })
}

// interfaces lists the interfaces to use; names chooses, nil takes those that
// reach others.
func interfaces(names []string) ([]*link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []*link
	for _, i := range all {
		if len(list) == maxLinks {
			break
		}
		if i.Flags&net.FlagUp == 0 || !chosen(i, names) {
			continue
		}
		if l := newLink(i); len(l.addrs) > 0 {
			list = append(list, l)
		}
	}
	return list, nil
}

// chosen reports whether an interface is to be used.
func chosen(i net.Interface, names []string) bool {
	if names != nil {
		return slices.Contains(names, i.Name)
	}
	return i.Flags&net.FlagMulticast != 0 && i.Flags&(net.FlagLoopback|net.FlagPointToPoint) == 0
}

func newLink(i net.Interface) *link {
	l := &link{Interface: i}
	addrs, _ := i.Addrs() // one that went away meanwhile has none
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		l.prefixes = append(l.prefixes, p.Masked())
		if ip := p.Addr(); usable(ip, l.loopback()) && len(l.addrs) < maxAddrs {
			l.addrs = append(l.addrs, ip)
		}
	}
	return l
}
