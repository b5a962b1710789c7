package federation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// Config says who the node is and whom it meets. Identity, Realm and Door are
// needed; the rest has defaults.
type Config struct {
	// Identity is the node's key: libp2p's, and the author of its facts.
	Identity *key.Node
	// Realm is the hash of the realm's key.
	Realm key.Hash
	// Listen are the multiaddrs to listen on, QUIC before TCP by custom; none
	// means that only this node dials.
	Listen []string
	// Announce replaces the addresses that libp2p finds to tell other peers;
	// nil keeps them, an empty list tells none.
	Announce []string
	// Peers are always dialled: multiaddrs ending in /p2p/ and the peer's id.
	Peers []string
	// Door is the node. Its methods must not call the Federation's back while
	// one of the Federation's waits for them.
	Door Door
	// Log receives a line for what an operator can act on; nil: none.
	Log *slog.Logger
	// Wall is read for expiry and for the time in beacons.
	Wall wall.Clock
	// MaxPeers bounds the members connected at once; 0: DefaultMaxPeers.
	MaxPeers int
	// SyncEvery is the time between two syncs with a peer; 0: DefaultSyncEvery.
	SyncEvery time.Duration
	// Boot is greater than at any start before, for beacons; the Unix time is
	// used where that is greater.
	Boot int64
}

