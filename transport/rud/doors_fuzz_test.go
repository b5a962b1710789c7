package rud

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
)

// Steps of a fuzzed crowd at the door: one byte, then what it needs.
const (
	doorGive  = iota // 1 which first packet, 1 from where
	doorFlip         // 1 which, 2 which bit
	doorProve        // 1 which: its first Data, when it was answered, 1 from where
	doorPass         // 1: so many seconds
	doorBusy         // turns Busy over
	doorClock        // 1: the wall clock jumps by so many times 20 s, from -128
	doorAgain        // 1: one of the packets given so far
	doorCount
)

// crowd is a node, and devices whose packets a fuzzer carries.
type crowd struct {
	t       *testing.T
	node    *host
	sources []netip.AddrPort
	devices []*knocker
	first   [][]byte
	proof   [][]byte // first Data
	given   [][]byte

	ran    map[string]int // verbs
	spent  int            // tickets redeemed
	in     map[netip.AddrPort]int
	out    map[netip.AddrPort]int
	data   map[netip.AddrPort]bool // something that opens came from there
	proved map[netip.AddrPort]bool
	busy   bool
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{
		t: t, ran: make(map[string]int), in: make(map[netip.AddrPort]int), out: make(map[netip.AddrPort]int),
		data: make(map[netip.AddrPort]bool), proved: make(map[netip.AddrPort]bool),
		sources: []netip.AddrPort{scriptHere, scriptThere, scriptThird, mustAddr("[2001:db8::1]:1")},
	}
	tickets := NewTickets(TicketsConfig{
		Wall:  func() time.Time { return c.node.w.now.Add(c.node.fast) },
		Store: func(TicketID, wall.Time) error { c.spent++; return nil },
	})
	w := newWorld(t, 5)
	c.node = w.add("192.0.2.1:6770", true, func(cfg *Config) {
		cfg.Tickets = tickets
		cfg.Busy = func() bool { return c.busy }
		cfg.Early = func(_ time.Time, _ netip.AddrPort, _ key.Agreement, p []byte, _ int) []byte {
			c.ran[string(p)]++
			return []byte("answer")
		}
	})
	w.run(pastBoot)
	w.tap = func(_, to netip.AddrPort, p []byte) { c.out[to] += len(p) }
	for i, verb := range []string{"heartbeat", "resolve", ""} {
		k := c.node.exchangeFrom(c.sources[i].String(), uint64(i), verb)
		c.devices, c.first = append(c.devices, k), append(c.first, k.first())
	}
	ticket := newTicket(1, newStatic(t, 1100).Public(), c.node.static.Public(), wall.Of(w.now)+60)
	if err := tickets.Put(ticket, 0); err != nil {
		t.Fatal(err)
	}
	i, err := handshake.NewInitiator(w.now, handshake.InitiatorConfig{
		Mode: handshake.Ticketed, Ticket: ticket, Static: newStatic(t, 1100), Payload: []byte("ticket's"),
		Rand: newSeeded(1100), Wall: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	k := &knocker{t, c.node, c.sources[3], i}
	c.devices, c.first = append(c.devices, k), append(c.first, k.first())
	c.proof = make([][]byte, len(c.devices))
	return c
}

// give gives the node a packet, and its answer to the device that it is for.
func (c *crowd) give(from netip.AddrPort, p []byte) {
	c.in[from] += len(p)
	c.given = append(c.given, p)
	var answers [][]byte
	tap := c.node.w.tap
	c.node.w.tap = func(_, to netip.AddrPort, p []byte) {
		c.out[to] += len(p)
		answers = append(answers, bytes.Clone(p))
	}
	c.node.Receive(c.node.w.now, from, p)
	c.node.w.tap = tap
	for _, a := range answers {
		for i, k := range c.devices {
			if c.proof[i] != nil {
				continue
			}
			r, o := k.i.Receive(c.node.w.now, a)
			if o == handshake.Completed {
				c.proof[i] = firstData(c.t, r)
			}
		}
	}
}

// playDoors runs one crowd and checks what must hold of any: a verb runs once, a device
// has one connection, a ticket is redeemed once, nobody gets more than he gave
// before he is proved.
func playDoors(t *testing.T, data []byte) {
	c := newCrowd(t)
	for r := reader(data[:min(len(data), 200)]); len(r) > 0; {
		switch step := r.byte() % doorCount; step {
		case doorGive:
			c.giveOne(r.byte(), r.byte(), c.first)
		case doorFlip:
			p := bytes.Clone(c.first[r.byte()%len(c.first)])
			bit := (r.byte()<<8 | r.byte()) % (8 * len(p))
			p[bit/8] ^= 1 << (bit % 8)
			c.give(scriptThird, p)
		case doorProve:
			c.data[c.giveOne(r.byte(), r.byte(), c.proof)] = true
		case doorPass:
			c.node.w.run(time.Duration(r.byte()) * time.Second)
		case doorBusy:
			c.busy = !c.busy
		case doorClock:
			c.node.fast = time.Duration(r.byte()-128) * 20 * time.Second
		case doorAgain:
			if i := r.byte(); i < len(c.given) {
				c.data[c.sources[i%len(c.sources)]] = true
				c.give(c.sources[i%len(c.sources)], c.given[i])
			}
		}
		for _, n := range c.node.opened {
			c.proved[n.Path()] = true
		}
		c.check()
	}
}

func (c *crowd) giveOne(which, from int, packets [][]byte) netip.AddrPort {
	source := c.sources[from%len(c.sources)]
	if p := packets[which%len(packets)]; p != nil {
		c.give(source, p)
	}
	return source
}

func (c *crowd) check() {
	c.t.Helper()
	for verb, n := range c.ran {
		if n > 1 {
			c.t.Fatalf("%q ran %d times", verb, n)
		}
	}
	peers := make(map[key.Agreement]bool)
	for _, n := range c.node.opened {
		if peers[n.Peer()] {
			c.t.Fatal("two connections of one Exchange")
		}
		peers[n.Peer()] = true
	}
	if c.spent > 1 {
		c.t.Fatalf("a ticket redeemed %d times", c.spent)
	}
	for to, n := range c.out {
		most := c.in[to]
		if c.data[to] {
			most *= amplification // a path to be challenged
		}
		if n > most && !c.proved[to] {
			c.t.Fatalf("%d bytes to %v for %d", n, to, c.in[to])
		}
	}
	if w := &c.node.gate.waiting; len(w.byRequest) != len(w.byID) || w.queue.Len() != len(w.byID) || w.unvalidated > len(w.byID) || w.unvalidated < 0 {
		c.t.Fatal("the counts of provisional connections do not agree")
	}
}

// FuzzDoors carries first packets of honest devices to a node as an attacker who
// has the network would: again, flipped, from elsewhere, late, with the node's
// clock at any time.
func FuzzDoors(f *testing.F) {
	f.Add([]byte{doorGive, 0, 0, doorProve, 0, 0, doorGive, 0, 0, doorPass, 60, doorGive, 0, 0})
	f.Add([]byte{doorGive, 0, 1, doorGive, 0, 0, doorGive, 1, 1, doorGive, 1, 1, doorProve, 1, 2})
	f.Add([]byte{doorGive, 3, 3, doorGive, 3, 3, doorGive, 3, 0, doorProve, 3, 3, doorGive, 3, 3, doorPass, 40, doorGive, 3, 3})
	f.Add([]byte{doorGive, 0, 0, doorClock, 0, doorGive, 0, 0, doorPass, 31, doorGive, 0, 0, doorClock, 128, doorGive, 0, 0, doorProve, 0, 0})
	f.Add([]byte{doorClock, 140, doorGive, 0, 0, doorGive, 1, 1, doorPass, 200, doorClock, 120, doorGive, 0, 0, doorGive, 1, 1})
	f.Add([]byte{doorBusy, doorGive, 0, 0, doorGive, 3, 3, doorBusy, doorPass, 2, doorGive, 0, 0, doorGive, 3, 3, doorAgain, 0, doorAgain, 1})
	f.Add([]byte{doorFlip, 0, 0, 200, doorFlip, 3, 1, 100, doorFlip, 1, 9, 9, doorGive, 2, 2, doorProve, 2, 0, doorProve, 2, 2})
	f.Fuzz(playDoors)
}
