package federation

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"meshpresence/internal/key"
)

// linkState says where we are with one peer.
//
//	away --dial--> dialing --connected--> greeting --shown member--> living
//	 ^  \------------connected------------^  |                        |
//	 |                                       | not a member, silent   | expelled, forged
//	 |                                    refused <-------------------+
//	 +------ last connection closed ------ any of these
type linkState uint8

const (
	away     linkState = iota // no connection
	dialing                   // we try to connect
	greeting                  // connected; nothing shown yet
	living                    // a living member
	refused                   // to be disconnected
)

type peerID = peer.ID

// link is one peer: connected, or to be connected. Guarded by links.mu.
type link struct {
	id    peer.ID
	node  key.Hash
	state linkState
	since time.Time // in this state

	conns    int           // open connections
	outbound bool          // one of them was dialled by us
	decided  chan struct{} // closed when greeting ends; nil unless greeting

	wanted    bool // to be dialled while away
	static    bool // given by the operator
	addresses []ma.Multiaddr
	found     []ma.Multiaddr // announced on the local network
	heard     time.Time      // of that
	misses    int            // dials of a peer only announced, in vain
	dials     int            // since it was last a member
	nextDial  time.Time

	greeted  bool // our hello was sent on this connection
	syncing  bool
	nextSync time.Time // the regular one
	soonSync time.Time // one asked for besides; zero: none
	lastSync time.Time
}

// links are all peers that matter now. Methods are safe for concurrent use and
// never call out.
type links struct {
	self     peer.ID
	maxPeers int
	every    time.Duration // between syncs

	mu     sync.RWMutex
	peers  map[peer.ID]*link
	nodes  map[key.Hash]*link
	barred map[peer.ID]time.Time // until
}

func newLinks(maxPeers int, every time.Duration) *links {
	return &links{
		maxPeers: maxPeers, every: every,
		peers: make(map[peer.ID]*link), nodes: make(map[key.Hash]*link),
		barred: make(map[peer.ID]time.Time),
	}
}

// get returns the link of a peer, and makes it; nil when the peer is no node.
func (t *links) get(id peer.ID) *link {
	l := t.peers[id]
	if l == nil {
		node, ok := nodeOf(id)
		if !ok || id == t.self {
			return nil
		}
		l = &link{id: id, node: node}
		t.peers[id], t.nodes[node] = l, l
	}
	return l
}

func (t *links) drop(l *link) {
	delete(t.peers, l.id)
	delete(t.nodes, l.node)
}

func (l *link) enter(state linkState, now time.Time) {
	if l.decided != nil && state != greeting {
		close(l.decided)
		l.decided = nil
	}
	if state == greeting && l.decided == nil {
		l.decided = make(chan struct{})
	}
	l.state, l.since = state, now
}

// connected notes one more connection.
func (t *links) connected(id peer.ID, inbound bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.get(id)
	if l == nil {
		return
	}
	l.conns++
	l.outbound = l.outbound || !inbound
	if l.state == away || l.state == dialing {
		l.greeted = false
		l.enter(greeting, now)
	}
}

// disconnected notes that a connection is gone.
func (t *links) disconnected(id peer.ID) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.peers[id]
	if l == nil {
		return
	}
	if l.conns--; l.conns > 0 {
		return
	}
	l.outbound = false
	l.enter(away, now)
	l.nextDial = now.Add(jitter(redialMin, redialMax))
	if until, ok := t.barred[id]; ok && now.Before(until) {
		l.nextDial = until
	}
	t.release(l, now)
}

// await waits until a connected peer is known to be a member or not. libp2p
// tells of a connection in no order, so gossip may ask before we heard of it;
// it does not ask twice.
func (t *links) await(ctx context.Context, id peer.ID) bool {
	decided, noted := t.greeted(id)
	for !noted {
		select {
		case <-time.After(noteEvery):
			decided, noted = t.greeted(id)
		case <-ctx.Done():
			return false
		}
	}
	if decided != nil {
		select {
		case <-decided:
		case <-ctx.Done():
			return false
		}
	}
	return t.isMember(id)
}

