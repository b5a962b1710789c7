package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meshpresence/node/client"
)

// device is a client and what it saw.
type device struct {
	name   string
	client *client.Client
	net    *testnet

	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	seen func(d *device, e client.Event, at time.Time)
}

// found makes the device the first of a new account, by a code of the node.
func (d *device) found(ctx context.Context, s *site) error {
	code, err := s.node.Invite(ctx)
	if err != nil {
		return fmt.Errorf("asking node %s for a code: %w", s.name, err)
	}
	return d.client.CreateAccount(ctx, nil, code.Code)
}

// watch starts to watch everything and returns when a node serves it.
func (d *device) watch(ctx context.Context) error {
	watching, cancel := context.WithCancel(context.Background())
	d.cancel, d.done = cancel, make(chan struct{})
	go func() {
		defer close(d.done)
		for e, err := range d.client.Watch(watching) {
			if err != nil {
				d.net.log.Error("watching", "device", d.name, "err", err)
				continue
			}
			d.mu.Lock()
			seen := d.seen
			d.mu.Unlock()
			if seen != nil {
				seen(d, e, time.Now())
			}
		}
	}()
	return d.client.Attached(ctx)
}

// onEvent says who is told of what the device sees from now on.
func (d *device) onEvent(seen func(*device, client.Event, time.Time)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = seen
}

// site names the node the device uses now.
func (d *device) site() string { return d.net.siteOf(d.client.Node()) }

func (d *device) close() {
	if d.cancel != nil {
		d.cancel()
		<-d.done
	}
	d.client.Close()
}
