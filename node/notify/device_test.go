package notify

import (
	"encoding/base32"
	"math"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

const budget = 18480

var (
	start = time.Unix(1_000_000, 0)
	today = wall.Time(2_000_000)
)

func hashOf(n int64, more byte) (h key.Hash) {
	for i := range 8 {
		h[i] = byte(n >> (8 * i))
	}
	h[8] = more
	return h
}

// status makes a status of 200 bytes; its label is one letter.
func status(label byte, serial int64) *Item {
	return &Item{Hash: hashOf(serial, label), Tag: string(label), Serial: serial, Raw: make([]byte, 200)}
}

// event makes a queued event of 200 bytes in a channel of one letter.
func event(channel byte, sequence int64) *Item {
	return &Item{Hash: hashOf(sequence, channel), Channel: string(channel), Sequence: sequence, Raw: make([]byte, 200)}
}

// script drives one device and checks what it says.
type script struct {
	*testing.T
	d   Device
	now time.Time
	b   Batch
}

func newScript(t *testing.T) *script { return &script{T: t, now: start} }

func (s *script) offer(want Offered, items ...*Item) {
	s.Helper()
	for _, item := range items {
		if got := s.d.Offer(s.now, item); got != want {
			s.Fatalf("offer is %v, want %v", got, want)
		}
	}
}

// send wants a notification of exactly these items, sends it and returns its
// serial.
func (s *script) send(items ...*Item) int64 {
	s.Helper()
	if d := s.d.Deadline(); d.IsZero() || d.After(s.now) {
		s.Fatalf("deadline %v, want due", d)
	}
	if !s.d.Due(s.now, today, budget, &s.b) {
		s.Fatal("nothing is due")
	}
	if !slices.Equal(s.b.Items, items) || len(s.b.Hints) != 0 {
		s.Fatalf("serial %d holds %d items and %d hints, want %d items", s.b.Serial, len(s.b.Items), len(s.b.Hints), len(items))
	}
	s.d.Sent(s.now, s.b.Serial)
	return s.b.Serial
}

// silent wants nothing to be due.
func (s *script) silent() {
	s.Helper()
	if s.d.Due(s.now, today, budget, &s.b) {
		s.Fatalf("serial %d is due", s.b.Serial)
	}
	if d := s.d.Deadline(); !d.IsZero() && !d.After(s.now) {
		s.Fatalf("silent, but the deadline %v is over", d)
	}
}

// pass lets time pass up to the deadline, which must be this far away.
func (s *script) pass(want time.Duration) {
	s.Helper()
	s.silent()
	if got := s.d.Deadline().Sub(s.now); got != want {
		s.Fatalf("the deadline is in %v, want %v", got, want)
	}
	s.now = s.now.Add(want - 1)
	s.silent()
	s.now = s.now.Add(1)
}

func (s *script) acknowledge(serial int64, items ...*Item) {
	s.Helper()
	if got := s.d.Acknowledge(s.now, serial, nil); !slices.Equal(got, items) {
		s.Fatalf("acknowledging %d delivered %d items, want %d", serial, len(got), len(items))
	}
}

func (s *script) idle() {
	s.Helper()
	s.silent()
	if s.d.Len() != 0 || !s.d.Deadline().IsZero() {
		s.Fatalf("holds %d items, deadline %v", s.d.Len(), s.d.Deadline())
	}
}

func TestZeroValue(t *testing.T) { newScript(t).idle() }

func TestDelivery(t *testing.T) {
	s := newScript(t)
	a, e1, e2 := status('a', 5), event('m', 1), event('m', 2)
	s.offer(Queued, a, e1, e2)
	serial := s.send(a, e1, e2)
	s.silent()
	s.offer(Duplicate, a, e1, e2, status('a', 4))
	s.acknowledge(serial + 1) // nobody sent that
	s.acknowledge(serial, a, e1, e2)
	s.acknowledge(serial) // once
	s.idle()
}

// mpp.md: "A notification is repeated (the same message, then the next path,
// then backoff to 60 s) until acknowledged, superseded or expired."
func TestRepeats(t *testing.T) {
	s := newScript(t)
	a, e := status('a', 1), event('m', 1)
	s.offer(Queued, a, e)
	serial := s.send(a, e)
	for i, wait := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		s.pass(time.Duration(wait) * time.Second)
		if got := s.send(a, e); got != serial {
			t.Fatalf("repeat %d has serial %d, want %d", i, got, serial)
		}
		if !s.b.Repeat {
			t.Fatal("a repeat does not say so")
		}
	}
	s.acknowledge(serial, a, e)
	s.idle()
}

