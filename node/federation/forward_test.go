package federation

import (
	"errors"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
)

func pair(t testing.TB) (r *testRealm, a, b *testNode) {
	r = newRealm(t)
	b = newNode(t, r)
	a = newNode(t, r, b)
	meet(t, a, b)
	return r, a, b
}

func TestForwardAnswersEachFact(t *testing.T) {
	_, a, b := pair(t)
	account, unknown := newAccount(), newAccount()
	held, full := account.status(3, 1), account.status(1, 2)
	b.door.put(account.fact, held)
	expired, refused := account.status(1, 3), account.status(1, 4)
	b.door.note(func() {
		b.door.forced[full.Hash()] = Full
		b.door.forced[expired.Hash()] = Expired
		b.door.forced[refused.Hash()] = Refused
	})
	fresh := account.status(1, 5)
	want := map[key.Hash]mpp.Code{
		fresh.Hash():                mpp.CodeOK,
		held.Hash():                 mpp.CodeOK,
		account.status(2, 1).Hash(): mpp.CodeSerial,
		unknown.status(1, 1).Hash(): mpp.CodeNotAdmitted,
		expired.Hash():              mpp.CodeExpired,
		full.Hash():                 mpp.CodeQuota,
		refused.Hash():              mpp.CodeRefused,
	}
	facts := []*record.Fact{fresh, held, account.status(2, 1), unknown.status(1, 1), expired, full, refused}
	results, err := a.f.Forward(t.Context(), b.hash, facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Code != want[r.Hash] {
			t.Errorf("fact answered %v, want %v", r.Code, want[r.Hash])
		}
		delete(want, r.Hash)
	}
	if len(want) > 0 {
		t.Errorf("%d facts without an answer", len(want))
	}
	// "Acknowledged only after the datastore's Sync": a fact that is held may
	// not be on disk yet.
	b.door.mu.Lock()
	defer b.door.mu.Unlock()
	if b.door.kept[fresh.Hash()] != 1 || b.door.kept[held.Hash()] != 1 {
		t.Error("a confirmed copy was not kept")
	}
}

func TestForwardOfManyFactsTakesSeveralFrames(t *testing.T) {
	_, a, b := pair(t)
	account := newAccount()
	b.door.put(account.fact)
	facts := make([]*record.Fact, 0, maxFrameFacts+10)
	for i := range cap(facts) {
		facts = append(facts, account.status(int64(i+1), i))
	}
	results, err := a.f.Forward(t.Context(), b.hash, facts)
	if err != nil || len(results) != len(facts) {
		t.Fatalf("forwarded %d facts, %d results, %v", len(facts), len(results), err)
	}
}

func TestForwardOfForgedFactEndsTheConnection(t *testing.T) {
	_, a, b := pair(t)
	account := newAccount()
	b.door.put(account.fact)
	bad := forge(account.status(1, 1))
	if results, err := a.f.Forward(t.Context(), b.hash, []*record.Fact{bad}); err == nil {
		t.Errorf("forwarded a forged fact: %v", results)
	}
	until(t, "the forger is disconnected", func() bool { return len(b.f.Members()) == 0 })
	b.door.mu.Lock()
	defer b.door.mu.Unlock()
	if b.door.kept[bad.Hash()] > 0 {
		t.Error("a forged fact was kept")
	}
}

func TestForwardToUnconnectedNode(t *testing.T) {
	r := newRealm(t)
	a := newNode(t, r)
	if _, err := a.f.Forward(t.Context(), key.Hash{1}, nil); !errors.Is(err, ErrNotConnected) {
		t.Errorf("got %v, want ErrNotConnected", err)
	}
}

func TestAskHome(t *testing.T) {
	r, a, b := pair(t)
	c := newNode(t, r, a)
	meet(t, a, c)
	account := newAccount()
	host := must(record.Sign(b.key, r.hash,
		record.Base{Serial: 1, Time: today, Expires: today.Add(1e12), Account: account.hash}, &record.Host{}))
	b.door.note(func() { b.door.host = []*record.Fact{host, b.door.show[1]} })
	// The third node answers with the second's word: not its own.
	c.door.note(func() { c.door.host = b.door.host })
	answers := a.f.AskHome(t.Context(), account.hash, []*record.Fact{account.fact}, 2)
	if len(answers) != 1 || len(answers[0]) != 2 || answers[0][0].Hash() != host.Hash() {
		t.Errorf("answers %v, want the second node's", answers)
	}
	b.door.has(t, account.fact)
}
