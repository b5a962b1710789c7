package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// Post is what to publish.
type Post struct {
	// Channel is 1 to 64 bytes; default "main".
	Channel string
	// Label makes it a status: of this device's posts under one label the
	// newest replaces the older. Without it the post is queued.
	Label string
	// Data is at most 4,096 bytes: presence says that something happened.
	Data []byte
	// Life is how long the post is kept; default and at most seven days.
	Life time.Duration
	// Clear leaves the payload unsealed: every node that carries it can read it.
	Clear bool

	waits string // the file of a post that waited to be sealed
}

// Receipt is what became of a post.
type Receipt struct {
	Hash     string
	Sequence int64 // of a queued post
	Serial   int64
	// Copies is how many homes of the account have it on disk. With fewer than
	// two the device keeps it and offers it again.
	Copies int
	// Code is 200, or 202 when a second home has not confirmed yet.
	Code mpp.Code
}

// DefaultChannel is the channel of posts that name none.
const DefaultChannel = "main"

// errNoEpoch: nothing to seal to.
var errNoEpoch = errors.New("no epoch counts")

// Publish signs a post, keeps it on disk and brings it to a node, and to the
// next one if that falls silent. It returns when a node has acknowledged it:
// synced, and at a second home too unless the code says otherwise. When ctx
// ends first the post stays in the outbox and is offered again. With nothing to
// seal to it waits on this device, and the error is ErrWaits.
func (c *Client) Publish(ctx context.Context, post Post) (Receipt, error) {
	if c.profile.Account() == "" {
		return Receipt{}, ErrNoAccount
	}
	if len(post.Data) > record.MaxData {
		return Receipt{}, fmt.Errorf("publishing %d bytes, where a post carries at most %d: %w", len(post.Data), record.MaxData, &Refusal{mpp.CodeTooLarge})
	}
	if err := c.resume(ctx); err != nil {
		return Receipt{}, err
	}
	if err := c.freshen(ctx); isRevoked(err) {
		return Receipt{}, err
	} else if err != nil {
		// The post waits in the outbox, sealed as this device knows best.
		c.cfg.Log.Info("asking for the account's facts before posting", "err", err)
	}
	c.postWaiting(ctx) // it comes before
	return c.publish(ctx, post)
}

// publish signs and delivers one post, and signs it again where a node says why the
// first did not do.
func (c *Client) publish(ctx context.Context, post Post) (Receipt, error) {
	var outdated *record.Fact
	how := covering
	for range retries {
		f, err := c.sign(post, outdated, how)
		if err != nil {
			return Receipt{}, err
		}
		receipt, kept, err := c.deliver(ctx, f)
		switch {
		case receipt.Code == mpp.CodeExpired && how == covering && post.Label != "" && !far(c.clockSkew()):
			// It covers what this device signed when its clock was ahead.
			if how, err = plain, c.profile.dropOutbox(f.Hash()); err != nil {
				return receipt, err
			}
			continue
		case receipt.Code == mpp.CodeExpired:
			return receipt, c.clockError(err)
		case receipt.Code != mpp.CodeSerial:
			return receipt, err
		}
		if _, err := c.profile.learn(kept...); err != nil {
			return receipt, err
		}
		if !c.profile.ended(f) {
			outdated = nil
		} else {
			outdated = f
			continue
		}
		// A backup was restored: the number is taken. Raise above and sign again
		// (facts.md, Backups restored).
		if err := c.profile.raise(kept, c.wall.Now()); err != nil {
			return receipt, err
		}
	}
	return Receipt{}, &Refusal{mpp.CodeSerial}
}

// deliver brings one signed post to a node.
func (c *Client) deliver(ctx context.Context, f *record.Fact) (Receipt, []*record.Fact, error) {
	m := &mpp.PublishRequest{Event: f.Append(nil)}
	answer, err := call(ctx, c, func(l *link) (*mpp.PublishResponse, error) { return c.postAt(ctx, l, m) })
	receipt := Receipt{Hash: f.Hash().String(), Sequence: f.Body.(*record.Event).Sequence, Serial: f.Serial}
	if err != nil {
		return receipt, nil, fmt.Errorf("publishing: %w", err)
	}
	receipt.Code, receipt.Copies = answer.Result.Code.Code(), int(answer.Result.Copies.Or(0))
	if err := c.confirmed(f, answer.Result); err != nil {
		return receipt, nil, err
	}
	if !receipt.Code.Success() {
		return receipt, parseFacts(answer.Facts), &Refusal{receipt.Code}
	}
	return receipt, nil, nil
}

