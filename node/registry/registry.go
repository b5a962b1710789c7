package registry

import (
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// Our limits.
const (
	// MaxVouched bounds how many accounts one member can make the others
	// carry: a hostile member cannot fill their disks (federation.md, Carriage).
	MaxVouched = 64
	// MaxEvents and MaxEventBytes bound the events of one account, so that no
	// account crowds out another (federation.md, Quota).
	MaxEvents     = 1000
	MaxEventBytes = 4 << 20
	// MaxAccountBytes bounds an account's other facts: an account key cannot
	// fill a node's disk (federation.md, Quota).
	MaxAccountBytes = 4 << 20
	// MaxRevoked bounds an account's revocations, which need no room among those:
	// they are kept for ever, and each post is held against them.
	MaxRevoked = 4096
	// MaxMembers bounds a realm's member, expelled and node facts.
	MaxMembers = 4096
)

// Registry is the state of what a node knows. One goroutine owns it.
type Registry struct {
	realm    key.Hash
	held     map[key.Hash]*record.Fact // every fact that counts, by its hash
	members  map[record.Key]*record.Fact
	expelled map[key.Hash]struct{}
	realmSum Sum
	accounts map[key.Hash]*account
	// vouched are each node's host facts, by account.
	vouched map[key.Hash]map[key.Hash]*record.Fact
}

// ForRealm returns an empty registry of the realm whose key has this hash.
func ForRealm(realm key.Hash) *Registry {
	return &Registry{
		realm:    realm,
		held:     make(map[key.Hash]*record.Fact),
		members:  make(map[record.Key]*record.Fact),
		expelled: make(map[key.Hash]struct{}),
		accounts: make(map[key.Hash]*account),
		vouched:  make(map[key.Hash]map[key.Hash]*record.Fact),
	}
}

// Realm returns the realm this registry belongs to.
func (r *Registry) Realm() key.Hash { return r.realm }

// Fact returns the fact with this hash while it counts, or nil.
func (r *Registry) Fact(h key.Hash) *record.Fact { return r.held[h] }

// Holds reports whether exactly this fact counts now.
func (r *Registry) Holds(f *record.Fact) bool { return r.held[f.Hash()] != nil }

// Current returns the fact that counts under a key, or nil.
func (r *Registry) Current(k record.Key) *record.Fact {
	if realmKind(k.Kind) {
		return r.members[k]
	}
	if a := r.accounts[k.Owner]; a != nil {
		return a.facts[k]
	}
	return nil
}

// Len returns how many facts count.
func (r *Registry) Len() int { return len(r.held) }

// Judge says what Merge would do with a fact, and changes nothing. It is cheap:
// no signature is checked, so a Fresh fact still has to be verified.
func (r *Registry) Judge(now wall.Time, f *record.Fact) Verdict {
	if f.TooFar(now) && r.held[f.Hash()] == nil {
		return Expired
	}
	return r.judgeKept(now, f)
}

// judgeKept is Judge for a fact whose Expires was found within reach before.
func (r *Registry) judgeKept(now wall.Time, f *record.Fact) Verdict {
	if r.held[f.Hash()] != nil {
		return Held
	}
	if f.Expired(now) {
		return Expired
	}
	if v := r.judgeAuthor(now, f); v != Fresh {
		return v
	}
	if cur := r.Current(f.Key()); cur != nil && !f.Newer(cur) {
		return Old
	}
	return r.judgeRoom(f)
}

// Merge takes in one verified fact and adds what follows from it to fx.
// Facts of one batch come in the order that [Order] gives.
func (r *Registry) Merge(now wall.Time, f *record.Fact, fx *Effects) Verdict {
	v := r.Judge(now, f)
	if v != Fresh {
		return v
	}
	r.replace(f, fx)
	if r.held[f.Hash()] == nil {
		return Old // a bound took this one
	}
	return Fresh
}

// Restore takes in a fact that this node kept before: what it rested on then
// need not be here yet, or may have died since. Of an account that nobody
// vouches for any more the revocations above all must not be forgotten. Nothing is
// too far off: it was judged when it came, and the clock may be behind now, as
// that of a machine without a battery is at its start.
func (r *Registry) Restore(now wall.Time, f *record.Fact, fx *Effects) Verdict {
	v := r.judgeKept(now, f)
	if v == Waits && !realmKind(f.Kind) && f.Kind != record.KindHost {
		if v = r.judgeRest(r.account(f.Account), f); v == Fresh && !f.Newer(r.Current(f.Key())) {
			v = Old
		}
	}
	if v == Fresh {
		r.replace(f, fx)
	}
	return v
}

// replace files a fact in the place of the one that counted before.
func (r *Registry) replace(f *record.Fact, fx *Effects) {
	if cur := r.Current(f.Key()); cur != nil {
		r.forget(cur, fx)
		if f.Kind == record.KindEvent && f.Body.(*record.Event).IsStatus() {
			fx.Gone = fx.Gone[:len(fx.Gone)-1] // superseded where it is queued
		}
	}
	r.insert(f)
	fx.Put = append(fx.Put, f)
	r.follow(f, fx)
}

// insert files a fact under its key, its hash and its sum.
func (r *Registry) insert(f *record.Fact) {
	h := f.Hash()
	r.held[h] = f
	if realmKind(f.Kind) {
		r.members[f.Key()] = f
		r.realmSum.Add(h)
		if e, ok := f.Body.(*record.Expelled); ok {
			r.expelled[e.Node] = struct{}{}
		}
		return
	}
	r.account(f.Account).insert(f)
	if f.Kind == record.KindHost {
		r.vouch(f)
	}
}

// follow adds what a fact just merged brings about.
func (r *Registry) follow(f *record.Fact, fx *Effects) {
	switch b := f.Body.(type) {
	case *record.Expelled:
		r.expel(b.Node, fx)
	case *record.Node, *record.Member:
		fx.Members = true
	case *record.Host:
		r.trimHosts(f.Author.Hash(), fx)
	case *record.Revoked:
		r.revoke(f.Account, b.Hash, fx)
	case *record.Epoch:
		r.trimEpochs(f.Account, fx)
	case *record.Attach:
		fx.Attached = append(fx.Attached, f)
	case *record.Event:
		fx.Events = append(fx.Events, f)
		r.raiseFloor(f, b, fx)
		r.enforceQuota(f.Account, fx)
	}
}

// forget drops a fact that no longer counts. Its replacement, if any, is
// inserted by the caller.
func (r *Registry) forget(f *record.Fact, fx *Effects) {
	h := f.Hash()
	if r.held[h] == nil {
		return
	}
	delete(r.held, h)
	fx.Delete = append(fx.Delete, f.Key())
	if f.Kind == record.KindEvent {
		fx.Gone = append(fx.Gone, f)
	}
	if realmKind(f.Kind) {
		delete(r.members, f.Key())
		r.realmSum.Remove(h)
		fx.Members = true
		return
	}
	a := r.accounts[f.Account]
	a.remove(f)
	if f.Kind == record.KindHost {
		r.unvouch(f)
		if len(a.facts) == 0 {
			delete(r.accounts, f.Account)
		}
	}
}

// Expire forgets every fact whose life is over. The owner calls it about once
// a minute; it looks at every fact.
func (r *Registry) Expire(now wall.Time, fx *Effects) {
	for _, f := range r.held {
		if f.Expired(now) {
			r.forget(f, fx)
		}
	}
	for id, a := range r.accounts {
		if len(a.facts) == 0 {
			delete(r.accounts, id)
		}
	}
}

// Order is the place of a kind within a batch: what vouches for others first
// (federation.md, Validators).
func Order(k record.Kind) int {
	switch k {
	case record.KindRealm:
		return 0
	case record.KindExpelled:
		return 1
	case record.KindMember:
		return 2
	case record.KindNode:
		return 3
	case record.KindHost:
		return 4
	case record.KindDevice:
		return 5
	case record.KindRevoked:
		return 6
	case record.KindEpoch:
		return 7
	case record.KindHome:
		return 8
	case record.KindPolicy:
		return 9
	case record.KindContact:
		return 10
	case record.KindAttach:
		return 11
	}
	return 12
}

// realmKind reports whether facts of this kind belong to the realm and not to
// an account. A host fact speaks of an account, so it is filed with it.
func realmKind(k record.Kind) bool {
	switch k {
	case record.KindRealm, record.KindMember, record.KindExpelled, record.KindNode:
		return true
	}
	return false
}

// sweepEvery is how often an owner is advised to call Expire.
const sweepEvery = time.Minute

// SweepEvery returns how often the owner should call Expire.
func SweepEvery() time.Duration { return sweepEvery }
