package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meshpresence/discovery"
	"meshpresence/discovery/mdns"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/client"
	"meshpresence/node/federation"
	"meshpresence/node/mpp"
	"meshpresence/node/store"
)

const (
	// maxRelays bounds the nodes that a code without an address is tried at: a
	// network that announces thousands costs no more.
	maxRelays = 8
	// reachWithin is how long each may take to answer.
	reachWithin = 20 * time.Second
)

// Why a node does not join a realm, where a caller branches.
var (
	// ErrInRealm: the state directory lives in a realm already.
	ErrInRealm = errors.New("this state directory lives in a realm already")
	// ErrNoRelay: the code names no node, and none was found.
	ErrNoRelay = errors.New("no node was found that could pass the code on")
)

// Fingerprint is what the inviting side is shown of this node while it joins:
// that of its libp2p and its RUD key. The node's keys are made when there are
// none. ErrInRealm when it needs no invitation any more.
func Fingerprint(cfg Config) (string, error) {
	k, done, err := newcomer(cfg)
	if err != nil {
		return "", err
	}
	return access.Fingerprint(k.node.Author().Bytes(), k.rud.Public().Bytes()), done()
}

// JoinRealm is the first start of a node that another realm takes in: it makes
// the node's keys, joins by the code and keeps what admits it, so that Start
// then finds its realm. It changes nothing else, so that one which was cut short
// may be called again. ctx ends it at any time.
func JoinRealm(ctx context.Context, cfg Config, code string) (err error) {
	k, done, err := newcomer(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	ctx, cancel := context.WithTimeout(ctx, access.CodeLife)
	defer cancel()
	relays, err := cfg.relays(ctx, code)
	if err != nil {
		return fmt.Errorf("joining a realm: %w", err)
	}
	m, err := cfg.joinAt(ctx, k, code, relays)
	if err != nil {
		return err
	}
	if err := k.admitted(filepath.Join(cfg.State, "keys"), m); err != nil {
		return fmt.Errorf("keeping what admits this node: %w", err)
	}
	return nil
}

// newcomer opens the state directory of a node without a realm. The store's lock
// keeps another presenced out until done.
func newcomer(cfg Config) (k *keys, done func() error, err error) {
	if cfg.State == "" {
		return nil, nil, errNoState
	}
	s, err := store.Open(filepath.Join(cfg.State, "store"))
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(cfg.State, "keys")
	if k, err = loadOwnKeys(dir); err == nil && k.settled(dir) {
		err = ErrInRealm
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return k, s.Close, nil
}

// settled reports whether the node is a member of a realm, or has one of its own.
func (k *keys) settled(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, realmKeyName))
	return k.member != nil || !errors.Is(err, fs.ErrNotExist)
}

// joinAt joins at the first of the relays that knows the code: the others refuse
// it, and learn nothing by it. What one of several answers otherwise does not end
// the search, since anyone may announce a node.
func (c Config) joinAt(ctx context.Context, k *keys, code string, relays []discovery.Address) (_ client.Membership, err error) {
	own := client.NodeKeys{Node: k.node, Agreement: k.rud, Name: hostname()}
	refused := ""     // the fingerprint of who does not know this code
	var strange error // the first answer that is neither a no nor silence
	for _, at := range relays {
		if at.Fingerprint != "" && at.Fingerprint == refused {
			continue
		}
		via := client.Config{Node: at.String(), Wall: c.Wall, Log: c.Log}
		if err = reach(ctx, via); errors.Is(err, client.ErrNoAnswer) && ctx.Err() == nil {
			continue
		}
		var m client.Membership
		if err == nil {
			m, err = client.JoinRealm(ctx, via, own, code)
		}
		var refusal *client.Refusal
		switch {
		case err == nil, ctx.Err() != nil, errors.Is(err, client.ErrOtherCode):
			return m, err
		case errors.As(err, &refusal) && refusal.Code == mpp.CodeRefused:
			refused = at.Fingerprint
		case !errors.Is(err, client.ErrNoAnswer):
			strange = cmp.Or(strange, err)
		}
	}
	return client.Membership{}, cmp.Or(strange, err)
}

// reach reports whether a node answers at all: a join waits for a person, and
// would wait as long for a node that is not there.
func reach(ctx context.Context, via client.Config) error {
	c, err := client.DialNode(via)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	if _, err := c.Ping(ctx); err != nil {
		return fmt.Errorf("joining a realm at %s: %w", via.Node, err)
	}
	return nil
}

// relays are the addresses of nodes that may pass a code on, at least one: the
// node that it names, else those that the local network knows.
func (c Config) relays(ctx context.Context, code string) ([]discovery.Address, error) {
	_, named, err := access.ParseJoin(code)
	if err != nil {
		return nil, err
	}
	if named != (discovery.Address{}) {
		return []discovery.Address{named}, nil
	}
	if !c.MDNS {
		return nil, ErrNoRelay
	}
	found, err := (&mdns.Resolver{Interfaces: c.MDNSInterfaces}).Resolve(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRelay, err)
	}
	if len(found) == 0 {
		return nil, ErrNoRelay
	}
	var list []discovery.Address
	for _, f := range found[:min(len(found), maxRelays)] {
		list = append(list, discovery.Address{Host: f.Addr.Addr().String(), Port: f.Addr.Port(), Fingerprint: f.Fingerprint})
	}
	return list, nil
}

// hostname is what the inviting side is told this node calls itself.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// admitted writes what a realm gave this node: the peers first, since from the
// member fact on it is a member.
func (k *keys) admitted(dir string, m client.Membership) error {
	f, err := record.Parse(m.Member)
	if err == nil {
		err = f.Verify()
	}
	if err != nil {
		return fmt.Errorf("reading the member fact: %w", err)
	}
	b, ok := f.Body.(*record.Member)
	if !ok || b.Node != k.node.Author().Hash() || f.Realm.String() != m.Realm {
		return errors.New("reading the member fact: it does not admit this node")
	}
	if err := savePeers(dir, peersOf(m.Cards, f.Realm)); err != nil {
		return err
	}
	return saveFact(filepath.Join(dir, "member"), f)
}

// peersOf are the multiaddrs on the cards of a realm's nodes.
func peersOf(cards [][]byte, realm key.Hash) (peers []string) {
	for _, raw := range cards {
		f, err := record.Parse(raw)
		if err != nil || f.Realm != realm || f.Verify() != nil {
			continue
		}
		if b, ok := f.Body.(*record.Node); ok {
			peers = append(peers, peersOn(f.Author, b)...)
		}
	}
	return peers
}

// peersOn are the multiaddrs of one card that can be dialled.
func peersOn(node key.Author, card *record.Node) (peers []string) {
	for _, s := range card.Peers {
		if at, ok := federation.PeerAddress(node, s); ok && len(peers) < maxKeptEach && !slices.Contains(peers, at) {
			peers = append(peers, at)
		}
	}
	return peers
}
