package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// Card is what a device shows to be added to an account: public keys and the
// name it wants.
type Card struct {
	Key       key.Author    `json:"key"`
	Agreement key.Agreement `json:"agreement"`
	Name      string        `json:"name"`
}

// Invitation is what a new device needs to begin: the account's facts, which it
// checks itself, and nodes to use.
type Invitation struct {
	Account key.Hash `json:"account"`
	Facts   [][]byte `json:"facts"`
	Nodes   []string `json:"nodes"`
}

// Roles of a device.
type Roles = record.Roles

// What a device may do.
const (
	RoleWatch   = record.Watch
	RolePublish = record.Publish
)

// Device is one device of the account, as its facts say.
type Device struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Roles Roles  `json:"-"`
}

// Card returns what to show to whoever holds the account's key.
func (p *Profile) Card() Card {
	return Card{Key: p.device.Author(), Agreement: p.static.Public(), Name: p.meta.Name}
}

// Devices lists the account's devices that are not revoked.
func (p *Profile) Devices() []Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Device
	for _, f := range p.book.sorted() {
		if d, ok := f.Body.(*record.Device); ok {
			h := d.Key.Hash()
			list = append(list, Device{ID: h.String(), Name: p.book.name(h), Roles: d.Roles})
		}
	}
	return list
}

// AddDevice makes card's device one of the account: the account's key signs its
// device fact and the next epoch, which lists it. The invitation goes to the
// new device by whatever way brought its card.
func (c *Client) AddDevice(ctx context.Context, card Card, roles Roles, passphrase []byte) (Invitation, error) {
	account, err := c.profile.loadAccount(passphrase)
	if err != nil {
		return Invitation{}, err
	}
	if err := c.admit(ctx, account, card, roles); err != nil {
		return Invitation{}, fmt.Errorf("adding a device: %w", err)
	}
	return c.profile.invitation(), nil
}

// admit makes card's device one of the account.
func (c *Client) admit(ctx context.Context, account *key.Account, card Card, roles Roles) error {
	return c.act(ctx, account, func(now wall.Time) ([]*record.Fact, error) {
		return c.profile.admit(account, card, roles, now)
	})
}

// ErrTooManyDevices: an epoch is wrapped to 32 devices (facts.md, epoch).
var ErrTooManyDevices = fmt.Errorf("the account has %d devices that may watch, which is all it can have: revoke one first (presence device revoke)", record.MaxWraps)

// errBorrowed: with a key that it need not have, a newcomer would take a device's
// place; the account's own, once revoked as a device, would close the account.
var errBorrowed = errors.New("it names a key of another device, or the account's: make a new profile on that device")

// borrowed reports whether a card shows a key that is somebody else's already.
// The caller holds p.mu.
func (p *Profile) borrowed(card Card) bool {
	for _, f := range p.book.facts {
		d, ok := f.Body.(*record.Device)
		if ok && (d.Key == card.Key) != (d.Agreement == card.Agreement) {
			return true
		}
	}
	return card.Key.Hash() == p.meta.Account
}

// admit signs a device fact and the epoch that lists the device.
func (p *Profile) admit(account *key.Account, card Card, roles Roles, now wall.Time) ([]*record.Fact, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hash := card.Key.Hash()
	switch {
	case p.book.revoked[hash]:
		return nil, errors.New("its key was revoked; make a new profile on that device")
	case p.borrowed(card):
		return nil, errBorrowed
	case roles.Has(record.Watch) && len(p.book.watchers(hash)) >= record.MaxWraps:
		return nil, ErrTooManyDevices
	}
	base := p.above(p.book.device(p.meta.Account, hash), now)
	body := &record.Device{Key: card.Key, Agreement: card.Agreement, Roles: roles}
	device, err := record.Sign(account, key.Hash{}, base, body)
	if err != nil {
		return nil, err
	}
	epoch, err := p.nextEpoch(account, p.recipients(hash, recipientOf(body, card.Name)), now)
	if err != nil {
		return nil, err
	}
	return []*record.Fact{epoch, device}, nil
}

// RevokeDevice ends a device's part in the account, for good: the next epoch
// leaves it out and goes first, then the revocation, in one request (facts.md,
// Sealing). What the device could read before, it keeps.
func (c *Client) RevokeDevice(ctx context.Context, id string, passphrase []byte) error {
	hash, err := key.ParseHash(id)
	if err != nil {
		return fmt.Errorf("revoking a device: %w", err)
	}
	account, err := c.profile.loadAccount(passphrase)
	if err != nil {
		return err
	}
	err = c.act(ctx, account, func(now wall.Time) ([]*record.Fact, error) {
		return c.profile.expel(account, hash, now)
	})
	if err != nil {
		return fmt.Errorf("revoking a device: %w", err)
	}
	return nil
}

