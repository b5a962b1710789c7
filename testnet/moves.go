package main

import (
	"context"
	"fmt"
	"time"

	"meshpresence/node/client"
)

const (
	// bulk is the length of a long post: four in one notification take the most
	// packets that a datagram may have, sixteen.
	bulk      = 3900
	bulkPosts = 4
	// bulkPackets is how many of those come before the network goes away.
	bulkPackets = 5
)

// moveInTheMiddle lets the laptop's network go away while a datagram is on its way
// to it: the rest of it comes through another socket, on the same connection.
func (r *round) moveInTheMiddle(ctx context.Context) error {
	laptop := r.net.laptop
	laptop.close()
	for range bulkPosts {
		if err := r.eventOf(ctx, client.Post{Data: make([]byte, bulk)}); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	gone, moved := r.net.air.goAwayAfter(bulkPackets), make(chan error, 1)
	if err := r.net.reopen(laptop, r.net.sites[1]); err != nil {
		return err
	}
	go func() {
		select {
		case <-gone:
			moved <- laptop.client.Rebind(ctx)
		case <-ctx.Done():
			moved <- fmt.Errorf("no datagram of %d packets came to the laptop", bulkPackets+1)
		}
	}()
	if err := laptop.watch(ctx); err != nil {
		return fmt.Errorf("attaching the laptop: %w", err)
	}
	if err := <-moved; err != nil {
		return err
	}
	r.settle(ctx)
	return r.handshakes(ctx, laptop, 1)
}

// restartB starts the laptop's node again. The laptop asks for a sign of life once
// an hour: only a reset can have told it.
func (r *round) restartB(ctx context.Context) error {
	b, laptop := r.net.sites[1], r.net.laptop
	before, err := laptop.client.Connection(ctx)
	if err != nil {
		return err
	}
	if err := b.stop(); err != nil {
		return err
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	start := time.Now()
	if err := r.again(ctx, laptop, before.Handshakes+1); err != nil {
		return err
	}
	r.out.say("the laptop is at node B again, %s after its start", short(time.Since(start)))
	return r.events(ctx, 1)
}

// again waits until a device has made so many connections and watches.
func (r *round) again(ctx context.Context, d *device, handshakes int) error {
	ctx, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	for {
		is, err := d.client.Connection(ctx)
		if err != nil {
			return fmt.Errorf("waiting for the %s to be told that its node started again: %w", d.name, err)
		}
		if is.Handshakes >= handshakes {
			return d.client.Attached(ctx)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// handshakes checks how many connections a device has made.
func (r *round) handshakes(ctx context.Context, d *device, want int) error {
	is, err := d.client.Connection(ctx)
	if err != nil {
		return err
	}
	r.out.say("the %s is at %s, %s since it began", d.name, is.Local, counted(is.Handshakes, "handshake"))
	if is.Handshakes != want {
		return fmt.Errorf("the %s made %s, want %d: its connection did not survive", d.name, counted(is.Handshakes, "handshake"), want)
	}
	return nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
