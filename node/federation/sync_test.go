package federation

import (
	"context"
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/registry"
)

func TestSyncHealsBothWays(t *testing.T) {
	r := newRealm(t)
	b := newNode(t, r)
	a := prepareNode(r, r.member)
	// Both have something the other lacks, and an older one of something.
	shared, mine, yours := newAccount(), newAccount(), newAccount()
	for _, n := range []*testNode{a, b} {
		n.door.put(shared.fact)
	}
	a.door.put(mine.fact, mine.status(1, 1), shared.status(2, 1), shared.status(1, 2))
	b.door.put(yours.fact, yours.status(1, 1), shared.status(1, 1), shared.status(2, 2))
	for i := range RowPage { // with the others, more than a page
		a.door.put(mine.status(1, i))
	}
	a.start(t, r, b)
	a.door.until(t, "the first node has all", func() bool { return a.door.holdsAll(b.door) })
	b.door.until(t, "the second node has all", func() bool { return b.door.holdsAll(a.door) })
	until(t, "both hold the same", func() bool { return a.door.same(b.door) })
}

// holdsAll is called under the lock of d only: the other one is read apart.
func (d *scriptedDoor) holdsAll(o *scriptedDoor) bool {
	for _, s := range o.Sums(context.Background()) {
		var have registry.Sum
		for _, f := range d.facts {
			if f.Account == s.Account {
				have.Add(f.Hash())
			}
		}
		if have.Count < s.Count {
			return false
		}
	}
	return true
}

func TestSyncOfForgedFactEndsTheConnection(t *testing.T) {
	_, a, b := pair(t)
	account := newAccount()
	a.door.put(account.fact)
	b.door.put(account.fact)
	bad := forge(account.status(1, 1))
	b.door.put(bad)
	a.f.SyncNow(t.Context()) // or a sync that the nodes begin themselves
	until(t, "the forger is disconnected", func() bool { return len(a.f.Members()) == 0 })
	a.door.mu.Lock()
	defer a.door.mu.Unlock()
	if a.door.merged[bad.Hash()] > 0 {
		t.Error("a forged fact was merged")
	}
}

func TestDeclinedFactIsNotFetchedAgain(t *testing.T) {
	_, a, b := pair(t)
	account := newAccount()
	a.door.put(account.fact)
	unwanted := account.status(1, 1)
	b.door.put(account.fact, unwanted)
	a.door.note(func() { a.door.forced[unwanted.Hash()] = Refused })
	offered := func() int {
		syncOnce(t, a)
		a.door.mu.Lock()
		defer a.door.mu.Unlock()
		return a.door.screened[unwanted.Hash()]
	}
	until(t, "it was declined", func() bool { return offered() > 0 })
	// Syncs that the nodes began themselves may bring it once more.
	before := offered()
	for range 5 {
		offered()
	}
	if n := offered() - before; n > 1 {
		t.Errorf("brought %d times more", n)
	}
}

func TestSyncBringsLittleToTheThirdNode(t *testing.T) {
	_, a, b, c := line(t)
	account := newAccount()
	a.door.put(account.fact)
	if err := b.f.SyncNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.door.has(t, account.fact) // by gossip: no sync is due for an hour
}

func row(hash byte, serial int64, key string, expires wall.Time) Row {
	return Row{Hash: [32]byte{hash}, Serial: serial, Key: key, Expires: expires}
}

func pager(size int, rows ...Row) Pager {
	return func(_ context.Context, after key.Hash) ([]Row, bool, error) {
		i, found := slices.BinarySearchFunc(rows, after, func(r Row, h key.Hash) int { return compare(r.Hash, h) })
		if found {
			i++
		}
		page := rows[i:]
		return page[:min(size, len(page))], len(page) > size, nil
	}
}

func TestPagesFindTheDifference(t *testing.T) {
	mine := pager(2, row(1, 1, "same", 0), row(3, 5, "newer here", 0), row(5, 1, "only here", 0), row(7, 1, "over", 10), row(9, 2, "tie", 0))
	theirs := pager(3, row(1, 1, "same", 0), row(2, 4, "newer here", 0), row(4, 1, "only there", 0), row(8, 1, "over there", 9), row(10, 2, "tie", 0))
	want, give, err := pages{}.Differ(t.Context(), 10, mine, theirs)
	if err != nil {
		t.Fatal(err)
	}
	if w := []key.Hash{{4}, {10}}; !slices.Equal(want, w) {
		t.Errorf("want %v, want %v", want, w)
	}
	if g := []key.Hash{{3}, {5}}; !slices.Equal(give, g) {
		t.Errorf("give %v, want %v", give, g)
	}
}

func TestRowsThatNeverEndAreRefused(t *testing.T) {
	endless := func(_ context.Context, after key.Hash) ([]Row, bool, error) {
		after[0]++
		return []Row{{Hash: after}}, true, nil
	}
	again := func(context.Context, key.Hash) ([]Row, bool, error) { return []Row{{Hash: [32]byte{1}}}, true, nil }
	empty := func(context.Context, key.Hash) ([]Row, bool, error) { return nil, true, nil }
	for name, p := range map[string]Pager{"wrapping": endless, "again": again, "empty": empty} {
		if _, err := readAll(t.Context(), p); err == nil {
			t.Errorf("%s pages: read to the end", name)
		}
	}
}

func TestSyncGivesInMergingOrder(t *testing.T) {
	kinds := []record.Kind{
		record.KindRealm, record.KindExpelled, record.KindMember, record.KindNode, record.KindHost,
		record.KindDevice, record.KindRevoked, record.KindEpoch, record.KindHome, record.KindPolicy,
		record.KindContact, record.KindAttach, record.KindEvent,
	}
	var facts []*record.Fact
	for _, k := range slices.Backward(kinds) {
		facts = append(facts, &record.Fact{Kind: k})
	}
	sortForMerge(facts)
	for i, f := range facts {
		if f.Kind != kinds[i] {
			t.Errorf("place %d is %s, want %s", i, f.Kind, kinds[i])
		}
	}
}
