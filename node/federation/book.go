package federation

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// book remembers which of the realm's facts were read for addresses.
type book struct {
	mu   sync.Mutex
	read map[key.Hash]bool
}

// unread returns the hashes that were not read before, and remembers them; the
// ones that are gone it forgets.
func (b *book) unread(all []key.Hash) []key.Hash {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := make(map[key.Hash]bool, len(all))
	var fresh []key.Hash
	for _, h := range all {
		now[h] = true
		if !b.read[h] {
			fresh = append(fresh, h)
		}
	}
	b.read = now
	return fresh
}

// readBook reads from the Door where the realm's nodes can be dialled.
func (f *Federation) readBook(ctx context.Context) error {
	var all []key.Hash
	var after key.Hash
	for {
		rows := f.door.Rows(ctx, key.Hash{}, after, RowPage)
		for _, r := range rows {
			all = append(all, r.Hash)
		}
		if len(rows) < RowPage || len(all) >= maxRowsAccount {
			break
		}
		after = rows[len(rows)-1].Hash
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for chunk := range slices.Chunk(f.book.unread(all), maxFrameFacts) {
		for _, fact := range f.door.Facts(ctx, chunk) {
			if body, ok := fact.Body.(*record.Node); ok {
				f.learn(fact.Author, body.Peers)
			}
		}
	}
	return ctx.Err()
}

// learn notes the addresses that a node gives of itself. Whether it is a member
// is asked when it is dialled.
func (f *Federation) learn(node key.Author, addresses []string) {
	id, err := peerOf(node)
	if err != nil || id == f.host.ID() {
		return
	}
	var list []ma.Multiaddr
	for _, s := range addresses {
		if a, ok := addressFor(s, id); ok {
			list = append(list, a)
		}
	}
	if len(list) > 0 {
		f.links.know(id, list, false)
	}
}

// addressFor reads a multiaddr, with or without /p2p/, and drops one that names
// another peer than the node that signed it.
func addressFor(s string, id peer.ID) (ma.Multiaddr, bool) {
	a, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, false
	}
	transport, named := peer.SplitAddr(a)
	if transport == nil || named != "" && named != id {
		return nil, false
	}
	return transport, true
}

// mayMeet reports whether a node that the operator did not name may be dialled:
// a member, or one that was announced, which is no stranger once it is a member.
func (f *Federation) mayMeet(ctx context.Context, l peerRef) bool {
	member, found := f.door.Member(ctx, l.node, nil), f.links.isFound(l.id)
	switch {
	case ctx.Err() != nil:
		return false
	case found:
		f.links.setWanted(l.id, member)
	case !member:
		f.links.forget(l.id)
	}
	return member || found
}

// PeerAddress is a multiaddr from a node's card as it may be dialled and kept,
// ending in /p2p/ and the node's peer id; false for one that names another peer
// or cannot be read.
func PeerAddress(node key.Author, s string) (string, bool) {
	id, err := peerOf(node)
	if err != nil {
		return "", false
	}
	a, ok := addressFor(s, id)
	if !ok {
		return "", false
	}
	return a.String() + "/p2p/" + id.String(), true
}

// IsPeerAddress reports whether s is a multiaddr that may stand in Config.Peers.
func IsPeerAddress(s string) bool {
	_, err := parsePeers([]string{s})
	return err == nil
}

// dial connects to a node that is wanted.
func (f *Federation) dial(l peerRef) {
	ctx, cancel := context.WithTimeout(f.ctx, dialTimeout)
	defer cancel()
	defer func() {
		f.links.dialled(l.id, time.Now())
		f.wake()
	}()
	static, addresses := f.links.addresses(l.id)
	if !static && !f.mayMeet(ctx, l) {
		return
	}
	// libp2p's own backoff grows to minutes; ours does not.
	if s, ok := f.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(l.id)
	}
	f.counters.dialed.Add(1)
	if err := f.host.Connect(ctx, peer.AddrInfo{ID: l.id, Addrs: addresses}); err != nil && f.ctx.Err() == nil {
		f.log.Debug("dialling a node", "node", l.node.Short(), "err", err)
	}
}
