package handshake

import (
	"crypto/sha256"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/limit"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/wire"
)

// exchange answers an Exchange, with a ResponderComplete or with a Challenge. In
// the order of the package comment: what costs nothing first, and no state for what
// did not open.
func (r *Responder) exchange(now time.Time, from netip.AddrPort, p, out []byte) ([]byte, *Result, Outcome) {
	x, err := wire.ParseExchange(p)
	if err != nil {
		return out, nil, outcomeOf(err)
	}
	s := r.identity.suite(x.Suite)
	if s == nil {
		return out, nil, BadSuite
	}
	// Stored answers too: nothing proves the source, and one Exchange sent again
	// and again from a forged one would send our answer as often.
	if !r.buckets.Allow(now, limit.Prefix(from.Addr()), r.scale(from.Addr())) {
		return out, nil, Limited
	}
	wallNow := r.cfg.Wall.Now()
	slot, mark := int64(exchangeSlot(wallNow)), r.memory.mark(x.Ephemeral)
	switch {
	case x.HasTicket():
		// OURS: a ticket is redeemed once, whatever clock and memory say, so its
		// time is not looked at: a device that started a moment ago can redeem one.
		if stored := r.cfg.Table.Stored(from, sha256.Sum256(p)); stored != nil {
			return append(out, stored...), nil, Resent
		}
	case r.exchanges.seen(x.Slot, mark):
		return r.repeat(from, p, out)
	case !r.exchanges.fresh(slot, int64(r.elapsed(now)), int64(x.Slot)):
		return r.deferred(now, from, s, &x, p, out)
	}
	if r.doubts(now, slot, from) {
		return r.deferred(now, from, s, &x, p, out)
	}
	ticket, o := r.ticket(&x, s, wallNow)
	if o != Completed {
		return out, nil, o
	}
	if !r.budget.spend(now, costOf(s.curve), exchangeRate) {
		return r.deferred(now, from, s, &x, p, out)
	}
	opened, o := r.openExchange(&x, s, ticket)
	if o != Completed {
		return out, nil, o
	}
	if ticket == nil {
		r.exchanges.note(slot, x.Slot, mark)
	} else if r.cfg.Tickets.Redeem(ticket) != nil {
		return out, nil, BadTicket
	}
	opened.reply = r.reply(from, opened, wire.MaxAnswer(s.id, len(p)))
	answer, result, o := r.answer(opened, out)
	if o != Completed {
		return out, nil, o
	}
	result.Mode = Immediate
	if ticket != nil {
		result.Mode, result.Ticket = Ticketed, ticket.ID
	}
	result.Size = len(p)
	result.From = from
	result.Request = sha256.Sum256(p)
	return answer, result, Completed
}

// doubts reports whether an Exchange gets a Challenge, beside "outside 12 slots of
// our clock, in the first 12 slots after boot": with the queue full, and when
// nothing more can be kept of a source that is not validated. Above 500 a second is
// the budget's.
func (r *Responder) doubts(now time.Time, slot int64, from netip.AddrPort) bool {
	if r.cfg.Busy != nil && r.cfg.Busy() {
		r.busyUntil = now.Add(busyFor)
	}
	return now.Before(r.busyUntil) ||
		r.exchanges.full(slot) ||
		!r.cfg.Table.Room(from, false)
}

// deferred answers an Exchange with a Challenge, as a Hello. A quiet node answers
// nobody who does not know its key; a Hello says so in expect, an Exchange in its
// mezzanine.
func (r *Responder) deferred(now time.Time, from netip.AddrPort, s *suite, x *wire.Exchange, p, out []byte) ([]byte, *Result, Outcome) {
	if r.cfg.Quiet && (x.HasTicket() || !r.budget.spend(now, costOf(s.curve), exchangeRate) || !r.knowsUs(x, s)) {
		return out, nil, NotExpected
	}
	answer, o := r.challenge(now, from, s, x.ID, p, out)
	return answer, nil, o
}

// knowsUs reports whether the mezzanine opens: it is sealed after es, with s_R in
// the transcript.
func (r *Responder) knowsUs(x *wire.Exchange, s *suite) bool {
	_, _, o := r.openMezzanine(x, s)
	return o == Completed
}

// ticket returns the ticket that an Exchange names, nil for none: one that we are
// to redeem with the suite's key, and that has not expired.
func (r *Responder) ticket(x *wire.Exchange, s *suite, now wall.Time) (*Ticket, Outcome) {
	if !x.HasTicket() {
		return nil, Completed
	}
	if r.cfg.Tickets == nil {
		return nil, BadTicket
	}
	t := r.cfg.Tickets.Find(x.Ticket)
	if t == nil || t.ID != x.Ticket || now >= t.Expires || !t.Redeems(r.identity.of(s.curve).static.Public()) {
		return nil, BadTicket
	}
	return t, Completed
}

// openExchange runs the schedule of Immediate and Ticketed up to the end of the
// initiator's section.
func (r *Responder) openExchange(x *wire.Exchange, s *suite, ticket *Ticket) (*opened, Outcome) {
	static := r.identity.of(s.curve)
	var t transcript
	var initiator []byte // s_I
	if ticket != nil {
		// <- s, -> s, psk
		t = beginExchange(s, static.public, ticket)
		opens, _ := ticket.sides()
		initiator = opens.Raw()
		// -> e
		t.hash(x.Clear)
		// es
		if t.mix(static.static, x.Ephemeral) != nil {
			return nil, BadKey
		}
	} else {
		var o Outcome
		if t, initiator, o = r.openMezzanine(x, s); o != Completed {
			return nil, o
		}
	}
	// ss
	if t.mix(static.static, initiator) != nil {
		return nil, BadKey
	}
	plain, err := t.open(labelExchange, x.Sealed)
	if err != nil {
		return nil, BadSeal
	}
	section, err := wire.ParseExchangeSection(plain)
	if err != nil || !speaks(section.Body.Extensions) {
		return nil, BadBody
	}
	peer, err := key.NewAgreement(s.curve, initiator)
	if err != nil {
		return nil, BadBody
	}
	return &opened{t: t, handshake: x.ID, ephemeral: x.Ephemeral, peer: peer, mine: static.static.Public(), id: section.ID, body: section.Body}, Completed
}

// openMezzanine runs the schedule of Immediate up to s.
func (r *Responder) openMezzanine(x *wire.Exchange, s *suite) (t transcript, initiator []byte, o Outcome) {
	static := r.identity.of(s.curve)
	// <- s
	t = beginExchange(s, static.public, nil)
	// -> e
	t.hash(x.Clear)
	// es
	if t.mix(static.static, x.Ephemeral) != nil {
		return t, nil, BadKey
	}
	// s
	initiator, err := t.open(labelMezzanine, x.Mezzanine)
	if err != nil {
		return t, nil, BadSeal
	}
	return t, initiator, Completed
}

// reply has the owner run the payload, once: only here has everything opened, was
// the e_I noted and the ticket redeemed. An answer that does not fit is none.
func (r *Responder) reply(from netip.AddrPort, c *opened, room int) []byte {
	if len(c.body.Payload) == 0 || r.cfg.Answer == nil {
		return nil
	}
	answer := r.cfg.Answer(from, c.peer, c.body.Payload, room)
	if len(answer) > room {
		return nil
	}
	return answer
}
