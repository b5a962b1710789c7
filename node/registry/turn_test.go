package registry

import (
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// One publisher that posts much does not keep the others back, and each channel
// keeps the order of its sequences.
func TestEventsInTurn(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	merge := func(f *record.Fact) {
		t.Helper()
		if v := r.Merge(w.now, f, &fx); v != Fresh {
			t.Fatalf("merging: %v", v)
		}
	}
	for i := range int64(40) {
		merge(w.queued(w.phone, "main", i+1, 1))
		merge(w.queued(w.laptop, "main", i+1, 1))
	}
	for i := range int64(4) {
		merge(w.queued(w.laptop, "door", i+1, 1))
		merge(w.status(w.phone, byte(i), 100+i))
	}
	type line struct {
		publisher key.Hash
		channel   string
		status    bool
	}
	// The phone's first 36 are held already: its turn comes at the 37th at once.
	phone := w.phone.Author().Hash()
	want := func(f *record.Fact) bool {
		e := f.Body.(*record.Event)
		return e.IsStatus() || f.Author.Hash() != phone || e.Sequence > 36
	}
	last := make(map[line]int64)
	var sizes []int
	count := 0
	r.EventsInTurn(w.accountID, want, func(f *record.Fact) bool {
		e := f.Body.(*record.Event)
		l := line{publisher: f.Author.Hash(), channel: e.Channel, status: e.IsStatus()}
		if !e.IsStatus() && e.Sequence <= last[l] {
			t.Errorf("sequence %d after %d", e.Sequence, last[l])
		}
		last[l] = e.Sequence
		if count++; count == 4 || count == 16 {
			sizes = append(sizes, len(last))
		}
		return true
	})
	if count != 4+40+4+4 {
		t.Errorf("%d events, want all that were wanted", count)
	}
	if !slices.Equal(sizes, []int{4, 4}) {
		t.Errorf("after four and sixteen events %v lines had their turn, want all four", sizes)
	}
	count = 0
	r.EventsInTurn(w.accountID, want, func(*record.Fact) bool { count++; return count < 7 })
	if count != 7 {
		t.Errorf("%d events after yield said to stop at 7", count)
	}
}

// federation.md, Quota: "What is dropped is counted and told".
func TestDroppedIsTold(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	for i := range int64(MaxEvents + 3) {
		r.Merge(w.now, w.queued(w.phone, "main", i+1, 1), &fx)
	}
	var dropped []int64
	for _, f := range fx.Dropped {
		dropped = append(dropped, f.Body.(*record.Event).Sequence)
	}
	if !slices.Equal(dropped, []int64{1, 2, 3}) {
		t.Errorf("dropped %v, want the lowest three", dropped)
	}
	if fx.Reset(); len(fx.Dropped) != 0 {
		t.Error("Reset keeps what was dropped")
	}
}
