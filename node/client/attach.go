package client

import (
	"context"
	"errors"
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

// attachTo returns the fact that lets a node speak for this device: the one
// signed last, by any process on the profile, while it says the same and is
// young, else a newer one.
func (c *Client) attachTo(node key.Hash, channels []string) (f *record.Fact, err error) {
	p := c.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	now := c.wall.Now()
	err = p.shared(func(s *state) (bool, error) {
		if err := p.reread(); err != nil {
			return false, err
		}
		old := p.book.facts[registry.AttachKey(p.meta.Account, p.device.Author().Hash())]
		if old != nil {
			s.Serial = max(s.Serial, old.Serial)
			if old.Time.Add(attachAgain) > now && old.Time <= now && sameAttach(old, node, channels) {
				f = old
				return false, nil
			}
		}
		base := record.Base{Serial: s.factSerial(), Time: now, Expires: now.Add(record.Life(record.KindAttach)), Account: p.meta.Account}
		f, err = record.Sign(p.device, key.Hash{}, base.Covering(old), &record.Attach{Nodes: []key.Hash{node}, Channels: channels})
		if err != nil {
			return false, err
		}
		p.book.merge(p, f)
		return true, p.saveBook()
	})
	return f, err
}

// attachAt signs an attach fact that names the node and brings it there. One that
// is older than the fact kept there is signed anew above that one, which carries
// this device's own signature (facts.md, Backups restored).
func (c *Client) attachAt(ctx context.Context, l *link, channels []string) (*record.Fact, error) {
	for range retries {
		attach, err := c.attachTo(l.node, channels)
		if err != nil {
			return nil, err
		}
		var refusal *Refusal
		if err = c.present(ctx, l, attach); !errors.As(err, &refusal) || refusal.Code != mpp.CodeSerial {
			return attach, err
		}
		if err := c.catchUp(ctx, l); err != nil {
			return nil, err
		}
	}
	return nil, &Refusal{mpp.CodeSerial}
}

func sameAttach(f *record.Fact, node key.Hash, channels []string) bool {
	a := f.Body.(*record.Attach)
	return len(a.Nodes) == 1 && a.Nodes[0] == node && slices.Equal(a.Channels, channels)
}