func (cfg *Config) check() error {
	switch {
	case cfg.Identity == nil:
		return errors.New("setting up federation: no node key")
	case cfg.Realm.IsZero():
		return errors.New("setting up federation: no realm")
	case cfg.Door == nil:
		return errors.New("setting up federation: no door")
	case cfg.MaxPeers < 0 || cfg.SyncEvery < 0:
		return errors.New("setting up federation: a negative limit")
	}
	if cfg.MaxPeers == 0 {
		cfg.MaxPeers = DefaultMaxPeers
	}
	if cfg.SyncEvery == 0 {
		cfg.SyncEvery = DefaultSyncEvery
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Boot = max(cfg.Boot, int64(cfg.Wall.Now()))
	return nil
}

// Federation is this node among the others of its realm. Its methods are safe
// for concurrent use.
type Federation struct {
	cfg    Config
	door   Door
	log    *slog.Logger
	self   key.Hash
	ctx    context.Context
	cancel context.CancelFunc

	closing sync.Mutex // guards closed, and tasks growing from none
	closed  bool
	tasks   sync.WaitGroup // every goroutine of ours, and handlers at work

	host   host.Host
	pubsub *pubsub.PubSub
	topic  *pubsub.Topic

	links    *links
	outbox   *outbox
	verified verified
	waiting  waiting
	declined declined
	claims   claims
	speakers speakers
	attached attached // our own beacon
	book     book

	reconciler Reconciler
	wakeup     chan struct{} // holds one token while the loop has to look
	jobs       jobs
	counters   counters
	rates      *rates
	warned     time.Time // of the clocks; the review job's own
	told       standing  // what was said then
}

// New makes a Federation that listens at once: an address that cannot be opened
// is an error that wraps the system's. Nothing is dialled, gossiped or synced
// before Start; peers that connect earlier wait for the Door.
func New(cfg Config) (*Federation, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	addresses, err := parseAddresses(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("reading the addresses to listen on: %w", err)
	}
	announce, err := parseAddresses(cfg.Announce)
	if err != nil {
		return nil, fmt.Errorf("reading the addresses to announce: %w", err)
	}
	static, err := parsePeers(cfg.Peers)
	if err != nil {
		return nil, fmt.Errorf("reading the addresses of peers: %w", err)
	}
	f := &Federation{
		cfg: cfg, door: cfg.Door, log: cfg.Log, self: cfg.Identity.Author().Hash(),
		links: newLinks(cfg.MaxPeers, cfg.SyncEvery), outbox: newOutbox(),
		wakeup: make(chan struct{}, 1), reconciler: pages{}, rates: newRates(time.Now()),
	}
	f.attached.boot = cfg.Boot
	f.ctx, f.cancel = context.WithCancel(context.Background())
	if err := f.assemble(announce); err != nil {
		f.Close()
		return nil, err
	}
	for _, p := range static {
		f.links.know(p.ID, p.Addrs, true)
	}
	if err := listen(f.host, addresses); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// assemble makes the host and puts gossip and the stream protocols on it.
func (f *Federation) assemble(announce []ma.Multiaddr) (err error) {
	if f.host, err = newHost(&f.cfg, announce, gater{f.links}); err != nil {
		return err
	}
	f.links.setSelf(f.host.ID())
	f.host.Network().Notify(notifiee{f})
	f.host.SetStreamHandler(protocolHello, f.serveHello)
	f.host.SetStreamHandler(protocolForward, f.forMembers(f.serveForward))
	f.host.SetStreamHandler(protocolSync, f.forMembers(f.serveSync))
	return f.joinGossip()
}

// Start reads from the Door whom to meet, and begins. ctx bounds only that.
func (f *Federation) Start(ctx context.Context) error {
	if err := f.readBook(ctx); err != nil {
		return fmt.Errorf("starting federation: %w", err)
	}
	if !f.enter() {
		return errors.New("starting federation: it was closed")
	}
	defer f.tasks.Done()
	f.tasks.Go(f.loop)
	f.tasks.Go(f.publish)
	return nil
}

// Close disconnects and returns when every goroutine of ours has ended. It may
// be called more than once.
func (f *Federation) Close() error {
	f.closing.Lock()
	f.closed = true
	f.closing.Unlock()
	f.cancel()
	var err error
	if f.host != nil {
		err = f.host.Close()
	}
	f.tasks.Wait()
	return err
}

// Gossip tells the realm. It never blocks: facts past the queue's bound push
// out the oldest, which then come by sync.
func (f *Federation) Gossip(facts []*record.Fact) {
	f.outbox.put(facts)
	f.merged(facts)
	if slices.ContainsFunc(facts, func(fact *record.Fact) bool { return fact.Kind == record.KindAttach }) {
		f.AttachedChanged()
	}
}

// PeerInfo is one connected living member.
type PeerInfo struct {
	Node  key.Hash
	Since time.Time // monotonic
	// Heard is when its beacon was last seen to grow; zero: not yet. Monotonic.
	Heard time.Time
	// Fresh: that was within BeaconFresh.
	Fresh bool
	// Connected is false for a member that is known but away.
	Connected bool
}

// Peers lists the nodes connected, and those we try to reach, by hash.
func (f *Federation) Peers(context.Context) []PeerInfo {
	list := f.links.list()
	now := time.Now()
	for i := range list {
		list[i].Heard = f.speakers.heardAt(list[i].Node)
		list[i].Fresh = f.speakers.freshAt(now, list[i].Node)
	}
	return list
}

// Members lists the connected living members by hash.
func (f *Federation) Members() []key.Hash { return f.links.members() }

// ConnectedFirst returns the nodes in order, connected living members before
// the others. It never blocks for long, so the node's loop may call it.
func (f *Federation) ConnectedFirst(nodes []key.Hash) []key.Hash {
	sorted := slices.Clone(nodes)
	slices.SortStableFunc(sorted, func(a, b key.Hash) int {
		return f.links.rank(a) - f.links.rank(b)
	})
	return sorted
}

// Claiming names the nodes heard within BeaconFresh that say that the device of
// this attach fact is connected to them. It is their claim.
func (f *Federation) Claiming(attach key.Hash) []key.Hash {
	return f.speakers.claiming(time.Now(), attach)
}

// Heard is when the beacon of a node was last seen to grow; zero: not yet.
func (f *Federation) Heard(node key.Hash) time.Time { return f.speakers.heardAt(node) }

// Clocks compares this node's wall clock with what other nodes tell.
func (f *Federation) Clocks() Clocks { return f.speakers.clocks(time.Now()) }

// Addrs returns the multiaddrs that other nodes can use, ending in /p2p/ and
// this node's peer id.
func (f *Federation) Addrs() []string {
	suffix := "/p2p/" + f.host.ID().String()
	var list []string
	for _, a := range f.host.Addrs() {
		list = append(list, a.String()+suffix)
	}
	return list
}

// ListenAddrs returns the multiaddrs this node listens on, announced or not,
// ending in /p2p/ and this node's peer id.
func (f *Federation) ListenAddrs() []string {
	list, err := f.host.Network().InterfaceListenAddresses()
	if err != nil {
		list = f.host.Network().ListenAddresses()
	}
	suffix := "/p2p/" + f.host.ID().String()
	var out []string
	for _, a := range list {
		out = append(out, a.String()+suffix)
	}
	return out
}

// Identity returns the libp2p name of this node.
func (f *Federation) Identity() string { return f.host.ID().String() }

// enter lets a handler begin, which must call tasks.Done at its end; false when
// Close has begun.
func (f *Federation) enter() bool {
	f.closing.Lock()
	defer f.closing.Unlock()
	if f.closed {
		return false
	}
	f.tasks.Add(1)
	return true
}

// wake makes the loop look for what is due.
func (f *Federation) wake() {
	select {
	case f.wakeup <- struct{}{}:
	default:
	}
}

// disconnect ends every connection of a peer.
func (f *Federation) disconnect(id peer.ID) { f.host.Network().ClosePeer(id) }

func parseAddresses(list []string) ([]ma.Multiaddr, error) {
	var out []ma.Multiaddr
	for _, s := range list {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func parsePeers(list []string) ([]peer.AddrInfo, error) {
	addresses, err := parseAddresses(list)
	if err != nil {
		return nil, err
	}
	return peer.AddrInfosFromP2pAddrs(addresses...)
}
