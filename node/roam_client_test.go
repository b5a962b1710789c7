package node_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
	"meshpresence/transport/udpport"
)

// air is the networks that a device can be in. Only one of them works.
type air struct {
	mu      sync.Mutex
	opened  []*lane
	blocked bool         // what is opened from now on is dead
	local   atomic.Int32 // last byte of the device's address
}

// lane is a socket in one of them.
type lane struct {
	*udpport.Port
	dead atomic.Bool
	deaf atomic.Bool // what comes in is lost
}

func (l *lane) Send(to netip.AddrPort, packet []byte) {
	if !l.dead.Load() {
		l.Port.Send(to, packet)
	}
}

func (l *lane) ReadBatch(b *udpport.Batch) (int, error) {
	for {
		n, err := l.Port.ReadBatch(b)
		if err != nil || !l.dead.Load() && !l.deaf.Load() {
			return n, err
		}
	}
}

func (a *air) open(addr string) (client.Port, error) {
	p, err := udpport.Listen(addr)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := &lane{Port: p}
	l.dead.Store(a.blocked)
	a.opened = append(a.opened, l)
	return l, nil
}

// leave kills the sockets there are.
func (a *air) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.opened {
		l.dead.Store(true)
	}
}

// deafen lets nothing in through the sockets there are.
func (a *air) deafen() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.opened {
		l.deaf.Store(true)
	}
}

// block lets nothing through the sockets to come.
func (a *air) block() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.blocked = true
}

func (a *air) sockets() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.opened)
}

func (a *air) route(netip.AddrPort) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(a.local.Load())})
}

// mobile opens a device in the air that would not look at its network for hours.
func mobile(t *testing.T, a *air, p *client.Profile, n addressed) *client.Client {
	t.Helper()
	c, err := client.Dial(p, client.Config{
		Node: n.DeviceAddress(), Heartbeat: 10 * time.Hour, Listen: "127.0.0.1:0",
		Ports: a.open, Route: a.route, Log: logTo(t, p.Name()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// handshakes is how many connections a device has made.
func handshakes(t *testing.T, c *client.Client) int {
	t.Helper()
	is, err := c.Connection(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return is.Handshakes
}

// A device that changes networks goes on with its connection.
func TestRoaming(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	t.Run("the new network is dead", func(t *testing.T) {
		t.Parallel()
		var air air
		laptop := mobile(t, &air, invited(t, phone, "homing", client.RoleWatch), n)
		w := watch(t, laptop)
		before := handshakes(t, laptop)
		air.block()
		if err := laptop.Rebind(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := laptop.Ping(testContext(t)); err != nil {
			t.Error("there was no way back:", err)
		}
		if after := handshakes(t, laptop); after != before {
			t.Errorf("%d handshakes, %d before", after, before)
		}
		_ = w
	})
	t.Run("the old network is dead", func(t *testing.T) {
		t.Parallel()
		var air air
		laptop := mobile(t, &air, invited(t, phone, "leaving", client.RoleWatch), n)
		watch(t, laptop)
		before := handshakes(t, laptop)
		air.leave()
		if err := laptop.Rebind(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := laptop.Ping(testContext(t)); err != nil {
			t.Error(err)
		}
		if after := handshakes(t, laptop); after != before {
			t.Errorf("%d handshakes, %d before", after, before)
		}
	})
	t.Run("nobody says so", func(t *testing.T) {
		t.Parallel()
		var air air
		laptop := mobile(t, &air, invited(t, phone, "noticing", client.RoleWatch), n)
		watch(t, laptop)
		before := handshakes(t, laptop)
		air.leave()
		air.local.Add(1)
		for ctx := testContext(t); air.sockets() == 1; {
			wait(t, ctx)
		}
		if _, err := laptop.Ping(testContext(t)); err != nil {
			t.Error(err)
		}
		if after := handshakes(t, laptop); after != before {
			t.Errorf("%d handshakes, %d before", after, before)
		}
	})
}

// A device that has been at a node knows its key, also after it started again, and
// asks with its first packet; one that only has the fingerprint cannot.
func TestKnownNodeIsAskedAtOnce(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	p := newProfile(t, "phone")
	ping := func() client.Echo {
		t.Helper()
		c, err := client.Dial(p, client.Config{Node: n.DeviceAddress(), AskEndpoint: true, Listen: "127.0.0.1:0", Log: logTo(t, "phone")})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		e, err := c.Ping(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if !e.Endpoint.IsValid() || e.Time.IsZero() {
			t.Errorf("the node sees %v at %v", e.Endpoint, e.Time)
		}
		return e
	}
	if e := ping(); e.First || e.Connection.RoundTrips != 2 {
		t.Errorf("the first time: first %v, %d round trips, %s", e.First, e.Connection.RoundTrips, e.Connection.Mode)
	}
	// "In the first 12 slots after boot" an Exchange is answered with a Challenge:
	// the question follows when the connection is there.
	if e := ping(); !e.First || e.Connection.Mode != "deferred" || e.Connection.RoundTrips != 2 {
		t.Errorf("of a node that just started: first %v, %d round trips, %s", e.First, e.Connection.RoundTrips, e.Connection.Mode)
	}
	var err error
	if p, err = client.OpenProfile(p.Dir()); err != nil {
		t.Fatal(err)
	}
	if e := ping(); !e.First || e.Connection.Suite == "" || e.Connection.Handshakes != 1 || len(e.Connection.Paths) == 0 {
		t.Errorf("the connection is %+v", e.Connection)
	}
}

// The node's X448 key is made when it is missing, and its card has both.
func TestNodeHasAnX448Key(t *testing.T) {
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	n := start(t, cfg)
	address := n.DeviceAddress()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := key.LoadStatic(filepath.Join(cfg.State, "keys", "rud448.key"))
	if err != nil || s.Public().Curve() != key.X448 {
		t.Fatalf("the key beside the node's own: %v", err)
	}
	if again := start(t, pinned(cfg, n)); again.DeviceAddress() != address {
		t.Errorf("the address is %s, was %s", again.DeviceAddress(), address)
	}
}

// A device that gives a node up says so there: a node that heard it all along would
// else count it as watching for three of its heartbeats. What is shown of it then is
// not that it was silent.
func TestGivingUpIsSaid(t *testing.T) {
	unhurried(t)
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	var air air
	laptop := mobile(t, &air, invited(t, phone, "laptop", client.RoleWatch), n)
	watch(t, laptop)
	wantReason(t, phone, "laptop", mpp.ReasonHere)
	air.deafen()
	ctx, cancel := context.WithTimeout(testContext(t), 5*time.Second) // three tries take three
	defer cancel()
	if _, err := laptop.Ping(ctx); err == nil {
		t.Error("a deaf device was answered")
	}
	if r := wantReason(t, phone, "laptop", mpp.ReasonUnknown); !strings.Contains(r.Sentence, "until it ended") {
		t.Errorf("of a device that said that it ends is said: %s", r.Sentence)
	}
}
