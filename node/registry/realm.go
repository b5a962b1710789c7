package registry

import (
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// Member reports whether a node is admitted to the realm and not expelled.
func (r *Registry) Member(node key.Hash) bool {
	if _, out := r.expelled[node]; out {
		return false
	}
	return r.MemberFact(node) != nil
}

// MemberFact returns the fact that admits a node, or nil.
func (r *Registry) MemberFact(node key.Hash) *record.Fact {
	return r.members[MemberKey(r.realm, node)]
}

// NodeFact returns a member's own fact about itself, or nil.
func (r *Registry) NodeFact(node key.Hash) *record.Fact {
	return r.members[NodeKey(node)]
}

// Nodes calls yield with each member's node fact, in no order, until it
// returns false.
func (r *Registry) Nodes(yield func(*record.Fact) bool) {
	for _, f := range r.members {
		if f.Kind == record.KindNode && r.Member(f.Author.Hash()) && !yield(f) {
			return
		}
	}
}

// Carried reports whether a living member vouches for the account.
func (r *Registry) Carried(now wall.Time, account key.Hash) bool {
	return len(r.Hosts(now, account)) > 0
}

// Hosts returns the living host facts of an account whose members' word counts.
func (r *Registry) Hosts(now wall.Time, account key.Hash) []*record.Fact {
	a := r.accounts[account]
	if a == nil {
		return nil
	}
	var living []*record.Fact
	for node, f := range a.hosts {
		if r.Member(node) && livingHost(now, f) {
			living = append(living, f)
		}
	}
	return living
}

// Keeps reports whether a node keeps an account: its host fact lives.
func (r *Registry) Keeps(now wall.Time, node, account key.Hash) bool {
	a := r.accounts[account]
	return a != nil && a.hosts[node] != nil && livingHost(now, a.hosts[node])
}

// Homes returns the nodes that the account's home fact names and that keep it,
// in the fact's order (facts.md, Words).
func (r *Registry) Homes(now wall.Time, account key.Hash) []key.Hash {
	f := r.Current(HomeKey(account))
	if f == nil {
		return nil
	}
	var homes []key.Hash
	for _, n := range f.Body.(*record.Home).Nodes {
		if node := n.Key.Hash(); r.Member(node) && r.Keeps(now, node, account) {
			homes = append(homes, node)
		}
	}
	return homes
}

func livingHost(now wall.Time, f *record.Fact) bool {
	return !f.Expired(now) && !f.Body.(*record.Host).Ended
}

// Vouched returns how many accounts a node's host facts name.
func (r *Registry) Vouched(node key.Hash) int { return len(r.VouchedBy(node)) }

// VouchedBy returns the accounts that a node's host facts name and have not
// Ended, by hash.
func (r *Registry) VouchedBy(node key.Hash) []key.Hash {
	return slices.DeleteFunc(sortedHashes(r.vouched[node]), func(account key.Hash) bool {
		return r.vouched[node][account].Body.(*record.Host).Ended
	})
}

func (r *Registry) vouch(f *record.Fact) {
	node := f.Author.Hash()
	if r.vouched[node] == nil {
		r.vouched[node] = make(map[key.Hash]*record.Fact)
	}
	r.vouched[node][f.Account] = f
}

func (r *Registry) unvouch(f *record.Fact) {
	node := f.Author.Hash()
	delete(r.vouched[node], f.Account)
	if len(r.vouched[node]) == 0 {
		delete(r.vouched, node)
	}
}

// trimHosts forgets the host facts of a node past MaxVouched: those that Ended
// first, then the greatest account hashes.
func (r *Registry) trimHosts(node key.Hash, fx *Effects) {
	hosted := r.vouched[node]
	if len(hosted) <= MaxVouched {
		return
	}
	order := sortedHashes(hosted)
	slices.SortStableFunc(order, func(a, b key.Hash) int {
		return ended(hosted[a]) - ended(hosted[b])
	})
	for _, account := range order[MaxVouched:] {
		r.forget(hosted[account], fx)
	}
}

func ended(f *record.Fact) int {
	if f.Body.(*record.Host).Ended {
		return 1
	}
	return 0
}

// expel voids what an expelled node said of itself.
func (r *Registry) expel(node key.Hash, fx *Effects) {
	fx.Members = true
	if f := r.NodeFact(node); f != nil {
		r.forget(f, fx)
	}
	for _, f := range r.vouched[node] {
		r.forget(f, fx)
	}
	for _, a := range r.accounts {
		if f := a.hosts[node]; f != nil { // an Ended one
			r.forget(f, fx)
		}
	}
}
