package node

import (
	"context"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/federation"
	"meshpresence/node/registry"
)

// Wake makes the node look at the wall clock now, as its next sweep would, and
// returns once that is done: tests step a clock of their own.
func (n *Node) Wake(ctx context.Context) bool { return n.do(ctx, n.sweep) }

// Steady makes the node believe that it has run for long.
func (n *Node) Steady(ctx context.Context) bool {
	return n.do(ctx, func(now time.Time) { n.began = now.Add(-2 * steadyAfter) })
}

// Left makes the node believe that it has known for long which accounts do not
// name it.
func (n *Node) Left(ctx context.Context) bool {
	return n.do(ctx, func(now time.Time) {
		n.reviewHomes(now)
		for account := range n.parting.unnamed {
			n.parting.unnamed[account] = now.Add(-2 * leaveAfter)
		}
	})
}

// Clocks compares the node's clock with the others'.
func (n *Node) Clocks() federation.Clocks { return n.fed.Clocks() }

// ID is the hash of the node's key.
func (n *Node) ID() string { return n.id.String() }

// Shape is what a node knows, counted.
type Shape struct {
	Facts, Members, Cards, Accounts int
	Hosts, Attached, Watching       int // living, of an account
	Ended                           int
	Events                          int
}

// Shape counts what the node knows, of one account.
func (n *Node) Shape(ctx context.Context, account string) (s Shape) {
	id, err := key.ParseHash(account)
	if err != nil {
		panic(err)
	}
	n.do(ctx, func(time.Time) { s = n.shape(id) })
	return s
}

func (n *Node) shape(account key.Hash) Shape {
	now := n.wall.Now()
	s := Shape{
		Facts: n.reg.Len(), Accounts: n.reg.Accounts(),
		Hosts: len(n.reg.Hosts(now, account)), Watching: len(n.watching[account]),
	}
	n.reg.Nodes(func(f *record.Fact) bool {
		s.Members++
		if !f.Expired(now) && !f.TooFar(now) {
			s.Cards++
		}
		return true
	})
	for _, f := range n.reg.AccountFacts(account) {
		switch b := f.Body.(type) {
		case *record.Attach:
			if !f.Expired(now) && !b.Detached() {
				s.Attached++
			}
		case *record.Host:
			if b.Ended {
				s.Ended++
			}
		}
	}
	n.reg.Events(account, func(*record.Fact) bool { s.Events++; return true })
	return s
}

// Keep makes the node keep accounts that nobody brought.
func (n *Node) Keep(ctx context.Context, accounts ...key.Hash) bool {
	return n.do(ctx, func(now time.Time) {
		for _, account := range accounts {
			n.keep(account)
		}
		n.commit(now, true, nil)
	})
}

// AskHome asks the other members to keep an account, as for a new one.
func (n *Node) AskHome(ctx context.Context, account string) int {
	id, _ := key.ParseHash(account)
	var facts []*record.Fact
	n.do(ctx, func(time.Time) { facts = n.reg.AccountFacts(id) })
	answers := n.fed.AskHome(ctx, id, facts, moreHomes)
	for _, answer := range answers {
		n.do(ctx, func(now time.Time) { n.mergeFrom(now, answer) })
	}
	return len(answers)
}

// MaxVouched is how many accounts a member's word counts for.
const MaxVouched = registry.MaxVouched
