package client

import (
	"context"
	"fmt"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// NeedsRepair reports whether the account waits for presence account repair: no
// epoch counts, so sealed posts wait, or the newest leaves out a device that it
// should list. A tool that died between its acts, or two that signed at once,
// leave that behind.
func (p *Profile) NeedsRepair() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.book.device(p.meta.Account, p.device.Author().Hash()) == nil {
		return false // no account yet, or its facts are not here
	}
	epoch := p.book.epoch()
	return epoch == nil || slices.ContainsFunc(lowest(p.book.watchers(key.Hash{})), func(r record.Recipient) bool {
		// A key of another curve gets no wrap, whoever signs (record.SignEpoch).
		return r.Agreement.Curve() == key.X25519 && !epoch.Body.(*record.Epoch).Lists(r.Device)
	})
}

// Repair signs what is missing of the account: the next epoch when none counts or
// the newest leaves a device out, and the home fact when creating the account
// ended before it. changed says whether anything was.
func (c *Client) Repair(ctx context.Context, passphrase []byte) (changed bool, err error) {
	account, err := c.profile.loadAccount(passphrase)
	if err != nil {
		return false, err
	}
	if err := c.refresh(ctx); err != nil {
		return false, fmt.Errorf("repairing the account: %w", err)
	}
	err = c.act(ctx, account, func(now wall.Time) ([]*record.Fact, error) {
		if !c.profile.NeedsRepair() {
			return nil, nil
		}
		changed = true
		epoch, err := c.profile.repairEpoch(account, now)
		return []*record.Fact{epoch}, err
	})
	if err == nil && !c.profile.hasHome() {
		changed = true
		err = c.signHome(ctx, account)
	}
	if err != nil {
		return false, fmt.Errorf("repairing the account: %w", err)
	}
	c.postWaiting(ctx)
	return changed, nil
}

// repairEpoch is the next epoch for the devices there are.
func (p *Profile) repairEpoch(account *key.Account, now wall.Time) (*record.Fact, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nextEpoch(account, p.recipients(key.Hash{}), now)
}
