package federation

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"meshpresence/internal/key"
)

var localhost = []netip.Addr{netip.MustParseAddr("127.0.0.1")}

// hearsOf tells a node what another one announces.
func (n *testNode) hearsOf(o *testNode) { n.f.Found(localhost, o.f.Ports()) }

// id is the node's libp2p name.
func (n *testNode) id() peerID { return n.f.host.ID() }

// showedTo counts the facts that a node showed at another one's door.
func (n *testNode) showedTo(o *testNode) int {
	o.door.mu.Lock()
	defer o.door.mu.Unlock()
	return o.door.shown[n.hash]
}

func TestFoundMembersMeet(t *testing.T) {
	r := newRealm(t)
	a, b := newNode(t, r), newNode(t, r)
	a.hearsOf(b)
	meet(t, a, b)
	for _, pair := range [][2]*testNode{{a, b}, {b, a}} {
		for _, f := range pair[0].door.show {
			pair[1].door.has(t, f)
		}
	}
	until(t, "a member that was found is redialled as members are", func() bool {
		a.f.links.mu.RLock()
		defer a.f.links.mu.RUnlock()
		return a.f.links.peers[b.id()].wanted
	})
}

// "mDNS finds addresses, never admits": a neighbour of another realm is dialled,
// is shown no fact and shows none, whoever heard of the other.
func TestFoundStrangersShowNothing(t *testing.T) {
	r, other := newRealm(t), newRealm(t)
	a, b := newNode(t, r), newNode(t, other)
	c := newNode(t, r)
	a.hearsOf(b)
	b.hearsOf(a)
	for _, n := range []*testNode{a, b} {
		until(t, "a node was dialled in vain", func() bool {
			n.f.links.mu.RLock()
			defer n.f.links.mu.RUnlock()
			for _, l := range n.f.links.peers {
				if l.misses > 0 && l.state == away {
					return true
				}
			}
			return false
		})
	}
	// Something honest after it, by the same way.
	a.hearsOf(c)
	meet(t, a, c)
	if n := a.showedTo(b) + b.showedTo(a); n != 0 {
		t.Errorf("neighbours of different realms showed each other %d facts", n)
	}
	for _, pair := range [][2]*testNode{{a, b}, {b, a}} {
		for _, f := range pair[0].door.show {
			pair[1].door.mu.Lock()
			holds := pair[1].door.holds(f)
			pair[1].door.mu.Unlock()
			if holds {
				t.Errorf("a %s fact crossed to another realm", f.Kind)
			}
		}
		if slices.Contains(pair[0].f.Members(), pair[1].hash) {
			t.Error("a node of another realm was admitted")
		}
	}
	// The control: a peer that the operator names is shown them, so the test
	// would have seen it.
	d := newNode(t, other, c)
	c.door.until(t, "a peer given by the operator shows itself", func() bool { return c.door.shown[d.hash] > 0 })
}

// "bounded table": thousands of announcements keep no member out and are kept
// to maxFound, and few are dialled at once.
func TestFoundIsBounded(t *testing.T) {
	now := time.Now()
	links := newLinks(DefaultMaxPeers, time.Hour)
	here := []ma.Multiaddr{must(ma.NewMultiaddr("/ip4/192.0.2.1/tcp/1"))}
	given, member := anyPeer(), anyPeer()
	links.know(given, here, true)
	links.know(member, here, false)
	for range 1000 {
		links.found(anyPeer(), here, now)
	}
	if n := len(links.peers); n != maxFound+2 {
		t.Fatalf("%d peers kept, want %d announced and two others", n, maxFound)
	}
	dialled := map[peerID]bool{}
	for _, task := range links.due(now.Add(time.Minute)) {
		dialled[task.link.id] = true
	}
	if !dialled[given] || !dialled[member] || len(dialled) != maxFoundDials+2 {
		t.Errorf("%d dials at once, want %d of announced peers and the two others", len(dialled), maxFoundDials)
	}
	if room := links.dialRoom(); room != DefaultMaxPeers-DefaultMaxPeers/4-2 {
		t.Errorf("announced peers take room from members: %d left", room)
	}
	// One that was dialled in vain gives way to one that was not.
	delete(dialled, given)
	delete(dialled, member)
	for id := range dialled {
		links.dialled(id, now)
	}
	fresh := anyPeer()
	links.found(fresh, here, now)
	if links.peers[fresh] == nil || len(links.peers) != maxFound+2 {
		t.Errorf("a peer dialled in vain keeps a new one out, %d peers", len(links.peers))
	}
}

// Members fill the room; announced peers wait for it.
func TestFoundWaitsForRoom(t *testing.T) {
	now := time.Now()
	links := newLinks(4, time.Hour)
	here := []ma.Multiaddr{must(ma.NewMultiaddr("/ip4/192.0.2.1/tcp/1"))}
	for range 3 {
		id := anyPeer()
		links.know(id, here, false)
		links.connected(id, false)
		links.admit(id)
	}
	links.found(anyPeer(), here, now)
	for _, task := range links.due(now.Add(time.Minute)) {
		if task.what == dialIt {
			t.Error("an announced peer is dialled into the members' room")
		}
	}
}

