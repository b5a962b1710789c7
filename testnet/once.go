package main

import (
	"context"
	"fmt"
	"time"

	"meshpresence/node/client"
)

// stores are the labels that the phone updates: a status replaces the one before
// it under the same label.
var stores = []string{"catalog/contacts", "catalog/calendar", "spool/inbound"}

// round is one checked run of the story.
type round struct {
	net    *testnet
	ledger *ledger
	out    *report
	posts  int
	newest map[string]string // hash of the newest status, by label
	missed bool              // something never came: the rest is not waited for as long
}

// once runs one round and returns the exit code.
func once(ctx context.Context, n *testnet, fail string, out *report) int {
	r := &round{net: n, ledger: newLedger(fail, out.delivered), out: out, newest: make(map[string]string)}
	for _, d := range n.watchers() {
		d.onEvent(r.ledger.saw)
	}
	if fail == failCut {
		out.say("cutting all of node B's relays")
		n.cut("B", true)
	}
	err := r.play(ctx)
	s := r.ledger.sum()
	out.summary(s)
	if err != nil {
		return complain(err)
	}
	if !s.good() {
		return 1
	}
	return 0
}

func (r *round) play(ctx context.Context) error {
	steps := []struct {
		title string
		run   func(context.Context) error
	}{
		{"the phone publishes 10 store updates and 10 events", r.publishAll},
		{"the laptop's socket is closed and reopened on another port; 5 events more", r.moveLaptop},
		{"the laptop is away; its network ends in the middle of the 16 packets with what it missed, and it goes on at another socket", r.moveInTheMiddle},
		{"node B starts again, and tells the laptop", r.restartB},
		{"node C stops without warning; 5 events more; the tablet finds node A", r.stopC},
		{"node C starts again on its directory", r.restartC},
	}
	for _, s := range steps {
		r.out.say("%s", s.title)
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// publishAll posts store updates and events in turn, as fast as they are
// acknowledged.
func (r *round) publishAll(ctx context.Context) error {
	for i := range 10 {
		if err := r.update(ctx, stores[i%len(stores)]); err != nil {
			return err
		}
		if err := r.event(ctx); err != nil {
			return err
		}
	}
	r.settle(ctx)
	return nil
}

func (r *round) moveLaptop(ctx context.Context) error {
	if err := r.net.laptop.client.Rebind(ctx); err != nil {
		return err
	}
	if err := r.events(ctx, 5); err != nil {
		return err
	}
	return r.handshakes(ctx, r.net.laptop, 1)
}

func (r *round) stopC(ctx context.Context) error {
	if err := r.net.sites[2].stop(); err != nil {
		return err
	}
	return r.events(ctx, 5)
}

func (r *round) restartC(ctx context.Context) error {
	a, c := r.net.sites[0], r.net.sites[2]
	if err := c.start(ctx); err != nil {
		return err
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*syncEvery)
	defer cancel()
	if err := agree(ctx, a, c); err != nil {
		return fmt.Errorf("waiting two sync intervals for node C to hold what A holds: %w", err)
	}
	r.out.say("node C holds what node A holds, %s after its start", short(time.Since(start)))
	return nil
}

func (r *round) events(ctx context.Context, n int) error {
	for range n {
		if err := r.event(ctx); err != nil {
			return err
		}
	}
	r.settle(ctx)
	return nil
}

// settle waits until what is wanted arrived, and a little longer for what should
// not. What is missing shows in the count.
func (r *round) settle(ctx context.Context) {
	patience := slack
	if r.missed {
		patience = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !r.ledger.complete(ctx) {
		r.missed = true
		r.out.say("waited %s for what is missing", patience)
		return
	}
	select {
	case <-time.After(500 * time.Millisecond):
	case <-ctx.Done():
	}
}

// event posts one queued event that the laptop and the tablet are to get.
func (r *round) event(ctx context.Context) error { return r.eventOf(ctx, client.Post{}) }

func (r *round) eventOf(ctx context.Context, p client.Post) error {
	receipt, err := r.post(ctx, p)
	if err != nil {
		return err
	}
	r.ledger.expect(receipt.Hash, r.net.laptop, r.net.tablet)
	return nil
}

// update posts one status. The one it replaces may have been seen or not.
func (r *round) update(ctx context.Context, label string) error {
	receipt, err := r.post(ctx, client.Post{Label: label})
	if err != nil {
		return err
	}
	if old := r.newest[label]; old != "" {
		r.ledger.mayMiss(old, r.net.laptop, r.net.tablet)
	}
	r.newest[label] = receipt.Hash
	r.ledger.expect(receipt.Hash, r.net.laptop, r.net.tablet)
	return nil
}

func (r *round) post(ctx context.Context, p client.Post) (client.Receipt, error) {
	r.posts++
	copy(p.Data, fmt.Appendf(nil, "post %d", r.posts))
	if len(p.Data) == 0 {
		p.Data = fmt.Appendf(nil, "post %d", r.posts)
	}
	phone := r.net.phone
	r.ledger.posting(string(p.Data), sent{at: time.Now(), publisher: phone.name, from: phone.site()})
	ctx, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	receipt, err := phone.client.Publish(ctx, p)
	if err != nil {
		return receipt, fmt.Errorf("the phone's post %d: %w", r.posts, err)
	}
	return receipt, nil
}
