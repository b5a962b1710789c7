package rud

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// pastBoot is longer than "the first 12 slots after boot".
const pastBoot = 140 * time.Second

// journal is what was sent in a world, in words.
type journal struct {
	kinds []string
	bytes map[netip.AddrPort]int // towards
}

// watch starts a journal.
func (w *world) watch() *journal {
	j := &journal{bytes: make(map[netip.AddrPort]int)}
	w.tap = func(_, to netip.AddrPort, p []byte) {
		j.kinds = append(j.kinds, w.kind(to, p))
		j.bytes[to] += len(p)
	}
	return j
}

// kind names a packet.
func (w *world) kind(to netip.AddrPort, p []byte) string {
	if kind, err := wire.FirstType(p); err == nil {
		return map[byte]string{wire.TypeHello: "Hello", wire.TypeExchange: "Exchange", wire.TypeComplete: "Complete"}[kind]
	}
	id, _ := wire.First(p)
	h := w.hosts[to]
	if h == nil {
		return "lost"
	}
	for _, c := range h.dials {
		if c.dial.ids[0] == id || c.dial.ids[1] == id {
			kind, _ := wire.BackType(p)
			return map[byte]string{wire.TypeChallenge: "Challenge", wire.TypeResponderComplete: "ResponderComplete"}[kind]
		}
	}
	return "Data"
}

// early is a Config.Early that answers, and counts what it ran.
type early struct {
	ran    []string
	answer []byte
}

func (v *early) with(c *Config) {
	c.Early = func(_ time.Time, _ netip.AddrPort, _ key.Agreement, payload []byte, room int) []byte {
		v.ran = append(v.ran, string(payload))
		if len(v.answer) > room {
			return nil
		}
		return v.answer
	}
}

// meet is a world of a node that started long ago and a device.
func meet(t *testing.T, seed uint64, with ...func(*Config)) (w *world, device, node *host) {
	t.Helper()
	w = newWorld(t, seed)
	node = w.add("192.0.2.1:6770", true, with...)
	device = w.add("198.51.100.2:40000", false)
	w.run(pastBoot)
	return w, device, node
}

func (h *host) dial(to Target) *Conn {
	h.w.t.Helper()
	c, err := h.Dial(h.w.now, to)
	if err != nil {
		h.w.t.Fatal(err)
	}
	return c
}

// "A client that has been here before reconnects in one round trip", and has the
// answer to its first question with it.
func TestReconnectInOneRoundTrip(t *testing.T) {
	ask := &early{answer: []byte("there")}
	w, device, node := meet(t, 1, ask.with)
	j := w.watch()
	to := node.target()
	to.Early = []byte("where am I")
	c := device.dial(to)
	took := w.until("the answer", time.Second, func() bool { return len(device.messages) == 1 })
	if took != 2*w.delay || !slices.Equal(j.kinds[:2], []string{"Exchange", "ResponderComplete"}) {
		t.Errorf("after %v: %v", took, j.kinds)
	}
	m := device.messages[0]
	if !m.Early || string(m.Payload) != "there" || m.From != node.addr || m.Stream == nil || len(device.opened) != 1 {
		t.Errorf("%+v", m)
	}
	if !c.Proved() || c.Mode() != handshake.Immediate || c.RTT() != 2*w.delay {
		t.Errorf("%v, %v, RTT %v", c, c.Mode(), c.RTT())
	}
	if len(node.opened) != 0 {
		t.Error("proved by the Exchange alone")
	}
	w.until("proved", w.delay, func() bool { return len(node.opened) == 1 })
	w.run(time.Second)
	n := node.opened[0]
	if n.Mode() != handshake.Immediate || n.Peer() != device.static.Public() || len(node.messages) != 0 {
		t.Errorf("%v of %v; messages %v", n.Mode(), n.Peer(), node.messages)
	}
	if !slices.Equal(ask.ran, []string{"where am I"}) || device.Stats().Opened[handshake.Immediate] != 1 || node.Stats().Opened[handshake.Immediate] != 1 {
		t.Errorf("ran %q, %v", ask.ran, node.Stats())
	}
}

