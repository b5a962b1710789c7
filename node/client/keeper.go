package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

const (
	backoffMin = 500 * time.Millisecond
	backoffMax = 30 * time.Second
	// resetJitter is the most that a device waits before it comes back to a node
	// that started again: it told many.
	resetJitter = 200 * time.Millisecond
)

// keep holds one link for as long as the client lives: it reaches for a node,
// attaches when something is watched, keeps the link alive, and goes to the
// next node when it falls silent.
func (c *Client) keep(ctx context.Context) {
	defer c.ended.Done()
	wait := backoffMin
	var last lastNode
	for ctx.Err() == nil {
		began, wakes := time.Now(), c.wakes()
		served, round := c.round(ctx, last)
		if len(round) == 0 {
			wait, last = backoffMin, served
			if last.restarted {
				sleep(ctx, rand.N(resetJitter)) // it told every device the same
			} else if time.Since(began) < backoffMin {
				sleep(ctx, backoffMin) // served and gone: not as fast as it can
			}
			continue
		}
		c.tried(wakes)
		c.fail(round)
		c.pause(ctx, wait+rand.N(wait/2))
		wait = min(2*wait, backoffMax)
	}
}

// lastNode is the node that served last.
type lastNode struct {
	discovery.Address
	restarted bool // and said so: it is tried again first; one that fell silent, last
}

// place orders the nodes of a round.
func (n lastNode) place(a discovery.Address) int {
	switch {
	case a != n.Address:
		return 0
	case n.restarted:
		return -1
	}
	return 1
}

