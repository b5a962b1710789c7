package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// attachAgain is the age at which a device signs its attach fact anew: it lives
// two days and is renewed daily (facts.md).
const attachAgain = 24 * time.Hour

// cover says how far ahead a lease expires.
type cover bool

const (
	// covering: never before the fact that it replaces (facts.md, Expired).
	covering cover = true
	// plain: as long as its kind lives. A fact signed by a clock that was days
	// ahead would else be ignored by every node, and so would all that cover it,
	// until those days have passed.
	plain cover = false
)

func (p *Profile) attachKey() record.Key {
	return registry.AttachKey(p.meta.Account, p.device.Author().Hash())
}

// attachTo returns the fact that lets a node speak for this device: the one
// signed last, by any process on the profile, while it says the same and is
// young, else a newer one.
func (c *Client) attachTo(node key.Hash, channels []string, how cover) (f *record.Fact, err error) {
	body := &record.Attach{Nodes: []key.Hash{node}, Channels: channels}
	now := c.leaseTime()
	err = c.profile.lease(func(s *state, old *record.Fact) (_ *record.Fact, err error) {
		if old != nil && how == covering && young(old, now) && sameAttach(old, node, channels) {
			f = old
			return nil, nil
		}
		base := record.Base{Time: now, Expires: now.Add(record.Life(record.KindAttach))}
		if how == covering {
			base = base.Covering(old)
		}
		f, err = c.profile.signAttach(s, base, body)
		return f, err
	})
	return f, err
}

// lease signs this device's next attach fact under the file lock: sign returns it,
// or nil to leave the one that is there.
func (p *Profile) lease(sign func(s *state, old *record.Fact) (*record.Fact, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shared(func(s *state) (bool, error) {
		if err := p.reread(); err != nil {
			return false, err
		}
		old := p.book.facts[p.attachKey()]
		if old != nil {
			s.Serial = max(s.Serial, old.Serial)
			s.Leased = max(s.Leased, old.Expires)
		}
		f, err := sign(s, old)
		if f == nil || err != nil {
			return false, err
		}
		s.Leased = max(s.Leased, f.Expires)
		p.book.merge(p, f)
		return true, p.saveBook()
	})
}

// signAttach fills in what every attach fact of this device has.
func (p *Profile) signAttach(s *state, base record.Base, body *record.Attach) (*record.Fact, error) {
	base.Serial, base.Account = s.factSerial(), p.meta.Account
	return record.Sign(p.device, key.Hash{}, base, body)
}

// attachAt signs an attach fact that names the node and brings it there. One that
// is older than the fact kept there is signed anew above that one, which carries
// this device's own signature (facts.md, Backups restored); one that expires when
// it may not, by the node's clock, once more without the cover.
func (c *Client) attachAt(ctx context.Context, l *link, channels []string) (*record.Fact, error) {
	how := covering
	for range retries {
		attach, err := c.attachTo(l.node, channels, how)
		if err != nil {
			return nil, err
		}
		var refusal *Refusal
		if err = c.present(ctx, l, attach); !errors.As(err, &refusal) {
			return attach, err
		}
		switch {
		case refusal.Code == mpp.CodeSerial:
			if err := c.catchUp(ctx, l); err != nil {
				return nil, err
			}
		case refusal.Code == mpp.CodeExpired && how == covering:
			how = plain
		case refusal.Code == mpp.CodeExpired:
			return nil, fmt.Errorf("attaching at %s: %w", l.address, c.clockError(err))
		default:
			return nil, err
		}
	}
	return nil, &Refusal{mpp.CodeSerial}
}

func sameAttach(f *record.Fact, node key.Hash, channels []string) bool {
	a := f.Body.(*record.Attach)
	return len(a.Nodes) == 1 && a.Nodes[0] == node && slices.Equal(a.Channels, channels)
}

// Detach ends delivery to this device, everywhere and at once (MPP-03
// Unsubscribe), until it watches again. It returns when a node acknowledged that:
// then no older word of this device's undoes it. Code is 202 when a second home
// has not confirmed it yet. Nothing may be watched meanwhile.
func (c *Client) Detach(ctx context.Context) (mpp.Code, error) {
	c.mu.Lock()
	watching := c.sub != nil
	c.mu.Unlock()
	switch {
	case watching:
		return 0, errors.New("detaching: this client watches; end that first")
	case c.profile.Account() == "":
		return 0, ErrNoAccount
	}
	code, err := call(ctx, c, func(l *link) (mpp.Code, error) { return c.detachAt(ctx, l) })
	if err != nil {
		return code, fmt.Errorf("detaching: %w", err)
	}
	return code, nil
}

func (c *Client) detachAt(ctx context.Context, l *link) (mpp.Code, error) {
	for range retries {
		f, err := c.detached()
		if err != nil {
			return 0, err
		}
		code, err := c.bringOwn(ctx, l, f)
		if code == mpp.CodeSerial { // a backup was restored: sign above the fact kept
			if err := c.catchUp(ctx, l); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return code, err
		}
		h := f.Hash()
		_, err = request[*mpp.Status](ctx, c, l, &mpp.DisconnectRequest{Attach: h[:]})
		return code, err
	}
	return 0, &Refusal{mpp.CodeSerial}
}

// detached signs the fact that names no node. It expires no earlier than any
// attach fact that this device ever signed, so that none of them comes back when
// it is over; nodes take it however late that is.
func (c *Client) detached() (f *record.Fact, err error) {
	now := c.leaseTime()
	err = c.profile.lease(func(s *state, _ *record.Fact) (_ *record.Fact, err error) {
		base := record.Base{Time: now, Expires: max(s.Leased, now.Add(record.Life(record.KindAttach)))}
		f, err = c.profile.signAttach(s, base, &record.Attach{Nodes: []key.Hash{}})
		return f, err
	})
	return f, err
}

// bringOwn brings this device's fact and one of its own, the account's others
// first where they are not known, and returns what became of the latter.
func (c *Client) bringOwn(ctx context.Context, l *link, f *record.Fact) (mpp.Code, error) {
	mine := c.ownDevice()
	if mine == nil {
		return 0, ErrNoAccount
	}
	for back := false; ; back = true {
		answer, err := c.bring(ctx, l, []*record.Fact{mine, f}, nil)
		if err != nil {
			return 0, err
		}
		code := worst(answer.Results)
		switch {
		case code.Success():
			return code, nil
		case back || code == mpp.CodeRevoked || code == mpp.CodeSerial:
			return code, c.refused(code, answer.Facts)
		}
		if err := c.putBack(ctx, l); err != nil {
			return 0, err
		}
	}
}
