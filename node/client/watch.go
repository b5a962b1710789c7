package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
)

// Event is one post that reached this device.
type Event struct {
	// Publisher is the device that posted it, and Name what the account calls
	// that device, empty when it is not known.
	Publisher, Name string
	Channel         string
	// Label is set for a status: per publisher, channel and label the newest
	// replaces the older. A queued event has a Sequence instead.
	Label    string
	Sequence int64
	// Serial orders the statuses of one label.
	Serial int64
	Data   []byte
	// Time is when the publisher's clock says it posted.
	Time time.Time
	// Hash names the event: a repetition has the same one.
	Hash string
	// Node is the address of the node that brought it.
	Node string
	// Sealed is false for a post that its publisher chose to leave clear.
	Sealed bool
}

// ErrUnreadable: an event came that this device cannot read, or that was forged.
// One whose publisher or key is not known may come again at a later connection,
// and be read then.
var ErrUnreadable = errors.New("an event could not be read")

var (
	// errEarly: an event came before the facts that it rests on. It is not
	// acknowledged, so it comes again.
	errEarly = errors.New("the facts that an event rests on are not here yet")
	// errLeftOut: an event is sealed to an epoch that does not list this device. A
	// later epoch may hand its key on.
	errLeftOut = errors.New("it is sealed to an epoch that leaves this device out")
	// errBroken: the publisher itself made what cannot be opened.
	errBroken = errors.New("its payload does not open")
)

const (
	// earlyFor is how long an event may wait for the facts that it rests on: a
	// node that missed their gossip has them within two sync intervals
	// (federation.md, promise 3). Past it the event is acknowledged on this
	// connection only, so that it neither holds up the others' posts nor is lost.
	earlyFor = 30 * time.Second
	// maxEarly bounds the publishers and epochs waited for on one connection.
	maxEarly = 64
	// maxTold bounds the unreadable events remembered as told.
	maxTold = 1024
)

// subscription is what Watch asked for.
type subscription struct {
	channels []string
	notices  chan notice
	// told are the unreadable events that were yielded. Only the goroutine that
	// watches uses it.
	told map[key.Hash]bool
	// arrival is what a node said last when this device came to it, until the
	// watcher took it; guarded by the client's mu. arrived wakes the watcher.
	arrival *arrival
	arrived chan struct{}
}

// wants reports whether a channel is subscribed to.
func (s *subscription) wants(channel string) bool {
	return len(s.channels) == 0 || slices.Contains(s.channels, channel)
}

// tell reports whether an unreadable event was not told before.
func (s *subscription) tell(h key.Hash) bool {
	if s.told[h] {
		return false
	}
	if s.told == nil || len(s.told) >= maxTold {
		s.told = make(map[key.Hash]bool)
	}
	s.told[h] = true
	return true
}

// wait reports whether an event that came early is worth waiting for here. Only
// the goroutine that watches calls it.
func (l *link) wait(now time.Time, f *record.Fact) bool {
	k := earlyKey(f)
	since, seen := l.early[k]
	switch {
	case seen:
		return now.Sub(since) < earlyFor
	case len(l.early) >= maxEarly:
		return false
	case l.early == nil:
		l.early = make(map[string]time.Time)
	}
	l.early[k] = now
	return true
}

// earlyKey is equal for events that wait for the same facts.
func earlyKey(f *record.Fact) string {
	publisher, epoch := f.Author.Hash(), f.Body.(*record.Event).Epoch
	return string(publisher[:]) + string(epoch[:])
}

// meets reports whether an event is the first of its publisher and epoch here that
// this device cannot read: the node is asked once for what may have changed that.
func (l *link) meets(f *record.Fact) bool {
	_, seen := l.early[earlyKey(f)]
	return !seen && l.wait(time.Now(), f)
}

// notice is one notification with the link it came on.
type notice struct {
	link   *link
	serial int64
	events [][]byte
	more   bool     // there are statuses that found no room in it
	came   *arrival // instead of a notification: this device came to a node
}

// rewatch wakes the keeper when a Watch began.
func (c *Client) rewatch() <-chan struct{} { return c.watched }

