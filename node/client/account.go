package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// maxHomes is how many nodes keep an account (facts.md, home).
const maxHomes = 3

// accountFile holds the account's key, on devices that have it.
const accountFile = "account.key"

// CreateAccount makes an account with this device as its first: the account's
// key, encrypted under the passphrase (nil leaves it in clear, 0600), the
// device's fact, the first epoch; brings them to the node in use and names the
// nodes that keep the account: that one, and at once up to two more of its realm
// that accept. code lets the account in at the node, empty at one that is open.
// A second call after a failure goes on with the key made first, and asks again
// which nodes accepted; the code is used only if the node does not keep the
// account yet.
func (c *Client) CreateAccount(ctx context.Context, passphrase []byte, code string) error {
	secret, _, err := parseCode(code)
	if err != nil {
		return fmt.Errorf("creating the account: %w", err)
	}
	account, err := c.profile.accountKey(passphrase)
	if err != nil {
		return err
	}
	if c.ownDevice() == nil { // also after a crash between belonging and learning
		if err := c.foundAccount(ctx, account, secret); err != nil {
			return fmt.Errorf("creating the account: %w", err)
		}
	}
	return c.signHome(ctx, account)
}

// foundAccount brings a new account's first facts to a node and keeps them, with
// the word of the nodes that keep the account.
func (c *Client) foundAccount(ctx context.Context, account *key.Account, code *joinCode) error {
	facts, err := c.profile.founding(account, c.wall.Now())
	if err != nil {
		return err
	}
	answer, err := call(ctx, c, func(l *link) (*mpp.FactResponse, error) {
		return c.bringFounding(ctx, l, account, facts, code)
	})
	if err != nil {
		return err
	}
	if code := worst(answer.Results); !code.Success() {
		return &Refusal{code}
	}
	if err := c.profile.belong(account.Author().Hash()); err != nil {
		return err
	}
	if _, err = c.profile.learn(append(facts, parseFacts(answer.Facts)...)...); err != nil {
		return err
	}
	if err := os.Remove(c.profile.path(foundingFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // another process was done with it first
}

// bringFounding brings the first facts, and uses the code when the node does not
// know the account.
func (c *Client) bringFounding(ctx context.Context, l *link, account *key.Account, facts []*record.Fact, code *joinCode) (*mpp.FactResponse, error) {
	answer, err := c.bring(ctx, l, facts, nil)
	if err != nil || code == nil || worst(answer.Results) != mpp.CodeNotAdmitted {
		return answer, err
	}
	if err := c.joinNode(ctx, l, account.Author(), code.secret); err != nil {
		return nil, err
	}
	return c.bring(ctx, l, facts, nil)
}

// foundingFile holds a new account's first facts until a node took them: signed
// anew they would contradict those that a node may have.
const foundingFile = "founding"

// founding returns an account's first facts: those that an earlier try signed, or
// another process, else new ones, on disk.
func (p *Profile) founding(account *key.Account, now wall.Time) (facts []*record.Fact, err error) {
	err = p.locked(func() error {
		facts, err = p.foundingFacts(account, now)
		return err
	})
	return facts, err
}

func (p *Profile) foundingFacts(account *key.Account, now wall.Time) ([]*record.Fact, error) {
	facts, err := readFacts(p.path(foundingFile))
	switch {
	case err == nil && slices.ContainsFunc(facts, func(f *record.Fact) bool { return f.Author == account.Author() }):
		return facts, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if facts, err = p.found(account, now); err != nil {
		return nil, err
	}
	var b []byte
	for _, f := range facts {
		b = f.Append(b)
	}
	return facts, writeFile(p.path(foundingFile), b)
}

// accountKey makes the account's key, or reads the one that an earlier try made.
func (p *Profile) accountKey(passphrase []byte) (*key.Account, error) {
	if p.Account() != "" && (!p.HasAccountKey() || p.hasHome()) {
		return nil, fmt.Errorf("creating an account: %w: it belongs to %s", ErrProfileUsed, p.Account())
	}
	var account *key.Account
	err := p.locked(func() (err error) { // another process may be making one: each would be somebody's only key
		load := func(path string) (*key.Account, error) { return key.LoadAccount(path, passphrase) }
		save := func(account *key.Account, path string) error { return account.Save(path, passphrase) }
		account, err = keyAt(p.path(accountFile), load, key.NewAccount, save)
		return err
	})
	if err == nil && p.Account() != "" && p.Account() != account.Author().Hash().String() {
		return nil, fmt.Errorf("creating an account: %w: the account key here is another's than %s", ErrProfileUsed, p.Account())
	}
	return account, err
}

func (p *Profile) hasHome() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.book.facts[registry.HomeKey(p.meta.Account)] != nil
}

// belong makes the profile a device of an account.
func (p *Profile) belong(account key.Hash) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meta.Account = account
	return p.saveMeta()
}

// HasAccountKey reports whether this device holds the account's key.
func (p *Profile) HasAccountKey() bool {
	_, err := os.Stat(p.path(accountFile))
	return err == nil
}

// found signs what an account begins with: its first device and epoch.
func (p *Profile) found(account *key.Account, now wall.Time) ([]*record.Fact, error) {
	base := record.Base{Serial: 1, Time: now, Account: account.Author().Hash()}
	device, err := record.Sign(account, key.Hash{}, base, p.deviceBody(record.Watch|record.Publish))
	if err != nil {
		return nil, err
	}
	epoch, err := record.SignEpoch(account, base, 1, record.NewEpochKey(), []record.Recipient{p.recipient()}, nil)
	if err != nil {
		return nil, err
	}
	return []*record.Fact{device, epoch}, nil
}

func (p *Profile) deviceBody(roles record.Roles) *record.Device {
	return &record.Device{Key: p.device.Author(), Agreement: p.static.Public(), Roles: roles}
}

func (p *Profile) recipient() record.Recipient {
	return recipientOf(p.deviceBody(record.Watch|record.Publish), p.meta.Name)
}

// signHome names the nodes that keep the account: the one in use and up to two
// more that said so (federation.md, Defaults).
func (c *Client) signHome(ctx context.Context, account *key.Account) error {
	_, err := call(ctx, c, func(l *link) (struct{}, error) {
		if err := c.learnHosts(ctx, l); err != nil {
			return struct{}{}, err
		}
		code := mpp.CodeSerial
		var err error
		for range retries {
			if code, err = c.bringHome(ctx, l, account); err != nil || code != mpp.CodeSerial {
				break
			}
			// The node keeps a newer one, of an earlier try: sign above it.
			if err = c.catchUp(ctx, l); err != nil {
				break
			}
		}
		if err == nil && !code.Success() {
			err = &Refusal{code}
		}
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("naming the account's homes: %w", c.clockError(err))
	}
	return nil
}

// bringHome signs the home fact, brings it to a node and keeps it once taken.
func (c *Client) bringHome(ctx context.Context, l *link, account *key.Account) (mpp.Code, error) {
	home, pins, err := c.profile.home(account, l.node, c.wall.Now())
	if err != nil {
		return 0, err
	}
	answer, err := c.bring(ctx, l, []*record.Fact{home}, nil)
	if err != nil {
		return 0, err
	}
	code := worst(answer.Results)
	if !code.Success() {
		return code, nil
	}
	if _, err := c.profile.learn(home); err != nil {
		return code, err
	}
	return code, c.profile.pin(false, pins...)
}

// learnHosts asks which nodes keep the account, unless as many as a home fact
// names are known: an answer that told of them may have been lost.
func (c *Client) learnHosts(ctx context.Context, l *link) error {
	if c.profile.hosts(c.wall.Now()) >= maxHomes {
		return nil
	}
	return c.refreshHosts(ctx, l)
}

// hosts counts the nodes that are known to keep the account.
func (p *Profile) hosts(now wall.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.book.facts {
		if h, ok := f.Body.(*record.Host); ok && !h.Ended && !f.Expired(now) {
			n++
		}
	}
	return n
}

// hasHost reports whether a node is known to keep the account.
func (p *Profile) hasHost(node key.Hash, now wall.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.book.facts[registry.HostKey(p.meta.Account, node)]
	return f != nil && !f.Expired(now) && !f.Body.(*record.Host).Ended
}

// home signs the home fact, the node called first foremost, and returns the
// device addresses of the nodes named.
func (p *Profile) home(account *key.Account, first key.Hash, now wall.Time) (*record.Fact, []string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var body record.Home
	var pins []string
	for _, f := range p.book.sorted() {
		card, ok := f.Body.(*record.Node)
		host := p.book.facts[registry.HostKey(p.meta.Account, f.Author.Hash())]
		if !ok || host == nil || host.Expired(now) || host.Body.(*record.Host).Ended {
			continue
		}
		n := record.HomeNode{Key: f.Author, Agreement: card.Agreements[0], Addresses: card.Addresses}
		body.Nodes = append(body.Nodes, n)
		for _, a := range card.Addresses {
			pins = append(pins, a+"/"+n.Agreement.UDF())
		}
	}
	slices.SortStableFunc(body.Nodes, func(x, y record.HomeNode) int {
		switch first {
		case x.Key.Hash():
			return -1
		case y.Key.Hash():
			return 1
		}
		return 0
	})
	body.Nodes = body.Nodes[:min(len(body.Nodes), maxHomes)]
	if len(body.Nodes) == 0 {
		return nil, nil, errors.New("no node said that it keeps the account")
	}
	old := p.book.facts[registry.HomeKey(p.meta.Account)]
	f, err := record.Sign(account, key.Hash{}, p.above(old, now), &body)
	return f, pins, err
}

// above starts a fact of the account key's that replaces another.
func (p *Profile) above(old *record.Fact, now wall.Time) record.Base {
	base := record.Base{Serial: 1, Time: now, Account: p.meta.Account}
	if old != nil {
		base.Serial = old.Serial + 1
	}
	return base
}

// ownDevice is this device's fact, nil before it belongs to an account.
func (c *Client) ownDevice() *record.Fact {
	p := c.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.book.device(p.meta.Account, p.device.Author().Hash())
}

// Homes are the device addresses of the nodes that keep the account.
func (p *Profile) Homes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.book.facts[registry.HomeKey(p.meta.Account)]
	if f == nil {
		return nil
	}
	var list []string
	for _, n := range f.Body.(*record.Home).Nodes {
		for _, a := range n.Addresses {
			list = append(list, a+"/"+n.Agreement.UDF())
		}
	}
	return list
}
