package rud

import (
	"bytes"
	"testing"
	"time"

	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
)

// introduced is two devices that a node makes known to each other. Both started a
// moment ago, and neither listens to strangers.
type introduced struct {
	*world
	node, alice, bob *host
	tickets          *Tickets // bob's
	disk             map[TicketID]bool
}

func introduce(t *testing.T) *introduced {
	w := newWorld(t, 91)
	s := &introduced{world: w, disk: make(map[TicketID]bool)}
	s.tickets = NewTickets(TicketsConfig{
		Wall:  func() time.Time { return w.now },
		Store: func(id TicketID, _ wall.Time) error { s.disk[id] = true; return nil },
	})
	s.node = w.add("192.0.2.1:6770", true)
	s.alice = w.add("198.51.100.2:40000", false)
	s.bob = w.add("203.0.113.3:50000", false, func(c *Config) { c.Tickets = s.tickets })
	w.connect(s.alice, s.node)
	w.connect(s.bob, s.node)
	return s
}

// carry issues the n-th ticket and carries it to both, in Data. It returns alice's
// copy; bob's is in his table.
func (s *introduced) carry(n byte) *handshake.Ticket {
	s.t.Helper()
	made := wall.Of(s.now)
	issued := newTicket(n, s.alice.static.Public(), s.bob.static.Public(), made+60)
	for i, h := range []*host{s.alice, s.bob} {
		before := len(h.messages)
		send(s.t, s.world, s.node.opened[i], issued.Append(nil))
		s.until("the ticket", time.Second, func() bool { return len(h.messages) > before })
	}
	s.run(time.Second)
	parse := func(h *host) *handshake.Ticket {
		t, err := handshake.ParseTicket(h.messages[len(h.messages)-1].Payload)
		if err != nil {
			s.t.Fatal(err)
		}
		return t
	}
	if err := s.tickets.Put(parse(s.bob), made); err != nil {
		s.t.Fatal(err)
	}
	return parse(s.alice)
}

// wantTalk wants that both sides of a connection hear each other.
func (s *introduced) wantTalk(alices, bobs *Conn) {
	s.t.Helper()
	a, b := len(s.alice.messages), len(s.bob.messages)
	send(s.t, s.world, alices, []byte("to bob"))
	send(s.t, s.world, bobs, []byte("to alice"))
	s.run(time.Second)
	if len(s.alice.messages) != a+1 || len(s.bob.messages) != b+1 {
		s.t.Error("they do not hear each other")
	}
}

// wantSilence wants that bob makes no connection for a while, and asks alice with no
// Challenge.
func (s *introduced) wantSilence(what string, c *Conn) {
	s.t.Helper()
	accepted, conns := s.alice.Stats().Handshake[handshake.Accepted], len(s.bob.opened)
	s.run(10 * time.Second)
	if c.Proved() || len(s.bob.opened) != conns || s.alice.Stats().Handshake[handshake.Accepted] != accepted {
		s.t.Errorf("%s: answered", what)
	}
	c.Close(s.now)
}

// A ticket is issued, carried, redeemed once, another expires, and what the first made is
// rekeyed: its keys owe the ticket nothing then.
func TestTicketFromIssueToRekey(t *testing.T) {
	s := introduce(t)
	ticket := s.carry(1)
	to := Target{To: s.bob.addr, Ticket: ticket}
	c := s.alice.dial(to)
	if took := s.until("open", time.Second, c.Proved); took != 2*s.delay {
		t.Errorf("open after %v", took)
	}
	s.until("proved", time.Second, func() bool { return len(s.bob.opened) == 2 })
	b := s.bob.opened[1]
	if c.Mode() != handshake.Ticketed || b.Mode() != handshake.Ticketed || b.Ticket() != ticket.ID || c.Peer() != s.bob.static.Public() || b.Peer() != s.alice.static.Public() {
		t.Errorf("%v, %v", c.Mode(), b.Ticket())
	}
	if !s.disk[ticket.ID] {
		t.Error("not on disk")
	}
	s.wantTalk(c, b)

	s.wantSilence("a second time", s.alice.dial(to))

	expired := s.carry(2)
	s.run(time.Minute)
	if _, err := s.alice.Dial(s.now, Target{To: s.bob.addr, Ticket: expired}); err == nil {
		t.Error("dialled with an expired ticket")
	}
	s.alice.fast = -2 * time.Minute // her clock does not know
	s.wantSilence("expired", s.alice.dial(Target{To: s.bob.addr, Ticket: expired}))
	s.alice.fast = 0

	if err := c.Roll(s.now); err != nil {
		t.Fatal(err)
	}
	s.run(time.Second)
	if c.KeyAge(s.now) > time.Second || b.KeyAge(s.now) > time.Second {
		t.Errorf("keys of %v and %v", c.KeyAge(s.now), b.KeyAge(s.now))
	}
	s.wantTalk(c, b)
}