// round tries every node once, the one served last at the end, or first if it only
// started again, until one serves and falls silent. No errors mean that one served.
func (c *Client) round(ctx context.Context, last lastNode) (served lastNode, errs []error) {
	list, err := c.candidates()
	if errors.Is(err, ErrNoNode) {
		list, err = c.find(ctx)
	}
	if err != nil {
		return served, []error{err}
	}
	slices.SortStableFunc(list, func(a, b discovery.Address) int { return last.place(a) - last.place(b) })
	for _, a := range list {
		why, err := c.try(ctx, a)
		if err == nil {
			return lastNode{a, errors.Is(why, errReset)}, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
		c.cfg.Log.Info("reaching a node", "err", err)
	}
	return served, errs
}

func tail(last bool) int {
	if last {
		return 1
	}
	return 0
}

// try holds a link to one node until it ends, and returns why it did; an error means
// that it never served.
func (c *Client) try(ctx context.Context, a discovery.Address) (ended, err error) {
	wakes := c.wakes()
	if a.Fingerprint == "" {
		if a, err = c.trust(ctx, a); err != nil {
			return nil, err
		}
	}
	l, err := c.dial(ctx, a)
	if err != nil {
		return nil, err
	}
	defer c.hangUp(l, ErrClosed)
	if err := c.meet(ctx, l); err != nil {
		return nil, err
	}
	if err := c.arrive(ctx, l); err != nil {
		return nil, err
	}
	if err := c.profile.pin(true, l.address.String()); err != nil {
		c.cfg.Log.Warn("remembering the node", "err", err)
	}
	c.setLink(l)
	c.looked(wakes)
	defer c.setLink(nil)
	c.attend(ctx, l)
	return l.ended(), nil
}

// arrive attaches the device at the link's node when something is watched, and
// puts back what the node lacks.
func (c *Client) arrive(ctx context.Context, l *link) error {
	c.mu.Lock()
	sub := c.sub
	c.mu.Unlock()
	if sub == nil {
		return nil
	}
	if err := c.checkWatch(ctx, l); err != nil {
		return err
	}
	attach, err := c.attachAt(ctx, l, sub.channels)
	if err != nil {
		return err
	}
	hash := attach.Hash()
	answer, err := request[*mpp.ConnectResponse](ctx, c, l, &mpp.ConnectRequest{
		Attach: hash[:], Timeout: mpp.N((3 * c.cfg.Heartbeat).Milliseconds()),
	})
	if err != nil {
		return err
	}
	if len(answer.Peers) > 0 && c.profile.names(l.node) >= 0 { // a home's word, no passing node's
		if err := c.profile.pin(false, answer.Peers...); err != nil {
			return err
		}
	}
	if f, err := record.Parse(answer.Node); err == nil && f.Author.Hash() == l.node && isCard(f, l) && f.Verify() == nil {
		if err := c.profile.meet(f); err != nil { // the newest: after Immediate no hash told of it
			return err
		}
	}
	if err := c.compare(ctx, l, answer.Facts); err != nil {
		return err
	}
	c.came(sub, &arrival{l, answer.History, answer.Gone})
	c.mu.Lock()
	defer c.mu.Unlock()
	l.sub = sub
	c.announce()
	return nil
}

// errMayNotWatch: the account's key says so, whatever nodes answer.
var errMayNotWatch = fmt.Errorf("watching: %w", &Refusal{mpp.CodeRefused})

// checkWatch checks that this device may watch, and asks for its newest fact
// before it says no.
func (c *Client) checkWatch(ctx context.Context, l *link) error {
	if c.mayWatch() {
		return nil
	}
	if err := c.catchUp(ctx, l); err != nil {
		return err
	}
	if !c.mayWatch() {
		return errMayNotWatch
	}
	return nil
}

func (c *Client) mayWatch() bool {
	f := c.ownDevice()
	return f != nil && f.Body.(*record.Device).Roles.Has(record.Watch)
}

// present brings the device's own facts and what it holds; a node that does not
// know the account yet is brought the rest of its facts as well.
// A node that keeps a newer fact of either sort answers CodeSerial.
func (c *Client) present(ctx context.Context, l *link, attach *record.Fact) error {
	mine := c.ownDevice()
	if mine == nil {
		return ErrNoAccount
	}
	st, err := c.readShared()
	if err != nil {
		return err
	}
	facts := []*record.Fact{mine, attach}
	room, err := c.room(ctx, l)
	if err != nil {
		return err
	}
	first, rest := pageSince(st.since(), room-sizeOf(facts))
	answer, err := c.bring(ctx, l, facts, first)
	if err != nil {
		return err
	}
	if code := worst(answer.Results); code == mpp.CodeOK || code == mpp.CodeFewerCopies {
		return c.tellSince(ctx, l, rest)
	} else if code == mpp.CodeRevoked || code == mpp.CodeSerial {
		return c.refused(code, answer.Facts)
	}
	if err := c.putBack(ctx, l); err != nil {
		return err
	}
	// What was told before, the node could not note: it did not know the device.
	if answer, err = c.bring(ctx, l, facts, first); err != nil {
		return err
	}
	if code := worst(answer.Results); !code.Success() {
		return c.refused(code, answer.Facts)
	}
	return c.tellSince(ctx, l, rest)
}

// tellSince tells the node what this device holds, in as many requests as it
// takes.
func (c *Client) tellSince(ctx context.Context, l *link, list []mpp.Since) error {
	for len(list) > 0 {
		var page []mpp.Since
		room, err := c.room(ctx, l)
		if err != nil {
			return err
		}
		page, list = pageSince(list, room)
		if _, err := c.bring(ctx, l, nil, page); err != nil {
			return err
		}
	}
	return nil
}

// pageSince splits off what fits a request, at least one.
func pageSince(list []mpp.Since, room int) (page, rest []mpp.Since) {
	n := 0
	for ; n < len(list) && n < mpp.MaxSince; n++ {
		m := mpp.FactRequest{Since: list[n : n+1]}
		if room -= len(m.Append(nil)); room < 0 && n > 0 {
			break
		}
	}
	return list[:n], list[n:]
}

func sizeOf(facts []*record.Fact) (size int) {
	for _, f := range facts {
		size += len(f.Append(nil))
	}
	return size
}

// refused keeps what a node shows to explain why it says no.
func (c *Client) refused(code mpp.Code, shown [][]byte) error {
	if _, err := c.profile.learn(parseFacts(shown)...); err != nil {
		return err
	}
	return &Refusal{code}
}

func split[T any](list []T, n int) (head, tail []T) {
	n = min(n, len(list))
	return list[:n], list[n:]
}

// bring sends facts to the node.
func (c *Client) bring(ctx context.Context, l *link, facts []*record.Fact, since []mpp.Since) (*mpp.FactResponse, error) {
	m := &mpp.FactRequest{Since: since}
	for _, f := range facts {
		m.Facts = append(m.Facts, f.Append(nil))
	}
	return request[*mpp.FactResponse](ctx, c, l, m)
}

// worst is the code that matters most of a request's results.
func worst(results []mpp.Result) mpp.Code {
	code := mpp.CodeOK
	for _, r := range results {
		if c := r.Code.Code(); c > code {
			code = c
		}
	}
	return code
}

// putBack brings every account fact the device keeps: a node that lost its
// store, or never had the account, can serve it then. What opens that node's door
// goes in the first request: its own host fact, and who it is that asks.
func (c *Client) putBack(ctx context.Context, l *link) error {
	mine := c.ownDevice()
	c.profile.mu.Lock()
	facts := c.profile.book.sorted()
	c.profile.mu.Unlock()
	first := func(f *record.Fact) bool { return f == mine || f.Kind == record.KindHost }
	slices.SortStableFunc(facts, func(x, y *record.Fact) int { return tail(first(y)) - tail(first(x)) })
	room, err := c.room(ctx, l)
	if err != nil {
		return err
	}
	var page []*record.Fact
	size := 0
	for _, f := range facts {
		if f.Kind == record.KindNode {
			continue
		}
		n := len(f.Raw) + factOverhead
		if size+n > room && len(page) > 0 {
			if _, err := c.bring(ctx, l, page, nil); err != nil {
				return err
			}
			page, size = nil, 0
		}
		page, size = append(page, f), size+n
	}
	_, err = c.bring(ctx, l, page, nil)
	return err
}

const factOverhead = 256

// room is how many bytes of facts a request can carry now. The loop is asked: what a
// path carries changes with the path.
func (c *Client) room(ctx context.Context, l *link) (int, error) {
	is := make(chan int, 1)
	if err := c.post(ctx, func(time.Time) { is <- l.conn.MaxPayload() - factOverhead }); err != nil {
		return 0, err
	}
	select {
	case room := <-is:
		return room, nil
	case <-c.stop:
		return 0, ErrClosed
	}
}

// compare asks for the account's facts, and puts back, when the node's digest
// of them is not this device's.
func (c *Client) compare(ctx context.Context, l *link, theirs *mpp.Sum) error {
	c.profile.mu.Lock()
	mine := c.profile.book.sum()
	c.profile.mu.Unlock()
	if theirs == nil || sameSum(theirs, mine) {
		return nil
	}
	if err := c.catchUp(ctx, l); err != nil {
		return err
	}
	return c.putBack(ctx, l)
}

// sameSum compares a node's digest, of any length, with this device's.
func sameSum(theirs *mpp.Sum, mine registry.Sum) bool {
	return theirs.Count == mine.Count && bytes.Equal(theirs.Sum, mine.Total[:])
}

// catchUp fetches the account's facts, page by page.
func (c *Client) catchUp(ctx context.Context, l *link) error {
	var after []byte
	for range maxPages {
		answer, err := c.want(ctx, l, mpp.Want{All: true, After: after})
		if err != nil {
			return err
		}
		facts := parseFacts(answer.Facts)
		if _, err := c.profile.learn(facts...); err != nil {
			return err
		}
		if !answer.More || len(facts) == 0 {
			c.mu.Lock()
			l.caughtUp = time.Now()
			c.mu.Unlock()
			return nil
		}
		last := facts[len(facts)-1].Hash()
		after = last[:]
	}
	return fmt.Errorf("asking %s for the account's facts: there is no end of them", l.address)
}

// maxPages bounds the pages of facts read from one node, each of up to a frame:
// one that always has more would keep the device for ever.
const maxPages = 1024

// attend keeps the link alive until it ends or falls silent.
func (c *Client) attend(ctx context.Context, l *link) {
	c.offerKept(ctx, l)
	beat := time.NewTicker(c.cfg.Heartbeat)
	defer beat.Stop()
	way := time.NewTicker(routeEvery)
	defer way.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.done:
			return
		case <-c.rewatch():
			if err := c.arrive(ctx, l); err != nil {
				c.cfg.Log.Info("watching", "err", err)
				return
			}
		case <-beat.C:
			if c.look(ctx, l) != nil {
				return
			}
		case <-way.C:
			if c.noticeRoute(ctx, l) && c.look(ctx, l) != nil {
				return
			}
		case <-c.waking.token:
			c.noticeRoute(ctx, l)
			if c.look(ctx, l) != nil {
				return
			}
		}
	}
}

func (c *Client) setLink(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link, c.waking.moved = l, false
	if l != nil {
		c.failed, c.verdict = nil, silent
	}
	c.announce()
}

// fail notes that a whole round found no node that serves.
func (c *Client) fail(round []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verdict, c.failed = judge(round)
	c.announce()
}

// announce wakes whoever waits for a change. The caller holds mu.
func (c *Client) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// ready waits for a link. When every node said no that is the answer; silence is
// none, so the caller's context decides how long.
func (c *Client) ready(ctx context.Context) (*link, error) {
	for {
		c.mu.Lock()
		l, failed, verdict, changed := c.link, c.failed, c.verdict, c.changed
		c.mu.Unlock()
		if l != nil {
			return l, nil
		}
		if verdict >= refused {
			return nil, failed
		}
		select {
		case <-changed:
		case <-c.stop:
			return nil, ErrClosed
		case <-ctx.Done():
			if failed != nil {
				return nil, failed
			}
			return nil, ErrNoAnswer
		}
	}
}

// pause lets time pass between rounds, until something says to look now.
func (c *Client) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.waking.token:
	case <-ctx.Done():
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
