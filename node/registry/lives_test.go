package registry

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// before is what a clock without a battery says at its start: 2000-01-01.
const before wall.Time = 946_684_800

const day = 24 * time.Hour

// expiring signs like world.sign, to expire at a time of the test's choice.
func (w *world) expiring(s key.Signer, serial int64, expires wall.Time, body record.Body) *record.Fact {
	w.t.Helper()
	var realm key.Hash
	if body.Kind() == record.KindHost {
		realm = w.realmID
	}
	base := record.Base{Serial: serial, Time: w.now, Expires: expires, Account: w.accountID}
	return must(record.Sign(s, realm, base, body))(w.t)
}

// A node that starts in the year 2000 keeps what it had: it was within reach when
// it came.
func TestRestoredWithAClockBehind(t *testing.T) {
	w := newWorld(t)
	r := ForRealm(w.realmID)
	var fx Effects
	for _, f := range append(w.baseFacts(), w.attach(w.phone, 1, w.me), w.status(w.phone, 1, 1), w.queued(w.phone, "main", 1, 1)) {
		if v := r.Restore(before, f, &fx); v != Fresh {
			t.Errorf("restoring %s in 2000: %v", f.Kind, v)
		}
	}
	had := r.Len()
	if r.Expire(before, &fx); r.Len() != had || !r.Carried(before, w.accountID) {
		t.Errorf("%d of %d facts are left in 2000", r.Len(), had)
	}
	if v := r.Merge(before, w.status(w.phone, 1, 2), &fx); v != Expired {
		t.Errorf("a new event in 2000: %v, want expired: who knows until when", v)
	}
	if v := r.Merge(w.now, w.status(w.phone, 1, 2), &fx); v != Fresh {
		t.Errorf("the same once the clock is right: %v", v)
	}
}

// "Nothing older outlives what replaced it": a detach that covers what a clock ten
// days ahead signed is taken, though late, and nothing undoes it but a new word.
func TestDetachOfAClockAhead(t *testing.T) {
	w := newWorld(t)
	ahead := w.now.Add(10 * day)
	attached := w.expiring(w.phone, 1, ahead.Add(2*day), &record.Attach{Nodes: []key.Hash{w.me}})
	detached := w.expiring(w.phone, 2, ahead.Add(2*day), &record.Attach{Nodes: []key.Hash{}})
	again := w.expiring(w.phone, 3, w.now.Add(2*day), &record.Attach{Nodes: []key.Hash{w.me}})
	r := w.base()
	var fx Effects
	merge := func(now wall.Time, f *record.Fact, want Verdict) {
		t.Helper()
		if v := r.Merge(now, f, &fx); v != want {
			t.Errorf("serial %d: %v, want %v", f.Serial, v, want)
		}
	}
	merge(w.now, attached, Expired)
	merge(w.now, detached, Fresh)
	for _, days := range []time.Duration{0, 1, 3, 10, 11} {
		r.Expire(w.now.Add(days*day), &fx)
		merge(w.now.Add(days*day), attached, map[bool]Verdict{true: Expired, false: Old}[days < 10])
	}
	merge(w.now, again, Fresh)
}

// A host fact that is over is not used; the account's other facts wait for the
// next one, revocations above all.
func TestHostOver(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	r.Merge(w.now, w.revoked(w.laptop.Author().Hash()), &fx)
	later := w.now.Add(31 * day)
	if r.Expire(later, &fx); r.Carried(later, w.accountID) || len(r.VouchedBy(w.me)) != 0 {
		t.Fatal("the account is carried on a host fact that is over")
	}
	if v := r.Merge(later, w.device(w.phone, w.phoneKey, 2), &fx); v != Waits {
		t.Errorf("a fact of an account that is not carried: %v, want waits", v)
	}
	if v := r.Merge(later, w.expiring(w.nodeA, 2, later.Add(30*day), &record.Host{}), &fx); v != Fresh {
		t.Fatalf("the host fact signed anew: %v", v)
	}
	if v := r.Merge(later, w.device(w.laptop, w.laptopKey, 2), &fx); v != Refused || r.Device(w.accountID, w.phone.Author().Hash()) == nil {
		t.Errorf("a revoked device came back: %v", v)
	}
}

// "To others its 64 lowest account hashes count", whatever came first.
func TestLowestAccountsCount(t *testing.T) {
	w := newWorld(t)
	var facts []*record.Fact
	for range MaxVouched + 3 {
		w.accountID = must(key.NewAccount())(t).Author().Hash()
		facts = append(facts, w.host(w.nodeA, 1, false))
	}
	slices.SortFunc(facts, func(a, b *record.Fact) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	for range 3 {
		r := ForRealm(w.realmID)
		var fx Effects
		r.Merge(w.now, w.member(w.nodeA), &fx)
		for _, i := range rand.Perm(len(facts)) {
			r.Merge(w.now, facts[i], &fx)
		}
		for i, f := range facts {
			if got, want := r.Carried(w.now, f.Account), i < MaxVouched; got != want {
				t.Errorf("account %d from the lowest: carried %v, want %v", i, got, want)
			}
		}
	}
}

// The Oldest that a publisher signed is obeyed: a copy from below it is not wanted
// whatever its own life.
func TestFloorOutlivesRestart(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	low, high := w.queued(w.phone, "main", 3, 1), w.queued(w.phone, "main", 6, 5)
	r.Merge(w.now, low, &fx)
	fx.Reset()
	r.Merge(w.now, high, &fx)
	if len(fx.Gone) != 1 || fx.Gone[0].Hash() != low.Hash() {
		t.Errorf("%d events gone, want the one below the floor", len(fx.Gone))
	}
	again := ForRealm(w.realmID)
	for _, f := range append(w.baseFacts(), high) {
		again.Restore(w.now, f, &fx)
	}
	if v := again.Merge(w.now, low, &fx); v != Old {
		t.Errorf("after a restart: %v, want old", v)
	}
}
