package node_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// A home that is removed ends its part once another one has all, and every node
// still carries the account: its realm does.
func TestRemovedHomeEnds(t *testing.T) {
	t.Parallel()
	nodes, _ := realm(t)
	phone := account(t, "phone", nodes[2])
	laptop := invite(t, phone, "laptop", nodes[0])
	w := watch(t, laptop)
	served(t, phone, "before", w)
	if _, err := phone.Publish(testContext(t), client.Post{Data: []byte("status"), Label: "mood"}); err != nil {
		t.Fatal(err)
	}
	agree(t, nodes...)
	if err := phone.RemoveHome(testContext(t), nodes[2].ID(), nil); err != nil {
		t.Fatal(err)
	}
	account := phone.Profile().Account()
	for _, n := range nodes {
		shaped(t, n, account, func(s node.Shape) bool { return s.Ended == 1 && s.Hosts == 2 && s.Events == 2 })
	}
	w.want("status")
	served(t, phone, "after", w)
	if err := phone.AddHome(testContext(t), nodes[2].DeviceAddress(), "", nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		shaped(t, n, account, func(s node.Shape) bool { return s.Ended == 0 && s.Hosts == 3 })
	}
}

// A home that is removed while the others are away goes on carrying until one of
// them is present and has confirmed all it holds.
func TestRemovedHomeCarriesOn(t *testing.T) {
	t.Parallel()
	nodes, configs := realmOf(t, "a", "b")
	a := nodes[0]
	phone := account(t, "phone", a)
	w := watch(t, phone)
	cfg := pinned(configs[1], nodes[1])
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	served(t, phone, "only here", w)
	if err := phone.RemoveHome(testContext(t), a.ID(), nil); err != nil {
		t.Fatal(err)
	}
	account := phone.Profile().Account()
	for range 3 {
		wakeNode(t, a)
	}
	if s := a.Shape(testContext(t), account); s.Ended != 0 || s.Hosts != 2 {
		t.Fatalf("the removed home ended with nobody there: %+v", s)
	}
	served(t, phone, "carried", w)

	b := start(t, cfg)
	ctx := testContext(t)
	for a.Shape(ctx, account).Ended == 0 {
		wakeNode(t, a) // a sweep tries again
		wait(t, ctx)
	}
	agree(t, a, b)
	if s := b.Shape(ctx, account); s.Events != 2 || s.Hosts != 1 {
		t.Errorf("the home that is left knows %+v, want both events", s)
	}
	served(t, phone, "after", w)
}

// A node that gave its word and was never named ends it by itself: who asked for
// it went away halfway.
func TestNeverNamedHomeEnds(t *testing.T) {
	t.Parallel()
	nodes, configs := realmOf(t, "a", "b")
	phone := account(t, "phone", nodes[0])
	publish(t, phone, "before")
	account := phone.Profile().Account()
	cfg := loopback(t, filepath.Join(t.TempDir(), "c"))
	cfg.RealmKey, cfg.Peers = filepath.Join(configs[0].State, "keys", "realm.key"), nodes[0].PeerAddresses()[:1]
	third := start(t, cfg)
	all := append(nodes, third)
	agree(t, all...)
	if nodes[0].AskHome(testContext(t), account) == 0 {
		t.Fatal("nobody would be a home")
	}
	shaped(t, third, account, func(s node.Shape) bool { return s.Hosts == 3 })
	wakeNode(t, third)
	if s := third.Shape(testContext(t), account); s.Hosts != 3 {
		t.Fatalf("it ended at once: %+v", s)
	}
	third.Left(testContext(t))
	wakeNode(t, third)
	for _, n := range all {
		shaped(t, n, account, func(s node.Shape) bool { return s.Hosts == 2 && s.Ended == 1 })
	}
}

// A node that was away when the account's last home ended learns of it, and does
// not carry the account for the rest of that home's 30 days.
func TestLastHomeEndsForThoseAway(t *testing.T) {
	t.Parallel()
	nodes, configs := realmOf(t, "a", "b")
	a, b := nodes[0], nodes[1]
	b.LimitAccounts(testContext(t), -1) // it is no home
	phone := account(t, "phone", a)
	publish(t, phone, "before")
	account := phone.Profile().Account()
	agree(t, a, b)
	phone.Close()
	cfg := configs[1]
	cfg.Peers = a.PeerAddresses()[:1]
	cfg = lose(t, b, cfg)
	if err := a.Drop(testContext(t), account); err != nil {
		t.Fatal(err)
	}
	b = start(t, cfg)
	shaped(t, b, account, func(s node.Shape) bool { return s.Hosts == 0 && s.Ended == 1 })
}

// An account that nobody came with does not take the room of another for good.
func TestDesertedAccountEnds(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	nobody := key.Hash{1}
	n.Keep(testContext(t), nobody)
	wakeNode(t, n)
	if s := n.Shape(testContext(t), nobody.String()); s.Hosts != 1 || s.Ended != 0 {
		t.Fatalf("it ended at once: %+v", s)
	}
	n.Left(testContext(t))
	wakeNode(t, n)
	if s := n.Shape(testContext(t), nobody.String()); s.Hosts != 0 || s.Ended != 1 {
		t.Errorf("the node knows %+v, want that it ended", s)
	}
}

