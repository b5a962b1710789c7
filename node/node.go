package node

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/access"
	"meshpresence/node/admin"
	"meshpresence/node/federation"
	"meshpresence/node/mpp"
	"meshpresence/node/notify"
	"meshpresence/node/registry"
	"meshpresence/node/store"
	"meshpresence/transport/rud"
	"meshpresence/transport/udpport"
)

// Our limits.
const (
	// postQueue bounds what waits for the loop from other goroutines; they
	// block, so a flood of gossip slows its peers down and never the devices.
	postQueue = 256
	// readAhead is how many batches of datagrams may wait for the loop. Past
	// it the kernel's queue fills and drops: the flood costs no memory.
	readAhead = 4
	// readBusy datagrams waiting there are an eighth of what may: first packets are
	// answered without a curve then, before a flood of them costs the devices theirs.
	readBusy = readAhead * udpport.BatchSize / 8
)

// Node is a running presence node. Its methods are safe for concurrent use.
type Node struct {
	cfg   Config
	log   *slog.Logger
	wall  wall.Clock
	keys  *keys
	id    key.Hash // hash of the node's libp2p key
	realm key.Hash
	rules access.Rules

	store *store.Store
	port  Port
	fed   *federation.Federation

	admin   *admin.Server // nil when there is none
	metrics *admin.Metrics
	started wall.Time

	// Owned by the loop.
	reg       *registry.Registry
	ep        *rud.Endpoint
	sessions  map[*rud.Conn]*session
	peers     map[key.Agreement][]*session       // by the devices' static keys, oldest first
	watching  map[key.Hash]map[*session]struct{} // by account
	devices   map[registry.DeviceRef]*deviceState
	busy      map[*session]struct{} // sessions with something to deliver
	hot       map[*session]struct{} // of them, those touched since the last turn
	scanAt    time.Time             // when the busy ones are looked at
	unsynced  map[key.Hash]*pending
	diskErr   error     // of the batch written last
	peersAt   time.Time // when keys/peers was written last
	history   history
	joins     joins
	decoder   mpp.Decoder
	status    mpp.Status // reused for every heartbeat
	endpoint  mpp.EndpointResponse
	scratch   []byte
	shared    allowances
	batchDue  notify.Batch
	delivered []*notify.Item
	fx        registry.Effects
	sweepAt   time.Time
	swept     time.Time // when that was last
	began     time.Time // the first sweep
	parting   parting
	remnants  remnants
	tickets   *rud.Tickets
	ticketsAt time.Time // when redeemed ones are forgotten again

	// Between goroutines.
	posts    chan func(now time.Time)
	full     chan *udpport.Batch // read, for the loop
	unread   atomic.Int64        // datagrams in full
	empty    chan *udpport.Batch // done with, for the reader
	writes   chan write
	forwards chan forward
	stop     chan struct{}
	stopOnce sync.Once
	found    found
	running  sync.WaitGroup
	workers  sync.WaitGroup
}

// Start opens the state directory, binds the sockets and runs the node until
// Close. A busy port, a directory that is in use, unwritable, corrupt or from a
// newer version is an error and nothing was changed.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	n, err := assemble(cfg)
	if err != nil {
		return nil, err
	}
	n.running.Add(2)
	go n.read()
	go n.loop()
	n.workers.Add(1 + ForwardWorkers)
	go n.write()
	for range ForwardWorkers {
		go n.forward()
	}
	if err := n.fed.Start(ctx); err != nil {
		n.Close()
		return nil, fmt.Errorf("starting federation: %w", err)
	}
	n.findNeighbours()
	if n.admin != nil {
		n.admin.Serve(operator{n}, n.metrics, n.log)
	}
	return n, nil
}

