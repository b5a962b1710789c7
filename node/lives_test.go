package node_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// onCalendar is loopback by a calendar.
func onCalendar(t *testing.T, cal *calendar, name string) node.Config {
	cfg := loopback(t, filepath.Join(t.TempDir(), name))
	cfg.Wall = cal.now
	return cfg
}

// dialBy opens a profile's client by a calendar. Its heartbeats do not count: the
// test wakes it.
func dialBy(t *testing.T, cal *calendar, p *client.Profile, n addressed) *client.Client {
	t.Helper()
	c, err := client.Dial(p, client.Config{
		Node: n.DeviceAddress(), Heartbeat: time.Hour, Listen: "127.0.0.1:0", Log: logTo(t, p.Name()), Wall: cal.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func accountBy(t *testing.T, cal *calendar, name string, n addressed) *client.Client {
	t.Helper()
	c := dialBy(t, cal, newProfile(t, name), n)
	if err := c.CreateAccount(testContext(t), nil, ""); err != nil {
		t.Fatal(err)
	}
	return c
}

func wakeNode(t *testing.T, n *node.Node) {
	t.Helper()
	if !n.Wake(testContext(t)) {
		t.Fatal("the node did not wake")
	}
}

func wakeClient(t *testing.T, c *client.Client) {
	t.Helper()
	if err := c.Wake(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// shaped waits for a node to know something of an account.
func shaped(t *testing.T, n *node.Node, account string, is func(node.Shape) bool) {
	t.Helper()
	ctx := testContext(t)
	for last := (node.Shape{}); ; {
		s := n.Shape(ctx, account)
		if is(s) {
			return
		}
		if s != last {
			t.Logf("the node knows %+v", s)
			last = s
		}
		wait(t, ctx)
	}
}

// A device that slept past its lease is told by the node, on the very link it
// has, and attaches again by itself: nobody calls Wake.
func TestLeaseOver(t *testing.T) {
	t.Parallel()
	cal := new(calendar)
	n := start(t, onCalendar(t, cal, "a"))
	phone := accountBy(t, cal, "phone", n)
	w := watch(t, phone)
	account := phone.Profile().Account()
	cal.turn(3 * day)
	wakeNode(t, n)
	shaped(t, n, account, func(s node.Shape) bool { return s.Attached == 1 && s.Watching == 1 })
	served(t, phone, "awake", w)
}

// An event is never delivered after its publisher's time, whoever slept.
func TestEventOver(t *testing.T) {
	t.Parallel()
	cal := new(calendar)
	n := start(t, onCalendar(t, cal, "a"))
	phone := accountBy(t, cal, "phone", n)
	p := invited(t, phone, "laptop", client.RoleWatch)
	for _, post := range []client.Post{
		{Data: []byte("short"), Life: time.Hour}, {Data: []byte("brief"), Life: time.Hour, Label: "mood"}, {Data: []byte("long")},
	} {
		if _, err := phone.Publish(testContext(t), post); err != nil {
			t.Fatal(err)
		}
	}
	cal.turn(2 * time.Hour) // the node has not looked at its clock since
	laptop := watch(t, dialBy(t, cal, p, n))
	laptop.want("long")
	wakeNode(t, n)
	if s := n.Shape(testContext(t), phone.Profile().Account()); s.Events != 1 {
		t.Errorf("%d events are left, want 1", s.Events)
	}
	served(t, phone, "more", laptop)
}

// A node that was off for longer than its host facts live keeps the account again
// as soon as one of its devices comes by: it shows the node's own word, expired.
// An account that the operator dropped stays out.
func TestHostOver(t *testing.T) {
	t.Parallel()
	cal := new(calendar)
	cfg := onCalendar(t, cal, "a")
	n := start(t, cfg)
	phone, other := accountBy(t, cal, "phone", n), accountBy(t, cal, "other", n)
	publish(t, phone, "before")
	publish(t, other, "before")
	phone.Close()
	other.Close()
	dropped := other.Profile().Account()
	if err := n.Drop(testContext(t), dropped); err != nil {
		t.Fatal(err)
	}
	cfg = pinned(cfg, n)
	cfg.OpenAccounts = false
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	cal.turn(40 * day)
	n = start(t, cfg)
	for _, account := range []string{phone.Profile().Account(), dropped} {
		if s := n.Shape(testContext(t), account); s.Hosts != 0 {
			t.Fatalf("an account is carried on a host fact that is over: %+v", s)
		}
	}
	again := dialBy(t, cal, phone.Profile(), n)
	served(t, again, "after", watch(t, again))

	_, err := dialBy(t, cal, other.Profile(), n).Publish(testContext(t), client.Post{Data: []byte("dropped")})
	wantRefusal(t, err, mpp.CodeNotAdmitted)
}

// A member vouches for 64 accounts: one more is refused with 429.
func TestOneAccountTooMany(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	var accounts []key.Hash
	for range node.MaxVouched - 1 {
		a, err := key.NewAccount()
		if err != nil {
			t.Fatal(err)
		}
		accounts = append(accounts, a.Author().Hash())
	}
	n.Keep(testContext(t), accounts...)
	last := account(t, "the last", n)
	err := dial(t, newProfile(t, "one too many"), n).CreateAccount(testContext(t), nil, "")
	wantRefusal(t, err, mpp.CodeQuota)
	served(t, last, "served", watch(t, last))
}

// A device whose clock is ten days ahead is served by the node's clock, and by its
// own again once that is right, with nothing typed and nothing lost.
func TestDeviceAhead(t *testing.T) {
	t.Parallel()
	cal, own := new(calendar), new(calendar)
	n := start(t, onCalendar(t, cal, "a"))
	phone := accountBy(t, cal, "phone", n)
	p := invited(t, phone, "laptop", client.RoleWatch|client.RolePublish)
	account := phone.Profile().Account()

	own.turn(10 * day)
	laptop := dialBy(t, own, p, n)
	w := watch(t, laptop)
	shaped(t, n, account, func(s node.Shape) bool { return s.Attached == 1 && s.Watching == 1 })
	if skew := laptop.ClockSkew(); skew != -10*day {
		t.Errorf("the node's clock is %v ahead of the device's, want 10 days behind", skew)
	}
	_, err := laptop.Publish(testContext(t), client.Post{Data: []byte("from the future")})
	wantRefusal(t, err, mpp.CodeExpired)
	publish(t, phone, "now") // over, by the laptop's clock

	own.turn(-10 * day)
	wakeClient(t, laptop)
	w.want("now")
	served(t, laptop, "right again", w)
	cal.turn(day)
	own.turn(day)
	wakeClient(t, laptop)
	shaped(t, n, account, func(s node.Shape) bool { return s.Attached == 1 && s.Watching == 1 })
	served(t, phone, "the day after", w)
}

// What a device posted while its clock was days ahead does not end what it posted
// before, nor keep a status from being set anew.
func TestPostsOfAClockAhead(t *testing.T) {
	t.Parallel()
	cal, own := new(calendar), new(calendar)
	n := start(t, onCalendar(t, cal, "a"))
	phone := accountBy(t, own, "phone", n)
	post := func(p client.Post) error {
		t.Helper()
		_, err := phone.Publish(testContext(t), p)
		return err
	}
	status := client.Post{Label: "mood", Data: []byte("busy")}
	for _, p := range []client.Post{{Data: []byte("long")}, status} {
		if err := post(p); err != nil {
			t.Fatal(err)
		}
	}
	own.turn(5 * day)
	// Within reach of what the node takes, so its Oldest is obeyed.
	if err := post(client.Post{Data: []byte("short"), Life: time.Hour}); err != nil {
		t.Fatal(err)
	}
	own.turn(5 * day)
	if err := post(status); !errors.Is(err, client.ErrClock) {
		t.Errorf("a status from ten days ahead: %v, want ErrClock", err)
	}
	own.turn(-10 * day)
	status.Data = []byte("free")
	if err := post(status); err != nil {
		t.Errorf("a status once the clock is right: %v", err)
	}
	w := watch(t, dialBy(t, cal, invited(t, phone, "laptop", client.RoleWatch), n))
	w.wantAll("long", "short", "free")
}

// A detach that a clock ten days ahead signed counts at once, no older word undoes
// it in those days, and the device attaches again whenever it wants, also after
// all clocks were wrong together.
func TestDetachAhead(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(map[bool]string{false: "device", true: "all"}[together], func(t *testing.T) {
			t.Parallel()
			cal, own := new(calendar), new(calendar)
			turn := func(d time.Duration) {
				if own.turn(d); together {
					cal.turn(d)
				}
			}
			n := start(t, onCalendar(t, cal, "a"))
			phone := accountBy(t, own, "phone", n)
			account := phone.Profile().Account()
			attach := func() {
				t.Helper()
				c := dialBy(t, own, phone.Profile(), n)
				served(t, c, "attached", watch(t, c))
				shaped(t, n, account, func(s node.Shape) bool { return s.Attached == 1 })
				c.Close()
			}
			detach := func() {
				t.Helper()
				c := dialBy(t, own, phone.Profile(), n)
				if code, err := c.Detach(testContext(t)); err != nil || code != mpp.CodeOK {
					t.Fatalf("detaching: %v, %v", code, err)
				}
				c.Close()
				if s := n.Shape(testContext(t), account); s.Attached != 0 {
					t.Fatalf("still attached: %+v", s)
				}
			}
			phone.Close()
			attach()
			turn(10 * day)
			if together {
				wakeNode(t, n)
				attach()
			}
			detach()
			turn(-10 * day)
			wakeNode(t, n)
			if s := n.Shape(testContext(t), account); s.Attached != 0 {
				t.Errorf("attached by an older word: %+v", s)
			}
			attach()
			detach()
		})
	}
}

// A device in the year 2000 keeps its lease for as long as that lives, loses
// nothing, and says what is wrong.
func TestDeviceBehind(t *testing.T) {
	t.Parallel()
	cal, own := new(calendar), new(calendar)
	n := start(t, onCalendar(t, cal, "a"))
	phone := accountBy(t, cal, "phone", n)
	p := invited(t, phone, "laptop", client.RoleWatch|client.RolePublish)
	laptop := dialBy(t, own, p, n)
	w := watch(t, laptop)
	thirty := -30 * 365 * day
	own.turn(thirty)
	served(t, phone, "to 2000", w)
	cal.turn(3 * day)
	wakeNode(t, n)
	err := laptop.Wake(testContext(t))
	if !errors.Is(err, client.ErrClock) {
		t.Errorf("attaching from 2000: %v, want ErrClock", err)
	}
	publish(t, phone, "meanwhile")
	own.turn(3*day - thirty)
	wakeClient(t, laptop)
	w.want("meanwhile")
	served(t, laptop, "right again", w)
}

// A node that starts in the year 2000, as one without a battery does, keeps all it
// had and serves everybody once its clock is set.
func TestNodeBehind(t *testing.T) {
	t.Parallel()
	cal, own := new(calendar), new(calendar)
	cfg := onCalendar(t, cal, "a")
	n := start(t, cfg)
	phone := accountBy(t, own, "phone", n)
	p := invited(t, phone, "laptop", client.RoleWatch)
	publish(t, phone, "before")
	account := phone.Profile().Account()
	phone.Close()
	had := n.Shape(testContext(t), account)
	digest, err := n.Digest(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg = pinned(cfg, n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	thirty := -30 * 365 * day
	cal.turn(thirty)
	n = start(t, cfg)
	wakeNode(t, n)
	if s := n.Shape(testContext(t), account); s.Facts != had.Facts || s.Hosts != 1 || s.Events != 1 {
		t.Errorf("in 2000 the node knows %+v, it knew %+v", s, had)
	}
	if d, _ := n.Digest(testContext(t)); d != digest {
		t.Error("what the node holds changed in 2000")
	}
	cal.turn(-thirty)
	wakeNode(t, n)
	laptop := watch(t, dialBy(t, own, p, n))
	laptop.want("before")
	served(t, dialBy(t, own, phone.Profile(), n), "after", laptop)
}

// A node whose clock was ten days ahead for a while lost nothing that lives: the
// other home and the devices' outboxes have it.
func TestNodeAhead(t *testing.T) {
	t.Parallel()
	cal, own := new(calendar), new(calendar)
	cfg := onCalendar(t, cal, "a")
	n := start(t, cfg)
	phone := accountBy(t, own, "phone", n)
	w := watch(t, phone)
	account := phone.Profile().Account()
	served(t, phone, "before", w)
	cal.turn(10 * day)
	wakeNode(t, n)
	if s := n.Shape(testContext(t), account); s.Events != 0 || s.Hosts != 1 {
		t.Fatalf("ten days ahead the node knows %+v, want the host fact and no event", s)
	}
	_, err := phone.Publish(testContext(t), client.Post{Data: []byte("refused")})
	wantRefusal(t, err, mpp.CodeExpired)
	cal.turn(-10 * day)
	wakeNode(t, n)
	wakeClient(t, phone)
	shaped(t, n, account, func(s node.Shape) bool { return s.Attached == 1 && s.Watching == 1 && s.Events == 2 })
	w.want("refused") // its publisher kept it
	served(t, phone, "after", w)
}
