package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// Home is a node that the account's home fact names.
type Home struct {
	Node      string   // the hash of its key
	Addresses []string // for devices, with the fingerprint
	// Keeps says that the node's own word, as this device has it, lives until
	// Expires.
	Keeps   bool
	Expires time.Time
}

// HomeNodes are the nodes that the account's home fact names, in its order.
func (p *Profile) HomeNodes() []Home {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.wall.Now()
	var list []Home
	for _, n := range p.homeNodes() {
		h := Home{Node: n.Key.Hash().String(), Addresses: p.addressesOf(n), Keeps: p.keepsAccount(n.Key.Hash(), now)}
		if f := p.book.facts[registry.HostKey(p.meta.Account, n.Key.Hash())]; f != nil {
			h.Expires = f.Expires.Std()
		}
		list = append(list, h)
	}
	return list
}

// Errors of homes that callers branch on.
var (
	// ErrTooManyHomes: a home fact names three nodes.
	ErrTooManyHomes = fmt.Errorf("%d nodes keep the account, which is all it can have: remove one first (presence account home remove)", maxHomes)
	// ErrLastHome: no node would keep the account.
	ErrLastHome = errors.New("it is the account's only home: add another one first (presence account home add)")
	// ErrNoHome: no such node is named.
	ErrNoHome = errors.New("the account names no such home")
)

// AddHome makes the node at an address, mpp://host:port/FINGERPRINT, one of those
// that keep the account. A node of the realm that keeps it already, or one that is
// open, wants no code; any other wants one that its operator gives. The home fact
// is signed only once the node's own word is here; after an error the same call
// goes on where it stopped, whether or not the code was used.
func (c *Client) AddHome(ctx context.Context, node, code string, passphrase []byte) error {
	account, err := c.profile.loadAccount(passphrase)
	if err != nil {
		return err
	}
	at, secret, err := homeAddress(node, code)
	if err == nil {
		err = c.at(ctx, at, func(l *link) error { return c.addHome(ctx, l, account, secret) })
	}
	if err != nil {
		return fmt.Errorf("adding a home: %w", err)
	}
	return nil
}

// at runs f on a link of its own to a node, or on the one in use when that is the
// node's.
func (c *Client) at(ctx context.Context, a discovery.Address, f func(l *link) error) error {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l != nil && l.address.Fingerprint == a.Fingerprint {
		return f(l)
	}
	l, err := c.dial(ctx, a)
	for try := 1; err != nil && try < retries && ctx.Err() == nil; try++ {
		l, err = c.dial(ctx, a)
	}
	if err != nil {
		return err
	}
	defer c.hangUp(l, ErrClosed)
	if err := c.meet(ctx, l); err != nil {
		return err
	}
	return f(l)
}

// addHome gets the word of a link's node and names it.
func (c *Client) addHome(ctx context.Context, l *link, account *key.Account, code *joinCode) error {
	var refusal *Refusal
	if err := c.refresh(ctx); errors.As(err, &refusal) && refusal.Code == mpp.CodeNotAdmitted {
		c.cfg.Log.Info("the node in use does not know the account", "err", err) // it was set up anew
	} else if err != nil {
		return err
	}
	if c.profile.names(l.node) < 0 && c.profile.names(key.Hash{}) >= maxHomes {
		return ErrTooManyHomes
	}
	if err := c.settleAt(ctx, l, account, code); err != nil {
		return err
	}
	if !c.profile.hasHost(l.node, c.wall.Now()) {
		return c.clockError(fmt.Errorf("%s did not say that it keeps the account", l.address))
	}
	return c.changeHome(ctx, account, []*link{l}, func(old []record.HomeNode) ([]record.HomeNode, error) {
		return c.profile.with(old, l)
	})
}

