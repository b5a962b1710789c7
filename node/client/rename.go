package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// RenameDevice gives a device another name, at most 24 bytes. Names are sealed in
// the epoch, so that no node reads them: it is the next epoch that says it.
func (c *Client) RenameDevice(ctx context.Context, id, name string, passphrase []byte) error {
	hash, err := key.ParseHash(id)
	if err == nil {
		err = checkName(name)
	}
	if err != nil {
		return fmt.Errorf("renaming a device: %w", err)
	}
	account, err := c.profile.loadAccount(passphrase)
	if err != nil {
		return err
	}
	err = c.act(ctx, account, func(now wall.Time) ([]*record.Fact, error) {
		return c.profile.rename(account, hash, name, now)
	})
	if err != nil {
		return fmt.Errorf("renaming a device: %w", err)
	}
	return nil
}

func (p *Profile) rename(account *key.Account, hash key.Hash, name string, now wall.Time) ([]*record.Fact, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.book.device(p.meta.Account, hash)
	switch {
	case f == nil:
		return nil, ErrNoDevice
	case p.book.name(hash) == name:
		return nil, nil
	}
	to := p.recipients(hash, recipientOf(f.Body.(*record.Device), name))
	if !slices.ContainsFunc(to, func(r record.Recipient) bool { return r.Device == hash }) {
		return nil, fmt.Errorf("an epoch has room for the names of %d devices, and it is not among them", record.MaxWraps)
	}
	epoch, err := p.nextEpoch(account, to, now)
	return []*record.Fact{epoch}, err
}

// checkName refuses what an epoch would cut off or readers would not show.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a device wants a name")
	case len(name) > maxName:
		return fmt.Errorf("%q is longer than %d bytes", name, maxName)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%q holds what a terminal cannot show", name)
		}
	}
	return nil
}
