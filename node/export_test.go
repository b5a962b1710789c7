package node

import (
	"context"
	"time"

	"meshpresence/node/access"
)

// AgeJoins makes every code that the node knows older; one of its own begins anew
// at that age, so that only its end is of use.
func (n *Node) AgeJoins(ctx context.Context, by time.Duration) bool {
	return n.do(ctx, func(now time.Time) {
		for _, r := range n.joins.relayed {
			r.ends = r.ends.Add(-by)
		}
		for id, i := range n.joins.own {
			own := n.keys.node
			n.joins.own[id] = &invitation{
				inviter: access.NewInviter(access.JoinAccount, i.inviter.Code(), own, own.Author(), now.Add(-by)),
				joiner:  i.joiner,
			}
		}
	})
}

// SweepJoins forgets the codes that are over, as the loop does once a minute.
func (n *Node) SweepJoins(ctx context.Context) bool { return n.do(ctx, n.expireJoins) }

// LimitAccounts sets how many accounts the node keeps.
func (n *Node) LimitAccounts(ctx context.Context, limit int) bool {
	return n.do(ctx, func(time.Time) { n.rules.Accounts = limit })
}

// SpendAllowances leaves no connected device anything to ask for within an hour.
func (n *Node) SpendAllowances(ctx context.Context) bool {
	return n.do(ctx, func(now time.Time) {
		for _, s := range n.sessions {
			s.allowance = allowance{spent: allowanceBurst, updated: now.Add(time.Hour)}
		}
	})
}

// SweepStrangers closes the sessions that would be closed after a time: those of
// strangers among them, but for who has a part in a join.
func (n *Node) SweepStrangers(ctx context.Context, after time.Duration) (left int, ok bool) {
	ok = n.do(ctx, func(now time.Time) {
		for _, s := range n.sessions {
			s.opened = now.Add(-after)
		}
		n.closeSilent(now)
		left = len(n.sessions)
	})
	return left, ok
}
