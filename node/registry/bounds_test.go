package registry

import (
	"encoding/binary"
	"strconv"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// An account's revocations have a bound of their own; that it is closed finds room
// past it.
func TestRevocationsAreBounded(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	for i := range uint64(MaxRevoked) {
		var h key.Hash
		binary.BigEndian.PutUint64(h[:], i+1)
		r.Merge(w.now, w.revoked(h), &fx)
	}
	if v := r.Merge(w.now, w.revoked(w.phone.Author().Hash()), &fx); v != Full {
		t.Errorf("one more is %v, want full", v)
	}
	if v := r.Merge(w.now, w.revoked(w.accountID), &fx); v != Fresh || r.Device(w.accountID, w.phone.Author().Hash()) != nil {
		t.Errorf("closing the account is %v, want fresh and no device left", v)
	}
}

// A publisher that posts in ever new channels leaves no more behind than what is
// kept of it.
func TestEmptyChannelsAreForgotten(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	for i := range MaxEvents + 100 {
		r.Merge(w.now, w.queued(w.phone, strconv.Itoa(i), 1, 1), &fx)
	}
	a := r.accounts[w.accountID]
	if n := len(a.posts[w.phone.Author().Hash()].channels); n != MaxEvents {
		t.Errorf("%d channels of %d events", n, a.events)
	}
	r.Merge(w.now, w.revoked(w.phone.Author().Hash()), &fx)
	if len(a.posts) != 0 || a.events != 0 {
		t.Errorf("%d publishers and %d events are left of none", len(a.posts), a.events)
	}
}

// In a realm that is full nobody comes in, and who is in can be put out.
func TestFullRealmPutsOut(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	for i := 0; len(r.members) < MaxMembers; i++ {
		f := w.sign(w.realm, 1, &record.Member{Node: key.Hash{byte(i), byte(i >> 8), 1}})
		if v := r.Merge(w.now, f, &fx); v != Fresh {
			t.Fatalf("member %d: %v", i, v)
		}
	}
	if v := r.Merge(w.now, w.member(w.nodeB), &fx); v != Full {
		t.Errorf("one more member: %v", v)
	}
	if v := r.Merge(w.now, w.sign(w.realm, 1, &record.Expelled{Node: w.nodeB.Author().Hash()}), &fx); v != Full {
		t.Errorf("expelling a node that is not in: %v", v)
	}
	if v := r.Merge(w.now, w.sign(w.realm, 1, &record.Expelled{Node: w.me}), &fx); v != Fresh || r.Member(w.me) {
		t.Errorf("expelling a member: %v", v)
	}
}
