package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// Newcomer is who uses a code: what the inviter's person compares with the
// newcomer's screen.
type Newcomer struct {
	// Name is what it calls itself: its own word, nothing more.
	Name string
	// Fingerprint is that of its keys, as it shows it to its person.
	Fingerprint string
	// ID is the hash of its signing key: its name in facts.
	ID string
}

// Offer is one code that waits for a newcomer, at the node that the client uses;
// on a new link it is entered there again. Its methods are safe for concurrent
// use; one goroutine waits at a time.
type Offer struct {
	c     *Client
	terms terms
	steps <-chan word
	// forget ends the delivery of steps.
	forget  func()
	text    string
	expires time.Time

	mu    sync.Mutex
	in    *access.Inviter
	link  *link            // that relays the code
	who   *access.Newcomer // who proved to have the code
	facts [][]byte         // what admits it, once signed
	state offerState
}

type offerState byte

const (
	offerOpen offerState = iota
	offerGranted
	offerEnded
)

// terms are what the two kinds of offers differ in.
type terms struct {
	kind   access.Joining
	signer key.Signer
	own    key.Author // the inviter's own key
	// enter is step 0 for a link that does not relay the code yet.
	enter func(ctx context.Context, l *link, id joinID) (mpp.JoinStep, error)
	// admit makes the newcomer what it came for and returns the facts that say so.
	admit func(ctx context.Context, who access.Newcomer) ([][]byte, error)
}

// offer makes a code and enters it at the node in use.
func (c *Client) offer(ctx context.Context, t terms) (*Offer, error) {
	o := c.newOffer(t)
	l, err := o.ready(ctx)
	if err != nil {
		o.forget()
		return nil, err
	}
	o.text = access.JoinText(o.in.Code(), c.reachable(l))
	return o, nil
}

func (c *Client) newOffer(t terms) *Offer {
	code, now := access.NewCode(t.signer.Author()), time.Now()
	o := &Offer{c: c, terms: t, in: access.NewInviter(t.kind, code, t.signer, t.own, now), expires: now.Add(access.CodeLife)}
	o.steps, o.forget = c.expect(code.ID())
	return o
}

// reachable is the address that others find a link's node at: the one in use,
// unless that is this machine's own and the node's card knows a wider one.
func (c *Client) reachable(l *link) discovery.Address {
	ip, err := netip.ParseAddr(l.address.Host)
	if err != nil || !ip.IsLoopback() {
		return l.address
	}
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	f := c.profile.book.facts[registry.NodeKey(l.node)]
	if f == nil {
		return l.address
	}
	for _, s := range f.Body.(*record.Node).Addresses {
		a, err := discovery.ParseAddress(s)
		if err != nil {
			continue
		}
		if ip, err := netip.ParseAddr(a.Host); err == nil && !ip.IsLoopback() {
			a.Fingerprint = l.address.Fingerprint
			return a
		}
	}
	return l.address
}

// Code is the code to type, eight groups of four. It is for a person's eyes and
// stands in no log.
func (o *Offer) Code() string { return o.in.Code().String() }

// Text is the code with the address and the fingerprint of the node that relays
// it, to be pasted: mpp-join:CODE@host:port/FINGERPRINT.
func (o *Offer) Text() string { return o.text }

// Expires is when the code ends by itself, 15 minutes after it was made.
func (o *Offer) Expires() time.Time { return o.expires }

// Wait returns who proved to have the code. ErrCodeOver: it was used, is too old,
// or was guessed at too often.
func (o *Offer) Wait(ctx context.Context) (Newcomer, error) {
	for {
		if who := o.proved(); who != nil {
			return newcomerOf(who)
		}
		l, err := o.ready(ctx)
		if err != nil {
			return Newcomer{}, fmt.Errorf("waiting for who has the code: %w", err)
		}
		w, err := o.next(ctx, l)
		if err != nil {
			return Newcomer{}, fmt.Errorf("waiting for who has the code: %w", err)
		}
		if w == nil {
			continue // another link
		}
		if err := o.hear(ctx, l, w); err != nil {
			return Newcomer{}, fmt.Errorf("waiting for who has the code: %w", err)
		}
	}
}

func (o *Offer) proved() *access.Newcomer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.who
}

// newcomerOf is what people are shown; the keys were checked to be keys.
func newcomerOf(who *access.Newcomer) (Newcomer, error) {
	author, _, err := newcomerKeys(*who)
	return Newcomer{Name: who.Name, Fingerprint: access.Fingerprint(who.Keys...), ID: author.Hash().String()}, err
}

// newcomerKeys are a device's or a node's keys in step 1.
func newcomerKeys(who access.Newcomer) (key.Author, key.Agreement, error) {
	if len(who.Keys) != 2 {
		return "", "", errors.New("the newcomer did not name its two keys")
	}
	author, err := key.ParseAuthor(who.Keys[0])
	if err != nil {
		return "", "", err
	}
	agreement, err := key.ParseAgreement(who.Keys[1])
	return author, agreement, err
}

// ready waits for a link that relays the code, and enters it there when it does
// not yet.
func (o *Offer) ready(ctx context.Context) (*link, error) {
	l, err := call(ctx, o.c, func(l *link) (*link, error) { return l, o.enter(ctx, l) })
	if err != nil && !time.Now().Before(o.expires) {
		return nil, ErrCodeOver
	}
	return l, err
}

