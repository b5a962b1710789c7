package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meshpresence/discovery"
	"meshpresence/node/client"
)

// line is a verb's way to a node.
type line struct {
	*client.Client
	ctx  context.Context // ends at Ctrl-C, or when patience does
	wait *patience
}

// reach goes to a node with the device p and returns when one serves it.
func (a *app) reach(p *client.Profile) (*line, error) { return a.reachWith(p, client.Config{}) }

// reachWith is reach with what cfg says besides.
func (a *app) reachWith(p *client.Profile, cfg client.Config) (*line, error) {
	if err := a.settleNode(len(p.Nodes()) > 0); err != nil {
		return nil, err
	}
	cfg.Node, cfg.TrustFirst, cfg.Heartbeat = a.Node, a.TrustFirst, a.Heartbeat
	if err := a.checkNode(p); err != nil {
		return nil, err
	}
	l := &line{wait: newPatience(a.ctx, a.Timeout)}
	l.ctx = l.wait.ctx
	if a.person != nil {
		cfg.Confirm = (&question{person: a.person, wait: l.wait, node: a.Node}).confirm
	}
	var err error
	if l.Client, err = client.Dial(p, cfg); err != nil {
		l.wait.end()
		return nil, err
	}
	if err := l.Attached(l.ctx); err != nil {
		err = l.fault(err, exitUnreachable)
		l.close()
		return nil, err
	}
	return l, nil
}

// checkNode refuses an address without a fingerprint when nobody could vouch
// for the key found there.
func (a *app) checkNode(p *client.Profile) error {
	if a.Node == "" {
		return nil
	}
	at, err := discovery.ParseAddress(a.Node)
	if err != nil {
		return fmt.Errorf("reading --node %q: %w", a.Node, err)
	}
	if at.Fingerprint != "" || a.TrustFirst || a.person != nil {
		return nil
	}
	for _, n := range p.Nodes() {
		if pin, err := discovery.ParseAddress(n); err == nil && pin.HostPort() == at.HostPort() {
			return nil
		}
	}
	return usage("add it to the address as the node prints it, mpp://host:port/FINGERPRINT,\nor take the key found there with --trust-first", "--node %s has no fingerprint, and nobody is here to be asked", a.Node)
}

// close hangs up. Patience ends first: the client may be waiting for a person.
func (l *line) close() {
	l.wait.end()
	l.Client.Close()
}

// fault gives an error of the client its exit code: none when a person ended it,
// silence when patience did.
func (l *line) fault(err error, silence int) error {
	switch {
	case err == nil:
		return nil
	case l.wait.interrupted():
		return errInterrupted
	case errors.Is(err, client.ErrNoAnswer):
		return &fault{err: err, code: silence}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &fault{err: client.ErrNoAnswer, code: silence}
	}
	return err
}

// patience is a context that ends after a time, but not while a person is
// being asked. It is safe for concurrent use.
type patience struct {
	ctx    context.Context
	end    context.CancelFunc
	parent context.Context
	whole  time.Duration // 0 = without end

	mu    sync.Mutex
	timer *time.Timer // nil when without end
}

func newPatience(parent context.Context, d time.Duration) *patience {
	p := &patience{parent: parent, whole: d}
	p.ctx, p.end = context.WithCancel(parent)
	if d > 0 {
		p.timer = time.AfterFunc(d, p.end)
	}
	return p
}

// stop lets it last until begin.
func (p *patience) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
}

// begin starts its time anew.
func (p *patience) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Reset(p.whole)
	}
}

// interrupted reports whether a person ended it.
func (p *patience) interrupted() bool { return p.parent.Err() != nil }

// question asks a person, once, about the key found at an address without a pin.
type question struct {
	person person
	wait   *patience
	node   string

	mu     sync.Mutex
	asked  string // the fingerprint that was shown
	answer bool
}

// confirm implements client.Config.Confirm. The client reaches for the node
// again and again: what was answered holds for that fingerprint.
func (q *question) confirm(fingerprint string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked != "" {
		return q.answer && q.asked == fingerprint
	}
	q.wait.stop()
	defer q.wait.begin()
	q.asked = fingerprint
	text := fmt.Sprintf("The node at %s has the fingerprint\n  %s\nCompare it with the device address that the node printed.\nIs it the same? [y/N] ", q.node, fingerprint)
	q.answer, _ = q.person.agrees(q.wait.ctx, text)
	return q.answer
}