// settleAt brings the account to a link's node, unless that keeps it already.
func (c *Client) settleAt(ctx context.Context, l *link, account *key.Account, code *joinCode) error {
	kept, err := c.keptAt(ctx, l)
	switch {
	case err != nil:
		return err
	case kept:
	case code != nil:
		err = c.joinNode(ctx, l, account.Author(), code.secret)
	default:
		err = c.joinNodeUninvited(ctx, l, account.Author())
	}
	if err != nil {
		return err
	}
	return c.putBack(ctx, l) // a node of another realm has nothing of it yet
}

// keptAt asks a node whether it keeps the account already, as after a try that
// used up the code and ended; the question makes it know this device.
func (c *Client) keptAt(ctx context.Context, l *link) (bool, error) {
	answer, err := c.bring(ctx, l, []*record.Fact{c.ownDevice()}, nil)
	if err != nil || !known(worst(answer.Results)) {
		return false, err
	}
	if err := c.refreshHosts(ctx, l); err != nil {
		return false, err
	}
	return c.profile.hasHost(l.node, c.wall.Now()), nil
}

// changeHome signs the home fact that change makes of the nodes named now, brings
// it to the node in use and to the nodes it concerns, and pins what it names.
// One of them must take it; the others hear of it from each other.
func (c *Client) changeHome(ctx context.Context, account *key.Account, concerned []*link, change func(old []record.HomeNode) ([]record.HomeNode, error)) error {
	var home *record.Fact
	err := c.act(ctx, account, func(now wall.Time) (facts []*record.Fact, err error) {
		if home, err = c.profile.signNodes(account, change, now); home == nil {
			return nil, err
		}
		return []*record.Fact{home}, err
	})
	if err != nil || home == nil {
		return err
	}
	for _, l := range concerned {
		if _, err := c.bring(ctx, l, []*record.Fact{home}, nil); err != nil {
			c.cfg.Log.Info("telling a node of the account's homes", "node", l.address.String(), "err", err)
		}
	}
	return c.pinHomes()
}

// signNodes signs the changed home fact, nil when it would say the same.
func (p *Profile) signNodes(account *key.Account, change func(old []record.HomeNode) ([]record.HomeNode, error), now wall.Time) (*record.Fact, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.book.facts[registry.HomeKey(p.meta.Account)]
	nodes, err := change(slices.Clone(p.homeNodes()))
	if err != nil || nodes == nil {
		return nil, err
	}
	return record.Sign(account, key.Hash{}, p.above(old, now), &record.Home{Nodes: nodes})
}

// names is the place of a node among those that the home fact names, -1 when it
// is none of them; of no node it is how many there are.
func (p *Profile) names(node key.Hash) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	nodes := p.homeNodes()
	if node.IsZero() {
		return len(nodes)
	}
	return slices.IndexFunc(nodes, func(n record.HomeNode) bool { return n.Key.Hash() == node })
}

// with adds a link's node, by its card, to homes; nil when it is there as it is.
// The caller holds p.mu.
func (p *Profile) with(old []record.HomeNode, l *link) ([]record.HomeNode, error) {
	f := p.book.facts[registry.NodeKey(l.node)]
	if f == nil {
		return nil, fmt.Errorf("%s did not show its card", l.address)
	}
	n := record.HomeNode{Key: f.Author, Agreement: l.conn.Peer(), Addresses: f.Body.(*record.Node).Addresses}
	i := slices.IndexFunc(old, func(o record.HomeNode) bool { return o.Key == n.Key })
	switch {
	case i < 0 && len(old) >= maxHomes:
		return nil, ErrTooManyHomes
	case i < 0:
		return append(old, n), nil
	case old[i].Agreement == n.Agreement && slices.Equal(old[i].Addresses, n.Addresses):
		return nil, nil
	}
	old[i] = n
	return old, nil
}

