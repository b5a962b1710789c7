package federation

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/registry"
)

// today is when all facts of the tests are signed.
var today = wall.Of(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

func testClock() time.Time { return today.Std() }

// scriptedDoor is a small node for tests: it merges by the rules that the tests
// rely on, writes down what it was asked and answers what it was told to.
type scriptedDoor struct {
	realm key.Hash
	self  key.Hash

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	facts    map[record.Key]*record.Fact
	byHash   map[key.Hash]*record.Fact
	devices  map[[2]key.Hash]bool // account, device
	screened map[key.Hash]int
	merged   map[key.Hash]int
	kept     map[key.Hash]int
	asked    map[key.Hash]int // Member, by node
	shown    map[key.Hash]int // facts shown to Member, by the node that showed them
	attached []key.Hash
	show     []*record.Fact
	host     []*record.Fact // answer to Host; nil: refused
	forced   map[key.Hash]Verdict
}

func newDoor(realm, self key.Hash) *scriptedDoor {
	return &scriptedDoor{
		realm: realm, self: self, changed: make(chan struct{}),
		facts:  make(map[record.Key]*record.Fact),
		byHash: make(map[key.Hash]*record.Fact), devices: make(map[[2]key.Hash]bool),
		screened: make(map[key.Hash]int), merged: make(map[key.Hash]int), kept: make(map[key.Hash]int),
		asked: make(map[key.Hash]int), shown: make(map[key.Hash]int), forced: make(map[key.Hash]Verdict),
	}
}

// note runs f under the lock and wakes who waits for a change.
func (d *scriptedDoor) note(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	close(d.changed)
	d.changed = make(chan struct{})
}

// until waits for a condition, which is judged under the lock.
func (d *scriptedDoor) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(testDeadline)
	for {
		d.mu.Lock()
		done, changed := ok(), d.changed
		d.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waiting until %s: it did not come", what)
		}
	}
}

// has waits until a fact counts here.
func (d *scriptedDoor) has(t testing.TB, f *record.Fact) {
	t.Helper()
	d.until(t, fmt.Sprintf("the node holds a %s fact", f.Kind), func() bool { return d.holds(f) })
}

func (d *scriptedDoor) holds(f *record.Fact) bool {
	held := d.facts[f.Key()]
	return held != nil && held.Hash() == f.Hash()
}

// put makes facts count without any judgement.
func (d *scriptedDoor) put(facts ...*record.Fact) {
	d.note(func() {
		for _, f := range facts {
			d.keep(f)
		}
	})
}

func (d *scriptedDoor) keep(f *record.Fact) {
	k := f.Key()
	if old := d.facts[k]; old != nil {
		delete(d.byHash, old.Hash())
	}
	d.facts[k], d.byHash[f.Hash()] = f, f
	if b, ok := f.Body.(*record.Device); ok {
		d.devices[[2]key.Hash{f.Account, b.Key.Hash()}] = true
	}
}

func (d *scriptedDoor) judge(f *record.Fact) Verdict {
	if v, ok := d.forced[f.Hash()]; ok {
		return v
	}
	if held := d.facts[f.Key()]; held != nil {
		switch {
		case held.Hash() == f.Hash():
			return Held
		case !f.Newer(held):
			return Old
		}
	}
	switch f.Kind {
	case record.KindMember, record.KindExpelled, record.KindRealm:
		if f.Realm != d.realm {
			return Refused
		}
		return Fresh
	case record.KindNode, record.KindHost:
		if !d.member(f.Author.Hash()) {
			return Waits
		}
		return Fresh
	case record.KindAttach, record.KindEvent:
		if !d.devices[[2]key.Hash{f.Account, f.Author.Hash()}] {
			return Waits
		}
	}
	return Fresh
}

func (d *scriptedDoor) member(node key.Hash) bool {
	member := false
	for _, f := range d.facts {
		switch b := f.Body.(type) {
		case *record.Expelled:
			if b.Node == node {
				return false
			}
		case *record.Member:
			member = member || b.Node == node
		}
	}
	return member
}