// mpp.md: "Store status is latest-wins and coalesces".
func TestStatusLatestWins(t *testing.T) {
	s := newScript(t)
	a1, a2, a3, b := status('a', 1), status('a', 2), status('a', 3), status('b', 1)
	s.offer(Queued, a1, b)
	s.offer(Replaced, a2)
	serial := s.send(a2, b)
	s.offer(Replaced, a3)
	s.offer(Duplicate, a2, a3)
	s.silent() // a3 waits for a2
	s.acknowledge(serial, a2, b)
	s.acknowledge(s.send(a3), a3)
	s.idle()
}

func TestSupersededInFlightBecomesANewMessage(t *testing.T) {
	s := newScript(t)
	a1, a2, e := status('a', 1), status('a', 2), event('m', 1)
	s.offer(Queued, a1, e)
	first := s.send(a1, e)
	s.pass(time.Second)
	s.send(a1, e)
	s.offer(Replaced, a2)
	s.pass(2 * time.Second)
	second := s.send(a2, e)
	if second == first {
		t.Fatal("another message has the same serial")
	}
	s.pass(4 * time.Second) // the delays go on
	s.send(a2, e)
	s.acknowledge(first) // too late
	s.acknowledge(second, a2, e)
	s.idle()
}

// A publisher that posts without end costs a silent device no more than its
// repeats.
func TestSupersedingDoesNotHurrySilence(t *testing.T) {
	s := newScript(t)
	s.offer(Queued, status('a', 1))
	sent := 0
	for serial := int64(2); serial < 1000; serial++ { // ten a second
		s.now = s.now.Add(100 * time.Millisecond)
		s.offer(Replaced, status('a', serial))
		for s.d.Due(s.now, today, budget, &s.b) {
			sent++
			s.d.Sent(s.now, s.b.Serial)
		}
	}
	if sent > 8 {
		t.Errorf("%d messages in 100 s to a device that answers none", sent)
	}
}

func TestQueuedInPublisherOrder(t *testing.T) {
	s := newScript(t)
	m3, m1, n2, m2 := event('m', 3), event('m', 1), event('n', 2), event('m', 2)
	s.offer(Queued, m3, n2, m1, m2)
	s.send(m1, m2, m3, n2)
	late := event('m', 0)
	s.offer(Queued, late)
	s.send(late)
}

func TestQueueBoundAndRefill(t *testing.T) {
	s := newScript(t)
	var all []*Item
	for i := range int64(40) {
		all = append(all, event('m', i))
	}
	s.offer(Queued, all[:MaxQueued]...)
	if s.d.WantsMore() {
		t.Fatal("wants more, though nothing was refused")
	}
	s.offer(Full, all[MaxQueued])
	s.offer(Duplicate, all[3])
	if s.d.WantsMore() {
		t.Fatal("wants more, though it has no room")
	}
	s.acknowledge(s.send(all[:MaxQueued]...), all[:MaxQueued]...)
	if !s.d.WantsMore() {
		t.Fatal("wants no more")
	}
	s.offer(Full, all[39]) // may not overtake those refused
	s.d.Refill()
	s.offer(Queued, all[MaxQueued:2*MaxQueued]...)
	s.offer(Full, all[2*MaxQueued])
	s.acknowledge(s.send(all[16:32]...), all[16:32]...)
	s.d.Refill()
	s.offer(Queued, all[32:]...)
	s.acknowledge(s.send(all[32:]...), all[32:]...)
	if s.d.WantsMore() {
		t.Error("wants more at the end")
	}
	s.idle()
}

func TestStatusBound(t *testing.T) {
	s := newScript(t)
	for i := range MaxStatuses {
		s.offer(Queued, status(byte('A'+i), 1))
	}
	s.offer(Full, status('!', 1))
	s.offer(Replaced, status('A', 2))
	if !s.d.Due(s.now, today, budget, &s.b) {
		t.Fatal("nothing is due")
	}
	s.d.Sent(s.now, s.b.Serial)
	s.d.Acknowledge(s.now, s.b.Serial, nil)
	if !s.d.WantsMore() {
		t.Error("wants no more")
	}
}

