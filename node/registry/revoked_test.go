package registry

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// lost is what is known of an account whose laptop was lost: a revocation, the
// epochs before and after it, and all that the laptop signed before and since.
type lost struct {
	*world
	thief  key.Hash
	known  []*record.Fact // at every node before they were cut apart
	honest []*record.Fact // events of the phone
	stolen []*record.Fact // signed by the laptop, or naming it
	set    []*record.Fact // all that comes after, these too
}

// epoch is an epoch that lists devices. What is wrapped is nobody's business
// here.
func (w *world) epoch(number int64, salt byte, devices ...*key.Device) *record.Fact {
	e := &record.Epoch{Number: number, Key: [32]byte{1, byte(number), salt}, Wraps: []record.Wrap{}, Sealed: make([]byte, key.SealOverhead)}
	for _, d := range devices {
		h := d.Author().Hash()
		e.Wraps = append(e.Wraps, record.Wrap{Device: [8]byte(h[:8])})
	}
	return w.sign(w.account, number, e)
}

// newestOfLost is the number of the epoch that counts in the end.
const newestOfLost = keepEpochs + 7

// newLost makes an account with this many posts of the phone and of the laptop.
func newLost(t testing.TB, phone, laptop int64) *lost {
	w := newWorld(t)
	l := &lost{world: w, thief: w.laptop.Author().Hash()}
	l.known = []*record.Fact{
		w.member(w.nodeA), w.member(w.nodeB), w.host(w.nodeA, 1, false), w.host(w.nodeB, 1, false),
		w.device(w.phone, w.phoneKey, 1),
	}
	// More epochs than are kept, of two holders of the account's key who made some
	// at the same time; the newest of those that the laptop still reads has the
	// greatest number of all.
	for n := int64(1); n <= keepEpochs+4; n++ {
		l.set = append(l.set, w.epoch(n, 0, w.phone, w.laptop))
	}
	l.set = append(l.set,
		w.epoch(keepEpochs+4, 1, w.phone), w.epoch(keepEpochs+5, 1, w.phone),
		w.epoch(keepEpochs+5, 2, w.phone, w.laptop), w.epoch(keepEpochs+6, 2, w.phone, w.laptop),
		w.epoch(newestOfLost, 0, w.phone),
		w.sign(w.account, 1, &record.Revoked{Hash: l.thief}), w.sign(w.account, 2, &record.Revoked{Hash: l.thief}),
		w.attach(w.phone, 1, w.me),
	)
	for n := int64(1); n <= phone; n++ {
		l.honest = append(l.honest, w.queued(w.phone, "main", n, 1))
	}
	l.honest = append(l.honest, w.status(w.phone, 1, 4))
	l.stolen = []*record.Fact{
		w.device(w.laptop, w.laptopKey, 1), w.device(w.laptop, w.laptopKey, 99),
		w.attach(w.laptop, 7, w.me), w.attach(w.laptop, 8, w.me, w.nodeB.Author().Hash()), w.attach(w.laptop, 9),
		w.status(w.laptop, 1, 9), w.status(w.laptop, 2, 9),
	}
	for n := int64(1); n <= laptop; n++ {
		l.stolen = append(l.stolen, w.queued(w.laptop, "main", n, max(1, n-900)))
	}
	l.set = append(append(l.set, l.honest...), l.stolen...)
	return l
}

// between brings what each of two registries lacks of the other's, in the order
// that federation merges in, as one sync does.
func (l *lost) between(mine, theirs *Registry) {
	for _, way := range [][2]*Registry{{mine, theirs}, {theirs, mine}} {
		to, from := way[0], way[1]
		for _, account := range []key.Hash{{}, l.accountID} {
			var want []*record.Fact
			for _, f := range from.Rows(l.now, account, key.Hash{}, 1<<16) {
				if f.Newer(to.Current(f.Key())) {
					want = append(want, f)
				}
			}
			slices.SortStableFunc(want, func(a, b *record.Fact) int { return cmp.Compare(Order(a.Kind), Order(b.Kind)) })
			settle(to, l.now, want)
		}
	}
}

// interval is one sync of each node with each other.
func (l *lost) interval(nodes []*Registry) {
	for i := range nodes {
		for j := range i {
			l.between(nodes[j], nodes[i])
		}
	}
}