// greeted returns what closes when the greeting of a connected peer ends, nil
// when it has ended; noted is false while no connection is known.
func (t *links) greeted(id peer.ID) (decided chan struct{}, noted bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.peers[id]
	if l == nil || l.conns == 0 {
		return nil, false
	}
	return l.decided, true
}

// isMember reports whether the peer is connected and a living member.
func (t *links) isMember(id peer.ID) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.peers[id]
	return l != nil && l.state == living
}

// admit makes a connected peer a member. It is false when there is no room.
func (t *links) admit(id peer.ID) bool {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.peers[id]
	if l == nil || l.state != greeting {
		return l != nil && l.state == living
	}
	if !l.static && t.count(living) >= t.maxPeers {
		return false
	}
	l.enter(living, now)
	l.dials, l.misses, l.lastSync = 0, 0, time.Time{}
	l.nextSync, l.soonSync = now.Add(t.every), now
	if !l.outbound { // the side that dialled begins the first sync
		l.soonSync = now.Add(joinSync)
	}
	return true
}

func (t *links) count(states ...linkState) (n int) {
	for _, l := range t.peers {
		if slices.Contains(states, l.state) {
			n++
		}
	}
	return n
}

// bar keeps a peer away for a while. The caller closes its connections.
func (t *links) bar(id peer.ID) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for other, until := range t.barred {
		if !now.Before(until) {
			delete(t.barred, other)
		}
	}
	if len(t.barred) < maxKnown {
		t.barred[id] = now.Add(barredFor)
	}
	if l := t.peers[id]; l != nil {
		if l.conns > 0 {
			l.enter(refused, now)
		}
	}
}

// unbar lets a node in again: it was admitted to the realm.
func (t *links) unbar(node key.Hash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.barred {
		if n, _ := nodeOf(id); n == node {
			delete(t.barred, id)
		}
	}
	if l := t.nodes[node]; l != nil && l.state == away {
		l.nextDial = time.Now()
	}
}

func (t *links) isBarred(id peer.ID) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	until, ok := t.barred[id]
	return ok && time.Now().Before(until)
}

// know notes where a node can be dialled.
func (t *links) know(id peer.ID, addresses []ma.Multiaddr, static bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.peers) >= maxKnown && t.peers[id] == nil && !static {
		return
	}
	l := t.get(id)
	if l == nil {
		return
	}
	l.wanted = true
	if static {
		l.static = true
	}
	if l.static && !static {
		addresses = append(slices.Clone(l.addresses), addresses...)
	}
	l.addresses = compact(addresses)
}

// compact drops repeated addresses and keeps the first few.
func compact(addresses []ma.Multiaddr) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, a := range addresses {
		if len(out) < maxAddresses && !slices.ContainsFunc(out, a.Equal) {
			out = append(out, a)
		}
	}
	return out
}

// forget stops dialling a node, unless the operator named it.
func (t *links) forget(id peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.peers[id]
	if l == nil || l.static {
		return
	}
	l.wanted = false
	if l.state == away {
		t.release(l, time.Now())
	}
}

// addresses returns where a node can be dialled.
func (t *links) addresses(id peerID) (static bool, list []ma.Multiaddr) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if l := t.peers[id]; l != nil {
		return l.static, append(slices.Clone(l.addresses), l.found...)
	}
	return false, nil
}

func (t *links) setSelf(id peerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.self = id
}

// find returns the peer of a connected living node.
func (t *links) find(node key.Hash) (peer.ID, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if l := t.nodes[node]; l != nil && l.state == living {
		return l.id, true
	}
	return "", false
}

// members lists the connected living nodes by hash.
func (t *links) members() []key.Hash {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var nodes []key.Hash
	for node, l := range t.nodes {
		if l.state == living {
			nodes = append(nodes, node)
		}
	}
	slices.SortFunc(nodes, compare)
	return nodes
}

// jitter is a random duration between two.
func jitter(from, to time.Duration) time.Duration {
	return from + rand.N(to-from)
}
