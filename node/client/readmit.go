package client

import (
	"context"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// Readmit makes this device one of the account whose key it holds, as after
// RestoreBackup: the account's key signs it a device fact, by which a node tells
// it of the account, and then the next epoch. A second call, or Repair, goes on
// after a failure.
func (c *Client) Readmit(ctx context.Context, passphrase []byte) error {
	account, err := c.profile.loadAccount(passphrase)
	if err == nil {
		err = c.readmit(ctx, account)
	}
	if err != nil {
		return fmt.Errorf("making this device one of the account: %w", err)
	}
	return nil
}

func (c *Client) readmit(ctx context.Context, account *key.Account) error {
	p := c.profile
	if c.ownDevice() == nil {
		f, err := record.Sign(account, key.Hash{}, record.Base{Serial: 1, Time: c.wall.Now(), Account: account.Author().Hash()}, p.deviceBody(RoleWatch|RolePublish))
		if err != nil {
			return err
		}
		if _, err := p.learn(f); err != nil { // asking for facts shows it
			return err
		}
		if c.ownDevice() == nil {
			return fmt.Errorf("its key was revoked: restore the backup to another profile")
		}
	}
	err := c.act(ctx, account, func(now wall.Time) ([]*record.Fact, error) { return p.listSelf(account, now) })
	if err != nil {
		return err
	}
	return c.pinHomes()
}

// listSelf signs the epoch that lists this device, nil when the newest does.
func (p *Profile) listSelf(account *key.Account, now wall.Time) ([]*record.Fact, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.device.Author().Hash()
	if e := p.book.epoch(); e != nil && e.Body.(*record.Epoch).Lists(own) {
		return nil, nil
	}
	if len(p.book.watchers(own)) >= record.MaxWraps {
		return nil, ErrTooManyDevices
	}
	epoch, err := p.nextEpoch(account, p.recipients(own, p.recipient()), now)
	return []*record.Fact{epoch}, err
}
