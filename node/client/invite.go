package client

import (
	"context"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// InviteDevice makes a code that lets one device join the account. The newcomer
// uses it at the node that this client uses, within 15 minutes; it can read what
// is still kept, and everything later.
//
// A tool that dies before Accept leaves a code that ends by itself; one that dies
// in Accept may leave a device that was not told that it is one, and that joins
// again with a new code.
func (c *Client) InviteDevice(ctx context.Context, roles Roles, passphrase []byte) (*Offer, error) {
	account, err := c.profile.loadAccount(passphrase)
	if err != nil {
		return nil, err
	}
	if err := c.freshen(ctx); err != nil {
		return nil, fmt.Errorf("inviting a device: %w", err)
	}
	if roles.Has(RoleWatch) && c.profile.full() {
		return nil, fmt.Errorf("inviting a device: %w", ErrTooManyDevices)
	}
	o, err := c.offer(ctx, c.deviceTerms(account, roles))
	if err != nil {
		return nil, fmt.Errorf("inviting a device: %w", err)
	}
	return o, nil
}

// deviceTerms are those of a code that lets a device in.
func (c *Client) deviceTerms(account *key.Account, roles Roles) terms {
	return terms{
		kind: access.JoinDevice, signer: account, own: c.profile.device.Author(),
		enter: c.enterAsDevice,
		admit: func(ctx context.Context, who access.Newcomer) ([][]byte, error) {
			return c.admitNewcomer(ctx, account, who, roles)
		},
	}
}

// full reports whether an epoch has no room for another device that watches.
func (p *Profile) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.book.watchers(key.Hash{})) >= record.MaxWraps
}

// enterAsDevice lets the node know whose connection this is, which is all that
// the code of a device asks for.
func (c *Client) enterAsDevice(ctx context.Context, l *link, _ joinID) (mpp.JoinStep, error) {
	_, err := c.want(ctx, l, mpp.Want{Hash: make([]byte, mpp.HashSize)})
	return mpp.JoinStep{}, err
}

// admitNewcomer makes who came by a code a device of the account. It is told its
// device fact and where the account is kept; a node gives it the rest.
func (c *Client) admitNewcomer(ctx context.Context, account *key.Account, who access.Newcomer, roles Roles) ([][]byte, error) {
	author, agreement, err := newcomerKeys(who)
	if err != nil {
		return nil, err
	}
	card := Card{Key: author, Agreement: agreement, Name: who.Name}
	if err := c.admit(ctx, account, card, roles); err != nil {
		return nil, err
	}
	p := c.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	device := p.book.device(p.meta.Account, author.Hash())
	if device == nil {
		return nil, &Refusal{mpp.CodeRevoked} // meanwhile, by another device
	}
	facts := [][]byte{device.Append(nil)}
	if home := p.book.facts[registry.HomeKey(p.meta.Account)]; home != nil {
		facts = append(facts, home.Append(nil))
	}
	return facts, nil
}