// postAt posts at one node. One that was never told of the account on this link,
// as when it took the place of another link after the facts were asked for, may
// have lost its store: it is told, and asked again.
func (c *Client) postAt(ctx context.Context, l *link, m *mpp.PublishRequest) (*mpp.PublishResponse, error) {
	answer, err := request[*mpp.PublishResponse](ctx, c, l, m)
	if err != nil || answer.Result.Code.Code() != mpp.CodeRefused {
		return answer, err
	}
	c.mu.Lock()
	told := !l.caughtUp.IsZero()
	c.mu.Unlock()
	if told {
		return answer, nil
	}
	if err := c.catchUp(ctx, l); err != nil {
		return nil, err
	}
	return request[*mpp.PublishResponse](ctx, c, l, m)
}

// ended reports whether a post is sealed to an epoch that a revocation ended.
func (p *Profile) ended(f *record.Fact) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, rest := p.book.epochFacts()
	return slices.Contains(rest, p.book.facts[registry.EpochKey(f.Account, f.Body.(*record.Event).Epoch)])
}

// sign makes the event and keeps it in the outbox. In the place of one that no
// node took it gets that one's sequence, or there would be a hole.
func (c *Client) sign(post Post, instead *record.Fact, how cover) (*record.Fact, error) {
	now, earliest := c.wall.Now(), c.leaseTime()
	life := post.Life
	if life <= 0 || life > DefaultEventLife {
		life = DefaultEventLife
	}
	if post.Channel == "" {
		post.Channel = DefaultChannel
	}
	p := c.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	base := record.Base{Time: now, Expires: now.Add(life), Account: p.meta.Account}
	var f *record.Fact
	err := p.shared(func(s *state) (_ bool, err error) {
		if err := p.reread(); err != nil { // another process may know a newer epoch
			return false, err
		}
		if err := post.stillWaits(); err != nil {
			return false, err
		}
		if !post.Clear && p.book.epoch() == nil {
			return false, p.keepWaiting(post, now, base.Expires)
		}
		base.Serial = s.factSerial()
		e := &record.Event{Channel: post.Channel}
		if post.Label != "" {
			tag := record.Tag(p.labels, base.Account, post.Channel, post.Label)
			e.Tag = tag[:]
			if covered := s.coverStatus(tag, base.Expires); how == covering {
				base.Expires = covered
			}
		} else if instead != nil {
			before := instead.Body.(*record.Event)
			e.Sequence, e.Oldest = before.Sequence, before.Oldest
			base.Expires = instead.Expires // as state has it
		} else {
			// By the earlier clock: Oldest may lag behind, and never runs ahead.
			e.Sequence, e.Oldest = s.post(post.Channel, earliest, base.Expires)
		}
		if f, err = p.seal(base, e, post); err != nil {
			return false, err
		}
		if err := p.putOutbox(f); err != nil {
			return true, err
		}
		return true, post.sealed()
	})
	return f, err
}

// seal fills the payload, sealed to the account's epoch unless the post is to
// be clear, and signs.
func (p *Profile) seal(base record.Base, e *record.Event, post Post) (*record.Fact, error) {
	payload := record.Payload{Label: post.Label, Data: post.Data}
	e.Payload = payload.Append(nil)
	if !post.Clear {
		epoch := p.book.epoch()
		if epoch == nil {
			return nil, errNoEpoch
		}
		e.Epoch = epoch.Body.(*record.Epoch).Key
		number := e.Sequence
		if e.IsStatus() {
			number = base.Serial
		}
		sealed, err := record.SealEvent(e.Epoch, base.Account, p.device.Author().Hash(), number, e.Channel, e.Payload)
		if err != nil {
			return nil, fmt.Errorf("sealing the post: %w", err)
		}
		e.Payload = sealed
	}
	return record.Sign(p.device, key.Hash{}, base, e)
}