// RemoveHome ends a node's part in keeping the account: node is its hash, or one
// of its addresses. The home fact without it goes to the other homes and then to
// the node, which ends its part once they have all that it holds; one that is
// gone is removed all the same.
func (c *Client) RemoveHome(ctx context.Context, node string, passphrase []byte) error {
	account, err := c.profile.loadAccount(passphrase)
	if err != nil {
		return err
	}
	if err := c.refresh(ctx); err != nil {
		return fmt.Errorf("removing a home: %w", err)
	}
	gone, err := c.profile.findHome(node)
	if err == nil {
		err = c.removeHome(ctx, account, gone)
	}
	if err != nil {
		return fmt.Errorf("removing a home: %w", err)
	}
	return nil
}

func (c *Client) removeHome(ctx context.Context, account *key.Account, gone record.HomeNode) error {
	without := func(old []record.HomeNode) ([]record.HomeNode, error) {
		i := slices.IndexFunc(old, func(n record.HomeNode) bool { return n.Key == gone.Key })
		switch {
		case i < 0:
			return nil, ErrNoHome // removed meanwhile
		case len(old) == 1:
			return nil, ErrLastHome
		}
		return slices.Delete(old, i, i+1), nil
	}
	if err := c.changeHome(ctx, account, nil, without); err != nil {
		return err
	}
	c.tellHomes(ctx, gone)
	return nil
}

// tellHomes brings the home fact to the homes it names and to one that it does
// not name any more, as far as they are reached: the node in use has it, and they
// hear of it from each other in time.
func (c *Client) tellHomes(ctx context.Context, gone record.HomeNode) {
	p := c.profile
	p.mu.Lock()
	home, nodes := p.book.facts[registry.HomeKey(p.meta.Account)], append(slices.Clone(p.homeNodes()), gone)
	p.mu.Unlock()
	for _, n := range nodes {
		if err := c.tellHome(ctx, n, home); err != nil {
			c.cfg.Log.Info("telling a node of the account's homes", "node", n.Key.Hash().String(), "err", err)
		}
	}
}

// tellHome brings a fact to one home, at the first of its addresses that answers.
func (c *Client) tellHome(ctx context.Context, n record.HomeNode, f *record.Fact) error {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l != nil && l.node == n.Key.Hash() {
		return nil // it has it
	}
	c.profile.mu.Lock()
	addresses := c.profile.addressesOf(n)
	c.profile.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout) // it may be gone for good
	defer cancel()
	err := ErrNoAnswer
	for _, s := range addresses {
		a, bad := discovery.ParseAddress(s)
		if bad != nil {
			continue
		}
		l, failed := c.dial(ctx, a)
		if failed != nil {
			err = failed
			continue
		}
		defer c.hangUp(l, ErrClosed)
		_, err = c.bring(ctx, l, []*record.Fact{c.ownDevice(), f}, nil)
		return err
	}
	return err
}

// findHome finds a home by the hash of its key, or by an address with its
// fingerprint.
func (p *Profile) findHome(s string) (record.HomeNode, error) {
	at, _ := discovery.ParseAddress(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.homeNodes() {
		if n.Key.Hash().String() == s || at.Fingerprint != "" && n.Agreement.UDF() == at.Fingerprint {
			return n, nil
		}
	}
	return record.HomeNode{}, ErrNoHome
}

// unpin forgets the addresses of nodes that were homes and are none any more. The
// caller holds p.mu.
func (p *Profile) unpin(before []record.HomeNode) error {
	now := p.homeNodes()
	gone := slices.DeleteFunc(slices.Clone(before), func(old record.HomeNode) bool {
		return slices.ContainsFunc(now, func(n record.HomeNode) bool { return n.Key == old.Key || n.Agreement == old.Agreement })
	})
	if len(gone) == 0 || len(now) == 0 {
		return nil
	}
	return p.pinAll(slices.DeleteFunc(slices.Clone(p.meta.Nodes), func(pin string) bool {
		return slices.ContainsFunc(gone, func(n record.HomeNode) bool { return strings.HasSuffix(pin, "/"+n.Agreement.UDF()) })
	}))
}
