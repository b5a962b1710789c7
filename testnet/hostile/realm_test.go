package hostile_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshpresence/internal/key"
	"meshpresence/internal/udf"
	"meshpresence/node"
	"meshpresence/node/client"
	"meshpresence/testnet/ports"
)

func TestMain(m *testing.M) {
	// Most tests here wait for the protocol's timers, not for the processor.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0)))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what should take milliseconds.
const patience = 90 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// logTo sends logs to the test's output.
func logTo(t testing.TB, who string) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("who", who)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// site is a running node and what it runs on.
type site struct {
	*node.Node
	cfg node.Config
}

// startNode runs a node on free ports until the test ends. A realm of
// one, unless the realm of another site is given. It tells nobody its
// addresses, so peers meet only as they are told to.
func startNode(t testing.TB, realm *site, peers ...string) *site {
	t.Helper()
	port, quic := ports.Take(t), ports.Take(t)
	s := &site{cfg: node.Config{
		State: filepath.Join(t.TempDir(), "node"), Listen: "127.0.0.1:" + port,
		PeerListen: []string{"/ip4/127.0.0.1/tcp/" + port, "/ip4/127.0.0.1/udp/" + quic + "/quic-v1"}, Announce: []string{}, Peers: peers,
		SyncEvery: 250 * time.Millisecond, OpenAccounts: true, HandshakeRate: 10_000, Log: logTo(t, t.Name()),
	}}
	if realm != nil {
		s.cfg.RealmKey = realm.realmFile()
	}
	s.run(t)
	return s
}

func (s *site) run(t testing.TB) {
	t.Helper()
	var err error
	if s.Node, err = node.Start(testContext(t), s.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
}

func (s *site) realmFile() string { return filepath.Join(s.cfg.State, "keys", "realm.key") }

// devices is the node's device port, and the fingerprint it is pinned by.
func (s *site) devices() (netip.AddrPort, [18]byte) {
	at, print, _ := strings.Cut(strings.TrimPrefix(s.DeviceAddress(), "mpp://"), "/")
	return netip.MustParseAddrPort(at), must(udf.ParseExpect(print))
}

// behind is the address of this node for devices that reach it through a tap.
func (s *site) behind(tap netip.AddrPort) string {
	_, print, _ := strings.Cut(strings.TrimPrefix(s.DeviceAddress(), "mpp://"), "/")
	return "mpp://" + tap.String() + "/" + print
}

// peers is the node's multiaddr of a transport, "tcp" or "quic-v1", its socket
// address, and its libp2p id.
func (s *site) peers(transport string) (multiaddr string, at netip.AddrPort, id string) {
	for _, a := range s.PeerAddresses() {
		// /ip4/127.0.0.1/tcp/PORT/p2p/ID or /ip4/127.0.0.1/udp/PORT/quic-v1/p2p/ID
		if parts := strings.Split(a, "/"); strings.Contains(a, "/"+transport+"/") {
			return a, netip.MustParseAddrPort(parts[2] + ":" + parts[4]), parts[len(parts)-1]
		}
	}
	panic("no address of transport " + transport)
}

// name is the hash of the node's key.
func (s *site) name() key.Hash {
	return must(key.LoadNode(filepath.Join(s.cfg.State, "keys", "node.key"))).Author().Hash()
}

// agree waits until all nodes hold the same facts, and returns their digest.
func agree(t testing.TB, nodes ...*site) string {
	t.Helper()
	ctx := testContext(t)
	for {
		first := digest(t, nodes[0])
		same := true
		for _, n := range nodes[1:] {
			same = same && digest(t, n) == first
		}
		if same {
			return first
		}
		wait(t, ctx)
	}
}

func digest(t testing.TB, s *site) string {
	t.Helper()
	d, err := s.Digest(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wait lets a moment pass for a condition that has no signal.
func wait(t testing.TB, ctx context.Context) {
	t.Helper()
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
		t.Fatal("gave up waiting")
	}
}

// until waits for a condition that has no signal.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx := testContext(t)
	for !ok() {
		if ctx.Err() != nil {
			t.Fatalf("waiting until %s: it did not come", what)
		}
		wait(t, ctx)
	}
}

// person is a device that runs the real client.
type person struct {
	*client.Client
	t      testing.TB
	events chan client.Event
	// leftOut: some epoch may leave the device out, so that it cannot read all.
	leftOut bool
}

func dial(t testing.TB, p *client.Profile, address string) *person {
	t.Helper()
	c, err := client.Dial(p, client.Config{Node: address, Heartbeat: time.Second, Listen: "127.0.0.1:0", Log: logTo(t, p.Name())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &person{Client: c, t: t, events: make(chan client.Event, 1024)}
}

func profile(t testing.TB, name string) *client.Profile {
	t.Helper()
	return must(client.NewProfile(filepath.Join(t.TempDir(), name), name))
}

// newAccount makes an account whose first device is at an address.
func newAccount(t testing.TB, name, address string) *person {
	t.Helper()
	p := dial(t, profile(t, name), address)
	if err := p.CreateAccount(testContext(t), nil, ""); err != nil {
		t.Fatal(err)
	}
	return p
}

// invite adds a device to the account, at an address.
func (p *person) invite(name, address string) *person {
	p.t.Helper()
	fresh := profile(p.t, name)
	inv, err := p.AddDevice(testContext(p.t), fresh.Card(), client.RoleWatch|client.RolePublish, nil)
	if err == nil {
		err = fresh.Join(inv)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return dial(p.t, fresh, address)
}

// watch begins to collect events and returns once a node serves the device.
func (p *person) watch() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range p.Watch(ctx) {
			switch {
			case errors.Is(err, client.ErrClosed):
			case errors.Is(err, client.ErrUnreadable) && p.leftOut:
			case err != nil:
				p.t.Errorf("watching: %v", err)
			default:
				p.events <- e
			}
		}
	}()
	p.t.Cleanup(func() { cancel(); <-done })
	if err := p.Attached(testContext(p.t)); err != nil {
		p.t.Fatal(err)
	}
}

// want waits for events with these payloads, in this order.
func (p *person) want(payloads ...string) {
	p.t.Helper()
	for _, want := range payloads {
		select {
		case e := <-p.events:
			if string(e.Data) != want {
				p.t.Fatalf("%s got %q, want %q", p.Profile().Name(), e.Data, want)
			}
		case <-time.After(patience):
			p.t.Fatalf("%s got nothing, want %q", p.Profile().Name(), want)
		}
	}
}

// none says that nothing has come.
func (p *person) none() {
	p.t.Helper()
	select {
	case e := <-p.events:
		p.t.Errorf("%s got %q, want nothing", p.Profile().Name(), e.Data)
	default:
	}
}

func (p *person) publish(post client.Post) client.Receipt {
	p.t.Helper()
	r, err := p.Publish(testContext(p.t), post)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// The private keys of a profile, as a thief of its directory has them.
func (p *person) deviceKey() *key.Device {
	return must(key.LoadDevice(filepath.Join(p.Profile().Dir(), "device.key")))
}

func (p *person) staticKey() *key.Static {
	return must(key.LoadStatic(filepath.Join(p.Profile().Dir(), "agreement.key")))
}

func (p *person) accountKey() *key.Account {
	return must(key.LoadAccount(filepath.Join(p.Profile().Dir(), "account.key"), nil))
}

func (p *person) account() key.Hash { return must(key.ParseHash(p.Profile().Account())) }
