package node_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"meshpresence/node"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// homeOf is the hash by which an account names a node as its home.
func homeOf(t *testing.T, p *client.Profile, n *node.Node) string {
	t.Helper()
	for _, h := range p.HomeNodes() {
		if slices.Contains(h.Addresses, n.DeviceAddress()) {
			return h.Node
		}
	}
	return ""
}

// threeHomes adds homes until there are three: how many accept at once when an
// account is made depends on how fast they answer.
func threeHomes(t *testing.T, c *client.Client, nodes []*node.Node) {
	t.Helper()
	agree(t, nodes...)
	p := c.Profile()
	for _, n := range nodes {
		if len(p.HomeNodes()) == 3 {
			return
		}
		if homeOf(t, p, n) != "" {
			continue
		}
		if err := c.AddHome(testContext(t), n.DeviceAddress(), "", nil); err != nil {
			t.Fatal(err)
		}
	}
	if homes := p.HomeNodes(); len(homes) != 3 {
		t.Fatalf("homes %+v, want three", homes)
	}
}

// An account made at a lone node has one home; a node that joins the realm later
// is added without a code, and removed again.
func TestHomeInTheRealm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := loopback(t, filepath.Join(dir, "a"))
	first := start(t, a)
	phone := account(t, "phone", first)
	laptop := byCode(t, phone, "laptop", first, bothRoles)
	b := loopback(t, filepath.Join(dir, "b"))
	b.OpenAccounts = false
	b.RealmKey, b.Peers = filepath.Join(dir, "a", "keys", "realm.key"), first.PeerAddresses()[:1]
	second := start(t, b)
	agree(t, first, second)

	if err := phone.AddHome(testContext(t), second.DeviceAddress(), "", nil); err != nil {
		t.Fatal(err)
	}
	p := phone.Profile()
	if homes := p.HomeNodes(); len(homes) != 2 || !homes[0].Keeps || !homes[1].Keeps || homeOf(t, p, second) == "" {
		t.Fatalf("homes %+v, want both nodes, each saying that it keeps the account", homes)
	}
	if !slices.Contains(p.Nodes(), second.DeviceAddress()) {
		t.Error("the new home is not pinned")
	}
	again := p.Homes()
	if err := phone.AddHome(testContext(t), second.DeviceAddress(), "", nil); err != nil || !slices.Equal(p.Homes(), again) {
		t.Errorf("adding it again: %v, and homes %v", err, p.Homes())
	}
	agree(t, first, second)
	w := watch(t, laptop)
	publish(t, phone, "kept twice")
	w.want("kept twice")

	if err := phone.RemoveHome(testContext(t), homeOf(t, p, second), nil); err != nil {
		t.Fatal(err)
	}
	if homeOf(t, p, second) != "" || slices.Contains(p.Nodes(), second.DeviceAddress()) {
		t.Errorf("homes %v and pins %v still name it", p.Homes(), p.Nodes())
	}
	err := phone.RemoveHome(testContext(t), homeOf(t, p, first), nil)
	if !errors.Is(err, client.ErrLastHome) {
		t.Errorf("removing the last home: %v, want ErrLastHome", err)
	}
	if err := phone.RemoveHome(testContext(t), second.DeviceAddress(), nil); !errors.Is(err, client.ErrNoHome) {
		t.Errorf("removing what is no home: %v, want ErrNoHome", err)
	}
}

// A node of another realm wants a code of its own operator; it then has all that
// the account's devices must know, and serves them.
func TestHomeInAnotherRealm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	near := start(t, loopback(t, filepath.Join(dir, "near")))
	cfg := loopback(t, filepath.Join(dir, "far"))
	cfg.OpenAccounts = false
	far := start(t, cfg)
	phone := account(t, "phone", near)
	p := phone.Profile()
	err := phone.AddHome(testContext(t), far.DeviceAddress(), "", nil)
	wantRefusal(t, err, mpp.CodeNotAdmitted)
	if len(p.HomeNodes()) != 1 {
		t.Errorf("homes %v after a refusal", p.Homes())
	}
	code, err := far.Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := phone.AddHome(testContext(t), "", code.Text, nil); err != nil {
		t.Fatal(err)
	}
	if homeOf(t, p, far) == "" {
		t.Fatalf("homes %v do not name the new one", p.Homes())
	}
	// The same call once more, as after a crash: the code is used up, and not needed.
	if err := phone.AddHome(testContext(t), far.DeviceAddress(), code.Code, nil); err != nil {
		t.Errorf("adding it again: %v", err)
	}
	laptop := byCode(t, dial(t, p, far), "laptop", far, bothRoles)
	w := watch(t, laptop)
	publish(t, dial(t, p, far), "there")
	w.want("there")
	if err := phone.RemoveHome(testContext(t), far.DeviceAddress(), nil); err != nil {
		t.Fatal(err)
	}
	if homeOf(t, p, far) != "" {
		t.Errorf("homes %v still name it", p.Homes())
	}
}

// A fourth home is refused before anything is asked of the node.
func TestFourthHomeIsRefused(t *testing.T) {
	t.Parallel()
	nodes, _ := realmOf(t, "a", "b", "c", "d")
	phone := account(t, "phone", nodes[0])
	threeHomes(t, phone, nodes)
	p := phone.Profile()
	for _, n := range nodes {
		if homeOf(t, p, n) != "" {
			continue
		}
		if err := phone.AddHome(testContext(t), n.DeviceAddress(), "", nil); !errors.Is(err, client.ErrTooManyHomes) {
			t.Errorf("%v, want ErrTooManyHomes", err)
		}
	}
}