// assemble builds a node whose goroutines do not run yet.
func assemble(cfg Config) (n *Node, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, err
	}
	n = newNode(cfg)
	defer func(n *Node) { // by value: a return of nil sets the result first
		if err != nil {
			n.Close()
		}
	}(n)
	// The store first: its lock keeps a second node out of keys/ as well.
	if n.store, err = store.Open(filepath.Join(cfg.State, "store")); err != nil {
		return nil, err
	}
	if n.keys, err = loadKeys(filepath.Join(cfg.State, "keys"), cfg.RealmKey); err != nil {
		return nil, err
	}
	if n.parting, err = loadParting(n.keysDir()); err != nil {
		return nil, err
	}
	n.id = n.keys.node.Author().Hash()
	if n.realm, err = n.keys.realmHash(); err != nil {
		return nil, err
	}
	n.reg = registry.ForRealm(n.realm)
	if err = n.load(); err != nil {
		return nil, err
	}
	if err = n.openTickets(); err != nil {
		return nil, err
	}
	if err = n.recall(); err != nil {
		return nil, err
	}
	n.recallRemnants()
	if err = n.listen(); err != nil {
		return nil, err
	}
	if cfg.Admin != "" {
		if n.admin, err = admin.Listen(cfg.Admin); err != nil {
			return nil, err
		}
	}
	if err = n.federate(); err != nil {
		return nil, err
	}
	return n, n.introduce()
}

func newNode(cfg Config) *Node {
	n := &Node{
		cfg: cfg, log: cfg.Log, wall: cfg.Wall,
		rules:    access.Rules{Open: cfg.OpenAccounts},
		sessions: make(map[*rud.Conn]*session),
		peers:    make(map[key.Agreement][]*session),
		watching: make(map[key.Hash]map[*session]struct{}),
		devices:  make(map[registry.DeviceRef]*deviceState),
		busy:     make(map[*session]struct{}),
		unsynced: make(map[key.Hash]*pending),
		joins:    newJoins(),
		hot:      make(map[*session]struct{}),
		posts:    make(chan func(time.Time), postQueue),
		full:     make(chan *udpport.Batch, readAhead),
		empty:    make(chan *udpport.Batch, readAhead),
		writes:   make(chan write, writeQueue),
		forwards: make(chan forward, forwardQueue),
		stop:     make(chan struct{}),
	}
	n.started = n.wall.Now()
	n.metrics = admin.NewMetrics(Version(), n.started.Std())
	for range readAhead {
		n.empty <- new(udpport.Batch)
	}
	return n
}

// realmHash is the realm this node lives in: its key's, else its member fact's.
func (k *keys) realmHash() (key.Hash, error) {
	switch {
	case k.realm != nil:
		return k.realm.Author().Hash(), nil
	case k.member != nil:
		return k.member.Realm, nil
	}
	return key.Hash{}, errors.New("finding the realm: there is neither a realm key nor a member fact under keys/; give the realm's key with --realm-key FILE")
}

// load fills the registry from the store, what vouches for others first.
func (n *Node) load() error {
	var facts []*record.Fact
	err := n.store.Facts(func(f *record.Fact) error {
		facts = append(facts, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	if f := n.keys.member; f != nil && f.Realm == n.realm {
		facts = append(facts, f)
	}
	slices.SortStableFunc(facts, func(a, b *record.Fact) int {
		return registry.Order(a.Kind) - registry.Order(b.Kind)
	})
	now := n.wall.Now()
	var over store.Batch
	for _, f := range facts {
		if n.reg.Restore(now, f, &n.fx); n.reg.Current(f.Key()) == nil {
			over.Delete = append(over.Delete, f.Key()) // died while the node was off
		}
	}
	n.fx.Reset() // what counts is on disk already
	n.expiredAttach(over.Delete)
	if len(over.Delete) == 0 {
		return nil
	}
	if err := n.store.Commit(context.Background(), over); err != nil {
		return fmt.Errorf("dropping what is over from the store: %w", err)
	}
	return nil
}

func (n *Node) listen() (err error) {
	if n.port, err = n.cfg.Ports(n.cfg.Listen); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("listening for devices on %s: the port is taken; choose another with --listen HOST:PORT, or stop what holds it: %w", n.cfg.Listen, err)
		}
		return fmt.Errorf("listening for devices on %s (--listen): %w", n.cfg.Listen, err)
	}
	n.ep, err = rud.NewEndpoint(rud.Config{
		Static: n.keys.rud, Static448: n.keys.rud448, Reset: n.keys.reset, Listen: true, Quiet: n.cfg.Quiet,
		Rate: n.cfg.HandshakeRate, Wall: n.wall, Busy: n.overrun, Early: n.early, Tickets: n.tickets,
		Send: n.port.Send, Handler: n,
	})
	if err == nil {
		n.ep.Advance(time.Now()) // its first two minutes begin, and not with the first device
	}
	return err
}

// metaBoot counts this node's starts, for its beacons.
const metaBoot = "boot"

// nextBoot is greater than at any start before: max(stored + 1, Unix seconds)
// (federation.md, Beacon).
func (n *Node) nextBoot() (int64, error) {
	b, err := n.store.Meta(metaBoot)
	if err != nil {
		return 0, fmt.Errorf("reading the store: %w", err)
	}
	boot := int64(n.wall.Now())
	if len(b) == 8 {
		boot = max(boot, int64(binary.BigEndian.Uint64(b))+1)
	}
	return boot, nil
}

// keepBoot remembers this start. No beacon has left yet.
func (n *Node) keepBoot(boot int64) error {
	batch := store.Batch{Meta: map[string][]byte{metaBoot: binary.BigEndian.AppendUint64(nil, uint64(boot))}}
	if err := n.store.Commit(context.Background(), batch); err != nil {
		return fmt.Errorf("counting this start: %w", err)
	}
	return nil
}

func (n *Node) federate() error {
	boot, err := n.nextBoot()
	if err != nil {
		return err
	}
	n.fed, err = federation.New(federation.Config{
		Identity: n.keys.node, Realm: n.realm,
		Listen: n.cfg.PeerListen, Announce: n.cfg.Announce, Peers: slices.Concat(n.cfg.Peers, n.keys.peers),
		Door: door{n}, Log: n.log, Wall: n.wall, SyncEvery: n.cfg.SyncEvery, Boot: boot,
	})
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("listening for nodes on %v: the port is taken; choose another with --peer-listen, or stop what holds it: %w", n.cfg.PeerListen, err)
		}
		return fmt.Errorf("setting up federation: %w", err)
	}
	return n.keepBoot(boot) // last: a start that fails for a port changes nothing
}

