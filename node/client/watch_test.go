package client

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// reading is a watcher without a node: what it asks for goes unanswered.
type reading struct {
	*testing.T
	c       *Client
	account *key.Account
	link    *link
	sub     *subscription
	seen    []string
}

func newReading(t *testing.T) *reading {
	t.Helper()
	p := testProfile(t)
	account, err := key.NewAccount()
	if err != nil {
		t.Fatal(err)
	}
	facts, err := p.found(account, wall.Clock(nil).Now())
	if err == nil {
		err = p.belong(account.Author().Hash())
	}
	if err == nil {
		_, err = p.learn(facts...)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(p, Config{})
	close(c.stop)
	return &reading{T: t, c: c, account: account, link: &link{done: make(chan struct{})}, sub: new(subscription)}
}

// post signs a clear event by a device with the sequence as its payload.
func (r *reading) post(by *key.Device, channel string, sequence int64, expires time.Duration) []byte {
	return r.postAfter(by, channel, sequence, 1, expires)
}

// postAfter is post by a device whose oldest living post is another one.
func (r *reading) postAfter(by *key.Device, channel string, sequence, oldest int64, expires time.Duration) []byte {
	r.Helper()
	e := &record.Event{Channel: channel, Sequence: sequence, Oldest: oldest}
	e.Payload = (&record.Payload{Data: fmt.Append(nil, channel, sequence)}).Append(nil)
	now := wall.Clock(nil).Now()
	f, err := record.Sign(by, key.Hash{}, record.Base{Serial: 1, Time: now, Expires: now.Add(expires), Account: r.account.Author().Hash()}, e)
	if err != nil {
		r.Fatal(err)
	}
	return f.Append(nil)
}

// handle gives a notification to the reader and remembers what it took.
func (r *reading) handle(events ...[]byte) (early bool) {
	r.Helper()
	st, err := r.c.readShared()
	if err != nil {
		r.Fatal(err)
	}
	one := reader{c: r.c, sub: r.sub, notice: notice{link: r.link, events: events}, held: st}
	one.all(r.Context(), func(e Event, err error) bool {
		if errors.Is(err, ErrUnreadable) {
			e.Data = []byte("unreadable")
		}
		r.seen = append(r.seen, string(e.Data))
		return true
	})
	if err := r.c.took(one.taken, one.gap); err != nil {
		r.Fatal(err)
	}
	return one.early
}

func (r *reading) want(seen ...string) {
	r.Helper()
	if !slices.Equal(r.seen, seen) {
		r.Errorf("yielded %q, want %q", r.seen, seen)
	}
	r.seen = nil
}

// streams is how much state.json remembers as received.
func (r *reading) streams() int {
	st, err := r.c.readShared()
	if err != nil {
		r.Fatal(err)
	}
	return len(st.Streams) + len(st.Statuses)
}

// Of one notification the events of a channel are yielded in order and once;
// what expired by this device's clock or is not subscribed to is not.
func TestReadsANotification(t *testing.T) {
	r := newReading(t)
	r.sub.channels = []string{"main"}
	me := r.c.profile.device
	two := r.post(me, "main", 2, time.Hour)
	r.handle(r.post(me, "main", 3, time.Hour), two, r.post(me, "other", 1, time.Hour), two,
		r.post(me, "main", 1, time.Hour), r.post(me, "main", 4, -time.Hour))
	r.want("main1", "main2", "main3")
	r.handle(two)
	r.want()
	// What is not subscribed to is not held, nor acknowledged: it may be subscribed
	// to before the node hears of it.
	if early := r.handle(r.post(me, "other", 1, time.Hour)); !early {
		t.Error("a post of a channel that is not watched is acknowledged")
	}
	r.sub.channels = nil
	r.handle(r.post(me, "other", 1, time.Hour))
	r.want("other1")
}

// Who stops at a gap is told of it once, and what showed it comes at the next Watch.
func TestStopAtAGap(t *testing.T) {
	r := newReading(t)
	me := r.c.profile.device
	r.handle(r.post(me, "main", 1, time.Hour))
	r.want("main1")
	n := notice{link: r.link, events: [][]byte{
		r.postAfter(me, "main", 3, 1, time.Hour), r.postAfter(me, "main", 9, 7, time.Hour),
	}}
	var got []string
	stop := func(e Event, err error) bool {
		got = append(got, string(e.Data))
		return err == nil
	}
	for range 3 {
		if _, early := r.c.receive(t.Context(), r.sub, n, stop); early {
			t.Error("it is waited for")
		}
	}
	// 2 and 4 to 6 are gone; nothing is left for the fourth time.
	if want := []string{"main3", "", "", "main9"}; !slices.Equal(got, want) {
		t.Errorf("yielded %q, want %q", got, want)
	}
	r.handle(n.events...)
	r.want()
}

// What no device of the account signed is waited for, then told once, and never
// remembered: a node could fill the state with it, or take real posts away by
// keeping their publisher's fact back.
func TestUnknownPublishersAreNotRemembered(t *testing.T) {
	r := newReading(t)
	var real *key.Device
	for i := range 2 * maxEarly {
		d, err := key.NewDevice()
		if err != nil {
			t.Fatal(err)
		}
		if early := r.handle(r.post(d, "main", 1, time.Hour)); early != (i < maxEarly) {
			t.Errorf("publisher %d: waiting %v", i, early)
		}
		real = d
	}
	if len(r.seen) != maxEarly {
		t.Errorf("%d told as unreadable, want %d", len(r.seen), maxEarly)
	}
	r.seen = nil
	r.handle(r.post(real, "main", 1, time.Hour))
	r.want()
	for k := range r.link.early {
		r.link.early[k] = time.Now().Add(-2 * earlyFor)
	}
	if n := r.streams(); n != 0 {
		t.Errorf("%d streams remembered, want none", n)
	}

	// Its fact comes after all: at the next connection the post does too.
	base := record.Base{Serial: 1, Time: wall.Clock(nil).Now(), Account: r.account.Author().Hash()}
	f, err := record.Sign(r.account, key.Hash{}, base, &record.Device{Key: real.Author(), Agreement: r.c.profile.static.Public(), Roles: RolePublish})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.c.profile.learn(f); err != nil {
		t.Fatal(err)
	}
	r.handle(r.post(real, "main", 1, time.Hour))
	r.want("main1")
	if n := r.streams(); n != 1 {
		t.Errorf("%d streams remembered, want one", n)
	}
}

// A state that cannot be read ends Watch; nothing is yielded or acknowledged.
func TestUnreadableStateEndsWatch(t *testing.T) {
	r := newReading(t)
	if err := writeFile(r.c.profile.path(stateFile), []byte("{")); err != nil {
		t.Fatal(err)
	}
	var got error
	on := r.c.handle(t.Context(), r.sub, notice{link: r.link}, func(_ Event, err error) bool {
		got = err
		return true
	})
	if on || got == nil {
		t.Errorf("went on: %v, err %v", on, got)
	}
}
