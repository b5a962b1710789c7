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