// resume asks, once, for this device's own newest posts before it writes, and
// looks for them in the outbox: after a restored backup, or a crash between
// keeping a post and counting it, the device goes on above them.
func (c *Client) resume(ctx context.Context) error {
	c.mu.Lock()
	resumed := c.resumed
	c.mu.Unlock()
	if resumed {
		return nil
	}
	if err := c.profile.raise(c.profile.outbox(c), c.wall.Now()); err != nil {
		return err
	}
	answer, err := call(ctx, c, func(l *link) (*mpp.FactResponse, error) {
		return c.wantOwn(ctx, l)
	})
	if err != nil {
		return fmt.Errorf("asking for this device's newest posts: %w", err)
	}
	if err := c.profile.raise(parseFacts(answer.Facts), c.wall.Now()); err != nil {
		return err
	}
	c.mu.Lock()
	c.resumed = true
	c.mu.Unlock()
	return nil
}

// wantOwn asks a node for this device's newest posts.
func (c *Client) wantOwn(ctx context.Context, l *link) (*mpp.FactResponse, error) {
	return c.want(ctx, l, mpp.Want{Kind: string(record.KindEvent), All: true})
}

// want asks a node for facts of the account, bringing the device's own so that
// the node knows whose connection this is, and the account's others when it
// does not know the account.
func (c *Client) want(ctx context.Context, l *link, want mpp.Want) (*mpp.FactResponse, error) {
	m := &mpp.FactRequest{Want: []mpp.Want{want}}
	mine := c.ownDevice()
	if mine == nil {
		return nil, ErrNoAccount
	}
	m.Facts = [][]byte{mine.Append(nil)}
	answer, err := request[*mpp.FactResponse](ctx, c, l, m)
	if err != nil {
		return nil, err
	}
	if code := worst(answer.Results); code == mpp.CodeRevoked {
		return nil, &Refusal{code}
	} else if !known(code) {
		if err := c.putBack(ctx, l); err != nil {
			return nil, err
		}
		if answer, err = request[*mpp.FactResponse](ctx, c, l, m); err != nil {
			return nil, err
		}
		if code := worst(answer.Results); !known(code) {
			return nil, &Refusal{code}
		}
	}
	return answer, nil
}

// known reports whether a node that answered so knows this device: it took its
// fact, or has a newer one.
func known(code mpp.Code) bool { return code.Success() || code == mpp.CodeSerial }

// freshFor is how old the account's facts may be when this device seals or signs
// by them: a device that does neither asks for nothing.
const freshFor = time.Minute

// freshen asks for the account's facts, once on each link and again when that is
// long ago: sealed to the epoch that a device knew last, posts would stay
// readable to one that was revoked since. While there is no epoch to seal to, a
// repair is asked for each time.
func (c *Client) freshen(ctx context.Context) error {
	_, err := call(ctx, c, func(l *link) (struct{}, error) {
		c.mu.Lock()
		caughtUp := l.caughtUp
		c.mu.Unlock()
		if !caughtUp.IsZero() && time.Since(caughtUp) < freshFor && c.profile.canSeal() {
			return struct{}{}, nil
		}
		return struct{}{}, c.catchUp(ctx, l)
	})
	return err
}

// canSeal reports whether some epoch counts.
func (p *Profile) canSeal() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.book.epoch() != nil
}

func isRevoked(err error) bool {
	var refusal *Refusal
	return errors.As(err, &refusal) && refusal.Code == mpp.CodeRevoked
}

// raise lifts serials and sequences above this device's own facts. Others'
// facts are passed over: no one raises a number on a bare word (facts.md,
// Backups restored).
func (p *Profile) raise(facts []*record.Fact, now wall.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine := p.device.Author()
	if !slices.ContainsFunc(facts, func(f *record.Fact) bool { return f.Author == mine }) {
		return nil
	}
	return p.shared(func(s *state) (changed bool, err error) {
		for _, f := range facts {
			if f.Author == mine {
				changed = s.raise(f, now) || changed
			}
		}
		return changed, nil
	})
}
