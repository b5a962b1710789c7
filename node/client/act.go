package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
)

// ErrNoAccountKey: this device does not hold its account's key.
var ErrNoAccountKey = errors.New("this device does not hold the account's key: use one that does, or bring the key here with presence account restore FILE")

// loadAccount opens the account's key on this device.
func (p *Profile) loadAccount(passphrase []byte) (*key.Account, error) {
	account, err := key.LoadAccount(p.path(accountFile), passphrase)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoAccountKey
	case err != nil:
		return nil, err
	case p.Account() == "":
		return nil, ErrNoAccount
	case p.Account() != account.Author().Hash().String():
		return nil, fmt.Errorf("opening %s: it is another account's key", p.path(accountFile))
	}
	return account, nil
}

// act performs one act of the account's key: one at a time on this client, on
// facts that are a minute old at most, signed again above what another tool signed
// meanwhile, and followed by an epoch that lists every device when two such tools
// left none that does. sign returns what to send in one request, nothing when it
// is done already.
func (c *Client) act(ctx context.Context, account *key.Account, sign func(now wall.Time) ([]*record.Fact, error)) error {
	select {
	case c.acting <- struct{}{}:
		defer func() { <-c.acting }()
	case <-c.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	ask := c.freshen // what changed since is seen below
	for try := range retries {
		if err := ask(ctx); err != nil {
			return err
		}
		ask = c.refresh
		facts, err := sign(c.wall.Now())
		if err != nil && try == 0 {
			continue // by facts that are older, perhaps
		} else if err != nil {
			return err
		}
		err = c.spread(ctx, facts)
		switch {
		case err == nil && c.ownDevice() == nil:
			return nil // it revoked itself: nothing is answered to it any more
		case err == nil:
			return c.settleEpoch(ctx, account)
		case !isCode(err, mpp.CodeSerial):
			return err
		}
	}
	return &Refusal{mpp.CodeSerial}
}

// refresh asks for the account's facts, however lately it did.
func (c *Client) refresh(ctx context.Context) error {
	_, err := call(ctx, c, func(l *link) (struct{}, error) { return struct{}{}, c.catchUp(ctx, l) })
	return err
}

// settleEpoch signs epochs until the newest one lists every device: two devices
// that signed at once may each have left out what the other added.
func (c *Client) settleEpoch(ctx context.Context, account *key.Account) error {
	for range retries {
		if err := c.refresh(ctx); err != nil {
			return err
		}
		if !c.profile.NeedsRepair() {
			return nil
		}
		epoch, err := c.profile.repairEpoch(account, c.wall.Now())
		if err != nil {
			return err
		}
		if err := c.spread(ctx, []*record.Fact{epoch}); err != nil {
			return err
		}
	}
	return errors.New("the account's newest epoch leaves a device out; another device may be signing too: run presence account repair")
}

// spread brings account-key facts to a node in one request and keeps them.
func (c *Client) spread(ctx context.Context, facts []*record.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	answer, err := call(ctx, c, func(l *link) (*mpp.FactResponse, error) {
		return c.bring(ctx, l, facts, nil)
	})
	if err != nil {
		return err
	}
	if code := worst(answer.Results); !code.Success() {
		return c.refused(code, answer.Facts)
	}
	_, err = c.profile.learn(facts...)
	return err
}