// Who has no ticket for a device that does not listen hears nothing: not by First
// Contact, not by an Exchange to its key, not with a ticket of another's.
func TestOnlyTicketsOpenADevice(t *testing.T) {
	s := introduce(t)
	ticket := s.carry(1)
	first := s.bob.target()
	first.FirstContact = true
	s.wantSilence("First Contact", s.alice.dial(first))
	s.wantSilence("an Exchange", s.alice.dial(s.bob.target()))
	s.wantSilence("an unknown ticket", s.alice.dial(Target{To: s.bob.addr, Ticket: newTicket(9, s.alice.static.Public(), s.bob.static.Public(), ticket.Expires)}))
	guessed := *ticket
	guessed.Secret[5] ^= 1
	s.wantSilence("a ticket's id, seen on the wire", s.alice.dial(Target{To: s.bob.addr, Ticket: &guessed}))
	if s.tickets.Len() != 1 || len(s.disk) != 0 {
		t.Error("spent by a guess")
	}
	if s.bob.Stats().Handshake[handshake.BadTicket] != 0 {
		t.Error("an unknown ticket was looked into")
	}
	// Busy, it would ask with a Challenge first: that leads to First Contact.
	s.bob.gate.responder = nil
	s.bob.Endpoint.cfg.Busy = func() bool { return true }
	s.bob.now = s.now
	s.bob.listen()
	s.wantSilence("the ticket itself, when busy", s.alice.dial(Target{To: s.bob.addr, Ticket: ticket}))
}

// A stolen ticket opens nothing: both still prove their static keys. A replayed one
// neither, from wherever.
func TestStolenAndReplayedTicket(t *testing.T) {
	s := introduce(t)
	ticket := s.carry(1)
	thief := s.add("198.51.100.66:40000", false)
	if _, err := thief.Dial(s.now, Target{To: s.bob.addr, Ticket: ticket}); err == nil {
		t.Error("dialled with somebody else's ticket")
	}
	forged := *ticket
	forged.Initiator = thief.static.Public()
	s.wantSilence("stolen", thief.dial(Target{To: s.bob.addr, Ticket: &forged}))
	if s.tickets.Len() != 1 {
		t.Error("spent by a thief")
	}

	var seen [][]byte
	s.tap = func(_, to netipAddrPort, p []byte) {
		if to == s.bob.addr && s.kind(to, p) == "Exchange" {
			seen = append(seen, bytes.Clone(p))
		}
	}
	c := s.alice.dial(Target{To: s.bob.addr, Ticket: ticket})
	s.until("open", time.Second, c.Proved)
	s.run(time.Second)
	s.tap = nil
	sent, conns := s.bob.Stats().Sent, s.bob.Len()
	for range 100 {
		s.bob.Receive(s.now, s.alice.addr, seen[0])
		s.bob.Receive(s.now, thief.addr, seen[0])
		s.run(time.Second)
	}
	if s.bob.Len() != conns || s.bob.Stats().Opened[handshake.Ticketed] != 1 {
		t.Error("a replay made a connection")
	}
	if got := s.bob.Stats().Sent - sent; got > 1 { // an acknowledgement of alice's first Data
		t.Errorf("%d packets sent", got)
	}
}

// The answer to a ticket is lost, twice: the same Exchange gets it again, and the
// ticket is spent once.
func TestTicketWhoseAnswerIsLost(t *testing.T) {
	s := introduce(t)
	ticket := s.carry(1)
	lost := 0
	s.drop = func(from, to netipAddrPort, p []byte) bool {
		if from == s.bob.addr && s.kind(to, p) == "ResponderComplete" {
			lost++
			return lost <= 2
		}
		return false
	}
	c := s.alice.dial(Target{To: s.bob.addr, Ticket: ticket})
	s.until("open", 2*time.Second, c.Proved)
	if c.Mode() != handshake.Ticketed || lost != 3 {
		t.Errorf("%v after %d answers", c.Mode(), lost)
	}
}

// "Lower SHA-256(static key) initiates when both open at once, unless the ticket
// says": of two that dial each other with one ticket one is told that it is not
// its to open, and there is one connection.
func TestBothOpenAtOnce(t *testing.T) {
	for _, redeemer := range []handshake.Role{handshake.EitherRole, handshake.InitiatorRole, handshake.ResponderRole} {
		w := newWorld(t, 92)
		var hosts [2]*host
		var tickets [2]*Tickets
		for i, addr := range []string{"198.51.100.2:40000", "203.0.113.3:50000"} {
			tickets[i] = NewTickets(TicketsConfig{Wall: func() time.Time { return w.now }})
			hosts[i] = w.add(addr, false, func(c *Config) { c.Tickets = tickets[i] })
		}
		ticket := newTicket(1, hosts[0].static.Public(), hosts[1].static.Public(), wall.Of(w.now)+60)
		ticket.Redeemer = redeemer
		dialled := 0
		for i, h := range hosts {
			if err := tickets[i].Put(ticket, wall.Of(w.now)); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Dial(w.now, Target{To: hosts[1-i].addr, Ticket: ticket}); err == nil {
				dialled++
				x, y := h.static.Public().Hash(), hosts[1-i].static.Public().Hash()
				if redeemer == handshake.EitherRole && bytes.Compare(x[:], y[:]) > 0 {
					t.Error("the higher initiates")
				}
			}
		}
		w.run(5 * time.Second)
		if dialled != 1 || len(hosts[0].opened) != 1 || len(hosts[1].opened) != 1 || hosts[0].Len() != 1 || hosts[1].Len() != 1 {
			t.Errorf("redeemer %v: %d dials, %d and %d connections", redeemer, dialled, len(hosts[0].opened), len(hosts[1].opened))
		}
	}
}
