package rud

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
)

// newTicket makes the n-th ticket for two devices, as whoever knows both does.
func newTicket(n byte, initiator, responder key.Agreement, expires wall.Time) *handshake.Ticket {
	return &handshake.Ticket{
		ID: TicketID{1, n}, Secret: key.Secret{0xee, 0xee, n}, Initiator: initiator, Responder: responder,
		Expires: expires, Redeemer: handshake.ResponderRole,
	}
}

// ticketRig is a table of tickets with a clock and a disk.
type ticketRig struct {
	*Tickets
	now  wall.Time
	disk map[TicketID]bool
	full bool // the disk is
}

func newTicketRig(limit int, since wall.Time) *ticketRig {
	r := &ticketRig{now: 1_800_000_000, disk: make(map[TicketID]bool)}
	r.Tickets = NewTickets(TicketsConfig{
		Limit: limit, Since: since,
		Wall: func() time.Time { return r.now.Std() },
		Store: func(id TicketID, _ wall.Time) error {
			if r.full || r.disk[id] {
				return errors.New("not stored")
			}
			r.disk[id] = true
			return nil
		},
	})
	return r
}

func (r *ticketRig) ticket(n byte) *handshake.Ticket {
	return newTicket(n, scriptKeys()[0].Public(), scriptKeys()[1].Public(), r.now+60)
}

// "Expiry at most 60 s for Transfer, the invite's life for a session; the redeemer
// stores the id with Sync before answering".
func TestTicketIsRedeemedOnce(t *testing.T) {
	r := newTicketRig(0, 0)
	one := r.ticket(1)
	if err := r.Put(one, r.now); err != nil {
		t.Fatal(err)
	}
	if r.Put(r.ticket(1), r.now) == nil {
		t.Error("held twice")
	}
	if r.Find(TicketID{9}) != nil || r.Redeem(r.ticket(9)) == nil {
		t.Error("a ticket that nobody put in")
	}
	r.full = true
	if r.Redeem(one) == nil {
		t.Error("redeemed without a disk")
	}
	r.full = false
	if r.Find(one.ID) != one || r.Redeem(one) != nil || !r.disk[one.ID] {
		t.Fatal("not redeemed, or not on disk")
	}
	if r.Find(one.ID) != nil || r.Redeem(one) == nil || r.Len() != 0 {
		t.Error("redeemed twice")
	}
	if r.Put(r.ticket(1), r.now) == nil {
		t.Error("a spent ticket came again")
	}

	// The table of another process with the same disk.
	again := newTicketRig(0, 0)
	again.disk = r.disk
	if err := again.Put(r.ticket(1), r.now); err != nil {
		t.Fatal(err)
	}
	if again.Redeem(one) == nil {
		t.Error("redeemed again after a restart")
	}
}

func TestTicketExpires(t *testing.T) {
	r := newTicketRig(0, 0)
	one := r.ticket(1)
	if err := r.Put(one, r.now); err != nil {
		t.Fatal(err)
	}
	r.now += 59
	if r.Find(one.ID) == nil {
		t.Error("not found in its last second")
	}
	r.now++
	if r.Find(one.ID) != nil || r.Redeem(one) == nil {
		t.Error("found when it had expired")
	}
	if r.Put(one, r.now-60) == nil {
		t.Error("an expired one is held")
	}
	if r.Len(); len(r.held) != 0 {
		t.Error("an expired one stays in memory")
	}
}

// "Having lost its store, refuses tickets older than its boot."
func TestTicketOlderThanBoot(t *testing.T) {
	r := newTicketRig(0, 1_800_000_000)
	if r.Put(r.ticket(1), r.now-1) == nil {
		t.Error("held one that an earlier process may have redeemed")
	}
	if err := r.Put(r.ticket(1), r.now); err != nil {
		t.Error(err)
	}
}

// A contact makes tickets by the thousand: the table is bounded, spent ones
// included, and what expires makes room.
func TestTicketsAreBounded(t *testing.T) {
	r := newTicketRig(3, 0)
	for n := range byte(3) {
		if err := r.Put(r.ticket(n), r.now); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Redeem(r.ticket(0)); err != nil {
		t.Fatal(err)
	}
	r.Drop(TicketID{1, 1})
	if r.Find(TicketID{1, 1}) != nil {
		t.Error("a ticket that was taken back")
	}
	if err := r.Put(r.ticket(3), r.now); !errors.Is(err, ErrTicketsFull) {
		t.Errorf("a fourth: %v", err)
	}
	r.now += 60
	if err := r.Put(r.ticket(3), r.now); err != nil {
		t.Error(err)
	}
}

func TestTicketsDoNotPrint(t *testing.T) {
	r := newTicketRig(0, 0)
	if err := r.Put(r.ticket(1), r.now); err != nil {
		t.Fatal(err)
	}
	target := Target{To: scriptThere, Ticket: r.ticket(1), Early: []byte("where am I")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, x := range []any{r.Tickets, target, &target, r.ticket(1), Config{Static: scriptKeys()[0], Reset: key.Secret{0xee, 0xee}, Tickets: r}} {
			got := fmt.Sprintf(verb, x)
			for _, form := range []string{"eeee", "238 238", "0xee, 0xee", "where am", fmt.Sprintf("%x", "where am")} {
				if strings.Contains(got, form) {
					t.Errorf("%s of %T shows a secret: %.200s", verb, x, got)
				}
			}
		}
	}
}

// A ticket was redeemed; our clock leaps ahead, which forgets it, and back: it is
// not redeemed again.
func TestTicketRedeemedBeforeAClockLeapt(t *testing.T) {
	r := newTicketRig(0, 0)
	r.cfg.Store = nil // no disk remembers
	one := r.ticket(1)
	if r.Put(one, r.now) != nil || r.Redeem(one) != nil {
		t.Fatal("not redeemed")
	}
	r.now = r.now.Add(time.Hour)
	r.Len()
	r.now = r.now.Add(-time.Hour)
	if r.Put(one, r.now) == nil {
		t.Error("held again")
	}
	if r.Redeem(one) == nil {
		t.Error("redeemed twice")
	}
	later := r.ticket(2)
	later.Expires += wall.Time(1)
	if err := r.Put(later, r.now); err != nil {
		t.Errorf("another ticket: %v", err)
	}
}