// What the operator dropped comes back by a code, and by nothing else.
func TestDroppedAccountComesBackByCode(t *testing.T) {
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	n := start(t, cfg)
	phone := account(t, "phone", n)
	publish(t, phone, "before")
	if err := n.Drop(testContext(t), phone.Profile().Account()); err != nil {
		t.Fatal(err)
	}
	phone.Close()
	n = start(t, lose(t, n, cfg)) // the list is kept
	again := dial(t, phone.Profile(), n)
	_, err := again.Publish(testContext(t), client.Post{Data: []byte("dropped")})
	wantRefusal(t, err, mpp.CodeNotAdmitted)
	invitation, err := n.Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.AddHome(testContext(t), n.DeviceAddress(), invitation.Text, nil); err != nil {
		t.Fatal(err)
	}
	w := watch(t, again)
	w.want("before") // what it held of the account is there
	served(t, again, "back", w)
	again.Close()
	cfg = pinned(cfg, n)
	cfg.OpenAccounts = false
	n = start(t, lose(t, n, cfg, "store"))
	again = dial(t, phone.Profile(), n)
	served(t, again, "forgotten that it was dropped", watch(t, again))
}

// "A node over a minute off the median of at least three clocks confirms no
// copies": its devices hear 202 of what only it and one other home have.
func TestClockOff(t *testing.T) {
	t.Parallel()
	cal, own := new(calendar), new(calendar)
	dir := t.TempDir()
	var nodes []*node.Node
	for i, name := range []string{"a", "b", "c"} {
		cfg := loopback(t, filepath.Join(dir, name))
		if cfg.Wall = cal.now; i == 2 {
			cfg.Wall = own.now
		}
		if i > 0 {
			cfg.RealmKey = filepath.Join(dir, "a", "keys", "realm.key")
			cfg.Peers = nodes[0].PeerAddresses()[:1]
		}
		nodes = append(nodes, start(t, cfg))
	}
	agree(t, nodes...)
	phone := accountBy(t, cal, "phone", nodes[2])
	comeAndGo := []*visitor{
		{Client: dialBy(t, cal, invited(t, phone, "x", client.RoleWatch), nodes[0])},
		{Client: dialBy(t, cal, invited(t, phone, "y", client.RoleWatch), nodes[1])},
	}
	own.turn(5 * time.Minute)
	ctx := testContext(t)
	for i := 0; !nodes[2].Clocks().Off(); i++ {
		if i%40 == 0 { // each change is a beacon, some time later, with its node's time
			for _, c := range comeAndGo {
				c.change(t, ctx)
			}
		}
		wait(t, ctx)
	}
	for _, c := range comeAndGo {
		if c.leave != nil {
			c.leave()
		}
	}
	if r := publish(t, phone, "two others have it"); r.Code != mpp.CodeOK || r.Copies != 2 {
		t.Errorf("receipt %d with %d copies, want 200 with 2", r.Code, r.Copies)
	}
	if err := nodes[1].Close(); err != nil {
		t.Fatal(err)
	}
	if r := publish(t, phone, "one other has it"); r.Code != mpp.CodeFewerCopies || r.Copies > 1 {
		t.Errorf("receipt %d with %d copies, want 202 with 1", r.Code, r.Copies)
	}
}

// visitor is a device that comes and goes.
type visitor struct {
	*client.Client
	leave func() // while it watches
}

// change has the device watch, or detach.
func (v *visitor) change(t *testing.T, ctx context.Context) {
	t.Helper()
	if v.leave != nil {
		v.leave()
		v.leave = nil
		if _, err := v.Detach(ctx); err != nil {
			t.Fatal(err)
		}
		return
	}
	watching, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range v.Watch(watching) {
		}
	}()
	v.leave = func() { stop(); <-done }
	if err := v.Attached(ctx); err != nil {
		t.Fatal(err)
	}
}

// A node whose clock was ahead when it ended its part keeps the account again as
// soon as it is asked: an end, however far off, is covered by nothing that gives.
func TestEndedByAClockAhead(t *testing.T) {
	t.Parallel()
	cal := new(calendar)
	n := start(t, onCalendar(t, cal, "a"))
	phone := accountBy(t, cal, "phone", n)
	p := phone.Profile()
	cal.turn(10 * day)
	if err := n.Drop(testContext(t), p.Account()); err != nil {
		t.Fatal(err)
	}
	phone.Close()
	cal.turn(-10 * day)
	invitation, err := n.Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	phone = dialBy(t, cal, p, n)
	if err := phone.AddHome(testContext(t), n.DeviceAddress(), invitation.Code, nil); err != nil {
		t.Fatal(err)
	}
	shaped(t, n, p.Account(), func(s node.Shape) bool { return s.Hosts == 1 && s.Ended == 0 })
}