// Watch attaches the device and yields what is posted to the channels, all of
// them when none is named, until ctx ends or the loop breaks. Each event is
// yielded once, after what was missed while the device was away; an event is
// acknowledged when the next one is asked for, so a crash repeats at most what
// was being handled. An error is yielded with a zero Event: after ErrUnreadable
// and after a *GapError it goes on, any other is the last. One Watch runs at a
// time.
func (c *Client) Watch(ctx context.Context, channels ...string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		sub := &subscription{channels: channels, notices: make(chan notice, maxNotices), arrived: make(chan struct{}, 1)}
		if err := c.subscribe(sub); err != nil {
			yield(Event{}, err)
			return
		}
		defer c.unsubscribe()
		for {
			n, err := c.nextNotice(ctx, sub)
			if err != nil {
				if ctx.Err() == nil {
					yield(Event{}, err)
				}
				return
			}
			if n.came != nil && !c.arrived(ctx, n.came, yield) || n.came == nil && !c.handle(ctx, sub, n, yield) {
				return
			}
		}
	}
}

func (c *Client) subscribe(sub *subscription) error {
	if c.profile.Account() == "" {
		return ErrNoAccount
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sub != nil {
		return errors.New("watching: this client watches already")
	}
	c.sub = sub
	select {
	case c.watched <- struct{}{}:
	default:
	}
	return nil
}

func (c *Client) unsubscribe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sub = nil
}

// nextNotice waits for a notification, or for the reason that none can come.
func (c *Client) nextNotice(ctx context.Context, sub *subscription) (notice, error) {
	for {
		c.mu.Lock()
		failed, verdict, changed := c.failed, c.verdict, c.changed
		if c.link != nil {
			verdict = silent
		}
		c.mu.Unlock()
		if verdict == forGood {
			return notice{}, failed
		}
		select {
		case n := <-sub.notices:
			return n, nil
		case <-sub.arrived:
			c.mu.Lock()
			a := sub.arrival
			sub.arrival = nil
			c.mu.Unlock()
			if a != nil {
				return notice{came: a}, nil
			}
		case <-changed:
		case <-c.stop:
			return notice{}, ErrClosed
		case <-ctx.Done():
			return notice{}, ctx.Err()
		}
	}
}

// notice hands a notification to the watcher. It runs in the loop and never
// waits: the node repeats what found no room.
func (c *Client) notice(l *link, m *mpp.Notify) {
	c.mu.Lock()
	sub := c.sub
	c.mu.Unlock()
	if sub == nil || !m.Serial.Set {
		return
	}
	select {
	case sub.notices <- notice{link: l, serial: m.Serial.Value, events: m.Events, more: slices.ContainsFunc(m.Stores, isAny)}:
	default:
	}
}

// isAny reports whether a store status is the empty Store, the reference's Any:
// something changed, fetch it (mpp.md, Semantics).
func isAny(s mpp.StoreStatus) bool { return s.Store == "" }

// handle yields the events of one notification that are new here, remembers
// them, fetches what found no room in it and acknowledges, unless one of them
// came early. What is not acknowledged comes again.
func (c *Client) handle(ctx context.Context, sub *subscription, n notice, yield func(Event, error) bool) bool {
	on, early := c.receive(ctx, sub, n, yield)
	if on && n.more && !early {
		var err error
		if on, err = c.fetch(ctx, sub, n.link, yield); err != nil {
			c.cfg.Log.Info("fetching the statuses that found no room", "err", err)
			return on
		}
	}
	if on && !early {
		c.acknowledge(ctx, n)
	}
	return on
}

// receive yields the events of one message that are new here and remembers them.
// early tells that one of them waits for facts.
func (c *Client) receive(ctx context.Context, sub *subscription, n notice, yield func(Event, error) bool) (on, early bool) {
	st, err := c.readShared()
	if err != nil {
		yield(Event{}, err)
		return false, false
	}
	r := reader{c: c, sub: sub, notice: n, held: st}
	on = r.all(ctx, yield)
	if err := c.took(r.taken, r.gap); err != nil {
		if on {
			yield(Event{}, err)
		}
		return false, false
	}
	return on, r.early
}

