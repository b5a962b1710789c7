package handshake_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// tickets are one of each kind: golden bytes, round trip and fuzz seeds.
func tickets(t testing.TB) (all []*handshake.Ticket) {
	t.Helper()
	ends := []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("[2001:db8::1]:65535"), netip.MustParseAddrPort("127.0.0.1:4000"),
	}
	for n, size := range []int{32, 56} {
		for role := handshake.EitherRole; role <= handshake.ResponderRole; role++ {
			all = append(all, &handshake.Ticket{
				ID:        [16]byte{byte(role) + 1, 15: byte(n)},
				Secret:    key.Secret(sha([]byte{byte(role)})),
				Initiator: static(t, bytes.Repeat([]byte{3}, size)).Public().Plain(),
				Responder: static(t, bytes.Repeat([]byte{4}, size)).Public().Plain(),
				Endpoints: slices.Clone(ends[:role]),
				Expires:   wall.Of(wallStart) + wall.Time(role),
				Redeemer:  role,
			})
		}
	}
	eight := *all[0]
	for range 8 {
		eight.Endpoints = append(eight.Endpoints, ends[0])
	}
	return append(all, &eight)
}

func TestTicketRoundTrip(t *testing.T) {
	for _, want := range tickets(t) {
		b := want.Append([]byte("before"))[len("before"):]
		got, err := handshake.ParseTicket(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != want.ID || got.Secret != want.Secret || got.Initiator != want.Initiator || got.Responder != want.Responder ||
			!slices.Equal(got.Endpoints, want.Endpoints) || got.Expires != want.Expires || got.Redeemer != want.Redeemer {
			t.Errorf("%x is another", b)
		}
		for n := range b {
			if _, err := handshake.ParseTicket(b[:n]); err == nil {
				t.Errorf("cut to %d", n)
			}
		}
		if _, err := handshake.ParseTicket(append(b, 0)); err == nil {
			t.Error("a byte more")
		}
	}
}

func TestTicketBytes(t *testing.T) {
	want := strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(`
		01 02 03000000000000000000000000000000 dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986
		000000006b01dc25 01 5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22
		ac01b2209e86354fb853237b5de0f4fab13c7fcbf433a61c019369617fecf10b
		02 00000000000000000000ffffc0000201 0001 20010db8000000000000000000000001 ffff`)
	ticket := tickets(t)[2]
	if got := hex.EncodeToString(ticket.Append(nil)); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// What no ticket may be is refused by ParseTicket, and by the initiator.
func TestTicketsThatAreNone(t *testing.T) {
	for name, spoil := range map[string]func(*handshake.Ticket){
		"zero id":          func(k *handshake.Ticket) { k.ID = [16]byte{} },
		"zero secret":      func(k *handshake.Ticket) { k.Secret = key.Secret{} },
		"no expiry":        func(k *handshake.Ticket) { k.Expires = 0 },
		"expiry below 0":   func(k *handshake.Ticket) { k.Expires = -1 },
		"unknown redeemer": func(k *handshake.Ticket) { k.Redeemer = 3 },
		"one key":          func(k *handshake.Ticket) { k.Responder = k.Initiator },
		"no key":           func(k *handshake.Ticket) { k.Responder = "" },
		"two curves":       func(k *handshake.Ticket) { k.Responder = static(t, bytes.Repeat([]byte{4}, 56)).Public() },
		"nine endpoints": func(k *handshake.Ticket) {
			k.Endpoints = slices.Repeat([]netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:1")}, 9)
		},
		"port 0":    func(k *handshake.Ticket) { k.Endpoints = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:0")} },
		"anywhere":  func(k *handshake.Ticket) { k.Endpoints = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:1")} },
		"multicast": func(k *handshake.Ticket) { k.Endpoints = []netip.AddrPort{netip.MustParseAddrPort("[ff02::1]:1")} },
		"broadcast": func(k *handshake.Ticket) {
			k.Endpoints = []netip.AddrPort{netip.MustParseAddrPort("255.255.255.255:1")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ticket := *tickets(t)[2]
			spoil(&ticket)
			if _, err := handshake.ParseTicket(ticket.Append(nil)); err == nil {
				t.Error("it was read")
			}
			if _, err := handshake.NewInitiator(time.Now(), handshake.InitiatorConfig{
				Mode: handshake.Ticketed, Ticket: &ticket, Static: static(t, bytes.Repeat([]byte{3}, 32)),
				Wall: func() time.Time { return wallStart },
			}); err == nil {
				t.Error("an initiator took it")
			}
		})
	}
	good := tickets(t)[2].Append(nil)
	for at, b := range map[int]byte{0: 2, 58: 3, 1: 3} {
		bad := slices.Clone(good)
		bad[at] = b
		if _, err := handshake.ParseTicket(bad); err == nil {
			t.Errorf("byte %d is %d", at, b)
		}
	}
}

// "Lower SHA-256(static key) initiates when both open at once, unless the ticket
// says": of the two exactly one opens and the other redeems, whatever it says.
func TestTicketRoles(t *testing.T) {
	for _, ticket := range tickets(t) {
		a, b := ticket.Initiator, ticket.Responder
		if ticket.Opens(a) == ticket.Opens(b) || ticket.Redeems(a) == ticket.Redeems(b) || ticket.Opens(a) == ticket.Redeems(a) {
			t.Error("not one of each")
		}
		ha, hb := a.Hash(), b.Hash()
		opens := bytes.Compare(ha[:], hb[:]) < 0
		switch ticket.Redeemer {
		case handshake.InitiatorRole:
			opens = false
		case handshake.ResponderRole:
			opens = true
		}
		if ticket.Opens(a) != opens {
			t.Errorf("redeemer %d: the initiator opens is %v", ticket.Redeemer, !opens)
		}
		swapped := *ticket
		swapped.Initiator, swapped.Responder = b, a
		if ticket.Redeemer == handshake.EitherRole && swapped.Opens(a) != ticket.Opens(a) {
			t.Error("the order of the keys decides")
		}
		stranger := static(t, bytes.Repeat([]byte{5}, 32)).Public()
		if ticket.Opens(stranger) || ticket.Redeems(stranger) || ticket.Opens("") || ticket.Redeems("") {
			t.Error("a stranger has a side")
		}
		if signed := static(t, bytes.Repeat([]byte{3}, 56)).Public(); a.Curve() == key.X448 && !ticket.Opens(signed) && !ticket.Redeems(signed) {
			t.Error("a key with its sign byte is another")
		}
	}
}

// No way of printing shows the secret.
func TestTicketDoesNotPrintItsSecret(t *testing.T) {
	ticket := tickets(t)[2]
	asJSON, err := json.Marshal(ticket)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "ticket", ticket, "value", *ticket)
	x := newExchangeRig(t)
	i := x.initiator(func(c *handshake.InitiatorConfig) {
		c.Mode, c.Ticket, c.Static, c.Wall = handshake.Ticketed, ticket, static(t, bytes.Repeat([]byte{3}, 32)), func() time.Time { return wallStart }
	})
	held := struct{ T handshake.Ticket }{*ticket}
	for _, s := range []string{
		fmt.Sprintf("%v %+v %#v %x %s %d %q", ticket, ticket, ticket, ticket, ticket, ticket, ticket),
		fmt.Sprintf("%v %+v %#v %x", *ticket, *ticket, *ticket, *ticket), fmt.Sprintf("%v %+v %#v", held, held, &held),
		fmt.Sprintf("%v %+v %#v", []handshake.Ticket{*ticket}, i, i), string(asJSON), log.String(), ticket.GoString(),
	} {
		for _, form := range []string{fmt.Sprintf("%x", ticket.Secret[:4]), strings.Trim(fmt.Sprint(ticket.Secret[:3]), "[]"), "dbc1b4c9", "219 193"} {
			if strings.Contains(strings.ToLower(s), form) {
				t.Errorf("%q shows %q", s, form)
			}
		}
	}
}

// ticket is one between a fresh device and the rig's responder, in its wallet.
func (x *exchangeRig) ticket(change ...func(*handshake.Ticket)) (*handshake.Ticket, *key.Static) {
	x.t.Helper()
	mine := static(x.t, x.draw(32))
	ticket := &handshake.Ticket{
		ID: [16]byte(x.draw(16)), Secret: key.Secret(x.draw(32)), Initiator: mine.Public(), Responder: static(x.t, x.scalarR).Public(),
		Expires: wall.Of(x.clock(0)()).Add(time.Minute), Redeemer: handshake.ResponderRole,
	}
	for _, f := range change {
		f(ticket)
	}
	x.wallet[ticket.ID] = ticket
	return ticket, mine
}

func (x *exchangeRig) holder(ticket *handshake.Ticket, mine *key.Static) *handshake.Initiator {
	x.t.Helper()
	return x.dialler(func(c *handshake.InitiatorConfig) {
		c.Mode, c.Ticket, c.Static, c.Pin = handshake.Ticketed, ticket, mine, handshake.Pin{}
	})
}

func TestTicketed(t *testing.T) {
	x := newExchangeRig(t)
	x.answer = []byte("answer")
	ticket, mine := x.ticket()
	i := x.holder(ticket, mine)
	p := i.Next(x.now)
	if len(p) != wire.SmallPacket || !bytes.Equal(p[31:47], ticket.ID[:]) {
		t.Errorf("%d bytes under %x", len(p), p[31:47])
	}
	answer, theirs, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	ours := x.give(i, answer, handshake.Completed)
	same(t, "secret", ours.Secret[:], theirs.Secret[:])
	same(t, "answer", ours.Payload, x.answer)
	if ours.Mode != handshake.Ticketed || theirs.Mode != handshake.Ticketed || ours.Ticket != ticket.ID || theirs.Ticket != ticket.ID ||
		theirs.Peer != mine.Public() || ours.Peer.Plain() != ticket.Responder || len(x.wallet) != 0 || theirs.Validated {
		t.Errorf("%+v\n%+v", ours, theirs)
	}
	_, _, o = x.send(x.from, p)
	want(t, o, handshake.Resent)
}

// A ticket is worth one connection: to anyone, from anywhere, at any time.
func TestTicketRedeemedTwice(t *testing.T) {
	x := newExchangeRig(t)
	ticket, mine := x.ticket()
	first, second := x.holder(ticket, mine).Next(x.now), x.holder(ticket, mine).Next(x.now)
	_, res, o := x.send(x.from, first)
	want(t, o, handshake.Completed)
	x.drop(x.from, second, handshake.BadTicket)
	x.drop(netip.MustParseAddrPort("198.51.100.1:1"), first, handshake.BadTicket)
	x.table.forget(res)
	for range 20 {
		x.drop(x.from, first, handshake.BadTicket)
		x.after(slot)
	}
	if len(x.ran) != 1 {
		t.Errorf("the verb ran %d times", len(x.ran))
	}
	// After a restart with the ids on disk too: here they are in the wallet.
	x.r = x.restarted()
	x.drop(x.from, first, handshake.BadTicket)
}

// hesitant is a store whose disk fails.
type hesitant struct{ wallet }

func (hesitant) Redeem(*handshake.Ticket) error { return errors.New("the disk is full") }

// "the redeemer stores the id with Sync before answering": what was not stored is
// not answered, and no verb runs.
func TestTicketNotStored(t *testing.T) {
	x := newExchangeRig(t)
	x.cfg.Tickets = hesitant{x.wallet}
	x.r = x.restarted()
	ticket, mine := x.ticket()
	x.drop(x.from, x.holder(ticket, mine).Next(x.now), handshake.BadTicket)
	if len(x.ran) != 0 {
		t.Error("the verb ran")
	}
}

// A ticket that has expired, on either side.
func TestTicketExpires(t *testing.T) {
	x := newExchangeRig(t)
	ticket, mine := x.ticket()
	i, late := x.holder(ticket, mine), x.holder(ticket, mine)
	x.after(time.Minute - time.Second)
	p := i.Next(x.now)
	x.after(time.Second)
	x.drop(x.from, p, handshake.BadTicket)
	x.drop(x.from, late.Next(x.now), handshake.BadTicket)
	if _, err := handshake.NewInitiator(x.now, handshake.InitiatorConfig{
		Mode: handshake.Ticketed, Ticket: ticket, Static: mine, Wall: x.clock(0),
	}); err == nil {
		t.Error("an initiator took it")
	}
}

// "only the one redeemer": the side that opens answers nobody, and the side that
// redeems opens nothing.
func TestTicketOfOtherRole(t *testing.T) {
	x := newExchangeRig(t)
	ticket, mine := x.ticket(func(k *handshake.Ticket) { k.Redeemer = handshake.InitiatorRole })
	if _, err := handshake.NewInitiator(x.now, handshake.InitiatorConfig{
		Mode: handshake.Ticketed, Ticket: ticket, Static: mine, Wall: x.clock(0),
	}); err == nil {
		t.Error("the redeemer opens")
	}
	i := &modelInitiator{suite: 0x11, size: 548, id: x.draw(8), static: x.draw(32), e: x.draw(32), data: x.draw(8), list: []byte{0x10, 0}}
	wallNow := uint32(x.clock(0)().Unix() / 10)
	x.drop(x.from, i.exchange(public(x.scalarR), wallNow, &modelTicket{ticket.ID[:], ticket.Secret[:]}, nil), handshake.BadTicket)
}

// Whoever sees a ticket's id on the wire can name it, and gets no more out of us
// than one who names none: nothing opens, nothing is redeemed.
func TestTicketSeenOnTheWire(t *testing.T) {
	x := newExchangeRig(t)
	ticket, mine := x.ticket()
	p := x.holder(ticket, mine).Next(x.now)
	for _, secret := range [][]byte{make([]byte, 32), x.draw(32)} {
		i := &modelInitiator{suite: 0x11, size: 548, id: x.draw(8), static: x.draw(32), e: x.draw(32), data: x.draw(8), list: []byte{0x10, 0}}
		wallNow := uint32(x.clock(0)().Unix() / 10)
		x.drop(x.from, i.exchange(public(x.scalarR), wallNow, &modelTicket{ticket.ID[:], secret}, nil), handshake.BadSeal)
	}
	for at := 84; at < len(p); at += 31 {
		garbled := slices.Clone(p)
		garbled[at] ^= 1
		x.drop(x.from, garbled, handshake.BadSeal)
	}
	_, _, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
}

// A ticketed Exchange that is Deferred is First Contact between the same two keys;
// the ticket is not spent.
func TestTicketDeferred(t *testing.T) {
	x := newExchangeRig(t)
	x.busy = true
	ticket, mine := x.ticket()
	ours, theirs := x.deferred(x.holder(ticket, mine))
	if ours.Mode != handshake.Deferred || ours.Ticket != [16]byte{} || theirs.Peer != mine.Public() || x.wallet[ticket.ID] == nil {
		t.Errorf("mode %v, ticket %x, %d tickets left", ours.Mode, ours.Ticket, len(x.wallet))
	}
}

// The attempts under a ticket: the same 548 bytes for 8 s, Hellos for 8 s, and again
// while the ticket lives. Two Exchanges never stand in one attempt, for the first
// may have spent it.
func TestTicketSchedule(t *testing.T) {
	x := newExchangeRig(t)
	ticket, mine := x.ticket()
	all := x.run(x.holder(ticket, mine), 90*time.Second)
	checkIntervals(t, all)
	kinds := ""
	seen := map[string]bool{}
	for n, s := range all {
		if len(s.p) != wire.SmallPacket {
			t.Errorf("%d bytes", len(s.p))
		}
		kind := map[byte]string{wire.TypeExchange: "x", wire.TypeHello: "h"}[s.p[16]]
		if n == 0 || !bytes.Equal(all[n-1].p, s.p) {
			if kinds += kind; seen[string(s.p)] {
				t.Error("a first packet came back")
			}
		}
		seen[string(s.p)] = true
		if s.at > time.Minute+8*time.Second && kind != "h" {
			t.Errorf("an Exchange after %v, under a ticket that lives a minute", s.at)
		}
	}
	if kinds != "xhxhxhxh" && kinds != "xhxhxh" {
		t.Errorf("attempts %s", kinds)
	}
}

// FuzzTicket: a ticket that is read is the one encoding of what it says, and names
// two devices of which one opens.
func FuzzTicket(f *testing.F) {
	for _, ticket := range tickets(f) {
		f.Add(ticket.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ticket, err := handshake.ParseTicket(b)
		if err != nil {
			return
		}
		if again := ticket.Append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x is written again as %x", b, again)
		}
		if ticket.Opens(ticket.Initiator) == ticket.Opens(ticket.Responder) {
			t.Error("not one of the two opens")
		}
	})
}
