package registry

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// Devices returns the facts of an account's devices, by the devices' hashes.
func (r *Registry) Devices(account key.Hash) []*record.Fact {
	a := r.accounts[account]
	if a == nil {
		return nil
	}
	list := make([]*record.Fact, 0, len(a.devices))
	for _, h := range sortedHashes(a.devices) {
		list = append(list, a.devices[h])
	}
	return list
}

// RevokedKeys returns what an account revoked, by hash: keys of devices, and
// capabilities, which nobody can tell from them here.
func (r *Registry) RevokedKeys(account key.Hash) []key.Hash {
	a := r.accounts[account]
	if a == nil {
		return nil
	}
	return sortedHashes(a.revoked)
}

// Epoch returns the epoch that posts of the account are sealed to: the greatest
// (number, hash) that counts, nil when none does (facts.md, Sealing).
func (r *Registry) Epoch(account key.Hash) *record.Fact {
	a := r.accounts[account]
	if a == nil {
		return nil
	}
	var best *record.Fact
	for _, f := range a.facts {
		if f.Kind == record.KindEpoch && (best == nil || newestEpochFirst(f, best) < 0) && a.counts(f) {
			best = f
		}
	}
	return best
}

// EachAccount calls yield with every account of which something is held, in no
// order.
func (r *Registry) EachAccount(yield func(key.Hash)) {
	for id := range r.accounts {
		yield(id)
	}
}

// Expelled reports whether the realm's key put a node out.
func (r *Registry) Expelled(node key.Hash) bool {
	_, out := r.expelled[node]
	return out
}
