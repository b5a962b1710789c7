package notify

import (
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"

	"pgregory.net/rapid"
)

// world is a device, its lossy path, its owner's registry and what the test
// knows of all three.
type world struct {
	d     Device
	now   time.Time
	today wall.Time
	batch Batch

	events   []*Item          // the registry's queued events, in order
	statuses map[string]*Item // and its statuses, by label
	serials  map[string]int64 // the newest serial published, by label
	sequence map[string]int64 // by channel

	delivered map[key.Hash]int // acknowledged, how often
	dropped   map[key.Hash]bool
	sent      map[key.Hash]bool
	last      map[string]int64  // newest serial sent, by label
	messages  map[int64][]*Item // by serial, as last sent
	unheard   []int64           // sent, not yet acknowledged by the test
	quiet     time.Time         // paused since; zero = not
}

func newWorld() *world {
	return &world{now: start, today: today, statuses: map[string]*Item{}, serials: map[string]int64{},
		sequence: map[string]int64{}, delivered: map[key.Hash]int{}, dropped: map[key.Hash]bool{},
		sent: map[key.Hash]bool{}, last: map[string]int64{}, messages: map[int64][]*Item{}}
}

func (w *world) post(t *rapid.T) {
	item := &Item{Raw: make([]byte, rapid.IntRange(100, 7000).Draw(t, "size"))}
	if rapid.Bool().Draw(t, "expires") {
		item.Expires = w.today + wall.Time(rapid.IntRange(1, 100).Draw(t, "life"))
	}
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
	if rapid.Bool().Draw(t, "status") {
		w.serials[name]++
		item.Tag, item.Serial = name, w.serials[name]
		item.Hash = hashOf(item.Serial, name[0]|0x80)
		w.statuses[name] = item
	} else {
		w.sequence[name]++
		item.Channel, item.Sequence = name, w.sequence[name]
		item.Hash = hashOf(item.Sequence, name[0])
		w.events = append(w.events, item)
	}
	w.d.Offer(w.now, item)
}

// old offers a status that was superseded long ago.
func (w *world) old(t *rapid.T) {
	for name, newest := range w.statuses {
		if newest.Serial > 1 && w.holds(name) {
			stale := *newest
			stale.Serial--
			if got := w.d.Offer(w.now, &stale); got != Duplicate {
				t.Fatalf("an old status is %v", got)
			}
		}
	}
}

func (w *world) holds(label string) bool {
	return slices.ContainsFunc(w.d.entries, func(e entry) bool { return e.item.Tag == label })
}

func (w *world) refill() {
	w.d.Refill()
	for _, item := range w.statuses {
		if w.delivered[item.Hash] == 0 && !w.dropped[item.Hash] && !item.expired(w.today) {
			w.d.Offer(w.now, item)
		}
	}
	for _, item := range w.events {
		if w.delivered[item.Hash] == 0 && !w.dropped[item.Hash] && !item.expired(w.today) && w.d.Offer(w.now, item) == Full {
			return
		}
	}
}

// pump does what the owner's loop does.
func (w *world) pump(t *rapid.T, budget int, holds bool) {
	for rounds := 0; ; rounds++ {
		if rounds > 200 {
			t.Fatal("Due never ends")
		}
		if w.d.WantsMore() {
			w.refill()
		}
		if !w.d.Due(w.now, w.today, budget, &w.batch) {
			break
		}
		if holds && rapid.Bool().Draw(t, "hold") {
			w.d.Hold(w.now.Add(50 * time.Millisecond))
			break
		}
		w.check(t, budget)
		w.d.Sent(w.now, w.batch.Serial)
	}
	w.silence(t, budget)
}

// check looks at a notification that leaves.
func (w *world) check(t *rapid.T, budget int) {
	if !w.quiet.IsZero() {
		t.Fatal("sent while paused")
	}
	items := slices.Concat(w.batch.Items, w.batch.Hints)
	if len(items) == 0 {
		t.Fatal("an empty notification")
	}
	size := mpp.NotifyOverhead + hintSize*len(w.batch.Hints)
	for _, item := range w.batch.Items {
		size += len(item.Raw)
	}
	if size > budget && len(items) > 1 {
		t.Fatalf("%d bytes over a budget of %d", size, budget)
	}
	if before, ok := w.messages[w.batch.Serial]; ok && !slices.Equal(before, items) {
		t.Fatalf("serial %d was another message before", w.batch.Serial)
	}
	w.messages[w.batch.Serial] = items
	w.unheard = append(w.unheard, w.batch.Serial)
	for _, item := range items {
		w.checkItem(t, item)
	}
}