func (d *scriptedDoor) Screen(_ context.Context, facts []*record.Fact) (verdicts []Verdict) {
	d.note(func() {
		for _, f := range facts {
			d.screened[f.Hash()]++
			verdicts = append(verdicts, d.judge(f))
		}
	})
	return verdicts
}

func (d *scriptedDoor) Merge(_ context.Context, _ key.Hash, facts []*record.Fact) (verdicts []Verdict) {
	d.note(func() { verdicts = d.mergeAll(facts, d.merged) })
	return verdicts
}

func (d *scriptedDoor) Keep(_ context.Context, _ key.Hash, facts []*record.Fact) (verdicts []Verdict) {
	d.note(func() { verdicts = d.mergeAll(facts, d.kept) })
	return verdicts
}

func (d *scriptedDoor) mergeAll(facts []*record.Fact, log map[key.Hash]int) (verdicts []Verdict) {
	for _, f := range facts {
		v := d.judge(f)
		if v == Fresh {
			d.keep(f)
		}
		if v == Fresh || v == Held {
			log[f.Hash()]++
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (d *scriptedDoor) Host(_ context.Context, _, _ key.Hash, facts []*record.Fact) (answer []*record.Fact, err error) {
	d.note(func() {
		if answer = d.host; answer == nil {
			err = errors.New("no room")
			return
		}
		d.mergeAll(facts, d.kept)
	})
	return answer, err
}

func (d *scriptedDoor) Sums(context.Context) (sums []AccountSum) {
	d.mu.Lock()
	defer d.mu.Unlock()
	digests := make(map[key.Hash]*registry.Sum)
	for _, f := range d.facts {
		if digests[f.Account] == nil {
			digests[f.Account] = new(registry.Sum)
		}
		digests[f.Account].Add(f.Hash())
	}
	for account, s := range digests {
		sums = append(sums, AccountSum{account, s.Count, s.Total})
	}
	return sums
}

func (d *scriptedDoor) Rows(_ context.Context, account, after key.Hash, limit int) (rows []Row) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.facts {
		if f.Account == account && compare(f.Hash(), after) > 0 {
			k := f.Key()
			rows = append(rows, Row{f.Hash(), f.Serial, f.Expires, string(k.Kind) + "\x00" + string(k.Owner[:]) + k.Sub})
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return rows[:min(limit, len(rows))]
}

func (d *scriptedDoor) Facts(_ context.Context, hashes []key.Hash) (facts []*record.Fact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range hashes {
		if f := d.byHash[h]; f != nil {
			facts = append(facts, f)
		}
	}
	return facts
}

func (d *scriptedDoor) Attached(context.Context) []key.Hash {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.attached)
}

func (d *scriptedDoor) Member(_ context.Context, node key.Hash, show []*record.Fact) (ok bool) {
	d.note(func() {
		d.asked[node]++
		d.shown[node] += len(show)
		for _, f := range show {
			if f.Verify() == nil {
				d.mergeAll([]*record.Fact{f}, d.merged)
			}
		}
		ok = d.member(node)
	})
	return ok
}

func (d *scriptedDoor) Show(context.Context) []*record.Fact {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.show)
}

// count is how many facts the node holds.
func (d *scriptedDoor) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.facts)
}

// same reports whether two nodes hold the same facts.
func (d *scriptedDoor) same(o *scriptedDoor) bool {
	a, b := d.Sums(context.Background()), o.Sums(context.Background())
	less := func(x, y AccountSum) int { return compare(x.Account, y.Account) }
	slices.SortFunc(a, less)
	slices.SortFunc(b, less)
	return slices.Equal(a, b)
}

// testRealm signs what admits nodes.
type testRealm struct {
	key  *key.Realm
	hash key.Hash
}

