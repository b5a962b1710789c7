package federation

import (
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// What had no room beside a revoked device's posts has some once those are gone:
// it is asked for at the next sync, or two intervals would pass (federation.md,
// promise 3).
func TestDeclinedFactIsFetchedAfterARevocation(t *testing.T) {
	_, a, b := pair(t)
	account := newAccount()
	a.door.put(account.fact)
	crowdedOut := account.status(1, 1)
	b.door.put(account.fact, crowdedOut)
	a.door.note(func() { a.door.forced[crowdedOut.Hash()] = Old })
	until(t, "it was declined", func() bool {
		if err := a.f.SyncNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.door.mu.Lock()
		defer a.door.mu.Unlock()
		return a.door.screened[crowdedOut.Hash()] > 0
	})
	a.door.note(func() { delete(a.door.forced, crowdedOut.Hash()) })
	b.door.put(must(record.Sign(account.key, key.Hash{}, record.Base{Serial: 1, Time: today, Account: account.hash},
		&record.Revoked{Hash: key.Hash{1}})))
	for range 2 {
		if err := a.f.SyncNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.door.has(t, crowdedOut)
}
