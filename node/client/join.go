package client

import (
	"context"
	"errors"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/registry"
)

// JoinAccount makes this device one of the inviting account, once the inviter's
// person said yes: the code in either form, at the node that the inviter uses.
// It waits for that person; ctx bounds how long. A device that was let in and
// did not hear of it joins with a new code.
//
// Nothing is taken on the node's word: the account's key proved that it knows
// the code, it signed what this device is, and the nodes pinned are those that
// it names. The node that carried the join stays pinned only if it keeps the
// account.
func (c *Client) JoinAccount(ctx context.Context, code string) error {
	secret, _, err := access.ParseJoin(code)
	if err != nil {
		return err
	}
	p := c.profile
	if err := p.unused(); err != nil {
		return err
	}
	account, facts, err := c.comeIn(ctx, access.JoinDevice, secret, p.Name(), p.device.Author().Bytes(), p.static.Public().Bytes())
	if err == nil {
		err = p.enter(account.Hash(), facts)
	}
	if err != nil {
		return fmt.Errorf("joining the account: %w", err)
	}
	c.settleIn(ctx)
	return nil
}

// unused refuses a profile that belongs to an account, or began one.
func (p *Profile) unused() error {
	switch {
	case p.Account() != "":
		return fmt.Errorf("joining an account: %w: it belongs to %s", ErrProfileUsed, p.Account())
	case p.HasAccountKey():
		return fmt.Errorf("joining an account: %w: an account was begun in %s; go on with presence account create", ErrProfileUsed, p.dir)
	}
	return nil
}

// enter makes the profile a device of an account that let it in. The facts are on
// disk before the profile says that it belongs to the account: a crash between
// leaves a profile that may join again.
func (p *Profile) enter(account key.Hash, facts []*record.Fact) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine := func(f *record.Fact) bool {
		d, ok := f.Body.(*record.Device)
		return ok && f.Account == account && d.Key == p.device.Author() && d.Agreement == p.static.Public()
	}
	var named bool
	p.meta.Account = account // merge keeps the facts of this account only
	for _, f := range facts {
		named = mine(f) && f.Author.Hash() == account || named
		p.book.merge(p, f)
	}
	if !named {
		p.meta.Account = key.Hash{}
		return errors.New("the other side granted something else than this device's part in the account")
	}
	if err := p.locked(p.saveBook); err != nil {
		p.meta.Account = key.Hash{}
		return err
	}
	return p.saveMeta()
}

// settleIn learns the rest of the account while the node is at hand, and pins the
// nodes that the account names. What fails is made up for at the next connect.
func (c *Client) settleIn(ctx context.Context) {
	_, err := call(ctx, c, func(l *link) (struct{}, error) {
		if err := c.catchUp(ctx, l); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.refreshHosts(ctx, l)
	})
	if err != nil {
		c.cfg.Log.Info("asking for the account's facts", "err", err)
	}
	if err := c.pinHomes(); err != nil {
		c.cfg.Log.Warn("remembering the account's nodes", "err", err)
	}
}

// pinHomes replaces the pins by the nodes that the account names: by its home
// fact, and by the cards that those nodes signed. The node in use comes first
// when it is one of them.
func (c *Client) pinHomes() error {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	p := c.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	var first, rest []string
	for _, h := range p.homeNodes() {
		pins := p.addressesOf(h)
		if l != nil && l.node == h.Key.Hash() {
			first = append(append(first, l.address.String()), pins...)
		} else {
			rest = append(rest, pins...)
		}
	}
	if len(first)+len(rest) == 0 {
		return nil // no home is known: what was confirmed by a person stays
	}
	return p.pinAll(append(first, rest...))
}

// addressesOf are the device addresses of a home, with the fingerprint: those of
// its own card while that is here, then those in the home fact. The caller holds
// p.mu.
func (p *Profile) addressesOf(h record.HomeNode) (list []string) {
	add := func(addresses []string, agreement key.Agreement) {
		for _, a := range addresses {
			list = append(list, a+"/"+agreement.UDF())
		}
	}
	if f := p.book.facts[registry.NodeKey(h.Key.Hash())]; f != nil {
		card := f.Body.(*record.Node)
		add(card.Addresses, card.Agreements[0])
	}
	add(h.Addresses, h.Agreement)
	return uniqueStrings(list)
}