func (o *Offer) enter(ctx context.Context, l *link) error {
	o.mu.Lock()
	known, over := o.link == l, o.state != offerGranted && o.in.Over(time.Now())
	o.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	default:
	}
	switch {
	case over:
		return ErrCodeOver
	case known:
		return nil
	}
	id := joinID(o.in.Code().ID())
	zero, err := o.terms.enter(ctx, l, id)
	if err == nil {
		zero.Step, zero.Id = mpp.N(0), id[:]
		err = o.c.say(ctx, l, zero)
	}
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.link = l
	return nil
}

// next waits for a step; nil says that the link is another one now.
func (o *Offer) next(ctx context.Context, l *link) (*word, error) {
	timer := time.NewTimer(time.Until(o.expires))
	defer timer.Stop()
	for {
		o.c.mu.Lock()
		same, changed := o.c.link == l, o.c.changed
		o.c.mu.Unlock()
		if !same {
			return nil, nil
		}
		select {
		case w := <-o.steps:
			return &w, nil
		case <-changed:
		case <-timer.C:
			return nil, ErrCodeOver
		case <-o.c.stop:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// hear takes a newcomer's step. What does not hold is passed over, until the code
// was guessed at too often.
func (o *Offer) hear(ctx context.Context, l *link, w *word) error {
	o.mu.Lock()
	now := time.Now()
	var answer *mpp.JoinStep
	var err error
	switch w.Step.Value {
	case 1:
		var two mpp.JoinStep
		if two, err = o.in.Answer(now, &w.JoinStep); err == nil {
			answer = &two
		}
	case 3:
		var who access.Newcomer
		if who, err = o.in.Prove(now, &w.JoinStep); err == nil {
			o.who = &who
		}
	}
	o.mu.Unlock()
	switch {
	case errors.Is(err, access.ErrCodeOver):
		return err
	case err != nil:
		o.c.cfg.Log.Info("hearing a newcomer", "err", err)
	case answer != nil:
		if err := o.c.say(ctx, l, *answer); err != nil {
			o.c.cfg.Log.Info("answering a newcomer", "err", err) // it asks again
		}
	}
	return ctx.Err()
}

// Accept lets in whom Wait returned, and tells it so. After an error it may be
// called again: what was signed is not signed twice.
func (o *Offer) Accept(ctx context.Context) error {
	who := o.proved()
	if who == nil {
		return errors.New("letting a newcomer in: nobody came yet")
	}
	if err := o.admit(ctx, *who); err != nil {
		return fmt.Errorf("letting the newcomer in: %w", err)
	}
	if err := o.grant(ctx); err != nil {
		return fmt.Errorf("telling the newcomer that it is let in: %w", err)
	}
	o.forget()
	return nil
}

func (o *Offer) admit(ctx context.Context, who access.Newcomer) error {
	o.mu.Lock()
	done, state := o.facts != nil, o.state
	o.mu.Unlock()
	switch {
	case state == offerEnded:
		return ErrCodeOver
	case done:
		return nil
	case !time.Now().Before(o.expires):
		return ErrCodeOver // the newcomer waits no longer
	}
	facts, err := o.terms.admit(ctx, who)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.facts = facts
	return nil
}

// grant brings step 4 to the node, until it passed it on. A node that does not
// know any more where the newcomer is learns it when that repeats its step.
func (o *Offer) grant(ctx context.Context) error {
	o.mu.Lock()
	four := o.in.Grant(o.facts...)
	o.state = offerGranted
	o.mu.Unlock()
	for {
		l, err := o.ready(ctx)
		if err != nil {
			return err
		}
		if err = o.c.say(ctx, l, four); err == nil || ctx.Err() != nil {
			return err
		}
		o.c.cfg.Log.Info("telling a newcomer that it is let in", "err", err)
		if err := o.missed(ctx, l); err != nil {
			return err
		}
	}
}

// missed waits for another link, or for the newcomer to prove itself once more.
func (o *Offer) missed(ctx context.Context, l *link) error {
	for {
		w, err := o.next(ctx, l)
		if err != nil || w == nil {
			return err
		}
		o.mu.Lock()
		_, same := o.in.Repeat(time.Now(), &w.JoinStep)
		o.mu.Unlock()
		if same {
			return nil
		}
	}
}

// Refuse turns away whom Wait returned; the code is used up.
func (o *Offer) Refuse(ctx context.Context) error {
	if err := o.withdraw(ctx); err != nil {
		return fmt.Errorf("refusing a newcomer: %w", err)
	}
	return nil
}

// Close withdraws the code, unless somebody was let in by it.
func (o *Offer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	if err := o.withdraw(ctx); err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("withdrawing the code: %w", err)
	}
	return nil
}

// withdraw ends the code here, and at the node that relays it: there it would end
// by itself in time.
func (o *Offer) withdraw(ctx context.Context) error {
	o.mu.Lock()
	l, open := o.link, o.state == offerOpen
	if open {
		o.state = offerEnded
		o.in.End()
	}
	o.mu.Unlock()
	if !open || l == nil {
		return nil
	}
	defer o.forget()
	id := joinID(o.in.Code().ID())
	zero, err := o.terms.enter(ctx, l, id)
	if err != nil {
		return err
	}
	zero.Step, zero.Id, zero.Mac = mpp.N(0), id[:], make([]byte, mpp.MACSize)
	return o.c.say(ctx, l, zero)
}
