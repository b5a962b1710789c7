package lab

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// Mapping is how a NAT chooses the port that a datagram leaves from.
type Mapping string

// The mappings that nftables makes.
const (
	Easy Mapping = "masquerade"              // the port inside, while it is free
	Hard Mapping = "masquerade fully-random" // another one for each destination
)

// Ports is a mapping to a range of ports, as a provider's NAT has for a home.
func Ports(low, high uint16) Mapping {
	return Mapping(fmt.Sprintf("meta l4proto udp masquerade to :%d-%d", low, high))
}

// NAT is a home's router: a machine between the Cloud inside and the one outside,
// that translates addresses by nftables.
type NAT struct {
	*Machine
	Inside, Outside *Wire
}

// NewNAT connects a router that lets out who is inside, and lets in who was
// written to within idle: shorter than the kernel's half minute, because a test
// does not wait that long.
func NewNAT(name string, inside, outside *Cloud, in, out netip.Addr, m Mapping, idle time.Duration) (n *NAT, err error) {
	n = new(NAT)
	if n.Machine, err = NewMachine(name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.Machine.Close()
			err = fmt.Errorf("making NAT %s: %w", name, err)
		}
	}()
	if n.Outside, err = outside.Connect(n.Machine, "out", out); err != nil {
		return nil, err
	}
	if n.Inside, err = inside.Connect(n.Machine, "in", in); err != nil {
		return nil, err
	}
	n.Inside.Route(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
	// The whole private network is inside.
	if err = n.IP("route", "add", netip.PrefixFrom(in, 24).Masked().String(), "dev", "in"); err != nil {
		return nil, err
	}
	if err = n.Set("net/ipv4/ip_forward", "1"); err != nil {
		return nil, err
	}
	if err = n.Map(m); err != nil {
		return nil, err
	}
	return n, n.Idle(idle)
}

// Map changes how ports are chosen for what has none yet.
func (n *NAT) Map(m Mapping) error {
	return n.tool(`
table ip nat
delete table ip nat
table ip nat {
	chain out {
		type nat hook postrouting priority 100;
		oifname "out" `+string(m)+`
	}
	chain in {
		type filter hook forward priority 0; policy drop;
		iifname "in" accept
		ct state established,related accept
	}
}`, "nft", "-f", "-")
}

// Idle changes after how long without a datagram a mapping ends, whole seconds.
func (n *NAT) Idle(d time.Duration) error {
	text := strconv.Itoa(int(d / time.Second))
	for _, name := range []string{"nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"} {
		if err := n.Set("net/netfilter/"+name, text); err != nil {
			return err
		}
	}
	return nil
}