func TestBudget(t *testing.T) {
	s := newScript(t)
	e := []*Item{event('m', 1), event('m', 2), event('m', 3)}
	s.offer(Queued, e...)
	small := mpp.NotifyOverhead + 450 // two of 200
	if !s.d.Due(s.now, today, small, &s.b) || !slices.Equal(s.b.Items, e[:2]) {
		t.Fatalf("got %d items, want 2", len(s.b.Items))
	}
	first := s.b.Serial
	s.d.Sent(s.now, first)
	if !s.d.Due(s.now, today, small, &s.b) || !slices.Equal(s.b.Items, e[2:]) || s.b.Serial != first+1 {
		t.Fatalf("got %d items of serial %d", len(s.b.Items), s.b.Serial)
	}
	s.d.Sent(s.now, s.b.Serial)

	// The path now carries less: what left as one message must leave as two.
	s.now = s.now.Add(time.Second)
	smaller := mpp.NotifyOverhead + 250
	for _, want := range []*Item{e[0], e[2], e[1]} {
		if !s.d.Due(s.now, today, smaller, &s.b) || !slices.Equal(s.b.Items, []*Item{want}) {
			t.Fatalf("got %d items, want one", len(s.b.Items))
		}
		s.d.Sent(s.now, s.b.Serial)
	}
	s.silent()
}

// mpp.md: "What does not fit is answered with the empty Store ... and fetched;
// never truncated in silence."
func TestHints(t *testing.T) {
	s := newScript(t)
	big, e := event('m', 1), event('m', 2)
	big.Raw = make([]byte, 7000)
	s.offer(Queued, big, e)
	for range 2 { // the repeat is the same message, though more would fit now
		if !s.d.Due(s.now, today, 1100, &s.b) || !slices.Equal(s.b.Hints, []*Item{big}) || !slices.Equal(s.b.Items, []*Item{e}) {
			t.Fatalf("got %d items, %d hints", len(s.b.Items), len(s.b.Hints))
		}
		s.d.Sent(s.now, s.b.Serial)
		s.now = s.now.Add(time.Second)
	}
	s.acknowledge(s.b.Serial, e) // the hint is not a delivery
	s.idle()

	s.offer(Queued, big)
	if !s.d.Due(s.now, today, 0, &s.b) || len(s.b.Hints) != 1 {
		t.Error("nothing can leave with a budget of nothing: that would spin")
	}
}

func TestHintSize(t *testing.T) {
	tag := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(make([]byte, mpp.TagSize))
	store := mpp.StoreStatus{Store: tag, Index: math.MaxInt64, Digest: make([]byte, mpp.HashSize)}
	none := mpp.Notify{Serial: mpp.N(1)}
	one := mpp.Notify{Serial: mpp.N(1), Stores: []mpp.StoreStatus{store}}
	if got := len(one.Append(nil)) - len(none.Append(nil)); got > hintSize {
		t.Errorf("a hint takes %d bytes, over hintSize", got)
	}
}

func TestInFlightBound(t *testing.T) {
	s := newScript(t)
	var serials []int64
	for i := range int64(MaxInFlight) {
		e := event('m', i)
		s.offer(Queued, e)
		serials = append(serials, s.send(e))
	}
	e := event('m', 9)
	s.offer(Queued, e)
	s.silent()
	s.acknowledge(serials[2], held(s, 2))
	s.send(e)
}

// held finds the item of a sequence, as it was offered.
func held(s *script, sequence int64) *Item {
	for _, e := range s.d.entries {
		if e.item.Sequence == sequence {
			return e.item
		}
	}
	return nil
}

func TestAnAnswerHurriesTheRest(t *testing.T) {
	s := newScript(t)
	e1, e2 := event('m', 1), event('m', 2)
	s.offer(Queued, e1)
	first := s.send(e1)
	for _, wait := range []int{1, 2, 4, 8} {
		s.pass(time.Duration(wait) * time.Second)
		s.send(e1)
	}
	s.offer(Queued, e2)
	s.acknowledge(s.send(e2), e2)
	s.pass(time.Second)
	if s.send(e1) != first {
		t.Error("not the same message")
	}
}

func TestHold(t *testing.T) {
	s := newScript(t)
	a1, a2 := status('a', 1), status('a', 2)
	s.offer(Queued, a1)
	for range 2 {
		if !s.d.Due(s.now, today, budget, &s.b) || s.b.Serial != 1 {
			t.Fatal("a notification not sent must stay due")
		}
	}
	s.acknowledge(1) // it never left
	s.d.Hold(s.now.Add(50 * time.Millisecond))
	s.offer(Replaced, a2)
	e := event('m', 1)
	s.offer(Queued, e) // may not leave before what is held
	s.pass(50 * time.Millisecond)
	if s.send(a2) != 1 {
		t.Error("nobody saw serial 1 before: it can hold what is newest")
	}
	s.send(e)
	s.d.Sent(s.now, 7) // not known
	s.pass(time.Second)
	s.d.Hold(s.now.Add(time.Hour))
	s.silent()
	s.d.Resume(s.now)
	s.send(a2)
}