// The flights of every mode in every suite, and that they carry messages then.
func TestFlights(t *testing.T) {
	x448, err := key.NewStatic(key.X448)
	if err != nil {
		t.Fatal(err)
	}
	mine448, err := key.NewStatic(key.X448)
	if err != nil {
		t.Fatal(err)
	}
	first := []string{"Hello", "Challenge", "Complete", "ResponderComplete", "Data"}
	once := []string{"Exchange", "ResponderComplete", "Data"}
	twice := []string{"Exchange", "Challenge", "Complete", "ResponderComplete", "Data"}
	for _, suite := range []wire.Suite{0, wire.SuiteX25519AESGCM, wire.SuiteX25519ChaCha20, wire.SuiteX448AESGCM, wire.SuiteX448ChaCha20} {
		for _, c := range []struct {
			mode    handshake.Mode
			flights []string
		}{
			{handshake.FirstContact, first}, {handshake.Immediate, once}, {handshake.Deferred, twice}, {handshake.Ticketed, once},
		} {
			t.Run(fmt.Sprintf("%v %v", suite, c.mode), func(t *testing.T) {
				tickets := NewTickets(TicketsConfig{Wall: func() time.Time { return time.Unix(1_800_000_000, 0) }})
				w, device, node := meet(t, 2, func(cfg *Config) { cfg.Static448, cfg.Tickets = x448, tickets })
				device.Endpoint.cfg.Static448 = mine448
				to := node.target()
				to.Suite = suite
				mine := device.static.Public()
				if suite>>4 == 2 {
					to.Pin.Key, mine = x448.Public(), mine448.Public()
				}
				switch c.mode {
				case handshake.FirstContact:
					to.FirstContact = true
				case handshake.Deferred:
					device.fast = time.Hour
				case handshake.Ticketed:
					to.Ticket = newTicket(1, mine, to.Pin.Key, 1_800_000_000+600)
					if err := tickets.Put(to.Ticket, 1_800_000_000); err != nil {
						t.Fatal(err)
					}
				}
				j := w.watch()
				d := device.dial(to)
				w.until("open on both sides", time.Second, func() bool { return len(node.opened) == 1 })
				if !slices.Equal(j.kinds, c.flights) {
					t.Errorf("%v", j.kinds)
				}
				if d.Mode() != c.mode || d.RTT() != 2*w.delay {
					t.Errorf("%v, RTT %v", d.Mode(), d.RTT())
				}
				n := node.opened[0]
				if n.Peer().Plain() != mine.Plain() || d.Peer().Plain() != to.Pin.Key.Plain() || n.Suite() != d.Suite() || suite != 0 && d.Suite() != suite {
					t.Error("the sides do not agree on keys and suite")
				}
				if (c.mode == handshake.Ticketed) != (n.Ticket() == TicketID{1, 1}) || n.Ticket() != d.Ticket() {
					t.Errorf("ticket %x", n.Ticket())
				}
				exchange(t, w, device, node, d, n, 2, 5*time.Second)
			})
		}
	}
}

// "when the mode fell to Deferred, or no answer came back in ResponderComplete":
// what was in the first packet is sent in Data, once, before what Opened sends.
func TestEarlyIsSentInData(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 1400)
	for what, c := range map[string]struct {
		early  []byte
		change func(w *world, device *host, to *Target, v *early)
		ran    int
	}{
		"no answer":       {[]byte("subscribe"), func(_ *world, _ *host, _ *Target, v *early) { v.answer = nil }, 1},
		"answer too long": {[]byte("resolve"), func(_ *world, _ *host, _ *Target, v *early) { v.answer = long }, 1},
		"deferred":        {[]byte("heartbeat"), func(_ *world, device *host, _ *Target, _ *early) { device.fast = -time.Hour }, 0},
		"first contact":   {[]byte("heartbeat"), func(_ *world, _ *host, to *Target, _ *early) { to.FirstContact = true }, 0},
		"unknown key":     {[]byte("heartbeat"), func(_ *world, _ *host, to *Target, _ *early) { to.Pin = handshake.Pin{} }, 0},
		"too long":        {long, func(*world, *host, *Target, *early) {}, 0},
	} {
		t.Run(what, func(t *testing.T) {
			ask := &early{answer: []byte("answer")}
			w, device, node := meet(t, 3, ask.with)
			to := node.target()
			to.Early = c.early
			c.change(w, device, &to, ask)
			device.onOpened = func(c *Conn) { send(t, w, c, []byte("second")) }
			device.dial(to)
			w.run(2 * time.Second)
			if len(ask.ran) != c.ran || len(device.messages) != 0 {
				t.Errorf("ran %q, answers %v", ask.ran, device.messages)
			}
			if len(node.messages) != 2 || !bytes.Equal(node.messages[0].Payload, c.early) || node.messages[0].Early {
				t.Errorf("%d messages", len(node.messages))
			}
		})
	}
	w, device, node := meet(t, 3)
	to := node.target()
	to.Early = make([]byte, 8049)
	if _, err := device.Dial(w.now, to); err == nil {
		t.Error("too long for a frame")
	}
}

