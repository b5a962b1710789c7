package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

// waking lets someone who knows better than the timers have the link looked at:
// they stand still while a machine sleeps.
type waking struct {
	token chan struct{} // one while the keeper has to look
	// Guarded by the client's mu.
	asked  int       // Wakes called
	looked int       // the last of them before the link was made or looked at
	tried  int       // the last of them before the last round of all nodes
	skew   wall.Time // the node's clock less this device's, in seconds
	heard  bool      // so skew means something
	moved  bool      // by far, since the link was made
	nudged time.Time // by the node, last; owned by the loop
}

// Wake looks at the link at once, as after a sleep or when the network changed:
// it waits until a node has answered and this device's lease there is young by
// the wall clock. It is an error when that does not come about before ctx ends.
func (c *Client) Wake(ctx context.Context) error {
	c.mu.Lock()
	c.waking.asked++
	mine := c.waking.asked
	c.mu.Unlock()
	for {
		c.nudge()
		c.mu.Lock()
		done, changed := c.waking.looked >= mine && c.served(), c.changed
		refusal := c.refusal(mine)
		c.mu.Unlock()
		switch {
		case done:
			return nil
		case refusal != nil:
			return fmt.Errorf("waking: %w", refusal)
		}
		select {
		case <-changed:
		case <-c.stop:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("waking: %w", ErrNoAnswer)
		}
	}
}

// refusal is why every node said no, in a round begun after that many Wakes. The
// caller holds mu.
func (c *Client) refusal(wakes int) error {
	if c.link == nil && c.verdict >= refused && c.waking.tried >= wakes {
		return c.failed
	}
	return nil
}

// nudge has the keeper look at the link, or reach for one without its pause.
func (c *Client) nudge() {
	select {
	case c.waking.token <- struct{}{}:
	default:
	}
}

// called heeds a node that has something to say of the link, at most once a
// second: it is asked what. Runs in the loop.
func (c *Client) called(now time.Time) {
	if now.Sub(c.waking.nudged) >= retryAfter {
		c.waking.nudged = now
		c.nudge()
	}
}

// served reports whether a node serves what this client wants. The caller holds
// mu.
func (c *Client) served() bool {
	return c.link != nil && (c.sub == nil || c.link.sub == c.sub)
}

// wakes is how often Wake was called, for looked.
func (c *Client) wakes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waking.asked
}

// tried notes that a round of all nodes began after that many Wakes.
func (c *Client) tried(wakes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waking.tried = wakes
}

// looked notes that a link was made or looked at since that many Wakes.
func (c *Client) looked(wakes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wakes > c.waking.looked {
		c.waking.looked = wakes
		c.announce()
	}
}

// look checks the link and renews what would die, judged by the wall clock: the
// timer that brought us here stood still if the machine slept. An error ends the
// link.
func (c *Client) look(ctx context.Context, l *link) error {
	wakes := c.wakes()
	answer, err := request[*mpp.Status](ctx, c, l, new(mpp.Heartbeat))
	if err != nil {
		return err // three tries went unanswered
	}
	if c.clockMoved() {
		// What was skipped as over may live by the clock as it is now: a new link
		// tells the node anew what is held.
		return errClockSet
	}
	lapsed := answer.Status.Code() == mpp.CodeExpired
	if err := c.renew(ctx, l, lapsed); err != nil {
		return err
	}
	if since := c.wall.Now() - l.offered; since >= offerAgain || since < 0 {
		c.offerKept(ctx, l)
	}
	c.looked(wakes)
	return nil
}

// offerKept offers the posts kept. When that fails they wait for the next time.
func (c *Client) offerKept(ctx context.Context, l *link) {
	if err := c.settleOutbox(ctx, l); err != nil {
		c.cfg.Log.Info("offering posts again", "err", err)
	}
}

// offerAgain is how often, in seconds, posts that fewer than two homes confirmed
// are offered on one link.
const offerAgain = wall.Time(time.Hour / time.Second)

var errClockSet = errors.New("a clock was set: connecting anew")

