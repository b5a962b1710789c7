package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// leaveAfter is how long a node keeps an account whose home fact does not name
// it, unless it did before: who adds a home has the node's word first and signs
// the home fact then.
const leaveAfter = time.Hour

// droppedFile lists, under keys/, the accounts that the operator dropped: a line
// each. No host fact that a device shows brings one of them back.
const droppedFile = "dropped"

// parting is what a node knows of accounts that leave it. The loop owns it.
type parting struct {
	dropped map[key.Hash]bool
	named   map[key.Hash]bool      // their home fact named this node, this boot
	unnamed map[key.Hash]time.Time // it does not, as first seen
	handing map[key.Hash]bool      // to another home, under way
}

// loadParting reads what the operator dropped.
func loadParting(dir string) (parting, error) {
	p := parting{
		dropped: make(map[key.Hash]bool), named: make(map[key.Hash]bool),
		unnamed: make(map[key.Hash]time.Time), handing: make(map[key.Hash]bool),
	}
	b, err := os.ReadFile(filepath.Join(dir, droppedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("reading the accounts dropped: %w", err)
	}
	for _, line := range strings.Fields(string(b)) {
		account, err := key.ParseHash(line)
		if err != nil {
			return p, fmt.Errorf("reading %s: %w", filepath.Join(dir, droppedFile), err)
		}
		p.dropped[account] = true
	}
	return p, nil
}

// save writes the list: after a crash the file is the old one or the new one.
func (p parting) save(dir string) error {
	var b []byte
	for account := range p.dropped {
		b = append(append(b, account.String()...), '\n')
	}
	return saveFile(filepath.Join(dir, droppedFile), b)
}

func (n *Node) keysDir() string { return filepath.Join(n.cfg.State, "keys") }

// Drop ends this node's keeping of an account, whether or not another home has
// what it holds. Nothing but a code brings the account back.
func (n *Node) Drop(ctx context.Context, account string) error {
	id, err := key.ParseHash(account)
	if err != nil {
		return fmt.Errorf("dropping an account: %w", err)
	}
	synced := make(chan error, 1)
	if !n.do(ctx, func(now time.Time) { n.dropAccount(now, id, synced) }) {
		return fmt.Errorf("dropping an account: %w", errStopped)
	}
	select {
	case err = <-synced:
	case <-ctx.Done():
		err = ctx.Err()
	case <-n.stop:
		err = errStopped
	}
	if err != nil {
		return fmt.Errorf("dropping an account: %w", err)
	}
	return nil
}

func (n *Node) dropAccount(now time.Time, account key.Hash, synced chan<- error) {
	n.parting.dropped[account] = true
	if err := n.parting.save(n.keysDir()); err != nil {
		delete(n.parting.dropped, account)
		synced <- err
		return
	}
	if n.reg.Keeps(n.wall.Now(), n.id, account) {
		n.end(account)
	}
	n.commit(now, true, func(_ time.Time, err error) { synced <- err })
	for _, s := range n.sessions {
		if s.bound.Account == account && !n.reg.Carried(n.wall.Now(), account) {
			n.drop(now, s)
		}
	}
}

// again decides whether an account may be kept that brings no code: one that the
// operator dropped may not.
func (n *Node) again(account key.Hash) mpp.Code {
	if n.parting.dropped[account] {
		return mpp.CodeNotAdmitted
	}
	return n.room(account)
}

// takeBack lets an account that was dropped be kept again: it came by code.
func (n *Node) takeBack(account key.Hash) {
	if !n.parting.dropped[account] {
		return
	}
	delete(n.parting.dropped, account)
	if err := n.parting.save(n.keysDir()); err != nil {
		n.log.Error("forgetting that an account was dropped", "err", err)
	}
}

// end signs that this node keeps an account no more. It expires no sooner than
// any word of this node's that it did.
func (n *Node) end(account key.Hash) {
	old := n.reg.Current(registry.HostKey(account, n.id))
	base := n.base(record.Life(record.KindHost), old).Covering(old)
	base.Account = account
	if err := n.sign(base, &record.Host{Ended: true}); err != nil {
		n.log.Error("signing the end of a host fact", "err", err)
	}
	delete(n.parting.named, account)
	delete(n.parting.unnamed, account)
	delete(n.joins.fresh, account)
}

// reviewHomes hands over the accounts whose newest home fact names this node no
// more (federation.md, Carriage). The caller commits.
func (n *Node) reviewHomes(now time.Time) {
	for _, account := range n.reg.VouchedBy(n.id) {
		switch {
		case n.parting.dropped[account]:
			n.end(account) // its word came back from another node
		case n.deserted(now, account):
			n.end(account)
		case n.leaves(now, account):
			n.handOver(now, account)
		}
	}
}

// deserted reports whether nobody came for long with an account that this node
// gave its word for: there is nothing to hand over, and others need the room. OURS:
// a code that was used halfway, or a member that proposes accounts which nobody
// has, would else take it for good.
func (n *Node) deserted(now time.Time, account key.Hash) bool {
	if n.reg.AccountKeySum(account).Count > 0 {
		if n.reg.Current(registry.HomeKey(account)) == nil {
			delete(n.parting.unnamed, account) // they have come; its hour begins anew
		}
		return false
	}
	return now.Sub(n.parting.since(account, now)) >= leaveAfter
}

// since is when it was first seen that an account does not name this node.
func (p parting) since(account key.Hash, now time.Time) time.Time {
	if _, seen := p.unnamed[account]; !seen {
		p.unnamed[account] = now
	}
	return p.unnamed[account]
}

// leaves reports whether an account goes: its home fact named this node and does
// no more, or has not for a long time.
func (n *Node) leaves(now time.Time, account key.Hash) bool {
	p := &n.parting
	home := n.reg.Current(registry.HomeKey(account))
	if home == nil {
		return false // being created
	}
	if namesNode(home, n.id) {
		p.named[account] = true
		delete(p.unnamed, account)
		return false
	}
	first := p.since(account, now)
	return p.named[account] || now.Sub(first) >= leaveAfter
}

func namesNode(home *record.Fact, node key.Hash) bool {
	return slices.ContainsFunc(home.Body.(*record.Home).Nodes, func(h record.HomeNode) bool { return h.Key.Hash() == node })
}

// handOver has a home that is in reach confirm all that this node holds of an
// account, page after page, and ends this node's part then.
func (n *Node) handOver(now time.Time, account key.Hash) {
	homes := slices.DeleteFunc(n.reg.Homes(n.wall.Now(), account), func(h key.Hash) bool { return h == n.id })
	if len(homes) == 0 || n.parting.handing[account] {
		return // at the next sweep
	}
	facts := n.reg.AccountFacts(account)
	n.reg.Events(account, func(f *record.Fact) bool {
		facts = append(facts, f)
		return true
	})
	n.parting.handing[account] = true
	n.handPage(now, account, n.fed.ConnectedFirst(homes)[0], facts)
}

func (n *Node) handPage(now time.Time, account, to key.Hash, facts []*record.Fact) {
	page := facts[:min(forwardGather, len(facts))]
	f := forward{to: to, facts: page, then: func(now time.Time, kept bool) {
		switch rest := facts[len(page):]; {
		case !kept:
			delete(n.parting.handing, account)
		case len(rest) > 0:
			n.handPage(now, account, to, rest)
		default:
			n.handedOver(now, account, to)
		}
	}}
	select {
	case n.forwards <- f:
	default:
		delete(n.parting.handing, account)
	}
}

// handedOver ends this node's part, unless it was named again meanwhile.
func (n *Node) handedOver(now time.Time, account, to key.Hash) {
	delete(n.parting.handing, account)
	if !n.reg.Keeps(n.wall.Now(), n.id, account) || !n.leaves(now, account) {
		return
	}
	n.log.Info("keeping an account no more: another home has all of it", "account", account.String(), "home", to.Short())
	n.end(account)
	n.commit(now, true, nil)
}
