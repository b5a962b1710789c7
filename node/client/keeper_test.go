package client

import (
	"errors"
	"os"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// One node's no is no answer while another home may be back in a minute.
func TestJudgeARound(t *testing.T) {
	busy, revoked := &Refusal{mpp.CodeDraining}, &Refusal{mpp.CodeRevoked}
	for _, c := range []struct {
		round    []error
		tells    error
		together verdict
	}{
		{[]error{ErrNoAnswer}, ErrNoAnswer, silent},
		{[]error{busy}, busy, refused},
		{[]error{busy, ErrNoAnswer}, busy, silent},
		{[]error{ErrNoAnswer, busy}, busy, silent},
		{[]error{ErrFingerprint}, ErrFingerprint, forGood},
		{[]error{busy, ErrFingerprint}, ErrFingerprint, refused},
		{[]error{errMayNotWatch, errMayNotWatch}, errMayNotWatch, forGood},
		{[]error{ErrNoAnswer, revoked, busy}, revoked, forGood},
	} {
		if together, tells := judge(c.round); tells != c.tells || together != c.together {
			t.Errorf("%v: %v, %d, want %v, %d", c.round, tells, together, c.tells, c.together)
		}
	}
}

// Rebind between Close and the loop's end returns.
func TestRebindOfAClosedClient(t *testing.T) {
	n := startNode(t)
	c := dialTo(t, testProfile(t), n)
	c.Close()
	for range 8 {
		if err := c.Rebind(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	}
}

// After its attach fact and its serials were lost, a device attaches again: it
// signs above the fact that the node keeps.
func TestAttachesAboveTheFactKept(t *testing.T) {
	n := startNode(t)
	c := account(t, n)
	p := c.Profile()
	watching := func(c *Client, channels ...string) {
		t.Helper()
		for _, err := range c.Watch(testContext(t), channels...) {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Fatal("nothing was heard")
	}
	high := ownPost(t, p, 50_000, &record.Event{Channel: "main", Sequence: 1, Oldest: 1})
	if err := p.raise([]*record.Fact{high}, wall.Clock(nil).Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(testContext(t), Post{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	watching(c)
	c.Close()
	attach := registry.AttachKey(p.meta.Account, p.device.Author().Hash())
	before := p.book.facts[attach].Serial
	delete(p.book.facts, attach)
	if err := p.saveBook(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.path(stateFile)); err != nil {
		t.Fatal(err)
	}
	again, err := OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	watching(dialTo(t, again, n), "main") // other channels: not the fact kept
	if after := again.book.facts[attach].Serial; after <= before {
		t.Errorf("attach serial %d, want above %d", after, before)
	}
}

// The answer that told who keeps a new account may be lost: the next try asks.
func TestCreateAccountGoesOn(t *testing.T) {
	n := startNode(t)
	c := account(t, n)
	p := c.Profile()
	p.mu.Lock()
	for k, f := range p.book.facts {
		if f.Kind == record.KindHost || f.Kind == record.KindHome {
			delete(p.book.facts, k)
		}
	}
	p.mu.Unlock()
	if err := c.CreateAccount(testContext(t), nil, ""); err != nil {
		t.Error(err)
	}
	if len(p.Homes()) == 0 {
		t.Error("no home is named")
	}
}

// Killed before the first facts were learned, the next try brings the same ones.
func TestFoundingFactsAreSignedOnce(t *testing.T) {
	p := testProfile(t)
	account, err := key.NewAccount()
	if err != nil {
		t.Fatal(err)
	}
	var hashes []key.Hash
	for range 2 {
		facts, err := p.founding(account, wall.Clock(nil).Now())
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, facts[1].Hash())
	}
	if hashes[0] != hashes[1] {
		t.Error("signed anew")
	}
}

// One node's clock or taste does not cost a post; a newer post of this device's
// or a revocation does.
func TestConfirmed(t *testing.T) {
	p := testProfile(t)
	c := newClient(p, Config{})
	for i, row := range []struct {
		code   mpp.Code
		copies int64
		kept   bool
	}{
		{mpp.CodeOK, 1, true}, {mpp.CodeExpired, 0, true}, {mpp.CodeMalformed, 0, true}, {mpp.CodeRefused, 0, true},
		{mpp.CodeSerial, 0, false}, {mpp.CodeRevoked, 0, false}, {mpp.CodeOK, 2, false},
	} {
		f := ownPost(t, p, int64(i+1), &record.Event{Channel: "main", Sequence: int64(i + 1), Oldest: 1})
		if err := p.putOutbox(f); err != nil {
			t.Fatal(err)
		}
		if err := c.confirmed(f, mpp.Result{Code: mpp.N(int64(row.code)), Copies: mpp.N(row.copies)}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(p.outboxPath(f.Hash())); (err == nil) != row.kept {
			t.Errorf("%v with %d copies: kept %v, want %v", row.code, row.copies, err == nil, row.kept)
		}
		p.dropOutbox(f.Hash())
	}
}