// renew attaches again when the lease is over or a day old. A node that does not
// take the new one keeps the link while the old one lives.
func (c *Client) renew(ctx context.Context, l *link, lapsed bool) error {
	c.mu.Lock()
	watching := c.sub != nil && l.sub == c.sub
	c.mu.Unlock()
	if !watching || !lapsed && !c.leaseDue() {
		return nil
	}
	err := c.arrive(ctx, l)
	if err == nil {
		// A node by whose clock the lease was over may have held posts to be over, too.
		c.offerKept(ctx, l)
		if err := c.refreshHosts(ctx, l); err != nil {
			c.cfg.Log.Info("asking which nodes keep the account", "err", err)
		}
		return nil
	}
	var refusal *Refusal
	if !lapsed && errors.As(err, &refusal) && refusal.Code == mpp.CodeExpired {
		c.cfg.Log.Warn("renewing the lease", "err", err)
		return nil
	}
	return err
}

// refreshHosts asks, once a lease, which nodes keep the account: their word is
// renewed weekly, and the newest is what lets the account in again at a node that
// lost its store.
func (c *Client) refreshHosts(ctx context.Context, l *link) error {
	answer, err := c.want(ctx, l, mpp.Want{Kind: string(record.KindHost), All: true})
	if err != nil {
		return err
	}
	_, err = c.profile.learn(parseFacts(answer.Facts)...)
	return err
}

// ErrClock: this device and the node do not agree what day it is.
var ErrClock = errors.New("the clocks of this device and of the node differ too much: set the one that is wrong")

// clockError explains a lease that a node holds to be over, or from the future.
func (c *Client) clockError(refusal error) error {
	skew := c.clockSkew()
	if !far(skew) {
		return refusal
	}
	return fmt.Errorf("%w (the node's is %s): %w", ErrClock, ahead(skew), refusal)
}

// ahead says a difference of clocks in words.
func ahead(skew wall.Time) string {
	d := (time.Duration(skew) * time.Second).Round(time.Minute)
	if d < 0 {
		return (-d).String() + " behind"
	}
	return d.String() + " ahead"
}

// ClockSkew is how far the clock of the node that answered last is ahead of this
// device's, to the second; zero before any did.
func (c *Client) ClockSkew() time.Duration { return time.Duration(c.clockSkew()) * time.Second }

func (c *Client) clockSkew() wall.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waking.skew
}

// heardClock notes a node's clock.
func (c *Client) heardClock(now wall.Time) {
	if now == 0 {
		return
	}
	skew := now - c.wall.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waking.moved = c.waking.moved || c.waking.heard && far(skew-c.waking.skew)
	c.waking.skew, c.waking.heard = skew, true
}

// clockMoved reports whether a clock was set since the link was made.
func (c *Client) clockMoved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waking.moved
}

// clockSlack is how far two clocks may differ before this device reckons with
// it: half of what validators allow, so that what it signs is never too far.
const clockSlack = wall.Time(30 * time.Minute / time.Second)

func far(skew wall.Time) bool { return skew > clockSlack || skew < -clockSlack }

// leaseTime is when a lease begins: now, or what the node says when that is well
// before. A clock that is ahead would sign what nodes ignore for being too far
// off. The other way round nobody is believed: an Expires out of reach is what
// cannot be taken back.
func (c *Client) leaseTime() wall.Time {
	now := c.wall.Now()
	if skew := c.clockSkew(); skew < -clockSlack {
		return now + skew
	}
	return now
}

// leaseDue reports whether this device's attach fact wants signing anew.
func (c *Client) leaseDue() bool {
	now := c.leaseTime()
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	old := c.profile.book.facts[c.profile.attachKey()]
	return old == nil || !young(old, now)
}

// young reports whether an attach fact needs no renewal yet.
func young(f *record.Fact, now wall.Time) bool {
	return f.Time.Add(attachAgain) > now && f.Time <= now+clockSlack && f.Expires > now.Add(attachAgain)
}