func TestFoundBacksOff(t *testing.T) {
	now := time.Now()
	links := newLinks(4, time.Hour)
	here := []ma.Multiaddr{must(ma.NewMultiaddr("/ip4/192.0.2.1/tcp/1"))}
	id := anyPeer()
	links.found(id, here, now)
	l := links.peers[id]
	for i := range 40 {
		at := now.Add(time.Duration(i) * time.Minute)
		l.heard, l.nextDial = at, at
		links.mu.Lock()
		l.enter(dialing, at)
		links.mu.Unlock()
		links.dialled(id, at)
		longest := foundMost
		if i < 8 {
			longest = min(foundMin<<i, foundMost)
		}
		if pause := l.nextDial.Sub(at); pause > longest || pause < longest/2 && pause < redialMin {
			t.Fatalf("after %d dials in vain the next is %v later, want up to %v", i+1, pause, longest)
		}
		links.found(id, here, at) // heard again: no reason to hurry
		if l.nextDial.Before(at.Add(min(longest/2, redialMin))) {
			t.Fatal("an announcement brought the next dial forward")
		}
	}
	links.lost(id)
	if len(links.peers) != 0 {
		t.Error("a node that said goodbye is kept")
	}
	links.found(id, here, now)
	l = links.peers[id]
	links.mu.Lock()
	l.enter(dialing, now)
	links.mu.Unlock()
	if links.dialled(id, now.Add(foundLife)); len(links.peers) != 0 {
		t.Error("an announcement is kept for ever")
	}
}

func anyPeer() peerID { return must(peerOf(must(key.NewNode()).Author())) }

func TestParseFound(t *testing.T) {
	id := "/p2p/" + anyPeer().String()
	addresses := []netip.Addr{netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%eth0")}
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"/tcp/6771" + id, []string{"/ip4/192.168.1.2/tcp/6771", "/ip6/2001:db8::1/tcp/6771"}},
		{"/udp/6771/quic-v1" + id, []string{"/ip4/192.168.1.2/udp/6771/quic-v1", "/ip6/2001:db8::1/udp/6771/quic-v1"}},
		{"/ip4/10.0.0.1/tcp/1" + id, []string{"/ip4/10.0.0.1/tcp/1"}},
		{"/ip4/127.0.0.1/tcp/1" + id, nil},
		{"/ip6/::1/tcp/1" + id, nil},
		{"/ip4/224.0.0.1/udp/1/quic-v1" + id, nil},
		{"/ip4/0.0.0.0/tcp/1" + id, nil},
		{"/dns4/example.com/tcp/1" + id, nil},
		{"/tcp/1", nil},
		{id, nil},
		{"/udp/1" + id, nil},
		{"/tcp/1/ws" + id, nil},
		{"/ip4/10.0.0.1/tcp/1" + id + "/p2p-circuit" + id, nil},
		{"/tcp/1/p2p/rubbish", nil},
		{"", nil},
	} {
		var got []string
		if transport, _, ok := parseFound(test.in); ok {
			for _, a := range complete(transport, addresses) {
				got = append(got, a.String())
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.in, got, test.want)
		}
	}
}

// The proof's bytes, for other implementations.
func TestKinProof(t *testing.T) {
	realm, nonce, from, to := key.Hash{1}, key.Hash{2}, key.Hash{3}, key.Hash{4}
	got := kinProof(realm, kinAsks, nonce, from, to)
	if want := "8d2e8f3b8ca196b319e5720dcfa686bbb53c5a42c09cec532f15e950444577c3"; hex.EncodeToString(got[:]) != want {
		t.Errorf("the proof is %x, want %s", got[:], want)
	}
	for _, other := range []key.Hash{
		kinProof(key.Hash{9}, kinAsks, nonce, from, to), kinProof(realm, kinAnswers, nonce, from, to),
		kinProof(realm, kinAsks, key.Hash{9}, from, to), kinProof(realm, kinAsks, nonce, to, from),
	} {
		if got == other {
			t.Error("two proofs are equal")
		}
	}
}

func TestKinIsRefused(t *testing.T) {
	r := newRealm(t)
	n := newNode(t, r)
	l := peerRef{node: key.Hash{7}}
	nonce := key.Hash{2}
	for _, hashes := range [][]key.Hash{
		nil, {nonce}, {nonce, {}}, {nonce, kinProof(key.Hash{9}, kinAsks, nonce, l.node, n.hash)},
		{nonce, kinProof(r.hash, kinAnswers, nonce, l.node, n.hash)}, {nonce, kinProof(r.hash, kinAsks, nonce, n.hash, l.node)},
	} {
		if err := n.f.answerKin(nil, l, &frame{Ask: askKin, Hashes: hashes}); err == nil {
			t.Errorf("%s was taken for a proof", fmt.Sprint(hashes))
		}
	}
}