// arrive lets the facts arrive at three nodes, at each its own part of them in
// its own order, and each fact somewhere. What rests on a device that is not
// known yet is offered again, as federation does.
func (l *lost) arrive(intN func(int) int) []*Registry {
	at := make([][]*record.Fact, 3)
	for _, f := range l.set {
		where := 1 + intN(7) // a set of nodes that is not empty
		for i := range at {
			if where&(1<<i) != 0 {
				at[i] = append(at[i], f)
			}
		}
	}
	var nodes []*Registry
	for _, facts := range at {
		for i := range facts { // Fisher and Yates
			j := i + intN(len(facts)-i)
			facts[i], facts[j] = facts[j], facts[i]
		}
		r := ForRealm(l.realmID)
		settle(r, l.now, append(slices.Clone(l.known), facts...))
		nodes = append(nodes, r)
	}
	return nodes
}

// verdict says what is wrong after two sync intervals, or nothing.
func (l *lost) verdict(nodes []*Registry) error {
	for i, r := range nodes {
		if fingerprint(r) != fingerprint(nodes[0]) {
			return fmt.Errorf("node %d has not what node 0 has, two sync intervals later", i)
		}
		for _, f := range l.stolen {
			if r.Holds(f) {
				return fmt.Errorf("node %d holds a %s fact of the revoked device", i, f.Kind)
			}
			if v := r.Judge(l.now, f); v != Refused {
				return fmt.Errorf("node %d, offered a %s fact of the revoked device: %v", i, f.Kind, v)
			}
		}
		if err := l.epochs(r); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	return nil
}

// kept says which of the phone's posts is missing, or nothing.
func (l *lost) kept(nodes []*Registry) error {
	for i, r := range nodes {
		for _, f := range l.honest {
			if !r.Holds(f) {
				return fmt.Errorf("node %d lost the phone's post %d", i, f.Body.(*record.Event).Sequence)
			}
		}
	}
	return nil
}

// epochs checks that the newest epoch that counts is the greatest that leaves the
// laptop out.
func (l *lost) epochs(r *Registry) error {
	newest := r.Epoch(l.accountID)
	if newest == nil || newest.Body.(*record.Epoch).Number != newestOfLost {
		return fmt.Errorf("the epoch that counts is %v, want number %d", newest, newestOfLost)
	}
	if newest.Body.(*record.Epoch).Lists(l.thief) {
		return fmt.Errorf("the epoch that counts lists the revoked device")
	}
	return nil
}

// "In any order of arrival at three nodes: within two sync intervals all three
// agree, all it signed is void."
func TestRevokedInAnyOrderAtThreeNodes(t *testing.T) {
	l := newLost(t, 12, 12)
	rapid.Check(t, func(t *rapid.T) {
		nodes := l.arrive(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") })
		l.interval(nodes)
		l.interval(nodes)
		if err := cmp.Or(l.verdict(nodes), l.kept(nodes)); err != nil {
			t.Fatal(err)
		}
	})
}

// The same with a laptop that floods until the account holds all it may.
func TestRevokedWhileItFloodsThreeNodes(t *testing.T) {
	l := newLost(t, MaxEvents-1, MaxEvents-100)
	for seed := range uint64(6) {
		nodes := l.arrive(rand.New(rand.NewPCG(seed, 0)).IntN)
		l.interval(nodes)
		l.interval(nodes)
		if err := l.verdict(nodes); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// What a flood took the place of comes back from a node that heard of the
// revocation first.
func TestRevokedFloodGivesBackItsPlace(t *testing.T) {
	l := newLost(t, MaxEvents-1, MaxEvents-100)
	crowded, spared := ForRealm(l.realmID), ForRealm(l.realmID)
	settle(crowded, l.now, slices.Concat(l.known, l.honest, l.stolen))
	settle(spared, l.now, slices.Concat(l.known, l.set))
	nodes := []*Registry{crowded, spared}
	if l.kept(nodes[:1]) == nil {
		t.Fatal("the flood took nothing's place: this test shows nothing")
	}
	l.interval(nodes)
	if err := cmp.Or(l.verdict(nodes), l.kept(nodes)); err != nil {
		t.Fatal(err)
	}
}

// What counts does not depend on whether the revocation or an epoch came first,
// down to the epochs that are kept only to open old events.
func TestEpochsPastTheBoundInAnyOrder(t *testing.T) {
	l := newLost(t, 1, 1)
	want := ""
	rapid.Check(t, func(t *rapid.T) {
		r := ForRealm(l.realmID)
		order := rapid.Permutation(append(slices.Clone(l.known), l.set...)).Draw(t, "order")
		settle(r, l.now, order)
		settle(r, l.now, order) // as sync offers them again
		var keys []string
		for _, f := range r.accounts[l.accountID].facts {
			if e, ok := f.Body.(*record.Epoch); ok {
				keys = append(keys, string(e.Key[:]))
			}
		}
		slices.Sort(keys)
		got := fmt.Sprintf("%x", bytes.Join(toBytes(keys), nil))
		if want == "" {
			want = got
		} else if got != want {
			t.Fatalf("the epochs kept depend on the order: %s, want %s", got, want)
		}
	})
}

func toBytes(list []string) (all [][]byte) {
	for _, s := range list {
		all = append(all, []byte(s))
	}
	return all
}

// An event sealed to an epoch that a revocation ended is shown that revocation
// and what to seal to instead.
func TestOutdatedShowsWhatEndsAnEpoch(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	old, next := w.epoch(1, 0, w.phone, w.laptop), w.epoch(2, 0, w.phone)
	revoked := w.revoked(w.laptop.Author().Hash())
	sealed := func(epoch [32]byte) *record.Fact {
		return w.sign(w.phone, 1, &record.Event{Channel: "main", Sequence: 1, Oldest: 1, Epoch: epoch, Payload: make([]byte, key.SealOverhead)})
	}
	post := sealed(old.Body.(*record.Epoch).Key)
	r.Merge(w.now, old, &fx)
	if why := r.Outdated(post); len(why) > 0 {
		t.Errorf("%d facts before the revocation", len(why))
	}
	r.Merge(w.now, revoked, &fx)
	if why := r.Outdated(post); !slices.Equal(why, []*record.Fact{revoked, old}) {
		t.Errorf("%d facts, want the revocation and what it ends while no epoch counts", len(why))
	}
	r.Merge(w.now, next, &fx)
	if why := r.Outdated(post); !slices.Equal(why, []*record.Fact{revoked, old, next}) {
		t.Errorf("%d facts, want the epoch that counts besides", len(why))
	}
	for name, fine := range map[string]*record.Fact{
		"sealed to the epoch that counts": sealed(next.Body.(*record.Epoch).Key),
		"sealed to one that is not here":  sealed([32]byte{9}),
		"in clear":                        w.queued(w.phone, "main", 1, 1),
	} {
		if why := r.Outdated(fine); len(why) > 0 {
			t.Errorf("%s: %d facts", name, len(why))
		}
	}
}

// Whoever is listed in an epoch was handed the older private halves: what was
// sealed to an epoch from before a device joined would be open to it after it was
// revoked. So none counts below one that lists a revoked key.
func TestEpochOpenToARevokedDeviceDoesNotCount(t *testing.T) {
	w := newWorld(t)
	phone, laptop := w.phone, w.laptop
	for _, c := range []struct {
		name   string
		epochs []*record.Fact
		want   int64 // number of the one that counts, 0 for none
	}{
		{"revoked before the next epoch came", []*record.Fact{w.epoch(1, 0, phone), w.epoch(2, 0, phone, laptop)}, 0},
		{"revoked after it", []*record.Fact{w.epoch(1, 0, phone), w.epoch(2, 0, phone, laptop), w.epoch(3, 0, phone)}, 3},
		{"another made an epoch at the same time", []*record.Fact{w.epoch(1, 0, phone, laptop), w.epoch(2, 0, phone), w.epoch(2, 1, phone, laptop)}, 2},
		{"another made more of them", []*record.Fact{w.epoch(1, 0, phone), w.epoch(2, 0, phone), w.epoch(3, 0, phone, laptop)}, 0},
		{"repaired", []*record.Fact{w.epoch(2, 0, phone), w.epoch(3, 0, phone, laptop), w.epoch(4, 0, phone)}, 4},
	} {
		r := w.base()
		settle(r, w.now, append(c.epochs, w.revoked(laptop.Author().Hash())))
		got := int64(0)
		if f := r.Epoch(w.accountID); f != nil {
			got = f.Body.(*record.Epoch).Number
		}
		if got != c.want {
			t.Errorf("%s: epoch %d counts, want %d", c.name, got, c.want)
		}
	}
}