func (w *world) checkItem(t *rapid.T, item *Item) {
	if item.expired(w.today) || w.dropped[item.Hash] {
		t.Fatal("sent after its end")
	}
	if item.Status() {
		if item.Serial < w.last[item.Tag] {
			t.Fatalf("status %s went back from %d to %d", item.Tag, w.last[item.Tag], item.Serial)
		}
		w.last[item.Tag] = item.Serial
		return
	}
	if w.delivered[item.Hash] > 0 {
		t.Fatal("a queued event was sent after it was acknowledged")
	}
	if !w.sent[item.Hash] {
		w.firstSend(t, item)
	}
	w.sent[item.Hash] = true
}

// firstSend: nothing lower in the same channel is still to be sent.
func (w *world) firstSend(t *rapid.T, item *Item) {
	for _, o := range w.events {
		if o.before(item) && !w.sent[o.Hash] && !o.expired(w.today) && !w.dropped[o.Hash] {
			t.Fatalf("sequence %d of %s overtook %d", item.Sequence, item.Channel, o.Sequence)
		}
	}
}

// silence: nothing is due until the deadline, and bounds hold.
func (w *world) silence(t *rapid.T, budget int) {
	if n := w.d.queued(); n > MaxQueued {
		t.Fatalf("%d queued events held", n)
	}
	if n := len(w.d.flights); n > MaxInFlight {
		t.Fatalf("%d notifications in flight", n)
	}
	deadline := w.d.Deadline()
	if w.d.Len() == 0 && !deadline.IsZero() {
		t.Fatal("idle with a deadline")
	}
	if w.d.Len() > 0 && w.quiet.IsZero() && deadline.IsZero() {
		t.Fatal("items to tell and no deadline")
	}
	if !deadline.IsZero() && !deadline.After(w.now) {
		t.Fatal("silent after the deadline")
	}
	statuses := 0
	for _, e := range w.d.entries {
		if e.item.Status() {
			statuses++
		}
	}
	if statuses != int(w.d.statuses) {
		t.Fatalf("%d statuses counted as %d", statuses, w.d.statuses)
	}
}

func (w *world) acknowledge(t *rapid.T, serial int64) {
	for _, item := range w.d.Acknowledge(w.now, serial, nil) {
		w.delivered[item.Hash]++
		if w.delivered[item.Hash] > 1 {
			t.Fatal("delivered twice")
		}
		if !slices.Contains(w.messages[serial], item) {
			t.Fatal("delivered by a message that did not hold it")
		}
	}
}

func (w *world) heard(t *rapid.T) {
	if len(w.unheard) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.unheard)-1).Draw(t, "which")
	w.acknowledge(t, w.unheard[i])
	w.unheard = slices.Delete(w.unheard, i, i+1)
}

func (w *world) pass(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond
	w.now = w.now.Add(d)
	w.today += wall.Time(d / time.Second)
}

func (w *world) revoke(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
	gone := func(i *Item) bool { return i.Channel == name }
	w.d.Drop(gone)
	for _, item := range w.events {
		w.dropped[item.Hash] = w.dropped[item.Hash] || gone(item)
	}
}

func (w *world) toggle() {
	if w.quiet.IsZero() {
		w.d.Pause()
		w.quiet = w.now
	} else {
		w.d.Resume(w.now)
		w.quiet = time.Time{}
	}
}

func TestDeviceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		// Every item fits, so that acknowledged means delivered; TestHints has
		// the rest.
		size := rapid.IntRange(7000+mpp.NotifyOverhead, budget).Draw(t, "budget")
		t.Repeat(map[string]func(*rapid.T){
			"post":   w.post,
			"old":    w.old,
			"pass":   w.pass,
			"heard":  w.heard,
			"revoke": w.revoke,
			"toggle": func(*rapid.T) { w.toggle() },
			"pump":   func(t *rapid.T) { w.pump(t, size, true) },
			"lose":   func(*rapid.T) { w.unheard = nil },
		})
		if !w.quiet.IsZero() {
			w.toggle()
		}
		w.drain(t, size)
	})
}

// drain lets the device answer everything: nothing may be left.
func (w *world) drain(t *rapid.T, size int) {
	for range 200 {
		w.pump(t, size, false)
		for _, serial := range w.unheard {
			w.acknowledge(t, serial)
		}
		w.unheard = nil
		if w.d.Len() == 0 && !w.d.WantsMore() {
			break
		}
		w.now = w.now.Add(time.Second)
	}
	for _, item := range w.events {
		want := 1
		if w.dropped[item.Hash] || item.expired(w.today) {
			continue // delivered before, or never
		}
		if got := w.delivered[item.Hash]; got != want {
			t.Fatalf("sequence %d of %s was delivered %d times", item.Sequence, item.Channel, got)
		}
	}
	for label, item := range w.statuses {
		if !item.expired(w.today) && !w.dropped[item.Hash] && w.delivered[item.Hash] != 1 {
			t.Fatalf("the newest status of %s was not delivered", label)
		}
	}
}
