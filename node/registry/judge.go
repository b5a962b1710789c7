package registry

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// judgeAuthor decides whether the author may say this at all.
func (r *Registry) judgeAuthor(now wall.Time, f *record.Fact) Verdict {
	switch f.Kind {
	case record.KindRealm, record.KindMember, record.KindExpelled:
		return r.judgeRealmKey(f)
	case record.KindNode, record.KindHost:
		return r.judgeNode(f)
	}
	return r.judgeAccount(now, f)
}

// judgeRealmKey: only the realm's key admits, expels and configures.
func (r *Registry) judgeRealmKey(f *record.Fact) Verdict {
	if f.Realm != r.realm || f.Author.Hash() != r.realm {
		return Refused
	}
	if len(r.members) >= MaxMembers && r.members[f.Key()] == nil && !r.putsOut(f) {
		return Full
	}
	return Fresh
}

// putsOut reports whether a fact ends a membership: that finds room always.
func (r *Registry) putsOut(f *record.Fact) bool {
	e, ok := f.Body.(*record.Expelled)
	return ok && r.MemberFact(e.Node) != nil
}

// judgeNode: a node or host fact is its node's own, and the node is a member.
func (r *Registry) judgeNode(f *record.Fact) Verdict {
	node := f.Author.Hash()
	if f.Realm != r.realm {
		return Refused
	}
	if _, out := r.expelled[node]; out {
		return Refused
	}
	if !r.Member(node) {
		return Waits
	}
	return Fresh
}

// judgeAccount: the account is carried and open, and the author is its account
// key or one of its devices that is not revoked.
func (r *Registry) judgeAccount(now wall.Time, f *record.Fact) Verdict {
	if !r.Carried(now, f.Account) {
		return Waits
	}
	return r.judgeRest(r.accounts[f.Account], f)
}

// judgeRest decides by the account's own facts.
func (r *Registry) judgeRest(a *account, f *record.Fact) Verdict {
	if f.Kind == record.KindRevoked {
		return Fresh
	}
	if a.revoked[f.Account] {
		return Refused // the account is closed
	}
	author := f.Author.Hash()
	switch b := f.Body.(type) {
	case *record.Device:
		if a.revoked[b.Key.Hash()] {
			return Refused
		}
	case *record.Contact:
		if a.revoked[b.Capability] {
			return Refused
		}
	case *record.Event:
		if len(b.Capability) > 0 {
			return Refused // OURS: contacts' events are not offered yet
		}
		return a.judgeDevice(author)
	case *record.Attach:
		return a.judgeDevice(author)
	}
	return Fresh
}

// judgeDevice: facts of a device rest on its device fact.
func (a *account) judgeDevice(device key.Hash) Verdict {
	if a.revoked[device] {
		return Refused
	}
	if a.devices[device] == nil {
		return Waits
	}
	return Fresh
}

// judgeRoom decides whether the fact still fits, or lies below a floor.
func (r *Registry) judgeRoom(f *record.Fact) Verdict {
	if realmKind(f.Kind) || f.Kind == record.KindHost {
		return Fresh
	}
	a := r.accounts[f.Account]
	if b, ok := f.Body.(*record.Revoked); ok {
		// The last word, that the account is closed, finds room always.
		if len(a.revoked) >= MaxRevoked && !a.revoked[b.Hash] && b.Hash != f.Account {
			return Full
		}
		return Fresh
	}
	e, ok := f.Body.(*record.Event)
	if !ok {
		if a.bytes+len(f.Raw) > MaxAccountBytes {
			return Full
		}
		return Fresh
	}
	if e.Tag == nil && e.Sequence < a.floor(f.Author.Hash(), e.Channel) {
		return Old
	}
	return Fresh
}
