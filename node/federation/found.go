package federation

import (
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Found notes where a node may listen, as somebody on the local network says.
// peers are multiaddrs that end in /p2p/ and one peer's id; those without an
// address are completed with each of addresses. It admits nobody: the node is
// dialled, and dropped unless it is a member. It never blocks.
func (f *Federation) Found(addresses []netip.Addr, peers []string) {
	var id peer.ID
	var list []ma.Multiaddr
	for _, s := range peers {
		suffix, one, ok := parseFound(s)
		if !ok || id != "" && one != id {
			continue // one node says where one node is
		}
		id = one
		list = append(list, complete(suffix, addresses)...)
	}
	if len(list) == 0 {
		return
	}
	f.links.found(id, list, time.Now())
	f.wake()
}

// Lost notes that a node says it stops.
func (f *Federation) Lost(peers []string) {
	for _, s := range peers {
		if _, id, ok := parseFound(s); ok {
			f.links.lost(id)
		}
	}
}

// Ports returns the multiaddrs this node listens on without their addresses,
// ending in /p2p/ and this node's peer id: what a neighbour completes with the
// address it heard. Listeners that none but this machine reaches are left out,
// unless there are no others.
func (f *Federation) Ports() []string {
	var far, near []string
	for _, a := range f.host.Network().ListenAddresses() {
		ip, rest := splitIP(a)
		if ip == nil || len(rest) == 0 {
			continue
		}
		s := rest.String() + "/p2p/" + f.host.ID().String()
		if manet.IsIPLoopback(ip) {
			near = append(near, s)
		} else {
			far = append(far, s)
		}
	}
	if len(far) == 0 {
		far = near
	}
	slices.Sort(far)
	slices.Reverse(far) // QUIC before TCP
	return slices.Compact(far)
}

// splitIP cuts the zone and the IP address off a multiaddr; nil when it does not
// begin with them.
func splitIP(a ma.Multiaddr) (ip, rest ma.Multiaddr) {
	for i, c := range a {
		switch c.Protocol().Code {
		case ma.P_IP6ZONE:
		case ma.P_IP4, ma.P_IP6:
			return a[:i+1], a[i+1:]
		default:
			return nil, a
		}
	}
	return nil, a
}

// parseFound reads a multiaddr with /p2p/: a port of UDP or TCP, with or without
// an IP address before it. Names, relays and whatever else would make us ask
// others are refused.
func parseFound(s string) (transport ma.Multiaddr, id peer.ID, ok bool) {
	a, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, "", false
	}
	transport, id = peer.SplitAddr(a)
	_, rest := splitIP(transport)
	if id == "" || len(rest) == 0 || len(rest) > 2 {
		return nil, "", false
	}
	switch code := rest[0].Protocol().Code; {
	case code == ma.P_TCP && len(rest) == 1:
	case code == ma.P_UDP && len(rest) == 2 && rest[1].Protocol().Code == ma.P_QUIC_V1:
	default:
		return nil, "", false
	}
	return transport, id, true
}

// complete puts addresses before a port; a multiaddr that has its own stands
// if a node can be there.
func complete(transport ma.Multiaddr, addresses []netip.Addr) []ma.Multiaddr {
	if ip, _ := splitIP(transport); ip != nil {
		at, err := manet.ToIP(ip)
		if err != nil || !at.IsGlobalUnicast() && !at.IsLinkLocalUnicast() {
			return nil
		}
		return []ma.Multiaddr{transport}
	}
	var list []ma.Multiaddr
	for _, a := range addresses {
		if a.Zone() != "" {
			continue // libp2p dials no address that needs one
		}
		if m, err := manet.FromIP(a.AsSlice()); err == nil {
			list = append(list, m.Encapsulate(transport))
		}
	}
	return list
}

// found notes addresses of a peer that somebody announced, in a bounded table
// beside those that the operator gave and that members signed.
func (t *links) found(id peer.ID, addresses []ma.Multiaddr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id == t.self || t.peers[id] == nil && !t.roomForFound(now) {
		return
	}
	l := t.get(id)
	if l == nil {
		return
	}
	if len(l.found) == 0 && l.state == away && !l.wanted {
		l.nextDial = now.Add(jitter(0, redialMin)) // not all neighbours at once
	}
	l.found, l.heard = compact(append(addresses, l.found...)), now
}

// roomForFound makes room for one more peer that is only announced: the one
// that was dialled in vain most often goes.
func (t *links) roomForFound(now time.Time) bool {
	var worst *link
	count := 0
	for _, l := range t.peers {
		if len(l.found) == 0 || l.wanted {
			continue
		}
		count++
		if l.state == away && l.misses > 0 && (worst == nil || l.misses > worst.misses) {
			worst = l
		}
	}
	if count < maxFound && len(t.peers) < maxKnown {
		return true
	}
	if worst != nil {
		t.drop(worst)
	}
	return worst != nil
}

// lost forgets what was announced of a peer. Anyone can say it, so it ends no
// connection and no address that a member signed.
func (t *links) lost(id peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.peers[id]
	if l == nil {
		return
	}
	l.found = nil
	if l.state == away && !l.wanted {
		t.drop(l)
	}
}

// isFound reports whether a peer was announced.
func (t *links) isFound(id peer.ID) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.peers[id]
	return l != nil && len(l.found) > 0
}

// setWanted makes a peer that was announced one that is always redialled, or
// one that is announced only.
func (t *links) setWanted(id peer.ID, wanted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.peers[id]; l != nil && !l.static && len(l.found) > 0 {
		l.wanted = wanted
	}
}

// isStranger reports whether all that is known of a peer is an announcement.
func (l *link) isStranger() bool { return !l.wanted && len(l.found) > 0 }

// isStrange is isStranger of a peer.
func (t *links) isStrange(id peer.ID) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.peers[id]
	return l != nil && l.isStranger()
}

// strangers counts the announced peers that are dialled or being greeted.
func (t *links) strangers() (n int) {
	for _, l := range t.peers {
		if l.isStranger() && (l.state == dialing || l.state == greeting) {
			n++
		}
	}
	return n
}

// mayDial reports whether a link that is away may be dialled: strangers a few at
// a time, and only in the room that members leave.
func (t *links) mayDial(l *link, dials, strangers, room int) bool {
	switch {
	case l.state != away || dials >= maxDials:
		return false
	case l.wanted:
		return l.static || room > 0
	}
	return l.isStranger() && strangers < maxFoundDials && room > 0
}

// release ends the link of a peer that is away and not wanted, unless it was
// announced: then it is tried again, ever more rarely.
func (t *links) release(l *link, now time.Time) {
	if l.wanted {
		return
	}
	if len(l.found) == 0 || now.Sub(l.heard) >= foundLife {
		t.drop(l)
		return
	}
	l.misses++
	pause := foundMost
	if l.misses < 16 { // below overflow
		pause = min(foundMin<<(l.misses-1), foundMost)
	}
	if at := now.Add(jitter(pause/2, pause)); at.After(l.nextDial) {
		l.nextDial = at
	}
}
