package client

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/testnet/ports"
)

func offered(t *testing.T, c *Client) *Offer {
	t.Helper()
	o, err := c.InviteDevice(testContext(t), RoleWatch|RolePublish, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// joins lets a device in by an offer that is entered at node.
func joins(t *testing.T, o *Offer, node string) {
	t.Helper()
	newcomer := dialTo(t, testProfile(t), node)
	ctx, done := testContext(t), make(chan error, 1)
	go func() { done <- newcomer.JoinAccount(ctx, o.Text()) }()
	if _, err := o.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := o.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// "The Offer survives a roam": a new link, at a node that knows the code or at one
// that started again and forgot it.
func TestOfferIsEnteredAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	address, stop, err := StartNode(t.Context(), dir, "127.0.0.1:"+ports.Take(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { stop() }()
	c := account(t, address)
	lost, forgotten := offered(t, c), offered(t, c)

	before, err := lost.ready(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	before.end(errors.New("the network changed"))
	if after, err := lost.ready(testContext(t)); err != nil || after == before {
		t.Fatalf("the same link, or none: %v", err)
	}
	joins(t, lost, address)

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	at, err := discovery.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	if address, stop, err = StartNode(t.Context(), dir, at.HostPort()); err != nil {
		t.Fatal(err)
	}
	if _, err := forgotten.ready(testContext(t)); err != nil {
		t.Fatal(err)
	}
	joins(t, forgotten, address)
}

// A newcomer that lost its link passes over a no: the node may have started again,
// and the inviter, who lost it too, may not be back yet.
func TestNewcomerWaitsForTheInviter(t *testing.T) {
	node := startNode(t)
	c := account(t, node)
	account, err := c.profile.loadAccount(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := c.newOffer(c.deviceTerms(account, RoleWatch)) // not entered anywhere
	newcomer := dialTo(t, testProfile(t), node)
	p := newcomer.profile
	g, forget := newcomer.newcomer(access.JoinDevice, o.in.Code(), "phone", [][]byte{p.device.Author().Bytes(), p.static.Public().Bytes()})
	defer forget()
	g.asked = 1 // on a link before this one
	ctx, done := testContext(t), make(chan error, 1)
	go func() {
		_, err := call(ctx, newcomer, func(l *link) ([]*record.Fact, error) { return g.on(ctx, l) })
		done <- err
	}()
	if _, err := o.Wait(ctx); err != nil { // enters it
		t.Fatal(err)
	}
	if err := o.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A code is over after its life, whoever comes.
func TestExpiredOffer(t *testing.T) {
	c := account(t, startNode(t))
	o := offered(t, c)
	o.expires = time.Now()
	if _, err := o.Wait(testContext(t)); !errors.Is(err, ErrCodeOver) {
		t.Errorf("%v, want ErrCodeOver", err)
	}
	o = offered(t, c)
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if _, err := o.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's end", err)
	}
}

// A yes after the code's life signs nothing: the newcomer waits no longer.
func TestLateYes(t *testing.T) {
	node := startNode(t)
	c := account(t, node)
	o := offered(t, c)
	newcomer := dialTo(t, testProfile(t), node)
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error, 1)
	go func() { done <- newcomer.JoinAccount(ctx, o.Text()) }()
	if _, err := o.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	o.expires = time.Now()
	if err := o.Accept(testContext(t)); !errors.Is(err, ErrCodeOver) {
		t.Errorf("%v, want ErrCodeOver", err)
	}
	if n := len(c.profile.Devices()); n != 1 {
		t.Errorf("the account has %d devices, want 1", n)
	}
}

// Attack: a newcomer names keys that are not its own, to take a device's place, or
// to have the account closed when it is revoked.
func TestBorrowedKeys(t *testing.T) {
	c := account(t, startNode(t))
	own := c.profile.Card()
	owner, err := c.profile.loadAccount(nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, borrow := range map[string]func(card *Card){
		"a device's signing key":   func(card *Card) { card.Key = own.Key },
		"a device's agreement key": func(card *Card) { card.Agreement = own.Agreement },
		"the account's key":        func(card *Card) { card.Key = owner.Author() },
	} {
		card := testProfile(t).Card()
		borrow(&card)
		if _, err := c.AddDevice(testContext(t), card, RoleWatch, nil); !errors.Is(err, errBorrowed) {
			t.Errorf("%s: %v, want errBorrowed", what, err)
		}
	}
	if err := c.RevokeDevice(testContext(t), c.profile.Account(), nil); err == nil {
		t.Error("revoking a device closed the account")
	}
	if _, err := c.AddDevice(testContext(t), own, RoleWatch|RolePublish, nil); err != nil {
		t.Errorf("its own keys once more: %v", err)
	}
}
