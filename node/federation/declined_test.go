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
		syncOnce(t, a)
		a.door.mu.Lock()
		defer a.door.mu.Unlock()
		return a.door.screened[crowdedOut.Hash()] > 0
	})
	a.door.note(func() { delete(a.door.forced, crowdedOut.Hash()) })
	b.door.put(must(record.Sign(account.key, key.Hash{}, record.Base{Serial: 1, Time: today, Account: account.hash},
		&record.Revoked{Hash: key.Hash{1}})))
	for range 2 {
		syncOnce(t, a)
	}
	a.door.has(t, crowdedOut)
}

// syncOnce syncs with every member. One whose side of the last syncs has not ended
// yet refuses another stream (peerSyncs) and is asked again.
func syncOnce(t *testing.T, n *testNode) {
	t.Helper()
	until(t, "a sync went through", func() bool { return n.f.SyncNow(t.Context()) == nil })
}
