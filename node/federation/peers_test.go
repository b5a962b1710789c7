package federation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

func TestBeaconTellsWhoIsAttached(t *testing.T) {
	_, a, b := pair(t)
	device, other := key.Hash{1}, key.Hash{2}
	// Fresh means seen to grow: two changes, and the second is seen.
	for _, list := range [][]key.Hash{{device}, {device, other}} {
		a.door.note(func() { a.door.attached = list })
		a.f.AttachedChanged()
		until(t, "the other node heard it", func() bool { return b.f.hears(a.hash) == int64(len(list)) })
	}
	for _, h := range []key.Hash{device, other} {
		if got := b.f.Claiming(h); !slices.Equal(got, []key.Hash{a.hash}) {
			t.Errorf("claiming a device: %v", got)
		}
	}
	info := b.f.Peers(t.Context())
	if len(info) != 1 || info[0].Node != a.hash || !info[0].Fresh || !info[0].Connected {
		t.Errorf("peers %+v", info)
	}
	if c := b.f.Clocks(); c.Count != 2 || c.Offset != 0 {
		t.Errorf("clocks %+v", c)
	}
}

// hears is how many attachments the node's last beacon claimed and we know.
func (f *Federation) hears(node key.Hash) int64 {
	f.speakers.mu.Lock()
	defer f.speakers.mu.Unlock()
	if s := f.speakers.nodes[node]; s != nil && s.set == s.claimed {
		return s.set.Count
	}
	return -1
}

// A great change does not fit a beacon: the others ask for the list.
func TestBeaconListIsAskedFor(t *testing.T) {
	_, a, b := pair(t)
	many := make([]key.Hash, maxFrameHashes+maxDelta)
	for i := range many {
		many[i] = key.Hash{byte(i), byte(i >> 8), 3}
	}
	a.door.note(func() { a.door.attached = many })
	a.f.AttachedChanged()
	until(t, "the other node has the list", func() bool { return b.f.hears(a.hash) == int64(len(many)) })
}

// A node whose clock is a minute off the median confirms no copies.
func TestNoCopiesWithAClockThatIsOff(t *testing.T) {
	_, a, b := pair(t)
	account := newAccount()
	b.door.put(account.fact)
	for range 2 {
		k := must(key.NewNode())
		for serial := range int64(2) {
			b.f.speakers.heard(time.Now(), today, signedBeacon(k, key.Hash{1}, serial+1, 120, registry.Sum{}))
		}
	}
	fact := account.status(1, 1)
	results, err := a.f.Forward(t.Context(), b.hash, []*record.Fact{fact})
	if err != nil || len(results) != 1 || results[0].Code != mpp.CodeDraining {
		t.Errorf("results %v, %v, want %v", results, err, mpp.CodeDraining)
	}
	b.door.has(t, fact) // it carries the fact all the same
}

func TestLostPeerIsDialledAgain(t *testing.T) {
	r := newRealm(t)
	b := newNode(t, r)
	a := newNode(t, r, b)
	meet(t, a, b)
	where := strings.Split(b.f.Addrs()[0], "/p2p/")[0]
	if err := b.f.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the loss is seen", func() bool { return len(a.f.Members()) == 0 })
	again, err := New(Config{Identity: b.key, Realm: r.hash, Listen: []string{where}, Door: b.door, Wall: testClock})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "they are connected again", func() bool {
		return slices.Contains(a.f.Members(), b.hash) && slices.Contains(again.Members(), a.hash)
	})
}

// A static peer that refuses us is dialled again, and lets us in as soon as it
// hears that we were admitted.
func TestAdmittedLater(t *testing.T) {
	r := newRealm(t)
	a := newNode(t, r)
	b := prepareNode(r, nil)
	b.start(t, r, a)
	until(t, "it is barred", func() bool { return a.f.links.isBarred(b.f.host.ID()) })
	member := r.member(b.hash)
	b.door.note(func() { b.door.show = append(b.door.show, member) })
	b.door.put(member, a.door.show[0])
	a.door.put(member)
	a.f.Gossip([]*record.Fact{member})
	until(t, "they are connected", func() bool { return slices.Contains(b.f.Members(), a.hash) })
}

func TestQUIC(t *testing.T) {
	r := newRealm(t)
	quic := func(n *testNode, peers ...string) {
		f, err := New(Config{Identity: n.key, Realm: r.hash, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Peers: peers, Door: n.door})
		if err != nil {
			t.Fatal(err)
		}
		n.f = f
		t.Cleanup(func() { f.Close() })
		if err := f.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a, b := prepareNode(r, r.member), prepareNode(r, r.member)
	quic(a)
	quic(b, a.f.Addrs()...)
	meet(t, a, b)
}

func TestRoomForMembers(t *testing.T) {
	r := newRealm(t)
	a := prepareNode(r, r.member)
	f, err := New(Config{Identity: a.key, Realm: r.hash, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Door: a.door, MaxPeers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a.f = f
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := newNode(t, r, a)
	until(t, "the first is connected", func() bool { return slices.Contains(b.f.Members(), a.hash) })
	c := newNode(t, r, a)
	a.door.until(t, "the second was judged", func() bool { return a.door.asked[c.hash] > 0 })
	if got := f.Members(); !slices.Equal(got, []key.Hash{b.hash}) {
		t.Errorf("members %v, want the first alone", got)
	}
}

// "A busy port is an error that names the flag": New says which address, and
// wraps the system's error.
func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	r := newRealm(t)
	n := prepareNode(r, r.member)
	for _, address := range []string{
		fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port),
		fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", u.LocalAddr().(*net.UDPAddr).Port),
	} {
		_, err := New(Config{Identity: n.key, Realm: r.hash, Listen: []string{"/ip4/127.0.0.1/tcp/0", address}, Door: n.door})
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestCloseWithoutStartAndTwice(t *testing.T) {
	r := newRealm(t)
	n := prepareNode(r, r.member)
	f, err := New(Config{Identity: n.key, Realm: r.hash, Announce: []string{}, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Door: n.door})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Addrs(); len(got) != 0 {
		t.Errorf("announcing nothing: %v", got)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if f.Start(context.Background()) == nil {
		t.Error("started after Close")
	}
}

func TestConnectedFirst(t *testing.T) {
	_, a, b := pair(t)
	away := key.Hash{1}
	if got := a.f.ConnectedFirst([]key.Hash{away, b.hash}); !slices.Equal(got, []key.Hash{b.hash, away}) {
		t.Errorf("order %v", got)
	}
}
