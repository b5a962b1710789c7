package node

import (
	"context"
	"net/netip"

	"meshpresence/discovery/mdns"
)

// found is this node on the local network: announced, and looking for others.
// The zero value is neither.
type found struct {
	announcement *mdns.Announcement
	end          context.CancelFunc
}

// findNeighbours announces this node and hands the others that are heard to
// federation, which admits members only. A machine without multicast runs a node
// all the same.
func (n *Node) findNeighbours() {
	if !n.cfg.MDNS {
		return
	}
	own := n.keys.rud.Public().UDF()
	local := n.port.LocalAddr()
	cfg := mdns.Config{
		Fingerprint: own, Port: local.Port(), Listen: local.Addr(), Peers: n.fed.Ports(),
		Interfaces: n.cfg.MDNSInterfaces, Log: n.log,
	}
	var err error
	if n.found.announcement, err = mdns.Announce(cfg); err != nil {
		n.log.Warn("announcing this node on the local network: devices and nodes need its address", "err", err)
		return
	}
	var ctx context.Context
	ctx, n.found.end = context.WithCancel(context.Background())
	n.running.Go(func() {
		err := mdns.Browse(ctx, cfg, func(e mdns.Entry) { n.neighbour(own, e) })
		if err != nil {
			n.log.Warn("looking for nodes on the local network", "err", err)
		}
	})
}

// neighbour passes on what was heard of a node, but of this one.
func (n *Node) neighbour(own string, e mdns.Entry) {
	switch {
	case e.Fingerprint == own:
	case e.Gone:
		n.fed.Lost(e.Peers)
	default:
		var addresses []netip.Addr
		for _, at := range e.Addrs {
			addresses = append(addresses, at.Addr())
		}
		n.fed.Found(addresses, e.Peers)
	}
}

// leaveNeighbours says goodbye.
func (n *Node) leaveNeighbours() {
	if n.found.end != nil {
		n.found.end()
	}
	if n.found.announcement != nil {
		n.found.announcement.Close()
	}
}
