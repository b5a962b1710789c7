package client

import (
	"cmp"
	"maps"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// prune forgets what the book keeps only within bounds: host and node facts that
// expired, that are of nodes this account has nothing to do with, or that are
// too many, and the oldest epochs.
func (b *book) prune(now wall.Time) {
	homes := b.homes()
	rank := func(f *record.Fact) int {
		switch author := f.Author.Hash(); {
		case homes[author]:
			return 2
		case b.met[author]:
			return 1
		}
		return 0
	}
	// A home's host fact is kept when it expired: shown to that node after it lost
	// its store, it is what lets the account in (federation.md, The devices' part).
	hosts := b.bound(record.KindHost, maxNodes, rank, func(f *record.Fact) bool {
		return rank(f) == 2 || !f.Expired(now)
	})
	nodes := b.bound(record.KindNode, maxNodes, rank, func(f *record.Fact) bool {
		return !f.Expired(now) && (rank(f) > 0 || hosts[f.Author.Hash()])
	})
	maps.DeleteFunc(b.met, func(h key.Hash, _ bool) bool { return !nodes[h] })
	b.trimEpochs()
}

// homes are the nodes that the account's key names.
func (b *book) homes() map[key.Hash]bool {
	named := make(map[key.Hash]bool)
	for _, f := range b.facts {
		if home, ok := f.Body.(*record.Home); ok {
			for _, n := range home.Nodes {
				named[n.Key.Hash()] = true
			}
		}
	}
	return named
}

// bound forgets the facts of a kind that keep says no to, and then the lowest in
// rank, the oldest first, past the limit. It returns the authors of what stays.
func (b *book) bound(kind record.Kind, limit int, rank func(*record.Fact) int, keep func(*record.Fact) bool) map[key.Hash]bool {
	var list []*record.Fact
	for k, f := range b.facts {
		switch {
		case f.Kind != kind:
		case keep(f):
			list = append(list, f)
		default:
			delete(b.facts, k)
		}
	}
	slices.SortFunc(list, func(x, y *record.Fact) int {
		return cmp.Or(cmp.Compare(rank(y), rank(x)), cmp.Compare(y.Time, x.Time), cmp.Compare(x.Author, y.Author))
	})
	kept := make(map[key.Hash]bool)
	for i, f := range list {
		if i < limit {
			kept[f.Author.Hash()] = true
		} else {
			delete(b.facts, f.Key())
		}
	}
	return kept
}

// trimEpochs forgets the oldest epochs of those that count and of those that do
// not. The private halves stay while this process lives.
func (b *book) trimEpochs() {
	counting, rest := b.epochFacts()
	for _, list := range [][]*record.Fact{counting, rest} {
		for _, f := range list[min(len(list), keepEpochs):] {
			delete(b.facts, f.Key())
		}
	}
}

func newestEpochFirst(x, y *record.Fact) int {
	switch {
	case x.Hash() == y.Hash():
		return 0
	case laterEpoch(x, y):
		return -1
	}
	return 1
}
