package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"meshpresence/node"
	"meshpresence/node/client"
)

const (
	heartbeat = time.Second
	// syncEvery is the pace of anti-entropy; the round waits for two of them.
	syncEvery = 5 * time.Second
	// slack is how long anything that should happen is waited for.
	slack = 20 * time.Second
)

// testnet is three nodes, the relays between them, and the devices.
type testnet struct {
	dir   string
	log   *slog.Logger
	sites []*site
	links []*joint

	phone, laptop, tablet, witness *device

	air air // the laptop's networks
}

// site is one node and what it takes to start it again.
type site struct {
	name string
	cfg  node.Config
	node *node.Node // nil while it is stopped
	runs atomic.Bool
}

// up reports whether the site's node runs; any goroutine may ask.
func (s *site) up() bool { return s.runs.Load() }

// joint is the relay by which one site reaches another.
type joint struct {
	from, to string
	relay    *relay
}

// build starts the nodes, makes two accounts and their devices, and returns when
// every device watches at its node. What was started is returned with an error.
func build(ctx context.Context, dir string, log *slog.Logger) (*testnet, error) {
	n := &testnet{dir: dir, log: log}
	for _, name := range []string{"A", "B", "C"} {
		if err := n.addSite(ctx, name); err != nil {
			return n, err
		}
	}
	if err := n.addDevices(ctx); err != nil {
		return n, err
	}
	return n, nil
}

// addSite starts a node that reaches the earlier ones through relays. All live
// in the realm whose key the first one made.
func (n *testnet) addSite(ctx context.Context, name string) error {
	s := &site{name: name, cfg: node.Config{
		State:      filepath.Join(n.dir, "node-"+name),
		Listen:     "127.0.0.1:0",
		PeerListen: []string{"/ip4/127.0.0.1/tcp/0"},
		Announce:   []string{}, // only the relays know the way
		SyncEvery:  syncEvery,
		Log:        n.log.With("node", name),
	}}
	if len(n.sites) > 0 {
		s.cfg.RealmKey = filepath.Join(n.sites[0].cfg.State, "keys", "realm.key")
	}
	for _, other := range n.sites {
		peer, err := n.join(s, other)
		if err != nil {
			return err
		}
		s.cfg.Peers = append(s.cfg.Peers, peer)
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	n.sites = append(n.sites, s)
	return nil
}

// join puts a relay in the way from one site to another and returns the address
// to dial.
func (n *testnet) join(from, to *site) (string, error) {
	for _, a := range to.node.PeerAddresses() {
		// /ip4/127.0.0.1/tcp/PORT/p2p/ID
		parts := strings.Split(a, "/")
		if len(parts) != 7 || parts[3] != "tcp" {
			continue
		}
		r, err := newRelay("127.0.0.1:" + parts[4])
		if err != nil {
			return "", err
		}
		n.links = append(n.links, &joint{from.name, to.name, r})
		port := r.listener.Addr().String()[len("127.0.0.1:"):]
		return "/ip4/127.0.0.1/tcp/" + port + "/p2p/" + parts[6], nil
	}
	return "", fmt.Errorf("node %s has no TCP address", to.name)
}

// start runs the site's node. From the second start on it takes the ports it
// had, so that devices and relays find it again.
func (s *site) start(ctx context.Context) (err error) {
	if s.node, err = node.Start(ctx, s.cfg); err != nil {
		return fmt.Errorf("starting node %s: %w", s.name, err)
	}
	s.runs.Store(true)
	if !strings.HasSuffix(s.cfg.Listen, ":0") {
		return nil
	}
	s.cfg.Listen = hostPort(s.node.DeviceAddress())
	for _, a := range s.node.PeerAddresses() {
		if addr, _, ok := strings.Cut(a, "/p2p/"); ok {
			s.cfg.PeerListen = []string{addr}
		}
	}
	return nil
}

// hostPort is the part of mpp://host:port/FINGERPRINT that a socket binds.
func hostPort(address string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "mpp://"), "/")
	return host
}

func (s *site) stop() error {
	if s.node == nil {
		return nil
	}
	s.runs.Store(false)
	err := s.node.Close()
	s.node = nil
	return err
}

// cut cuts every relay that touches a site, or mends them.
func (n *testnet) cut(name string, cut bool) {
	for _, l := range n.links {
		if l.from == name || l.to == name {
			l.relay.setCut(cut)
		}
	}
}