func (p *Profile) expel(account *key.Account, hash key.Hash, now wall.Time) ([]*record.Fact, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.book.revoked[hash]:
		return nil, nil // an epoch is all that may be left to sign
	case hash == p.meta.Account:
		return nil, errors.New("that is the account's own key, and would close the account")
	}
	epoch, err := p.nextEpoch(account, p.recipients(hash), now)
	if err != nil {
		return nil, err
	}
	base := record.Base{Serial: 1, Time: now, Account: p.meta.Account}
	revoked, err := record.Sign(account, key.Hash{}, base, &record.Revoked{Hash: hash})
	if err != nil {
		return nil, err
	}
	return []*record.Fact{epoch, revoked}, nil
}

// recipients are whom the next epoch lists, without one device and with more: of
// those that may watch the 32 of the lowest hashes, and as far as there is room
// the names of the others (facts.md, epoch and Sealing).
func (p *Profile) recipients(without key.Hash, more ...record.Recipient) []record.Recipient {
	to, rest := p.book.watchers(without), []record.Recipient(nil)
	for _, f := range p.book.facts {
		d, ok := f.Body.(*record.Device)
		if ok && !d.Roles.Has(record.Watch) && d.Key.Hash() != without {
			rest = append(rest, recipientOf(d, p.book.name(d.Key.Hash())))
		}
	}
	for _, r := range more {
		if r.Agreement != "" {
			to = append(to, r)
		} else {
			rest = append(rest, r)
		}
	}
	to = lowest(to)
	rest = lowest(rest)
	return append(to, rest[:min(len(rest), record.MaxWraps-len(to))]...)
}

// recipientOf is a device in an epoch: one that may not watch has a name there
// and no wrap.
func recipientOf(d *record.Device, name string) record.Recipient {
	r := record.Recipient{Device: d.Key.Hash(), Name: name}
	if d.Roles.Has(record.Watch) {
		r.Agreement = d.Agreement
	}
	return r
}

// watchers are the devices that may watch, without one.
func (b *book) watchers(without key.Hash) (list []record.Recipient) {
	for _, f := range b.facts {
		d, ok := f.Body.(*record.Device)
		if ok && d.Roles.Has(record.Watch) && d.Key.Hash() != without {
			list = append(list, recipientOf(d, b.name(d.Key.Hash())))
		}
	}
	return list
}

// lowest are the 32 recipients of the lowest hashes.
func lowest(list []record.Recipient) []record.Recipient {
	slices.SortFunc(list, func(x, y record.Recipient) int { return bytes.Compare(x.Device[:], y.Device[:]) })
	return list[:min(len(list), record.MaxWraps)]
}

// maxOlder is how many older private halves an epoch hands on.
const maxOlder = 16

// nextEpoch signs the epoch after the greatest seen.
func (p *Profile) nextEpoch(account *key.Account, to []record.Recipient, now wall.Time) (*record.Fact, error) {
	var epochs []*record.Fact
	number := int64(0)
	for _, f := range p.book.facts {
		if e, ok := f.Body.(*record.Epoch); ok {
			number = max(number, e.Number)
			epochs = append(epochs, f)
		}
	}
	slices.SortFunc(epochs, newestEpochFirst)
	var older []*record.EpochKey
	for _, f := range epochs {
		if k := p.book.epochs[f.Body.(*record.Epoch).Key]; k != nil && len(older) < maxOlder {
			older = append(older, k)
		}
	}
	base := record.Base{Serial: number + 1, Time: now, Account: p.meta.Account}
	return record.SignEpoch(account, base, number+1, record.NewEpochKey(), to, older)
}

func (p *Profile) invitation() Invitation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Invitation{Account: p.meta.Account, Nodes: slices.Clone(p.meta.Nodes), Facts: p.accountFacts()}
}

// Join makes this device one of the inviting account: the facts must verify and
// name this very device.
func (p *Profile) Join(inv Invitation) error {
	if p.Account() != "" {
		return fmt.Errorf("joining: %w: it belongs to %s", ErrProfileUsed, p.Account())
	}
	facts := parseFacts(inv.Facts)
	mine := slices.ContainsFunc(facts, func(f *record.Fact) bool {
		d, ok := f.Body.(*record.Device)
		return ok && f.Account == inv.Account && bytes.Equal(d.Key.Bytes(), p.device.Author().Bytes()) && d.Agreement == p.static.Public()
	})
	if !mine {
		return errors.New("joining: the invitation is not for this device")
	}
	if err := p.belong(inv.Account); err != nil {
		return err
	}
	if _, err := p.learn(facts...); err != nil {
		return err
	}
	return p.pin(false, inv.Nodes...)
}
