package registry

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// account is what is known of one account. Every fact that counts is in facts;
// the other maps are views of it, by what is asked most.
type account struct {
	id      key.Hash
	facts   map[record.Key]*record.Fact
	sum     Sum // all facts
	keySum  Sum // the kinds signed by the account key
	bytes   int // of facts that are not events
	revoked map[key.Hash]bool
	devices map[key.Hash]*record.Fact // device facts, by device
	hosts   map[key.Hash]*record.Fact // host facts, by node
	epochs  map[record.Key]*record.Fact
	posts   map[key.Hash]*publisher // events, by publisher
	events  int
	eventsB int
}

func (r *Registry) account(id key.Hash) *account {
	a := r.accounts[id]
	if a == nil {
		a = &account{
			id:      id,
			facts:   make(map[record.Key]*record.Fact),
			revoked: make(map[key.Hash]bool),
			devices: make(map[key.Hash]*record.Fact),
			hosts:   make(map[key.Hash]*record.Fact),
			epochs:  make(map[record.Key]*record.Fact),
			posts:   make(map[key.Hash]*publisher),
		}
		r.accounts[id] = a
	}
	return a
}

func (a *account) insert(f *record.Fact) {
	a.facts[f.Key()] = f
	a.sum.Add(f.Hash())
	if AccountKeyKind(f.Kind) {
		a.keySum.Add(f.Hash())
	}
	switch b := f.Body.(type) {
	case *record.Event:
		a.insertEvent(f, b)
		return
	case *record.Device:
		a.devices[b.Key.Hash()] = f
	case *record.Revoked:
		a.revoked[b.Hash] = true
	case *record.Epoch:
		a.epochs[f.Key()] = f
	case *record.Host:
		a.hosts[f.Author.Hash()] = f
	}
	a.bytes += len(f.Raw)
}

func (a *account) remove(f *record.Fact) {
	delete(a.facts, f.Key())
	a.sum.Remove(f.Hash())
	if AccountKeyKind(f.Kind) {
		a.keySum.Remove(f.Hash())
	}
	switch b := f.Body.(type) {
	case *record.Event:
		a.removeEvent(f, b)
		return
	case *record.Device:
		delete(a.devices, b.Key.Hash())
	case *record.Epoch:
		delete(a.epochs, f.Key())
	case *record.Host:
		delete(a.hosts, f.Author.Hash())
	}
	a.bytes -= len(f.Raw)
}

// AccountKeyKind reports whether the account key signs facts of this kind:
// the six that a device keeps and puts back (federation.md, The devices' part).
func AccountKeyKind(k record.Kind) bool {
	switch k {
	case record.KindDevice, record.KindRevoked, record.KindEpoch, record.KindHome,
		record.KindPolicy, record.KindContact:
		return true
	}
	return false
}

// revoke voids everything that rests on a key of the account. The revoked fact
// itself is in place already, so nothing void comes back.
func (r *Registry) revoke(id, hash key.Hash, fx *Effects) {
	for _, f := range r.accounts[id].restOn(hash) {
		r.forget(f, fx)
		if f.Kind == record.KindDevice {
			fx.Revoked = append(fx.Revoked, DeviceRef{id, f.Body.(*record.Device).Key.Hash()})
		}
	}
	r.trimEpochs(id, fx) // some count no more
}

// restOn are the facts that are void once this key or capability is revoked: all
// of an account whose own key is.
func (a *account) restOn(hash key.Hash) (list []*record.Fact) {
	if hash == a.id {
		for _, f := range a.facts {
			if f.Kind != record.KindRevoked && f.Kind != record.KindHost {
				list = append(list, f)
			}
		}
		return list
	}
	contact := record.Key{Kind: record.KindContact, Owner: a.id, Sub: string(hash[:])}
	for _, k := range [...]record.Key{DeviceKey(a.id, hash), AttachKey(a.id, hash), contact} {
		if f := a.facts[k]; f != nil {
			list = append(list, f)
		}
	}
	if p := a.posts[hash]; p != nil {
		p.each(func(f *record.Fact) bool { list = append(list, f); return true })
	}
	return list
}
