package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"meshpresence/node/client"
)

// The pace of the live story.
const (
	postEvery = time.Second
	moveEvery = 20 // posts between two moves of the laptop
	stopEvery = 45 // posts between two stops of node C
	stopFor   = 15 // posts that node C stays away
)

// live publishes until Ctrl-C, moves the laptop and stops node C now and then,
// and shows what arrives: as a page on a terminal, else line by line.
func live(ctx context.Context, n *testnet, json bool) int {
	out := newReport(os.Stdout, json)
	v := &view{net: n, width: 80}
	show := func(d delivery) { out.delivered(d) }
	say := func(format string, args ...any) { out.say(format, args...) }
	if fd := int(os.Stdout.Fd()); !json && term.IsTerminal(fd) {
		if w, _, err := term.GetSize(fd); err == nil {
			v.width = w
		}
		show, say = v.delivered, v.say
		stop := v.run(os.Stdout)
		defer stop()
	}
	r := &round{net: n, ledger: newLedger("", show), out: out, newest: make(map[string]string)}
	v.ledger = r.ledger
	for _, d := range n.watchers() {
		d.onEvent(r.ledger.saw)
	}
	for i := 1; ctx.Err() == nil; i++ {
		if err := r.step(ctx, i, say); err != nil && ctx.Err() == nil {
			say("%v", err)
		}
		select {
		case <-time.After(postEvery):
		case <-ctx.Done():
		}
	}
	return 0
}

// step is one second of the live story.
func (r *round) step(ctx context.Context, i int, say func(string, ...any)) error {
	c := r.net.sites[2]
	switch {
	case i%stopEvery == 0:
		say("node C stops without warning")
		if err := c.stop(); err != nil {
			return err
		}
	case i%stopEvery == stopFor && c.node == nil:
		say("node C starts again on its directory")
		if err := c.start(ctx); err != nil {
			return err
		}
	case i%moveEvery == 0:
		say("the laptop moves to another port")
		if err := r.net.laptop.client.Rebind(ctx); err != nil {
			return err
		}
	}
	label := stores[i%len(stores)]
	if _, err := r.post(ctx, client.Post{Label: label}); err != nil {
		return fmt.Errorf("posting a status: %w", err)
	}
	if _, err := r.post(ctx, client.Post{}); err != nil {
		return fmt.Errorf("posting an event: %w", err)
	}
	return nil
}