// The answer was lost: the same Exchange gets the same answer, and the verb ran
// once.
func TestLostAnswerIsRepeated(t *testing.T) {
	ask := &early{answer: []byte("there")}
	w, device, node := meet(t, 4, ask.with)
	lost := 0
	w.drop = func(from, _ netip.AddrPort, _ []byte) bool {
		lost++
		return from == node.addr && lost <= 2
	}
	to := node.target()
	to.Early = []byte("where am I")
	c := device.dial(to)
	w.run(3 * time.Second)
	if len(ask.ran) != 1 || len(device.messages) != 1 || c.Mode() != handshake.Immediate || len(node.opened) != 1 {
		t.Errorf("ran %q, %d answers, %v", ask.ran, len(device.messages), c.Mode())
	}
	if c.RTT() != 0 && c.RTT() > 3*w.delay {
		t.Errorf("RTT %v measured by an Exchange that left twice", c.RTT())
	}
}

// An Exchange that nobody answers becomes First Contact under the same pin: a
// filter that knows Hellos only, or a racer that spends our e_I from elsewhere,
// does not keep us out. It gives nothing away: s_I is sealed to the pinned key and
// to the generation's.
func TestExchangeIsFiltered(t *testing.T) {
	ask := &early{answer: []byte("there")}
	w, device, node := meet(t, 5, ask.with)
	w.drop = func(_, to netip.AddrPort, p []byte) bool { return w.kind(to, p) == "Exchange" }
	to := node.target()
	to.Early = []byte("where am I")
	c := device.dial(to)
	took := w.until("open", 10*time.Second, c.Proved)
	if took > 2500*time.Millisecond || c.Mode() != handshake.FirstContact {
		t.Errorf("after %v by %v", took, c.Mode())
	}
	w.run(time.Second)
	if len(node.messages) != 1 || len(ask.ran) != 0 {
		t.Errorf("%d messages, ran %q", len(node.messages), ask.ran)
	}
}

// The pinned key is not the node's: no connection, and nothing said to whoever
// answers. The caller sees silence; after 2 s First Contact shows in the counters
// that somebody there has another key, which proves nothing.
func TestWrongPin(t *testing.T) {
	ask := &early{answer: []byte("there")}
	w, device, node := meet(t, 6, ask.with)
	to := node.target()
	to.Pin.Key = newStatic(t, 900).Public()
	to.Early = []byte("where am I")
	c := device.dial(to)
	w.run(1900 * time.Millisecond)
	if node.Stats().Sent != 0 || device.Stats().Handshake[handshake.NotPinned] != 0 {
		t.Error("an Exchange for another key was answered")
	}
	w.run(time.Second)
	if device.Stats().Handshake[handshake.NotPinned] == 0 {
		t.Error("nothing tells of another key within 3 s")
	}
	w.run(time.Minute)
	if c.Proved() || len(device.opened)+len(node.opened)+len(ask.ran)+len(node.messages) != 0 {
		t.Error("connected to another key")
	}
	node.wantNothing()
	c.Close(w.now)
	device.wantNothing()
}

// "Outside 12 slots of our clock": a clock that is wrong costs a round trip.
func TestWallClockIsWrong(t *testing.T) {
	for _, fast := range []time.Duration{-time.Hour, -130 * time.Second, 130 * time.Second, 24 * 365 * time.Hour} {
		w, device, node := meet(t, 7)
		device.fast = fast
		c := device.dial(node.target())
		if took := w.until("open", time.Second, c.Proved); took != 4*w.delay || c.Mode() != handshake.Deferred {
			t.Errorf("%v: after %v by %v", fast, took, c.Mode())
		}
	}
	w, device, node := meet(t, 7)
	device.fast = 100 * time.Second
	c := device.dial(node.target())
	if took := w.until("open", time.Second, c.Proved); took != 2*w.delay {
		t.Errorf("100 s wrong: after %v by %v", took, c.Mode())
	}
}

