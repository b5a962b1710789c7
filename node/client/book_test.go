package client

import (
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// nodeFacts are a node's own fact and its host fact for an account.
func nodeFacts(t *testing.T, n *key.Node, account key.Hash) []*record.Fact {
	t.Helper()
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	now := wall.Clock(nil).Now()
	base := record.Base{Serial: 1, Time: now, Expires: now.Add(time.Hour)}
	card, err := record.Sign(n, key.Hash{9}, base, &record.Node{Agreements: []key.Agreement{static.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	base.Account = account
	host, err := record.Sign(n, key.Hash{9}, base, new(record.Host))
	if err != nil {
		t.Fatal(err)
	}
	return []*record.Fact{card, host}
}

func newNode(t *testing.T) *key.Node {
	t.Helper()
	n, err := key.NewNode()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// count is how many facts of a kind the book holds.
func (b *book) count(kind record.Kind) (n int) {
	for _, f := range b.facts {
		if f.Kind == kind {
			n++
		}
	}
	return n
}

// Nodes that a node made up are bounded, push out neither a home nor a node met,
// and leave room for what the account's key signs.
func TestMadeUpNodesAreBounded(t *testing.T) {
	r := newReading(t)
	p := r.c.profile
	account := r.account.Author().Hash()
	home, met := newNode(t), newNode(t)
	base := record.Base{Serial: 1, Time: wall.Clock(nil).Now(), Account: account}
	named, err := record.Sign(r.account, key.Hash{}, base, &record.Home{Nodes: []record.HomeNode{{Key: home.Author(), Agreement: p.static.Public()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.meet(nodeFacts(t, met, account)[0]); err != nil {
		t.Fatal(err)
	}
	facts := append(nodeFacts(t, home, account), named)
	for range 4 * maxNodes {
		facts = append(facts, nodeFacts(t, newNode(t), account)...)
		facts = append(facts, nodeFacts(t, newNode(t), key.Hash{1})[0]) // hosts nothing of ours
	}
	if _, err := p.learn(facts...); err != nil {
		t.Fatal(err)
	}
	again, err := OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*book{p.book, again.book} {
		if nodes, hosts := b.count(record.KindNode), b.count(record.KindHost); nodes != maxNodes || hosts != maxNodes {
			t.Errorf("%d node and %d host facts, want %d of each", nodes, hosts, maxNodes)
		}
		for _, n := range []*key.Node{home, met} {
			if b.facts[nodeFacts(t, n, account)[0].Key()] == nil {
				t.Error("a home or a node met was pushed out")
			}
		}
	}
	p.book.bytes = maxBook
	revoked, err := record.Sign(r.account, key.Hash{}, base, &record.Revoked{Hash: key.Hash{7}})
	if err != nil {
		t.Fatal(err)
	}
	if fresh, err := p.learn(revoked); !fresh || err != nil {
		t.Errorf("a revocation found no room: %v", err)
	}
}

// "Kept: the 17 greatest that count and the 17 greatest that do not" (facts.md).
func TestEpochsAreBounded(t *testing.T) {
	r := newReading(t)
	p := r.c.profile
	for range 2 * keepEpochs {
		f, err := p.nextEpoch(r.account, []record.Recipient{p.recipient()}, wall.Clock(nil).Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.learn(f); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.book.count(record.KindEpoch); n != keepEpochs {
		t.Errorf("%d epochs, want %d", n, keepEpochs)
	}
	if n := p.book.epoch().Body.(*record.Epoch).Number; n != 2*keepEpochs+1 {
		t.Errorf("the epoch to seal to is %d, want the newest", n)
	}
}

// Two processes on one profile write the facts file: neither takes from it what
// the other learned.
func TestTwoProcessesShareTheFacts(t *testing.T) {
	r := newReading(t)
	p := r.c.profile
	other, err := OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	base := record.Base{Serial: 1, Time: wall.Clock(nil).Now(), Account: r.account.Author().Hash()}
	for i, by := range []*Profile{p, other, p} {
		f, err := record.Sign(r.account, key.Hash{}, base, &record.Revoked{Hash: key.Hash{byte(i + 1)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := by.learn(f); err != nil {
			t.Fatal(err)
		}
	}
	again, err := OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again.book.revoked); n != 3 {
		t.Errorf("%d revocations on disk, want 3", n)
	}
}