// reader goes through the events of one notification.
type reader struct {
	c      *Client
	sub    *subscription
	notice notice
	held   *state         // what this device has, these events included
	taken  []*record.Fact // to be remembered
	gap    *toldGap       // told last, if the watcher stopped at it
	early  bool           // some event waits for facts, or for the watch it is of
	caught bool           // the account's facts were asked for
}

// all yields what is new, until yield says to stop.
func (r *reader) all(ctx context.Context, yield func(Event, error) bool) bool {
	facts, bad := r.parse()
	for range bad {
		if !yield(Event{}, fmt.Errorf("%w: it is no event of this account", ErrUnreadable)) {
			return false
		}
	}
	now := r.c.wall.Now()
	for _, f := range facts {
		switch {
		case r.held.has(f), f.Expired(now):
		case !r.sub.wants(f.Body.(*record.Event).Channel):
			// Sent before the node heard what is watched now. Acknowledged, it would
			// not come again to who watches its channel next.
			r.early = true
		case !r.one(ctx, f, yield):
			return false
		}
	}
	return true
}

// parse returns the events of this account, those of one publisher and channel
// in the order of their sequences, and how many are none.
func (r *reader) parse() (facts []*record.Fact, bad int) {
	account := r.c.account()
	for _, raw := range r.notice.events {
		f, err := record.Parse(raw)
		if err != nil || f.Kind != record.KindEvent || f.Account != account || f.Verify() != nil {
			bad++
			continue
		}
		facts = append(facts, f)
	}
	order(facts)
	return facts, bad
}

// order puts the queued events of each publisher and channel in the order of
// their sequences, in the places that they had among the others.
func order(facts []*record.Fact) {
	type stream struct {
		publisher key.Author
		channel   string
	}
	places := make(map[stream][]int)
	for i, f := range facts {
		if e := f.Body.(*record.Event); !e.IsStatus() {
			s := stream{f.Author, e.Channel}
			places[s] = append(places[s], i)
		}
	}
	for _, at := range places {
		queued := make([]*record.Fact, len(at))
		for i, place := range at {
			queued[i] = facts[place]
		}
		slices.SortStableFunc(queued, bySequence)
		for i, place := range at {
			facts[place] = queued[i]
		}
	}
}

func bySequence(x, y *record.Fact) int {
	return cmp.Compare(x.Body.(*record.Event).Sequence, y.Body.(*record.Event).Sequence)
}

// one yields one event. Only what a device of the account made is remembered as
// received: a node could have this device forget real posts, or fill its state,
// with what others signed.
func (r *reader) one(ctx context.Context, f *record.Fact, yield func(Event, error) bool) bool {
	payload, err := r.open(ctx, f)
	switch {
	case err == nil:
		if !r.take(f, yield) {
			return false
		}
		event := r.c.eventOf(f, payload)
		event.Node = r.notice.link.address.String()
		return yield(event, nil)
	case errors.Is(err, errBroken):
		if !r.take(f, yield) {
			return false
		}
	case errors.Is(err, errEarly) && r.notice.link.wait(time.Now(), f):
		r.c.cfg.Log.Debug("reading an event", "err", err)
		r.early = true
		return true
	case !r.sub.tell(f.Hash()):
		return true
	}
	return yield(Event{}, fmt.Errorf("%w: %w", ErrUnreadable, err))
}

// toldGap is up to where a gap was told that an event showed, which itself was
// not yielded.
type toldGap struct {
	event   *record.Fact
	through int64
}

// take yields what an event shows to be gone, and notes that it came: not when the
// watcher stops at a gap, for then the event is still to be yielded.
func (r *reader) take(f *record.Fact, yield func(Event, error) bool) bool {
	for _, g := range r.held.received(f, r.c.wall.Now()) {
		if !yield(Event{}, g) {
			r.gap = &toldGap{f, g.To}
			return false
		}
	}
	r.taken = append(r.taken, f)
	return true
}

