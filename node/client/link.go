package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// link is one connection to one node, from the first packet to its end.
type link struct {
	address   discovery.Address // with the fingerprint once opened
	known     knownNode         // zero: its key was not known before
	to        netip.AddrPort
	conn      *rud.Conn
	local     netip.Addr    // where packets to the node leave; guarded by the client's mu
	node      key.Hash      // the node's name in facts, once its card came
	sub       *subscription // what is watched here; guarded by the client's mu
	asked     first         // with the first packet; the loop's own
	toldFirst chan Echo     // asked's answer, until Ping takes it; guarded by the client's mu
	// early are the publishers and epochs not known yet, since when; only the
	// goroutine that watches uses it.
	early map[string]time.Time
	// caughtUp is when the node last told all of the account's facts; guarded by
	// the client's mu.
	caughtUp time.Time
	// offered is when the posts kept were offered; the keeper's own.
	offered wall.Time

	once   sync.Once
	opened chan struct{}
	done   chan struct{}
	err    error // why it ended; set before done closes
}

func newLink(a discovery.Address) *link {
	return &link{address: a, opened: make(chan struct{}), done: make(chan struct{})}
}

func (l *link) open() { close(l.opened) }

func (l *link) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
	})
}

// ended is why the link ended, nil while it did not.
func (l *link) ended() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// candidates are the addresses to try, in order: the configured one, then the
// profile's.
func (c *Client) candidates() ([]discovery.Address, error) {
	var list []discovery.Address
	add := func(s string) error {
		a, err := discovery.ParseAddress(s)
		if err == nil {
			list = append(list, a)
		}
		return err
	}
	if c.cfg.Node != "" {
		if err := add(c.cfg.Node); err != nil {
			return nil, err
		}
		if err := c.checkPin(&list[0]); err != nil {
			return nil, err
		}
	}
	for _, n := range c.profile.Nodes() {
		if err := add(n); err != nil {
			c.cfg.Log.Warn("a pinned address cannot be read", "address", n, "err", err)
		}
	}
	if len(list) == 0 {
		list = c.foundBefore()
	}
	if len(list) == 0 {
		return nil, ErrNoNode
	}
	return unique(list), nil
}

// unique drops repetitions; an address typed without a fingerprint is another
// one than its pin only until checkPin filled it in.
func unique(list []discovery.Address) []discovery.Address {
	var out []discovery.Address
	for _, a := range list {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// checkPin fills in the fingerprint pinned for an address typed without one. A
// fingerprint that was typed is the person's word, as of a node that was set up
// anew: it takes the pin's place once that node answered. What is found at an
// address changes no pin (ChangedKey).
func (c *Client) checkPin(a *discovery.Address) error {
	for _, n := range c.profile.Nodes() {
		pin, err := discovery.ParseAddress(n)
		if err != nil || pin.Host != a.Host || pin.Port != a.Port {
			continue
		}
		if a.Fingerprint == "" {
			a.Fingerprint = pin.Fingerprint
		}
		return nil
	}
	if a.Fingerprint == "" && !c.cfg.TrustFirst && c.cfg.Confirm == nil {
		return fmt.Errorf("using %s: it has no fingerprint and none is pinned; add it to the address, or take what is found there with --trust-first", a)
	}
	return nil
}

// dial reaches one node and returns a proved connection.
func (c *Client) dial(whole context.Context, a discovery.Address) (*link, error) {
	ctx, cancel := context.WithTimeout(whole, dialTimeout)
	defer cancel()
	to, err := c.resolve(ctx, a)
	if err != nil {
		return nil, err
	}
	pin, err := pinOf(a)
	if err != nil {
		return nil, err
	}
	l, before := newLink(a), c.otherKeys()
	if k, ok := c.profile.known(a.Fingerprint); ok {
		l.known, pin.Key = k, k.Agreement
	}
	if err = c.reach(ctx, l, to, pin); errors.Is(err, ErrNoAnswer) && c.otherKeys() != before {
		return nil, c.changedKey(whole, a, err)
	}
	return l, err
}

// reach dials and waits until the connection is proved.
func (c *Client) reach(ctx context.Context, l *link, to netip.AddrPort, pin handshake.Pin) error {
	l.to, l.local = to, c.route(to)
	target := rud.Target{To: to, Pin: pin, FirstContact: c.isStale(l.known)}
	if c.cfg.AskEndpoint && pin.Key != "" {
		if err := l.ask(c.profile, &target); err != nil {
			return err
		}
	}
	failed := make(chan error, 1)
	err := c.post(ctx, func(now time.Time) {
		l.asked.at = now
		conn, err := c.ep.Dial(now, target)
		if err != nil {
			failed <- err
			return
		}
		conn.App = l
		l.conn = conn
		c.links[l] = struct{}{}
	})
	if err != nil {
		return err
	}
	select {
	case <-l.opened:
		c.setStale(l.known, false)
		return nil
	case err = <-failed:
	case <-l.done:
		err = l.err
	case <-ctx.Done():
		err = fmt.Errorf("reaching %s: %w", l.address, ErrNoAnswer)
	}
	c.setStale(l.known, errors.Is(err, ErrNoAnswer))
	c.hangUp(l, err)
	return err
}

// hangUp closes a link's connection. The node may hear us where we do not hear it:
// it is told, or it would count the device as here until its silence is too long.
func (c *Client) hangUp(l *link, err error) {
	l.end(err)
	_ = c.post(context.Background(), func(now time.Time) {
		if l.conn != nil {
			l.conn.Leave(now)
		}
	})
}

// resolve turns an address into where to send.
func (c *Client) resolve(ctx context.Context, a discovery.Address) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(a.Host); err == nil {
		return netip.AddrPortFrom(ip, a.Port), nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.Host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("resolving %s: %w", a.Host, err)
	}
	if len(ips) == 0 {
		return netip.AddrPort{}, fmt.Errorf("resolving %s: %w", a.Host, errors.New("no addresses"))
	}
	return c.firstReached(ips, a.Port), nil
}