// Found by rapid: a repeat that became a new message took along what was
// offered after the notification held back, and so overtook it.
func TestNothingPassesWhatNeverLeft(t *testing.T) {
	s := newScript(t)
	a1, a2, e1, e2 := status('a', 1), status('a', 2), event('m', 1), event('m', 2)
	s.offer(Queued, a1)
	s.send(a1)
	s.offer(Queued, e1)
	if !s.d.Due(s.now, today, budget, &s.b) {
		t.Fatal("nothing is due")
	}
	s.d.Hold(s.now.Add(time.Second)) // e1 never left
	s.offer(Queued, e2)
	s.offer(Replaced, a2)
	s.d.Resume(s.now)
	s.send(e1)
	s.send(a2, e2)
	s.pass(time.Second)
}

func TestPauseAndResume(t *testing.T) {
	s := newScript(t)
	e1, e2 := event('m', 1), event('m', 2)
	s.offer(Queued, e1)
	s.send(e1)
	s.pass(time.Second)
	s.send(e1)
	s.d.Pause()
	s.offer(Queued, e2)
	s.now = s.now.Add(time.Hour)
	s.silent()
	if d := s.d.Deadline(); !d.IsZero() {
		t.Errorf("paused, deadline %v", d)
	}
	s.d.Resume(s.now)
	s.send(e1)
	if s.b.Repeat {
		t.Error("the path is new")
	}
	s.send(e2)
	s.pass(time.Second)
}

// federation.md, Promises: "never after expiry".
func TestExpiry(t *testing.T) {
	s := newScript(t)
	a, b, e := status('a', 1), status('b', 1), event('m', 1)
	a.Expires, b.Expires, e.Expires = today, today+1, today+2
	s.offer(Queued, a, b, e)
	first := s.send(b, e)
	today := today + 1
	s.now = s.now.Add(time.Second)
	if !s.d.Due(s.now, today, budget, &s.b) || !slices.Equal(s.b.Items, []*Item{e}) || s.b.Serial == first {
		t.Fatalf("got %d items of serial %d", len(s.b.Items), s.b.Serial)
	}
	s.d.Sent(s.now, s.b.Serial)
	if s.d.Due(s.now.Add(time.Minute), today+1, budget, &s.b) {
		t.Error("sent after expiry")
	}
	s.idle()
}

func TestDrop(t *testing.T) {
	s := newScript(t)
	a1, a2, b, e := status('a', 1), status('a', 2), status('b', 1), event('m', 1)
	s.offer(Queued, a1, b)
	first := s.send(a1, b)
	s.offer(Replaced, a2)
	s.offer(Queued, e)
	if n := s.d.Drop(func(i *Item) bool { return i == a1 || i == b }); n != 1 {
		t.Errorf("dropped %d entries, want one: a2 takes a1's", n)
	}
	s.acknowledge(first)
	s.send(a2, e)
	a3 := status('a', 3)
	s.offer(Replaced, a3)
	s.d.Drop(func(i *Item) bool { return i == a3 }) // a2 counts no more either
	s.pass(time.Second)
	serial := s.send(e)
	s.d.Drop(func(*Item) bool { return true })
	s.acknowledge(serial)
	s.idle()
}

func TestNewerBreaksTiesByHash(t *testing.T) {
	low, high := status('a', 1), status('a', 1)
	low.Hash, high.Hash = hashOf(1, 0), hashOf(2, 0)
	s := newScript(t)
	s.offer(Queued, low)
	s.offer(Replaced, high)
	s.offer(Duplicate, low)
	s.send(high)
}

// mpp.md, Semantics: "What does not fit is answered with the empty Store": the
// next notification says that statuses found no room, its repeats too, and no
// other.
func TestStatusesThatFindNoRoomAreSaid(t *testing.T) {
	s := newScript(t)
	due := func() bool {
		t.Helper()
		if !s.d.Due(s.now, today, budget, &s.b) {
			t.Fatal("nothing is due")
		}
		s.d.Sent(s.now, s.b.Serial)
		return s.b.Any
	}
	for i := range MaxStatuses {
		s.offer(Queued, status(byte('A'+i), 1))
	}
	s.offer(Full, status('!', 1))
	if !due() {
		t.Fatal("nobody is told that there is more")
	}
	first := s.b.Serial
	s.pass(time.Second)
	if !due() || s.b.Serial != first {
		t.Error("a repeat is another message than the first")
	}
	s.offer(Replaced, status('A', 2))
	s.pass(2 * time.Second)
	if !due() || s.b.Serial == first {
		t.Error("the message that took its place says nothing")
	}
	s.d.Acknowledge(s.now, s.b.Serial, nil)
	s.d.Refill()
	s.offer(Queued, status('!', 1))
	if due() {
		t.Error("told again, though nothing more was refused")
	}
}