// open opens one event, asking the node once for facts that are new to us.
func (r *reader) open(ctx context.Context, f *record.Fact) (record.Payload, error) {
	payload, err := r.c.openEvent(f)
	asks := errors.Is(err, errEarly) || errors.Is(err, errLeftOut) && r.notice.link.meets(f)
	if !asks || r.caught {
		return payload, err
	}
	r.caught = true
	if err := r.c.catchUp(ctx, r.notice.link); err != nil {
		r.c.cfg.Log.Debug("asking for the facts that an event rests on", "err", err)
	}
	return r.c.openEvent(f)
}

// openEvent checks an event's publisher and opens its payload. errEarly: the fact
// that lets its publisher post, or its epoch, is not here. errBroken: its
// publisher is at fault.
func (c *Client) openEvent(f *record.Fact) (record.Payload, error) {
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	book, publisher := c.profile.book, f.Author.Hash()
	device := book.device(f.Account, publisher)
	switch {
	case device == nil && book.revoked[publisher]:
		return record.Payload{}, errors.New("its publisher was revoked")
	case device == nil:
		return record.Payload{}, fmt.Errorf("its publisher is no device of the account: %w", errEarly)
	case !device.Body.(*record.Device).Roles.Has(record.Publish):
		return record.Payload{}, fmt.Errorf("its publisher may not publish: %w", errEarly)
	}
	e := f.Body.(*record.Event)
	clear := e.Payload
	if !e.IsClear() {
		k := book.epochs[e.Epoch]
		switch {
		case k == nil && book.hasEpoch(e.Epoch):
			return record.Payload{}, errLeftOut
		case k == nil:
			return record.Payload{}, fmt.Errorf("it is sealed to an epoch that this device has no key for: %w", errEarly)
		}
		var err error
		if clear, err = k.OpenEvent(f); err != nil {
			return record.Payload{}, fmt.Errorf("%w: %w", errBroken, err)
		}
	}
	payload, err := record.ParsePayload(clear)
	if err != nil {
		return payload, fmt.Errorf("%w: %w", errBroken, err)
	}
	return payload, nil
}

func (c *Client) eventOf(f *record.Fact, payload record.Payload) Event {
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	e := f.Body.(*record.Event)
	publisher := f.Author.Hash()
	return Event{
		Publisher: publisher.String(), Name: c.profile.book.name(publisher),
		Channel: e.Channel, Label: payload.Label, Sequence: e.Sequence, Serial: f.Serial,
		Data: payload.Data, Time: f.Time.Std(), Hash: f.Hash().String(), Sealed: !e.IsClear(),
	}
}

// took remembers events as received, on disk, and a gap as told.
func (c *Client) took(facts []*record.Fact, gap *toldGap) error {
	if len(facts) == 0 && gap == nil {
		return nil
	}
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	return c.profile.shared(func(s *state) (bool, error) {
		for _, f := range facts {
			s.received(f, c.wall.Now())
		}
		if gap != nil {
			if h := s.stream(gap.event.Author.Hash(), gap.event.Body.(*record.Event).Channel); h != nil {
				h.Told = max(h.Told, gap.through)
			}
		}
		return true, nil
	})
}

// acknowledge tells the node that a notification is held (MPP-03
// Acknowledgement). It is not answered; lost, the notification comes again.
func (c *Client) acknowledge(ctx context.Context, n notice) {
	serial, err := c.profile.takeSerial()
	if err != nil {
		c.cfg.Log.Warn("acknowledging", "err", err)
		return
	}
	m := &mpp.Acknowledge{FromClient: mpp.FromClient{Serial: mpp.N(serial), Acknowledge: mpp.N(n.serial)}}
	if err := c.transmit(ctx, n.link, serial, m.Append(nil), nil); err != nil {
		c.cfg.Log.Debug("acknowledging", "err", err)
	}
}

// account is the hash of the account's key.
func (c *Client) account() key.Hash {
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	return c.profile.meta.Account
}

// readShared reads the profile's state as it stands on disk.
func (c *Client) readShared() (st *state, err error) {
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	err = c.profile.shared(func(s *state) (bool, error) {
		st = s
		return false, nil
	})
	return st, err
}
