package registry

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// Outdated returns why an event that is posted now must be sealed anew: the
// revocations that end its epoch, and the newest epoch that counts, when there is
// one. Nothing when it is clear, or its epoch counts or is not known here.
func (r *Registry) Outdated(event *record.Fact) (why []*record.Fact) {
	a, e := r.accounts[event.Account], event.Body.(*record.Event)
	if a == nil || e.IsClear() {
		return nil
	}
	f := a.facts[EpochKey(event.Account, e.Epoch)]
	if f == nil {
		return nil
	}
	for h := range a.revoked {
		if f.Body.(*record.Epoch).Lists(h) {
			why = append(why, a.facts[RevokedKey(event.Account, h)])
		}
	}
	if newest := a.newestEpoch(); newest != nil && len(why) > 0 {
		why = append(why, newest)
	}
	return why
}

// newestEpoch is the epoch to seal to: the greatest (number, hash) that counts.
func (a *account) newestEpoch() (newest *record.Fact) {
	for _, f := range a.facts {
		if f.Kind == record.KindEpoch && a.counts(f) && (newest == nil || newestEpochFirst(f, newest) < 0) {
			newest = f
		}
	}
	return newest
}

// EpochKey is the key of an epoch, by its public half.
func EpochKey(account key.Hash, public [32]byte) record.Key {
	return record.Key{Kind: record.KindEpoch, Owner: account, Sub: string(public[:])}
}

// RevokedKey is the key of the revocation of a key or capability.
func RevokedKey(account, hash key.Hash) record.Key {
	return record.Key{Kind: record.KindRevoked, Owner: account, Sub: string(hash[:])}
}