func newRealm(t testing.TB) *testRealm {
	k := must(key.NewRealm())
	return &testRealm{k, k.Author().Hash()}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (r *testRealm) member(node key.Hash) *record.Fact {
	return must(record.Sign(r.key, r.hash, record.Base{Serial: 1, Time: today}, &record.Member{Node: node}))
}

func (r *testRealm) expelled(node key.Hash) *record.Fact {
	return must(record.Sign(r.key, r.hash, record.Base{Serial: 1, Time: today}, &record.Expelled{Node: node}))
}

// testNode is a Federation with its scripted door.
type testNode struct {
	f    *Federation
	door *scriptedDoor
	key  *key.Node
	hash key.Hash
}

const testDeadline = 30 * time.Second

// newNode starts a node of the realm that dials the others given.
func newNode(t testing.TB, r *testRealm, others ...*testNode) *testNode {
	t.Helper()
	n := prepareNode(r, r.member)
	n.start(t, r, others...)
	return n
}

// prepareNode makes a node's keys and facts; admit signs its member fact, nil
// makes a stranger.
func prepareNode(r *testRealm, admit func(key.Hash) *record.Fact) *testNode {
	k := must(key.NewNode())
	n := &testNode{key: k, hash: k.Author().Hash()}
	n.door = newDoor(r.hash, n.hash)
	if admit != nil {
		n.door.show = append(n.door.show, admit(n.hash))
	}
	n.door.show = append(n.door.show, n.nodeFact(r, 1))
	n.door.put(n.door.show...)
	return n
}

func (n *testNode) nodeFact(r *testRealm, serial int64, peers ...string) *record.Fact {
	static := must(key.NewStatic(key.X25519))
	return must(record.Sign(n.key, r.hash,
		record.Base{Serial: serial, Time: today, Expires: today.Add(24 * time.Hour)},
		&record.Node{Agreements: []key.Agreement{static.Public()}, Peers: peers}))
}

func (n *testNode) start(t testing.TB, r *testRealm, others ...*testNode) {
	t.Helper()
	var peers []string
	for _, o := range others {
		peers = append(peers, o.f.Addrs()...)
	}
	f, err := New(Config{
		Identity: n.key, Realm: r.hash, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Peers: peers,
		Door: n.door, Wall: testClock, SyncEvery: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.f = f
	t.Cleanup(func() { f.Close() })
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition that nothing announces.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testDeadline)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waiting until %s: it did not come", what)
		}
	}
}

// meet waits until two nodes are connected members with gossip between them.
func meet(t testing.TB, a, b *testNode) {
	t.Helper()
	until(t, "two nodes gossip with each other", func() bool {
		return slices.Contains(a.f.topic.ListPeers(), b.f.host.ID()) && slices.Contains(b.f.topic.ListPeers(), a.f.host.ID())
	})
}

// testAccount is an account with one device.
type testAccount struct {
	key    *key.Account
	hash   key.Hash
	device *key.Device
	fact   *record.Fact
}

// accounts counts the accounts made: each has its own keys, the same in every
// run.
var accounts atomic.Uint64

func newAccount() *testAccount {
	seed := make([]byte, 32)
	binary.BigEndian.PutUint64(seed, accounts.Add(1))
	a := &testAccount{key: must(key.AccountFromSeed(seed)), device: must(key.DeviceFromSeed(seed))}
	a.hash = a.key.Author().Hash()
	static := must(key.StaticFromSeed(key.X25519, seed))
	a.fact = must(record.Sign(a.key, key.Hash{}, record.Base{Serial: 1, Time: today, Account: a.hash},
		&record.Device{Key: a.device.Author(), Agreement: static.Public(), Roles: record.Watch | record.Publish}))
	return a
}

// status is an event with a tag: serial 2 replaces serial 1.
func (a *testAccount) status(serial int64, tag int) *record.Fact {
	name := make([]byte, record.TagSize)
	binary.BigEndian.PutUint64(name, uint64(tag))
	return must(record.Sign(a.device, key.Hash{},
		record.Base{Serial: serial, Time: today, Expires: today.Add(time.Hour), Account: a.hash},
		&record.Event{Channel: "main", Tag: name, Payload: []byte("here")}))
}

// forge returns the fact with another, wrong signature.
func forge(f *record.Fact) *record.Fact {
	b := f.Append(nil)
	b[len(b)-2] ^= 1 // before the closing brace stands the signature
	return must(record.Parse(b))
}