// Close stops the node: no new work, what is queued for the disk is written,
// every goroutine ends. Until then the admin socket says that it is stopping. It is safe to call more than once.
func (n *Node) Close() (err error) {
	n.stopOnce.Do(func() { err = n.release() })
	return err
}

func (n *Node) release() (err error) {
	close(n.stop)
	n.leaveNeighbours()
	if n.fed != nil {
		err = n.fed.Close()
	}
	if n.port != nil {
		n.port.Close()
	}
	n.running.Wait()
	n.endWorkers()
	err = errors.Join(err, n.leaveRemnants())
	if n.store != nil {
		err = errors.Join(err, n.store.Close())
	}
	if n.admin != nil {
		err = errors.Join(err, n.admin.Close())
	}
	return err
}

// post runs f in the loop, soon; it is dropped when the node stops.
func (n *Node) post(f func(now time.Time)) {
	select {
	case n.posts <- f:
	case <-n.stop:
	}
}

// do runs f in the loop and returns after it; false when ctx ended or the node
// stopped first.
func (n *Node) do(ctx context.Context, f func(now time.Time)) bool {
	done := make(chan struct{})
	select {
	case n.posts <- func(now time.Time) { f(now); close(done) }:
	case <-ctx.Done():
		return false
	case <-n.stop:
		return false
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	case <-n.stop:
		return false
	}
}

// DeviceAddress is what a device is given: mpp://host:port/FINGERPRINT. Of a
// node that listens on every address, the first one others can reach.
func (n *Node) DeviceAddress() string { return n.DeviceAddresses()[0] }

// DeviceAddresses are all addresses a device may use, at least one.
func (n *Node) DeviceAddresses() []string {
	var list []string
	for _, a := range reachable(n.port.LocalAddr()) {
		list = append(list, addressOf(a, n.keys.rud.Public()))
	}
	return list
}

// PeerAddresses are the multiaddrs of this node for other nodes, with /p2p/.
func (n *Node) PeerAddresses() []string { return n.fed.ListenAddrs() }

// Realm returns the fingerprint-like name of the node's realm.
func (n *Node) Realm() string { return n.realm.String() }

// Digest is a hash of everything the node holds: two nodes of a realm at rest
// have the same one.
func (n *Node) Digest(ctx context.Context) (string, error) {
	var sums []registry.AccountSum
	if !n.do(ctx, func(time.Time) { sums = n.reg.Sums(n.wall.Now()) }) {
		return "", errors.New("asking the node for its digest: it stopped or did not answer in time")
	}
	slices.SortFunc(sums, func(a, b registry.AccountSum) int {
		return slices.Compare(a.Account[:], b.Account[:])
	})
	h := sha256.New()
	for _, s := range sums {
		h.Write(s.Account[:])
		h.Write(s.Total[:])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
