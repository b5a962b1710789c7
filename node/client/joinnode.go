package client

import (
	"context"
	"errors"
	"fmt"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// joinCode is a code that lets an account in at a node.
type joinCode struct{ secret access.Code }

// parseCode reads a code, nil for none, and the node that its pasted form names.
func parseCode(s string) (*joinCode, discovery.Address, error) {
	if s == "" {
		return nil, discovery.Address{}, nil
	}
	secret, at, err := access.ParseJoin(s)
	if err != nil {
		return nil, at, err
	}
	return &joinCode{secret}, at, nil
}

// homeAddress is the address of a node to be, and the code for it.
func homeAddress(node, code string) (discovery.Address, *joinCode, error) {
	secret, at, err := parseCode(code)
	if err == nil && node != "" {
		at, err = discovery.ParseAddress(node)
	}
	switch {
	case err != nil:
		return at, nil, err
	case at.Fingerprint == "":
		return at, nil, errors.New("give the node's address with its fingerprint, as the node prints it: " + discovery.Form)
	}
	return at, secret, nil
}

// joinKeys are the keys with which this device speaks for an account at a node.
func (p *Profile) joinKeys(account key.Author) [][]byte {
	return [][]byte{account.Bytes(), p.device.Author().Bytes(), p.static.Public().Bytes()}
}

// hostedBy reports whether a node's host fact for the account is among facts.
func hostedBy(facts []*record.Fact, node key.Author, account key.Hash) bool {
	for _, f := range facts {
		if h, ok := f.Body.(*record.Host); ok && f.Author == node && f.Account == account && !h.Ended {
			return true
		}
	}
	return false
}

// joinNode brings an account to the node of a link by that node's code.
func (c *Client) joinNode(ctx context.Context, l *link, account key.Author, code access.Code) error {
	g, forget := c.newcomer(access.JoinAccount, code, c.profile.Name(), c.profile.joinKeys(account))
	defer forget()
	facts, err := g.on(ctx, l)
	if err != nil {
		return g.explain(ctx, err)
	}
	return c.hosted(l, facts, g.me.Signer(), account)
}

// joinNodeUninvited asks the node of a link to take the account in without a
// code: one that is open does, or one of a realm that keeps it already.
func (c *Client) joinNodeUninvited(ctx context.Context, l *link, account key.Author) error {
	steps, forget := c.expect(joinID{})
	defer forget()
	p := c.profile
	g := &coming{c: c, kind: access.JoinAccount, steps: steps, three: &mpp.JoinStep{Step: mpp.N(1), Name: p.Name(), Keys: p.joinKeys(account)}}
	facts, err := g.on(ctx, l)
	if err != nil {
		return err
	}
	return c.hosted(l, facts, "", account)
}

// hosted learns a node's word that it keeps the account; by is the key that
// proved to be the node's, when one did.
func (c *Client) hosted(l *link, facts []*record.Fact, by, account key.Author) error {
	for _, f := range facts {
		if f.Kind == record.KindNode && f.Author.Hash() == l.node && (by == "" || f.Author == by) && hostedBy(facts, f.Author, account.Hash()) {
			return c.profile.learnHosted(f, facts)
		}
	}
	return fmt.Errorf("asking %s to keep the account: it did not give its word", l.address)
}

// learnHosted keeps a node's card and its word. Before the account has facts here
// the profile keeps none of it: the node gives both again.
func (p *Profile) learnHosted(card *record.Fact, facts []*record.Fact) error {
	if err := p.meet(card); err != nil {
		return err
	}
	_, err := p.learn(facts...)
	return err
}
