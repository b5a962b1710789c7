package federation

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/protocol"

	"meshpresence/internal/record"
)

// line starts three nodes, each connected to the next only.
func line(t *testing.T) (r *testRealm, a, b, c *testNode) {
	r = newRealm(t)
	b = newNode(t, r)
	a, c = newNode(t, r, b), newNode(t, r, b)
	meet(t, a, b)
	meet(t, b, c)
	warm(t, a, b, c)
	warm(t, c, b, a)
	return r, a, b, c
}

// warm gossips until it gets from one end to the other: gossipsub passes on
// nothing before its first heartbeat with a new peer.
func warm(t *testing.T, from, by, to *testNode) {
	t.Helper()
	account := newAccount()
	for _, n := range []*testNode{from, by, to} {
		n.door.put(account.fact)
	}
	serial := int64(0)
	until(t, "gossip flows", func() bool {
		serial++
		from.f.Gossip([]*record.Fact{account.status(serial, 1)})
		to.door.mu.Lock()
		defer to.door.mu.Unlock()
		return len(to.door.merged) > 0
	})
}

func TestGossipReachesAllInALine(t *testing.T) {
	_, a, b, c := line(t)
	account := newAccount()
	facts := []*record.Fact{account.status(1, 1), account.fact} // in the wrong order
	a.door.put(facts...)
	a.f.Gossip(facts)
	for _, n := range []*testNode{b, c} {
		n.door.has(t, facts[0])
		n.door.has(t, facts[1])
	}
}

// "A bad node can lose or delay what it carries; it cannot forge, resurrect or
// read it." A hostile member's forgeries get to its neighbour and no further.
func TestForgedFactsAreNotPassedOn(t *testing.T) {
	_, hostile, b, c := line(t)
	account := newAccount()
	current := account.status(5, 1)
	for _, n := range []*testNode{hostile, b, c} {
		n.door.put(account.fact, current)
	}
	stranger := newAccount()
	bad := map[string]*record.Fact{
		"bad signature":        forge(account.status(6, 1)),
		"older serial":         account.status(4, 1),
		"unknown account":      stranger.status(1, 1),
		"held, other signing":  forge(current),
		"new, forged device":   forge(stranger.fact),
		"held, again, forging": forge(account.fact),
	}
	for _, f := range bad {
		hostile.f.send(appendBatch(nil, []*record.Fact{f}, rand.Int64()))
	}
	// A held fact badly signed beside a good new one: not passed on as it is,
	// though the good one would have been.
	beside := account.status(1, 3)
	hostile.f.send(appendBatch(nil, []*record.Fact{forge(current), beside}, rand.Int64()))

	b.door.until(t, "the neighbour judged every message", func() bool {
		for _, f := range bad {
			if b.door.screened[f.Hash()] == 0 {
				return false
			}
		}
		return b.door.screened[beside.Hash()] > 0
	})
	until(t, "the neighbour rejected the forged ones", func() bool { return b.f.Stats().Rejected == 3 })
	last := account.status(1, 2)
	b.door.put(last)
	b.f.Gossip([]*record.Fact{last})
	c.door.has(t, last)
	if err := c.f.SyncNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.door.mu.Lock()
	defer b.door.mu.Unlock()
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	for name, f := range bad {
		if b.door.merged[f.Hash()] > 0 {
			t.Errorf("%s: merged by the neighbour", name)
		}
		if c.door.screened[f.Hash()] > 0 {
			t.Errorf("%s: reached the third node", name)
		}
	}
	if b.door.merged[beside.Hash()] > 0 {
		t.Error("a fact of a rejected message was merged")
	}
}

