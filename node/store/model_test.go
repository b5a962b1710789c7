package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"meshpresence/internal/record"
)

// model is what a store must hold.
type model struct {
	facts map[record.Key]*record.Fact
	meta  map[string]string
}

// Random batches, alone or several at a time, and reopening at random: the
// store always is what a map is.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(times(3)) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { modelRun(t, rand.New(rand.NewPCG(seed, 11))) })
	}
}

func modelRun(t *testing.T, rng *rand.Rand) {
	dir := t.TempDir()
	s := openStore(t, dir)
	m := model{map[record.Key]*record.Fact{}, map[string]string{}}
	authors := []*author{newAuthor(t, 1), newAuthor(t, 2), newAuthor(t, 3), newAuthor(t, 4)}
	for range 30 {
		// Batches at one time come from different authors and write different
		// names, so that their order does not matter.
		var wg sync.WaitGroup
		for i := range 1 + rng.IntN(len(authors)) {
			b := m.batch(t, rng, authors[i], fmt.Sprint("m", i))
			wg.Go(func() {
				if err := s.Commit(t.Context(), b); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if rng.IntN(4) == 0 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, dir)
			m.check(t, s)
		}
	}
	m.check(t, s)
}

// batch makes a batch and does to the model what it must do to the store.
func (m *model) batch(t *testing.T, rng *rand.Rand, a *author, name string) Batch {
	b := Batch{Meta: map[string][]byte{}}
	for range rng.IntN(4) {
		k := a.event(t, 1+rng.Int64N(20), 1, 1).Key()
		b.Delete = append(b.Delete, k)
		delete(m.facts, k)
	}
	for range rng.IntN(8) {
		f := a.event(t, 1+rng.Int64N(20), rng.Int64N(100), 1+rng.IntN(4000))
		b.Put = append(b.Put, f)
		m.facts[f.Key()] = f
	}
	switch rng.IntN(3) {
	case 0:
		b.Meta[name] = nil
		delete(m.meta, name)
	case 1:
		b.Meta[name] = fmt.Append(nil, rng.Int())
		m.meta[name] = string(b.Meta[name])
	}
	return b
}

func (m *model) check(t *testing.T, s *Store) {
	t.Helper()
	got := contents(t, s)
	same := func(a, b *record.Fact) bool { return a.Hash() == b.Hash() }
	if !maps.EqualFunc(got, m.facts, same) {
		t.Fatalf("%d facts, want %d, or others", len(got), len(m.facts))
	}
	names := []string{"m0", "m1", "m2", "m3"}
	for _, name := range names {
		v, err := s.Meta(name)
		want, ok := m.meta[name]
		if err != nil || (v != nil) != ok || string(v) != want {
			t.Fatalf("meta %s: %q, %v, want %q", name, v, err, want)
		}
	}
	if s.Damage() != (Damage{}) || s.Quarantined() != 0 {
		t.Fatalf("damage %+v, %d aside", s.Damage(), s.Quarantined())
	}
	for name := range m.meta {
		if !slices.Contains(names, name) {
			t.Fatalf("a meta value %s that no batch wrote", name)
		}
	}
}

func TestMetaNames(t *testing.T) {
	s := openStore(t, t.TempDir())
	for _, name := range []string{"", "A", "a/b", "..", string(make([]byte, 65))} {
		if err := s.Commit(t.Context(), Batch{Meta: map[string][]byte{name: {1}}}); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
		if _, err := s.Meta(name); err == nil {
			t.Errorf("the name %q was looked up", name)
		}
	}
}
