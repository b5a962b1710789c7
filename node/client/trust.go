package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/udf"
	"meshpresence/transport/rud/handshake"
)

var errNotTrusted = errors.New("the node's fingerprint was not confirmed")

// trust settles an address without a fingerprint: it asks the node for its key
// on a connection that shows nothing of this device (rud.md, Pinning), lets the
// person or TrustFirst decide, and returns the address with the key's
// fingerprint, which every later connection insists on.
func (c *Client) trust(ctx context.Context, a discovery.Address) (discovery.Address, error) {
	c.mu.Lock()
	known := c.trusted
	c.mu.Unlock()
	if known.Fingerprint != "" {
		return known, nil
	}
	found, err := c.meetStranger(ctx, a)
	if err != nil {
		return a, err
	}
	a.Fingerprint = found.UDF()
	if !c.cfg.TrustFirst && (c.cfg.Confirm == nil || !c.cfg.Confirm(a.Fingerprint)) {
		return a, fmt.Errorf("using %s: %w", a, errNotTrusted)
	}
	c.mu.Lock()
	c.trusted = a
	c.mu.Unlock()
	return a, nil
}

// meetStranger completes a First Contact with a key made for it, from a socket
// of its own, and returns the key that answered.
func (c *Client) meetStranger(ctx context.Context, a discovery.Address) (key.Agreement, error) {
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		return "", err
	}
	stranger := newClient(c.profile, c.cfg)
	if err := stranger.listen(static); err != nil {
		return "", err
	}
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	to, err := c.resolve(ctx, a)
	if err != nil {
		return "", err
	}
	l := newLink(a)
	if err := stranger.reach(ctx, l, to, handshake.Pin{}); err != nil {
		return "", err
	}
	found := l.conn.Peer()
	stranger.hangUp(l, ErrClosed)
	return found, nil
}

// ChangedKey: a node answers at a pinned address, and proved another key.
type ChangedKey struct {
	Address string // with the fingerprint that is pinned
	Found   string // the fingerprint of the key there now
}

// Error says what was found. It is an [ErrFingerprint].
func (e *ChangedKey) Error() string {
	return fmt.Sprintf("reaching %s, where %s is now: %v", e.Address, e.Found, ErrFingerprint)
}

// Unwrap returns ErrFingerprint.
func (e *ChangedKey) Unwrap() error { return ErrFingerprint }

// otherKeys counts the answers to dials that showed another key than the pinned
// one. They prove nothing yet.
func (c *Client) otherKeys() uint64 {
	n := make(chan uint64, 1)
	if c.post(context.Background(), func(time.Time) { n <- c.ep.Stats().Handshake[handshake.NotPinned] }) != nil {
		return 0
	}
	select {
	case count := <-n:
		return count
	case <-c.stop:
		return 0
	}
}

// changedKey finds out who answers in the place of the node that was dialled in
// vain; when nobody proves another key, the silence is all there is to tell.
func (c *Client) changedKey(ctx context.Context, a discovery.Address, silence error) error {
	found, err := c.meetStranger(ctx, a)
	if err != nil || found.UDF() == a.Fingerprint {
		return silence
	}
	return &ChangedKey{Address: a.String(), Found: found.UDF()}
}

// pinOf is the key that an address insists on.
func pinOf(a discovery.Address) (handshake.Pin, error) {
	expect, err := udf.ParseExpect(a.Fingerprint)
	if err != nil {
		return handshake.Pin{}, fmt.Errorf("reading the fingerprint of %s: %w", a, err)
	}
	return handshake.Pin{Expect: expect}, nil
}
