package node

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/client"
	"meshpresence/testnet/ports"
)

// household is a node, and a second one's state directory with keys and no realm.
type household struct {
	t      *testing.T
	first  *Node
	second Config
	keys   *keys
	realm  *key.Realm
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	dir := t.TempDir()
	h := &household{t: t, second: quietConfig(t, filepath.Join(dir, "b"))}
	h.first = begin(t, quietConfig(t, filepath.Join(dir, "a")))
	k, done, err := newcomer(h.second)
	if err != nil {
		t.Fatal(err)
	}
	if err := done(); err != nil {
		t.Fatal(err)
	}
	h.keys, h.realm = k, h.first.keys.realm
	return h
}

// invites makes the first node's realm invite a node and say yes to whoever proves
// to have the code; what came of it is sent once.
func (h *household) invites(t *testing.T) (*client.Offer, <-chan error) {
	t.Helper()
	with, err := client.DialNode(client.Config{Node: h.first.DeviceAddress(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { with.Close() })
	realm, err := client.LoadRealmKey(h.first.realmKeyFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := with.InviteNode(within(t), realm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { offer.Close() })
	accepted := make(chan error, 1)
	go func() {
		_, err := offer.Wait(within(t))
		if err == nil {
			err = offer.Accept(within(t))
		}
		accepted <- err
	}()
	return offer, accepted
}

func quietConfig(t *testing.T, dir string) Config {
	port := ports.Take(t)
	return Config{
		State: dir, Listen: "127.0.0.1:" + port, PeerListen: []string{"/ip4/127.0.0.1/tcp/" + port}, SyncEvery: time.Second,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)).With("who", filepath.Base(dir)),
	}
}

func begin(t *testing.T, cfg Config) *Node {
	t.Helper()
	n, err := Start(within(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func (h *household) keysDir() string { return filepath.Join(h.second.State, "keys") }

// membership is what the first node's realm gives a node.
func (h *household) membership(node key.Hash, cards ...[]byte) client.Membership {
	h.t.Helper()
	f, err := record.Sign(h.realm, h.realm.Author().Hash(), record.Base{Serial: 1, Time: 1}, &record.Member{Node: node})
	if err != nil {
		h.t.Fatal(err)
	}
	return client.Membership{Realm: h.first.Realm(), Member: f.Append(nil), Cards: cards}
}

// card is the first node's word about itself.
func (h *household) card() []byte {
	h.t.Helper()
	card := make(chan []byte, 1)
	if !h.first.do(within(h.t), func(time.Time) { card <- h.first.reg.NodeFact(h.first.id).Append(nil) }) {
		h.t.Fatal("the node does not answer")
	}
	return <-card
}

// "JoinRealm keeps keys/member and keys/peers, so that a lost store still finds
// the realm": nothing else says where the first node is.
func TestLostStoreFindsTheRealm(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	if err := h.keys.admitted(h.keysDir(), h.membership(h.keys.node.Author().Hash(), h.card())); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"member", peersName} {
		if info, err := os.Stat(filepath.Join(h.keysDir(), name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("keys/%s: %v, %v", name, info.Mode(), err)
		}
	}
	for _, what := range []string{"after the join", "without its store"} {
		n, err := Start(within(t), h.second)
		if err != nil {
			t.Fatal(err)
		}
		if n.Realm() != h.first.Realm() {
			t.Errorf("%s it lives in %s, want %s", what, n.Realm(), h.first.Realm())
		}
		met(t, n, h.first.id)
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(filepath.Join(h.second.State, "store")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(h.keysDir(), realmKeyName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a node that joined has a realm key: %v", err)
	}
	if _, _, err := newcomer(h.second); !errors.Is(err, ErrInRealm) {
		t.Errorf("joining again: %v", err)
	}
}

// "Either node dies for good": the realm's first node too writes down where the
// others are, and again when that changes.
func TestFirstNodeKeepsItsPeers(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	if err := h.keys.admitted(h.keysDir(), h.membership(h.keys.node.Author().Hash(), h.card())); err != nil {
		t.Fatal(err)
	}
	second := begin(t, h.second)
	want := second.fed.Addrs()
	met(t, h.first, second.id)
	dir := filepath.Join(h.first.cfg.State, "keys")
	ctx := within(t)
	for {
		h.first.do(ctx, func(now time.Time) {
			h.first.peersAt = time.Time{}
			h.first.keepPeers(now)
		})
		if got, err := loadPeers(dir); err != nil {
			t.Fatal(err)
		} else if slices.Equal(got, want) {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("keys/peers does not hold %q", want)
		}
	}
}

// met waits until a node is connected to a member.
func met(t *testing.T, n *Node, other key.Hash) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !slices.Contains(n.fed.Members(), other) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the nodes did not meet")
		}
	}
}

// What came back from a join is believed only as far as it is signed.
func TestMembershipIsChecked(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	own := h.keys.node.Author().Hash()
	good := h.membership(own)
	forged := slices.Clone(good.Member)
	forged[len(forged)-1] ^= 1
	otherRealm := good
	otherRealm.Realm = key.Hash{1}.String()
	for name, m := range map[string]client.Membership{
		"another node's":     h.membership(key.Hash{1}),
		"a forged signature": {Realm: good.Realm, Member: forged},
		"another realm":      otherRealm,
		"no fact":            {Realm: good.Realm, Member: []byte("x")},
		"another fact":       {Realm: good.Realm, Member: h.card()},
	} {
		if err := h.keys.admitted(h.keysDir(), m); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
	if k, done, err := newcomer(h.second); err != nil {
		t.Errorf("a second try: %v", err)
	} else if k.node.Author() != h.keys.node.Author() || done() != nil {
		t.Error("a second try is another node's")
	}
	if peers := peersOf([][]byte{[]byte("x"), good.Member}, h.first.realm); len(peers) != 0 {
		t.Errorf("peers of no card: %q", peers)
	}
	if peers := peersOf([][]byte{h.card()}, key.Hash{1}); len(peers) != 0 {
		t.Errorf("peers of another realm's card: %q", peers)
	}
}

// A node that is a realm of one is asked to stay what it is.
func TestFingerprintOfANodeWithARealm(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	got, err := Fingerprint(h.second)
	if err != nil || got != access.Fingerprint(h.keys.node.Author().Bytes(), h.keys.rud.Public().Bytes()) {
		t.Errorf("fingerprint %q, %v", got, err)
	}
	if err := h.first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Fingerprint(h.first.cfg); !errors.Is(err, ErrInRealm) {
		t.Errorf("of a realm of one: %v", err)
	}
	if err := JoinRealm(within(t), h.first.cfg, "x"); !errors.Is(err, ErrInRealm) {
		t.Errorf("joining from a realm of one: %v", err)
	}
}

func TestJoinWhereNobodyAnswers(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	at := discovery.Address{Host: "127.0.0.1", Port: uint16(deaf.LocalAddr().(*net.UDPAddr).Port), Fingerprint: h.keys.rud.Public().UDF()}
	code := access.JoinText(access.NewCode(h.realm.Author()), at)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := JoinRealm(ctx, h.second, code); !errors.Is(err, client.ErrNoAnswer) {
		t.Errorf("joining: %v", err)
	}
	if err := JoinRealm(within(t), h.second, "x"); !errors.Is(err, access.ErrCode) {
		t.Errorf("joining by no code: %v", err)
	}
	bare := access.NewCode(h.realm.Author()).String()
	if err := JoinRealm(within(t), h.second, bare); !errors.Is(err, ErrNoRelay) {
		t.Errorf("joining by a code that names no node: %v", err)
	}
}

// A code that names no node is tried at all that were found: those whose it is
// not refuse it.
func TestJoinAmongNeighbours(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	stranger := begin(t, quietConfig(t, filepath.Join(t.TempDir(), "c")))
	offer, accepted := h.invites(t)
	var relays []discovery.Address
	for _, n := range []*Node{stranger, stranger, h.first} {
		at, err := discovery.ParseAddress(n.DeviceAddress())
		if err != nil {
			t.Fatal(err)
		}
		relays = append(relays, at)
	}
	m, err := h.second.joinAt(within(t), h.keys, offer.Code(), relays)
	if err != nil || m.Realm != h.first.Realm() {
		t.Errorf("joining: %q, %v", m.Realm, err)
	}
	if err := <-accepted; err != nil {
		t.Errorf("inviting: %v", err)
	}
	var refusal *client.Refusal
	if _, err := h.second.joinAt(within(t), h.keys, offer.Code(), relays[:2]); !errors.As(err, &refusal) {
		t.Errorf("joining where nobody knows the code: %v", err)
	}
}

func TestKeptPeers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got, err := loadPeers(dir); err != nil || got != nil {
		t.Errorf("no file: %q, %v", got, err)
	}
	const id = "/p2p/12D3KooWGtY5xYxSmBWz5oHcDdBYbUZ6RW6tYvZhJ7WnE3RKnXJ8"
	static, err := key.NewNode()
	if err != nil {
		t.Fatal(err)
	}
	good := peersOn(static.Author(), &record.Node{Peers: []string{
		"/ip4/192.0.2.7/tcp/6771", "/ip4/192.0.2.7/tcp/6771", "junk", "/ip4/192.0.2.7/tcp/6771" + id,
	}})
	if len(good) != 1 {
		t.Fatalf("of one address, one twice, junk and another node's: %q", good)
	}
	if err := savePeers(dir, slices.Repeat(good, 2*maxKeptPeers)); err != nil {
		t.Fatal(err)
	}
	if got, err := loadPeers(dir); err != nil || len(got) != maxKeptPeers {
		t.Errorf("%d peers, %v", len(got), err)
	}
	lines := strings.Join([]string{"", "junk", "/ip4/192.0.2.7/tcp/6771", good[0], "\x00"}, "\n")
	if err := os.WriteFile(filepath.Join(dir, peersName), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := loadPeers(dir); err != nil || !slices.Equal(got, good) {
		t.Errorf("among junk: %q, %v, want %q", got, err, good)
	}
}