// A mixed message is not passed on; what was new in it is gossiped again.
func TestMixedMessageIsGossipedAgainWithoutTheRest(t *testing.T) {
	_, a, b, c := line(t)
	account, unknown := newAccount(), newAccount()
	for _, n := range []*testNode{a, b, c} {
		n.door.put(account.fact)
	}
	good, waits := account.status(1, 1), unknown.status(1, 1)
	a.f.send(appendBatch(nil, []*record.Fact{good, waits}, 1))
	c.door.has(t, good)
	c.door.mu.Lock()
	if c.door.screened[waits.Hash()] > 0 {
		t.Error("the fact that waits was passed on")
	}
	c.door.mu.Unlock()

	// Its author comes: what waited is merged and gossiped by those it got to.
	a.door.put(unknown.fact)
	a.f.Gossip([]*record.Fact{unknown.fact})
	b.door.has(t, waits)
	c.door.has(t, waits)
}

func TestStrangerGetsNothing(t *testing.T) {
	r := newRealm(t)
	a := newNode(t, r)
	account := newAccount()
	a.door.put(account.fact)

	stranger := prepareNode(r, nil)
	stranger.start(t, r, a)
	a.door.until(t, "the stranger was judged", func() bool { return a.door.asked[stranger.hash] > 0 })
	// It forges a member fact that no realm key signed.
	other := newRealm(t)
	stranger.door.note(func() { stranger.door.show = append(stranger.door.show, other.member(stranger.hash)) })
	until(t, "it is barred", func() bool { return a.f.links.isBarred(stranger.f.host.ID()) })
	for _, protocol := range []protocol.ID{protocolSync, protocolForward} {
		if s, err := stranger.f.host.NewStream(t.Context(), a.f.host.ID(), protocol); err == nil {
			_, err = ask(t.Context(), s, &frame{Ask: askSums})
			if err == nil {
				t.Errorf("%s answered a stranger", protocol)
			}
			s.Reset()
		}
	}
	if slices.Contains(a.f.Members(), stranger.hash) || len(stranger.f.Members()) > 0 {
		t.Error("the stranger was admitted")
	}
	if n := stranger.door.count(); n != 1 {
		t.Errorf("the stranger holds %d facts, want only its own", n)
	}
}

func TestExpelledIsDisconnected(t *testing.T) {
	r := newRealm(t)
	a := newNode(t, r)
	b := newNode(t, r, a)
	c := newNode(t, r, a)
	meet(t, a, b)
	meet(t, a, c)
	gone := r.expelled(b.hash)
	c.door.put(gone)
	c.f.Gossip([]*record.Fact{gone})
	a.door.has(t, gone)
	until(t, "the expelled node is gone", func() bool { return !slices.Contains(a.f.Members(), b.hash) })
	until(t, "the other stays", func() bool { return slices.Contains(a.f.Members(), c.hash) })
}

func TestMembersAreFoundByTheirNodeFacts(t *testing.T) {
	r := newRealm(t)
	a := newNode(t, r)
	b := newNode(t, r, a)
	meet(t, a, b)
	where := b.nodeFact(r, 2, b.f.Addrs()...)
	b.door.put(where)
	b.f.Gossip([]*record.Fact{where})
	a.door.has(t, where)
	c := newNode(t, r, a)
	until(t, "the third node found the second", func() bool { return slices.Contains(c.f.Members(), b.hash) })
}

// G1: "forger graylisted". The fifth forged message is the last one that costs
// a signature check, but for those that pass while the score decays.
func TestForgerIsGraylisted(t *testing.T) {
	_, hostile, b := pair(t)
	account := newAccount()
	b.door.put(account.fact)
	for i := range int64(5) {
		bad := forge(account.status(i+1, 1))
		hostile.f.send(appendBatch(nil, []*record.Fact{bad}, 1))
		until(t, "it is rejected", func() bool { return b.f.Stats().Rejected > i })
	}
	const more = 50
	for i := range int64(more) {
		hostile.f.send(appendBatch(nil, []*record.Fact{forge(account.status(i+10, 1))}, 1))
	}
	// What comes after it on the same connection shows that it arrived.
	if _, err := hostile.f.Forward(t.Context(), b.hash, []*record.Fact{account.status(100, 1)}); err != nil {
		t.Fatal(err)
	}
	if n := b.f.Stats().Rejected; n > 5+more/4 {
		t.Errorf("%d forged messages were checked", n)
	}
}
