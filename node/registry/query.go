package registry

import (
	"bytes"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// AccountSum digests one account's facts; the zero Account stands for the
// realm's own.
type AccountSum struct {
	Account key.Hash
	Sum
}

// Sums digests what is carried, an entry an account and one for the realm. What
// is held of an account that nobody vouches for is not spoken of: it is a
// remainder, and differs from node to node.
func (r *Registry) Sums(now wall.Time) []AccountSum {
	sums := make([]AccountSum, 0, len(r.accounts)+1)
	sums = append(sums, AccountSum{Sum: r.realmSum})
	for id, a := range r.accounts {
		if a.sum.Count > 0 && r.Carried(now, id) {
			sums = append(sums, AccountSum{id, a.sum})
		}
	}
	return sums
}

// Rows returns up to limit facts of an account, or of the realm for the zero
// account, in the order of their hashes, from the first after one. Of an account
// that nobody vouches for they are the host facts: a node that was away when the
// last of them Ended would else go on carrying it.
func (r *Registry) Rows(now wall.Time, account, after key.Hash, limit int) []*record.Fact {
	facts, hostsOnly := r.members, false
	if account != (key.Hash{}) {
		a := r.accounts[account]
		if a == nil {
			return nil
		}
		facts, hostsOnly = a.facts, !r.Carried(now, account)
	}
	var rows []*record.Fact
	for _, f := range facts {
		if hostsOnly && f.Kind != record.KindHost {
			continue
		}
		if h := f.Hash(); bytes.Compare(h[:], after[:]) > 0 {
			rows = append(rows, f)
		}
	}
	slices.SortFunc(rows, func(x, y *record.Fact) int {
		hx, hy := x.Hash(), y.Hash()
		return bytes.Compare(hx[:], hy[:])
	})
	return rows[:min(limit, len(rows))]
}

// AccountKeySum digests the account-key facts held of an account: what a
// device compares with its own (federation.md, The devices' part).
func (r *Registry) AccountKeySum(account key.Hash) Sum {
	if a := r.accounts[account]; a != nil {
		return a.keySum
	}
	return Sum{}
}

// AccountFacts returns the account's facts that are not events, in no order.
func (r *Registry) AccountFacts(account key.Hash) []*record.Fact {
	a := r.accounts[account]
	if a == nil {
		return nil
	}
	var facts []*record.Fact
	for _, f := range a.facts {
		if f.Kind != record.KindEvent {
			facts = append(facts, f)
		}
	}
	return facts
}

// Known reports whether any fact of the account is held.
func (r *Registry) Known(account key.Hash) bool { return r.accounts[account] != nil }

// Accounts returns how many accounts are held.
func (r *Registry) Accounts() int { return len(r.accounts) }

// Device returns a device's fact while it counts, or nil.
func (r *Registry) Device(account, device key.Hash) *record.Fact {
	if a := r.accounts[account]; a != nil {
		return a.devices[device]
	}
	return nil
}

// Revoked reports whether the account revoked this key, capability or itself.
func (r *Registry) Revoked(account, hash key.Hash) bool {
	a := r.accounts[account]
	return a != nil && (a.revoked[hash] || a.revoked[account])
}

// Attach returns where a device may be reached and what it watches, or nil.
func (r *Registry) Attach(account, device key.Hash) *record.Fact {
	return r.Current(AttachKey(account, device))
}

// Events calls yield with every event of the account, publishers in the order
// of their hashes, each one's channels by name, queued events lowest sequence
// first and its statuses after them, until yield returns false.
func (r *Registry) Events(account key.Hash, yield func(*record.Fact) bool) {
	a := r.accounts[account]
	if a == nil {
		return
	}
	for _, id := range sortedHashes(a.posts) {
		if !a.posts[id].each(yield) {
			return
		}
	}
}

// EventsInTurn calls yield with the events of the account for which want is true,
// one of each publisher and channel after the other, in the order of their
// sequences within one; a publisher's statuses take turns like a channel. It ends
// when yield returns false.
func (r *Registry) EventsInTurn(account key.Hash, want, yield func(*record.Fact) bool) {
	a := r.accounts[account]
	if a == nil {
		return
	}
	var lines [][]*record.Fact
	for _, id := range sortedHashes(a.posts) {
		lines = append(lines, a.posts[id].lines()...)
	}
	for len(lines) > 0 {
		kept := lines[:0]
		for _, line := range lines {
			for len(line) > 0 && !want(line[0]) {
				line = line[1:]
			}
			if len(line) == 0 {
				continue
			}
			if !yield(line[0]) {
				return
			}
			kept = append(kept, line[1:])
		}
		lines = kept
	}
}

// lines are a publisher's channels, and its statuses as one more. The registry
// must not change while they are read.
func (p *publisher) lines() [][]*record.Fact {
	var lines [][]*record.Fact
	for _, name := range sortedNames(p.channels) {
		lines = append(lines, p.channels[name].queued)
	}
	statuses := make([]*record.Fact, 0, len(p.statuses))
	for _, tag := range sortedNames(p.statuses) {
		statuses = append(statuses, p.statuses[tag])
	}
	return append(lines, statuses)
}

func (p *publisher) each(yield func(*record.Fact) bool) bool {
	for _, name := range sortedNames(p.channels) {
		for _, f := range p.channels[name].queued {
			if !yield(f) {
				return false
			}
		}
	}
	for _, tag := range sortedNames(p.statuses) {
		if !yield(p.statuses[tag]) {
			return false
		}
	}
	return true
}

func sortedHashes[V any](m map[key.Hash]V) []key.Hash {
	keys := make([]key.Hash, 0, len(m))
	for h := range m {
		keys = append(keys, h)
	}
	slices.SortFunc(keys, func(x, y key.Hash) int { return bytes.Compare(x[:], y[:]) })
	return keys
}

func sortedNames[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for name := range m {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}