// addDevices makes the first account's phone, laptop and tablet, each at its
// own node, and a second account's witness beside the tablet.
func (n *testnet) addDevices(ctx context.Context) (err error) {
	a, b, c := n.sites[0], n.sites[1], n.sites[2]
	if err := n.awaitRealm(ctx); err != nil {
		return err
	}
	if n.phone, err = n.newDevice("phone", a); err != nil {
		return err
	}
	if err := n.phone.found(ctx, a); err != nil {
		return err
	}
	if n.laptop, err = n.inviteDevice(ctx, "laptop", b); err != nil {
		return err
	}
	if n.tablet, err = n.inviteDevice(ctx, "tablet", c); err != nil {
		return err
	}
	if n.witness, err = n.newDevice("witness", c); err != nil {
		return err
	}
	if err := n.witness.found(ctx, c); err != nil {
		return err
	}
	for _, d := range n.watchers() {
		if err := d.watch(ctx); err != nil {
			return fmt.Errorf("attaching %s: %w", d.name, err)
		}
	}
	return nil
}

// awaitRealm waits until the nodes hold the same facts: each other's cards.
func (n *testnet) awaitRealm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	for _, s := range n.sites[1:] {
		if err := agree(ctx, n.sites[0], s); err != nil {
			return fmt.Errorf("waiting for node %s to join the realm: %w", s.name, err)
		}
	}
	return nil
}

// agree waits until two nodes hold the same.
func agree(ctx context.Context, x, y *site) error {
	for {
		dx, err := x.node.Digest(ctx)
		if err != nil {
			return err
		}
		dy, err := y.node.Digest(ctx)
		if err != nil {
			return err
		}
		if dx == dy {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("their digests still differ")
		}
	}
}

// inviteDevice adds a device to the phone's account.
func (n *testnet) inviteDevice(ctx context.Context, name string, at *site) (*device, error) {
	p, err := client.NewProfile(filepath.Join(n.dir, name), name)
	if err != nil {
		return nil, err
	}
	inv, err := n.phone.client.AddDevice(ctx, p.Card(), client.RoleWatch|client.RolePublish, nil)
	if err != nil {
		return nil, err
	}
	if err := p.Join(inv); err != nil {
		return nil, err
	}
	return n.dial(p, name, at)
}

func (n *testnet) newDevice(name string, at *site) (*device, error) {
	p, err := client.NewProfile(filepath.Join(n.dir, name), name)
	if err != nil {
		return nil, err
	}
	return n.dial(p, name, at)
}

func (n *testnet) dial(p *client.Profile, name string, at *site) (*device, error) {
	d := &device{name: name, net: n}
	return d, n.open(d, p, at)
}

// open gives a device a client at a site. The laptop roams, and looks after its
// connection once an hour: what it notices sooner, it was told.
func (n *testnet) open(d *device, p *client.Profile, at *site) (err error) {
	cfg := client.Config{
		Node: at.node.DeviceAddress(), Heartbeat: heartbeat, Listen: "127.0.0.1:0",
		Log: n.log.With("device", d.name),
	}
	if d.name == "laptop" {
		cfg.Heartbeat, cfg.Ports = time.Hour, n.air.open
	}
	d.client, err = client.Dial(p, cfg)
	return err
}

// reopen gives a device that was closed another client.
func (n *testnet) reopen(d *device, at *site) error {
	p, err := client.OpenProfile(d.client.Profile().Dir())
	if err != nil {
		return err
	}
	return n.open(d, p, at)
}

// watchers are the devices that watch, the witness last.
func (n *testnet) watchers() []*device { return []*device{n.laptop, n.tablet, n.witness} }

// siteOf names the node that a device uses now.
func (n *testnet) siteOf(address string) string {
	for _, s := range n.sites {
		if address != "" && hostPort(address) == s.cfg.Listen {
			return s.name
		}
	}
	return "-"
}

func (n *testnet) describe(out *report) {
	for _, s := range n.sites {
		out.say("node %s  %s", s.name, s.node.DeviceAddress())
	}
	for _, d := range []*device{n.phone, n.laptop, n.tablet, n.witness} {
		out.say("%-8s at %s", d.name, d.site())
	}
}

// close takes everything down; it is safe on a half-built testnet.
func (n *testnet) close() {
	for _, d := range []*device{n.phone, n.laptop, n.tablet, n.witness} {
		if d != nil {
			d.close()
		}
	}
	for _, s := range n.sites {
		s.stop()
	}
	for _, l := range n.links {
		l.relay.close()
	}
}
