package rud

import (
	"errors"
	"fmt"

	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// TicketID names a ticket, in clear on the wire.
type TicketID = [wire.SizeTicketID]byte

// TicketsConfig is what a table of tickets needs. The zero value is a table whose
// redemptions a restart forgets.
type TicketsConfig struct {
	// Limit is how many tickets are held, spent ones until they expire
	// included; 0 means 1024. Attack: a contact makes tickets by the thousand.
	Limit int

	// Wall tells when a ticket expires; nil is the system's.
	Wall wall.Clock

	// Store keeps the id of a redeemed ticket on disk, with Sync, until it
	// expires, and refuses one that it has: then there is no answer. It runs
	// while an Exchange is answered. nil keeps ids in memory only.
	Store func(id TicketID, expires wall.Time) error

	// Since is when we started, when the ids of redeemed tickets did not outlive
	// the process before: "having lost its store, refuses tickets older than its
	// boot". Zero refuses none.
	Since wall.Time
}

// Tickets are the tickets that we may redeem, each once: handshake.Tickets in
// memory. Its owner puts them in; it belongs to the Endpoint's loop.
type Tickets struct {
	cfg  TicketsConfig
	held map[TicketID]heldTicket

	// forgot is the latest expiry of a spent ticket that was dropped: of those up to
	// it we do not know any more, should the clock go back.
	forgot wall.Time
}

// heldTicket is a ticket, or what is left of a spent one.
type heldTicket struct {
	ticket  *handshake.Ticket // nil once it is spent: its secret is of no more use
	expires wall.Time
}

// Errors of Tickets. They change nothing.
var (
	ErrTicketsFull  = errors.New("too many tickets are held")
	errTicketOver   = errors.New("ticket has expired")
	errTicketOld    = errors.New("ticket is older than what is known of redeemed ones")
	errTicketHeld   = errors.New("ticket was here before")
	errTicketNoMore = errors.New("ticket is not held, or was redeemed")
)

const defaultTickets = 1024

// NewTickets returns an empty table.
func NewTickets(cfg TicketsConfig) *Tickets {
	if cfg.Limit <= 0 {
		cfg.Limit = defaultTickets
	}
	return &Tickets{cfg: cfg, held: make(map[TicketID]heldTicket)}
}

// Put takes in a ticket that was made at that time. It is refused when it has
// expired, was here before, or is older than Since, and when the table is full.
func (t *Tickets) Put(ticket *handshake.Ticket, made wall.Time) error {
	now := t.cfg.Wall.Now()
	t.forget(now)
	_, here := t.held[ticket.ID]
	switch {
	case ticket.Expires <= now || ticket.Expires <= t.forgot:
		return fmt.Errorf("hold ticket: %w", errTicketOver)
	case made < t.cfg.Since:
		return fmt.Errorf("hold ticket: %w", errTicketOld)
	case here:
		return fmt.Errorf("hold ticket: %w", errTicketHeld)
	case len(t.held) >= t.cfg.Limit:
		return fmt.Errorf("hold ticket: %w", ErrTicketsFull)
	}
	t.held[ticket.ID] = heldTicket{ticket, ticket.Expires}
	return nil
}

// Find implements handshake.Tickets.
func (t *Tickets) Find(id TicketID) *handshake.Ticket {
	if h := t.held[id]; h.ticket != nil && h.expires > t.cfg.Wall.Now() {
		return h.ticket
	}
	return nil
}

// Redeem implements handshake.Tickets. When Store has an error the ticket is as it
// was: nothing was answered.
func (t *Tickets) Redeem(ticket *handshake.Ticket) error {
	if t.Find(ticket.ID) == nil {
		return fmt.Errorf("redeem ticket: %w", errTicketNoMore)
	}
	if t.cfg.Store != nil {
		if err := t.cfg.Store(ticket.ID, ticket.Expires); err != nil {
			return fmt.Errorf("redeem ticket: %w", err)
		}
	}
	t.held[ticket.ID] = heldTicket{expires: ticket.Expires}
	return nil
}

// Drop takes a ticket out: whoever made it takes it back. It may not come again.
func (t *Tickets) Drop(id TicketID) {
	if h, ok := t.held[id]; ok {
		t.held[id] = heldTicket{expires: h.expires}
	}
}

// Len returns how many tickets can still be redeemed.
func (t *Tickets) Len() int {
	t.forget(t.cfg.Wall.Now())
	n := 0
	for _, h := range t.held {
		if h.ticket != nil {
			n++
		}
	}
	return n
}

// forget drops what has expired.
func (t *Tickets) forget(now wall.Time) {
	for id, h := range t.held {
		if h.expires > now {
			continue
		}
		if h.ticket == nil {
			t.forgot = max(t.forgot, h.expires)
		}
		delete(t.held, id)
	}
}

// Format writes how many tickets there are, for every verb and flag.
func (t *Tickets) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "[%d tickets, redacted]", len(t.held))
}
