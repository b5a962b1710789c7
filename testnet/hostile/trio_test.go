package hostile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/store"
	"meshpresence/testnet/hostile"
)

// trio is three nodes of one realm that reach each other through taps only, so
// that they can be cut apart and healed.
type trio struct {
	t     testing.TB
	nodes []*site
	taps  []*hostile.TCPTap
	realm *key.Realm
	seed  byte // of the last device by hand
}

func newTrio(t testing.TB) *trio {
	t.Helper()
	x := &trio{t: t}
	var first *site
	for range 3 {
		var peers []string
		for _, other := range x.nodes {
			peers = append(peers, x.tapTo(other))
		}
		x.nodes = append(x.nodes, startNode(t, first, peers...))
		first = x.nodes[0]
	}
	x.realm = must(key.LoadRealm(first.realmFile(), nil))
	agree(t, x.nodes...)
	return x
}

func (x *trio) tapTo(to *site) string {
	x.t.Helper()
	_, at, id := to.peers("tcp")
	tap := must(hostile.NewTCPTap(at))
	x.t.Cleanup(tap.Close)
	x.taps = append(x.taps, tap)
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", tap.Addr().Port(), id)
}

// cut cuts all three apart.
func (x *trio) cut() {
	for _, tap := range x.taps {
		tap.Cut(true)
	}
}

// heal lets them meet again and waits until they hold the same. They do so two
// sync intervals after they met; what needs a minute for it is given up on.
func (x *trio) heal() {
	x.t.Helper()
	healed := time.Now()
	for _, tap := range x.taps {
		tap.Cut(false)
	}
	agree(x.t, x.nodes...)
	x.t.Logf("agreed %v after the heal, redials included; a sync interval is %v", time.Since(healed).Round(time.Millisecond), x.nodes[0].cfg.SyncEvery)
}

// again stops the nodes and starts them on their directories, and waits until
// they hold the same.
func (x *trio) again() {
	x.t.Helper()
	for _, n := range x.nodes {
		check(x.t, n.Close())
	}
	for _, n := range x.nodes {
		n.run(x.t)
	}
	agree(x.t, x.nodes...)
}

// member joins the realm with a hostile member connected to these nodes only.
func (x *trio) member(to ...*site) *hostile.Member {
	x.t.Helper()
	var peers []string
	for _, n := range to {
		over, _, _ := n.peers("tcp")
		peers = append(peers, over)
	}
	m := must(hostile.NewMember(testContext(x.t), x.realm.Author().Hash(), x.realm, peers...))
	x.t.Cleanup(func() { m.Fed.Close() })
	until(x.t, "a hostile member is connected", func() bool { return len(m.Fed.Members()) == len(to) })
	return m
}

// syncs lets a hostile member sync with all that it is connected to: again where a
// node has as many syncs of it under way as it bears.
func (x *trio) syncs(m *hostile.Member) {
	x.t.Helper()
	until(x.t, "the hostile member has synced", func() bool { return m.Fed.SyncNow(testContext(x.t)) == nil })
}

// device makes a device by hand with fresh keys.
func (x *trio) device() *hostile.Device {
	x.t.Helper()
	x.seed++
	d := must(hostile.NewDevice(x.seed))
	x.t.Cleanup(d.Close)
	return d
}

// twin makes another device by hand with the keys of one.
func (x *trio) twin(of *hostile.Device) *hostile.Device {
	x.t.Helper()
	x.seed++
	d := must(hostile.Twin(x.seed, of.Static, of.Key, of.Account))
	x.t.Cleanup(d.Close)
	return d
}

// audit joins each node with a member that listens, and returns once each has
// been told all that its node holds.
func (x *trio) audit() (auditors []*hostile.Member) {
	x.t.Helper()
	for _, n := range x.nodes {
		auditors = append(auditors, x.member(n))
	}
	x.told(auditors)
	return auditors
}

func (x *trio) told(auditors []*hostile.Member) {
	x.t.Helper()
	for i, m := range auditors {
		until(x.t, "an auditor has all that its node holds", func() bool { return digestOf(m.Held()) == digest(x.t, x.nodes[i]) })
	}
}

// signedBy leaves the facts that a device signed or that name it as one.
func signedBy(facts []*record.Fact, device key.Hash) []*record.Fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f *record.Fact) bool {
		d, ok := f.Body.(*record.Device)
		return f.Author.Hash() != device && !(ok && d.Key.Hash() == device)
	})
}

// stored stops the nodes and returns what each has on its disk.
func (x *trio) stored() (all [][]*record.Fact) {
	x.t.Helper()
	for _, n := range x.nodes {
		check(x.t, n.Close())
		s := must(store.Open(n.cfg.State + "/store"))
		var facts []*record.Fact
		check(x.t, s.Facts(func(f *record.Fact) error { facts = append(facts, f); return nil }))
		check(x.t, s.Close())
		all = append(all, facts)
	}
	return all
}
