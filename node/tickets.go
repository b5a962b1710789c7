package node

import (
	"context"
	"fmt"
	"time"

	"meshpresence/internal/wall"
	"meshpresence/node/store"
	"meshpresence/transport/rud"
)

// forgetTicketsEvery is how often the ids of tickets that expired are dropped.
const forgetTicketsEvery = time.Hour

// openTickets makes the table of the tickets that this node may redeem: none yet,
// for no message hands them out. "The redeemer stores the id with Sync before
// answering and, having lost its store, refuses tickets older than its boot": also
// a store that lost some of it. Redeeming waits for the disk, in the loop: a
// ticket spent twice would be worse, and strangers have none.
func (n *Node) openTickets() error {
	cfg := rud.TicketsConfig{Wall: n.wall, Store: n.store.Redeem}
	id, err := n.store.Meta(metaHistory)
	if err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	if id == nil || n.store.Damage() != (store.Damage{}) {
		cfg.Since = n.started
	}
	if _, err := n.store.ForgetRedeemed(n.wall.Now()); err != nil {
		return err
	}
	n.tickets = rud.NewTickets(cfg)
	return nil
}

// forgetTickets drops what no ticket is left of, now and then.
func (n *Node) forgetTickets(now time.Time) {
	if n.ticketsAt.IsZero() {
		n.ticketsAt = now.Add(forgetTicketsEvery) // the start did
	}
	if now.Before(n.ticketsAt) {
		return
	}
	n.ticketsAt = now.Add(forgetTicketsEvery)
	today := n.wall.Now()
	n.errand(func(context.Context) { n.dropTickets(today) })
}

func (n *Node) dropTickets(today wall.Time) {
	if _, err := n.store.ForgetRedeemed(today); err != nil {
		n.log.Warn("dropping tickets that expired", "err", err)
	}
}

// errand has a worker do something beside the loop; false when all of them have
// too much to do.
func (n *Node) errand(do func(context.Context)) bool {
	select {
	case n.forwards <- forward{ask: do, then: func(time.Time, bool) {}}:
		return true
	default:
		return false
	}
}