// The 1200 bytes do not get through: an Exchange of 548 does, with its own e_I.
func TestSmallExchange(t *testing.T) {
	ask := &early{answer: bytes.Repeat([]byte("y"), 300)}
	w, device, node := meet(t, 8, ask.with)
	w.mtu = 576
	to := node.target()
	to.Early = bytes.Repeat([]byte("x"), 300)
	c := device.dial(to)
	w.until("the answer", 2*time.Second, func() bool { return len(device.messages) == 1 })
	if c.Mode() != handshake.Immediate || c.MaxPayload() != 8048 || len(ask.ran) != 1 {
		t.Errorf("%v, %d bytes, ran %d", c.Mode(), c.MaxPayload(), len(ask.ran))
	}
}

// N1 for a device that has been here before, at 30% loss both ways: "99% <= 15 s",
// and its first question is answered once, in the handshake or after it.
func TestImmediateUnderLoss(t *testing.T) {
	var took []time.Duration
	modes := make(map[handshake.Mode]int)
	for seed := range uint64(100) {
		ask := &early{answer: []byte("there")}
		w, device, node := meet(t, seed, ask.with)
		node.onMessage = func(c *Conn, m Message) { send(t, w, c, ask.answer) }
		w.loss = 0.3
		to := node.target()
		to.Early = []byte("where am I")
		begin := w.now
		c := device.dial(to)
		w.until("the answer", time.Minute, func() bool { return len(device.messages) > 0 })
		took = append(took, w.now.Sub(begin))
		modes[c.Mode()]++
		w.run(10 * time.Second)
		if len(device.messages) != 1 || len(node.opened) != 1 || len(node.messages) > 1 {
			t.Errorf("seed %d: %d answers, %d connections, %d questions", seed, len(device.messages), len(node.opened), len(node.messages))
		}
	}
	t.Logf("p50 %v p99 %v, %v", percentile(took, 50), percentile(took, 99), modes)
	if p := percentile(took, 99); p > 15*time.Second {
		t.Errorf("p99 %v", p)
	}
}

// Moved tells of each move, and of nothing else.
func TestMovedIsTold(t *testing.T) {
	w, device, node, d, n := pair(t, 10)
	w.run(time.Second)
	if device.moved+node.moved != 0 {
		t.Error("told of a move that was none")
	}
	device.moveTo("203.0.113.9:41000")
	d.Rebind(w.now)
	w.until("moved", 5*time.Second, func() bool { return node.moved == 1 })
	if n.Path() != device.addr || device.moved != 0 {
		t.Errorf("at %v; the device was told %d times", n.Path(), device.moved)
	}
	if r, _ := n.Remnant(); r.Addr != device.addr {
		t.Error("what to keep has the old address")
	}
	w.run(time.Minute)
	if node.moved != 1 {
		t.Errorf("told %d times", node.moved)
	}
}

// What cannot be dialled is refused at once.
func TestTargetIsChecked(t *testing.T) {
	w, device, node := meet(t, 9)
	for what, spoil := range map[string]func(*Target){
		"address":    func(to *Target) { to.To = netip.AddrPort{} },
		"suite":      func(to *Target) { to.Suite = 0x33 },
		"curve":      func(to *Target) { to.Suite = wire.SuiteX448AESGCM },
		"no X448":    func(to *Target) { s, _ := key.NewStatic(key.X448); to.Pin.Key = s.Public() },
		"not ours":   func(to *Target) { to.Ticket = newTicket(1, node.static.Public(), device.static.Public(), 1<<40) },
		"expired":    func(to *Target) { to.Ticket = newTicket(1, device.static.Public(), node.static.Public(), 7) },
		"no secrets": func(to *Target) { to.Ticket = &handshake.Ticket{} },
	} {
		to := node.target()
		spoil(&to)
		if _, err := device.Dial(w.now, to); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	device.wantNothing()
}

// Whoever is asked to trust a key may give the connection up instead.
func TestTrustEndsTheConnection(t *testing.T) {
	w := newWorld(t, 7)
	node := w.add("192.0.2.1:6770", true)
	device := w.add("198.51.100.2:40000", false)
	for _, trust := range []bool{true, false} {
		var c *Conn
		c, err := device.Dial(w.now, Target{To: node.addr, Pin: handshake.Pin{Accept: func(key.Agreement) bool {
			c.Close(w.now)
			return trust
		}}})
		if err != nil {
			t.Fatal(err)
		}
		w.run(10 * time.Second)
		if device.Len() != 0 || len(device.closed) == 0 || len(node.opened) != 0 {
			t.Errorf("trust %v: %d connections", trust, device.Len())
		}
	}
	device.wantNothing()
}
