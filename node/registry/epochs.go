package registry

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// keepEpochs is how many epochs are kept of each sort: the newest that count,
// and the newest that do not and only open old events (facts.md, Sealing).
const keepEpochs = 17

// SplitEpochs tells the epochs that count from those that only open old events,
// each sort newest first, the greatest (number, hash). Nodes and devices both go
// by it.
//
// An epoch counts when it lists no revoked key and no epoch of a greater number
// does. OURS: facts.md asks for the first half alone. But every epoch hands the
// older private halves on to those it lists, so that an epoch from before a
// device joined is open to it too; two revocations at once, each in an epoch that
// lists the other's device, would have all seal to such a one.
func SplitEpochs(epochs []*record.Fact, revoked map[key.Hash]bool) (counting, rest []*record.Fact) {
	if len(epochs) == 0 {
		return nil, nil
	}
	ended := make(map[[8]byte]bool, len(revoked))
	for h := range revoked {
		ended[[8]byte(h[:8])] = true
	}
	lists := func(e *record.Epoch) bool {
		return slices.ContainsFunc(e.Wraps, func(w record.Wrap) bool { return ended[w.Device] })
	}
	epochs = slices.Clone(epochs)
	slices.SortFunc(epochs, newestEpochFirst)
	open := int64(0) // what a revoked key may open: up to this number, or below it
	for _, f := range epochs {
		if e := f.Body.(*record.Epoch); lists(e) {
			open = max(open, e.Number)
			rest = append(rest, f)
		} else if e.Number < open {
			rest = append(rest, f)
		} else {
			counting = append(counting, f)
		}
	}
	return counting, rest
}

func newestEpochFirst(x, y *record.Fact) int {
	hx, hy := x.Hash(), y.Hash()
	return cmp.Or(cmp.Compare(y.Body.(*record.Epoch).Number, x.Body.(*record.Epoch).Number), bytes.Compare(hy[:], hx[:]))
}

// trimEpochs forgets the epochs past the newest ones.
func (r *Registry) trimEpochs(id key.Hash, fx *Effects) {
	a := r.accounts[id]
	counting, rest := SplitEpochs(slices.Collect(maps.Values(a.epochs)), a.revoked)
	for _, sort := range [][]*record.Fact{counting, rest} {
		for _, f := range sort[min(len(sort), keepEpochs):] {
			r.forget(f, fx)
		}
	}
}

// Epoch returns the epoch that posts of the account are sealed to: the greatest
// (number, hash) that counts, nil when none does (facts.md, Sealing).
func (r *Registry) Epoch(account key.Hash) *record.Fact {
	a := r.accounts[account]
	if a == nil {
		return nil
	}
	if counting, _ := SplitEpochs(slices.Collect(maps.Values(a.epochs)), a.revoked); len(counting) > 0 {
		return counting[0]
	}
	return nil
}

// Outdated returns why an event that is posted now must be sealed anew: the
// revocations that end its epoch, the greatest epoch that they end, and the newest
// that counts, when there is one. Nothing when the event is clear, or its epoch
// counts or is not known here.
func (r *Registry) Outdated(event *record.Fact) (why []*record.Fact) {
	a, e := r.accounts[event.Account], event.Body.(*record.Event)
	if a == nil || e.IsClear() {
		return nil
	}
	counting, rest := SplitEpochs(slices.Collect(maps.Values(a.epochs)), a.revoked)
	if !slices.ContainsFunc(rest, func(f *record.Fact) bool { return f.Body.(*record.Epoch).Key == e.Epoch }) {
		return nil
	}
	greatest := rest[0].Body.(*record.Epoch) // of those that do not count it lists a revoked key
	for h := range a.revoked {
		if greatest.Lists(h) {
			why = append(why, a.facts[RevokedKey(event.Account, h)])
		}
	}
	why = append(why, rest[0])
	if len(counting) > 0 {
		why = append(why, counting[0])
	}
	return why
}

// RevokedKey is the key of the revocation of a key or capability.
func RevokedKey(account, hash key.Hash) record.Key {
	return record.Key{Kind: record.KindRevoked, Owner: account, Sub: string(hash[:])}
}

// EpochKey is the key of an epoch, by its public half.
func EpochKey(account key.Hash, public [32]byte) record.Key {
	return record.Key{Kind: record.KindEpoch, Owner: account, Sub: string(public[:])}
}
