package client

import (
	"fmt"
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

// takes lets a state receive a queued event of one publisher.
func takes(s *state, sequence, oldest int64, now wall.Time) []string {
	f := &record.Fact{Body: &record.Event{Channel: "main", Sequence: sequence, Oldest: oldest}}
	return texts(s.received(f, now))
}

func texts(list []*GapError) (all []string) {
	for _, g := range list {
		text := fmt.Sprintf("%d-%d", g.From, g.To)
		if g.Dropped {
			text += " dropped"
		}
		all = append(all, text)
	}
	return all
}

func wantGaps(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: gaps %v, want %v", what, got, want)
	}
}

// federation.md, Delivery: "A hole costs a range; unfilled at expiry it is `gap`."
func TestWhatExpiredOnItsWayIsAGap(t *testing.T) {
	var s state
	wantGaps(t, "the first that comes", takes(&s, 5, 3, 0))
	wantGaps(t, "a hole", takes(&s, 9, 3, 0))
	wantGaps(t, "half filled", takes(&s, 7, 3, 0))
	wantGaps(t, "Oldest passes it", takes(&s, 10, 9, 0), "6-6", "8-8")
	wantGaps(t, "told once", takes(&s, 11, 10, 0))
	wantGaps(t, "a whole week was slept through", takes(&s, 30, 30, 0), "12-29")
	if list, _ := s.overdue(1 << 40); len(list) != 0 {
		t.Errorf("told again: %v", texts(list))
	}
}

// A publisher that falls silent after a hole says no Oldest any more.
func TestHoleIsAGapWhenItsTimeIsOver(t *testing.T) {
	var s state
	takes(&s, 1, 1, 100)
	takes(&s, 5, 1, 100)
	takes(&s, 3, 1, 100)
	over := wall.Time(100).Add(holeLife)
	if list, changed := s.overdue(over - 1); len(list) != 0 || changed {
		t.Errorf("told too early: %v", texts(list))
	}
	list, changed := s.overdue(over)
	wantGaps(t, "over", texts(list), "2-2", "4-4")
	if !changed {
		t.Error("it is not remembered that this was told")
	}
	list, changed = s.overdue(over)
	if len(list) != 0 || changed {
		t.Errorf("told twice: %v", texts(list))
	}
	takes(&s, 8, 1, over)
	takes(&s, 6, 1, over)
	takes(&s, 7, 1, over)
	if list, _ := s.overdue(over.Add(holeLife)); len(list) != 0 {
		t.Errorf("a hole that was filled is told: %v", texts(list))
	}
}

// federation.md, Quota: "What is dropped is counted and told (`gap`)."
func TestDroppedIsAGapOnce(t *testing.T) {
	var s state
	takes(&s, 4, 1, 0)
	takes(&s, 7, 1, 0)
	publisher := new(record.Fact).Author.Hash() // takes signs nothing
	gone := []mpp.Since{{Publisher: publisher[:], Channel: "main", Floor: 9}, {Publisher: []byte{1}, Channel: "main", Floor: 9}}
	list, _ := s.dropped(gone)
	wantGaps(t, "dropped", texts(list), "5-6 dropped", "8-9 dropped")
	list, changed := s.dropped(gone)
	if len(list) != 0 || changed {
		t.Errorf("told twice: %v", texts(list))
	}
	wantGaps(t, "told already, and expired since", takes(&s, 12, 12, 0), "10-11")
	if list, _ := s.overdue(1 << 40); len(list) != 0 {
		t.Errorf("told again as expired: %v", texts(list))
	}
}

func TestStoresAreCompared(t *testing.T) {
	var s state
	a, b := key.Hash{1}, key.Hash{2}
	says := func(node key.Hash, id byte, count int64, alone bool) bool {
		lost, _ := s.store(node, &mpp.History{ID: []byte{id}, Count: count}, alone)
		return lost
	}
	for i, x := range []struct {
		node  key.Hash
		id    byte
		count int64
		alone bool
		lost  bool
	}{
		{a, 1, 5, true, false}, // met first
		{a, 1, 9, true, false},
		{b, 7, 1, true, false},  // another node is another store
		{a, 1, 8, true, true},   // set back
		{a, 2, 8, true, true},   // made anew
		{a, 2, 8, true, false},  // told once
		{a, 3, 8, false, false}, // another home fills it
		{a, 3, 0, true, true},
		{a, 4, 0, true, false}, // there was nothing to lose
	} {
		if got := says(x.node, x.id, x.count, x.alone); got != x.lost {
			t.Errorf("step %d: lost is %v", i, got)
		}
	}
	for i := range 3 * maxStores {
		says(key.Hash{3, byte(i)}, 1, 1, true)
	}
	if len(s.Stores) > maxStores {
		t.Errorf("%d stores are remembered", len(s.Stores))
	}
}
