package node_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshpresence/node"
	"meshpresence/node/client"
	"meshpresence/testnet/ports"
)

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(childEnv); ok {
		os.Exit(childMain(text))
	}
	// Most tests here wait for the protocol's timers, not for the processor.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set(strconv.Itoa(3 * runtime.GOMAXPROCS(0)))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what should take milliseconds.
const patience = 90 * time.Second

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// logTo sends logs to the test's output.
func logTo(t *testing.T, who string) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("who", who)
}

// loopback is a node's configuration for a test: every port is taken by chance,
// and accounts need no code.
func loopback(t *testing.T, dir string) node.Config {
	port := ports.Take(t)
	return node.Config{
		State: dir, Listen: "127.0.0.1:" + port, PeerListen: []string{"/ip4/127.0.0.1/tcp/" + port},
		SyncEvery: time.Second, Log: logTo(t, filepath.Base(dir)), OpenAccounts: true,
	}
}

// start runs a node until the test ends, or until stop is called.
func start(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	n, err := node.Start(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// realm starts three nodes of one realm, each knowing the earlier ones.
func realm(t *testing.T) (nodes []*node.Node, configs []node.Config) {
	t.Helper()
	return realmOf(t, "a", "b", "c")
}

func realmOf(t *testing.T, names ...string) (nodes []*node.Node, configs []node.Config) {
	t.Helper()
	dir := t.TempDir()
	var peers []string
	for i, name := range names {
		cfg := loopback(t, filepath.Join(dir, name))
		cfg.Peers = peers
		if i > 0 {
			cfg.RealmKey = filepath.Join(dir, names[0], "keys", "realm.key")
		}
		n := start(t, cfg)
		peers = append(peers, n.PeerAddresses()[0])
		nodes, configs = append(nodes, n), append(configs, cfg)
	}
	agree(t, nodes...)
	return nodes, configs
}

// agree waits until all nodes hold the same facts.
func agree(t *testing.T, nodes ...*node.Node) {
	t.Helper()
	ctx := testContext(t)
	for {
		same := true
		first, err := nodes[0].Digest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes[1:] {
			d, err := n.Digest(ctx)
			if err != nil {
				t.Fatal(err)
			}
			same = same && d == first
		}
		if same {
			return
		}
		wait(t, ctx)
	}
}

// wait lets a moment pass for a condition that has no signal.
func wait(t *testing.T, ctx context.Context) {
	t.Helper()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		t.Fatal("gave up waiting")
	}
}

// newProfile makes a device.
func newProfile(t *testing.T, name string) *client.Profile {
	t.Helper()
	p, err := client.NewProfile(filepath.Join(t.TempDir(), name), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// addressed is a node, in this process or in a child.
type addressed interface{ DeviceAddress() string }

// dial opens a profile's client at a node.
func dial(t *testing.T, p *client.Profile, n addressed) *client.Client {
	t.Helper()
	c, err := client.Dial(p, client.Config{
		Node: n.DeviceAddress(), Heartbeat: time.Second, Listen: "127.0.0.1:0", Log: logTo(t, p.Name()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// account makes an account whose first device is at a node.
func account(t *testing.T, name string, n addressed) *client.Client {
	t.Helper()
	c := dial(t, newProfile(t, name), n)
	if err := c.CreateAccount(testContext(t), nil, ""); err != nil {
		t.Fatal(err)
	}
	return c
}

// invite adds a device to an account and opens it at a node.
func invite(t *testing.T, by *client.Client, name string, n addressed) *client.Client {
	t.Helper()
	return dial(t, invited(t, by, name, client.RoleWatch|client.RolePublish), n)
}

func invited(t *testing.T, by *client.Client, name string, roles client.Roles) *client.Profile {
	t.Helper()
	p := newProfile(t, name)
	inv, err := by.AddDevice(testContext(t), p.Card(), roles, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Join(inv); err != nil {
		t.Fatal(err)
	}
	return p
}

// watcher collects what a client sees.
type watcher struct {
	t      *testing.T
	events chan client.Event
	gaps   chan *client.GapError
}

// watch starts watching and returns once a node serves the device. Gaps in what
// was posted fail the test, unless it takes them.
func watch(t *testing.T, c *client.Client, channels ...string) *watcher {
	t.Helper()
	w := &watcher{t, make(chan client.Event, 4096), make(chan *client.GapError, 64)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range c.Watch(ctx, channels...) {
			var gap *client.GapError
			switch {
			case errors.As(err, &gap):
				w.gaps <- gap
			case errors.Is(err, client.ErrClosed):
			case err != nil:
				t.Errorf("watching: %v", err)
			default:
				w.events <- e
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		for close(w.gaps); ; {
			gap, more := <-w.gaps
			if !more {
				return
			}
			if gap.Node == "" { // that a store was lost is the doing of the test
				t.Errorf("a gap that the test did not wait for: %v", gap)
			}
		}
	})
	if err := c.Attached(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return w
}

// next waits for one event.
func (w *watcher) next() client.Event {
	w.t.Helper()
	select {
	case e := <-w.events:
		return e
	case <-time.After(patience):
		w.t.Fatal("no event came")
		return client.Event{}
	}
}

// want waits for events with these payloads, in this order, and none besides.
func (w *watcher) want(payloads ...string) {
	w.t.Helper()
	for _, p := range payloads {
		if e := w.next(); string(e.Data) != p {
			w.t.Fatalf("got %q, want %q", e.Data, p)
		}
	}
	if len(w.events) > 0 {
		w.t.Fatalf("got %q besides", (<-w.events).Data)
	}
}

func publish(t *testing.T, c *client.Client, payload string) client.Receipt {
	t.Helper()
	r, err := c.Publish(testContext(t), client.Post{Data: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDeviceHearsItself(t *testing.T) {
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	w := watch(t, phone)
	r := publish(t, phone, "hello")
	if r.Code != 200 || r.Copies != 1 {
		t.Errorf("receipt %d with %d copies, want 200 with 1: this is the only home", r.Code, r.Copies)
	}
	w.want("hello")
}

func TestTwoDevicesOneNode(t *testing.T) {
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	laptop := invite(t, phone, "laptop", n)
	w := watch(t, laptop)
	publish(t, phone, "one")
	publish(t, phone, "two")
	w.want("one", "two")
}

func TestDeviceHearsWhatWasPublishedAtAnotherNode(t *testing.T) {
	nodes, _ := realm(t)
	phone := account(t, "phone", nodes[0])
	laptop := invite(t, phone, "laptop", nodes[1])
	w := watch(t, laptop)
	r := publish(t, phone, "across")
	if r.Code != 200 || r.Copies != 2 {
		t.Errorf("receipt %d with %d copies, want 200 with 2", r.Code, r.Copies)
	}
	w.want("across")
	agree(t, nodes...)
}

// A device that was away gets what it missed, once.
func TestResumesAtItsWatermarks(t *testing.T) {
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	p := invited(t, phone, "laptop", client.RoleWatch)
	first := dial(t, p, n)
	w := watch(t, first)
	publish(t, phone, "one")
	w.want("one")
	first.Close()
	publish(t, phone, "two")
	again, err := client.OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	watch(t, dial(t, again, n)).want("two")
}

func TestRevokedDeviceIsRefused(t *testing.T) {
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	p := invited(t, phone, "laptop", client.RoleWatch|client.RolePublish)
	laptop := dial(t, p, n)
	publish(t, laptop, "before")
	if err := phone.RevokeDevice(testContext(t), p.Device(), nil); err != nil {
		t.Fatal(err)
	}
	_, err := laptop.Publish(testContext(t), client.Post{Data: []byte("after")})
	var refusal *client.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("publishing from a revoked device: %v, want a refusal", err)
	}
}
