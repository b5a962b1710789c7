package rud

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// knocker is an initiator whose packets a test carries by hand to a node.
type knocker struct {
	t    *testing.T
	node *host
	from netip.AddrPort
	i    *handshake.Initiator
}

// listener is a node in a world without anybody else.
func listener(t *testing.T) *host {
	return newWorld(t, 31).add("192.0.2.1:6770", true)
}

func (h *host) knockFrom(from string, seed uint64) *knocker {
	i, err := handshake.NewInitiator(h.w.now, handshake.InitiatorConfig{
		Static: newStatic(h.w.t, 1000+seed), Pin: handshake.Pin{Key: h.static.Public()}, Rand: newSeeded(1000 + seed),
	})
	if err != nil {
		h.w.t.Fatal(err)
	}
	return &knocker{h.w.t, h, netip.MustParseAddrPort(from), i}
}

// give hands a packet to the node and returns what it answered, nil for silence.
func (h *host) give(from netip.AddrPort, p []byte) (answer []byte) {
	h.w.tap = func(_, to netip.AddrPort, packet []byte) {
		if answer != nil || to != from {
			h.w.t.Errorf("answered more than once, or to %v instead of %v", to, from)
		}
		answer = bytes.Clone(packet)
	}
	h.Receive(h.w.now, from, p)
	h.w.tap = nil
	return answer
}

// complete runs the handshake up to the Complete, which it returns.
func (k *knocker) complete() []byte {
	k.t.Helper()
	challenge := k.node.give(k.from, k.i.Next(k.node.w.now))
	if _, o := k.i.Receive(k.node.w.now, challenge); o != handshake.Accepted {
		k.t.Fatalf("the Challenge: %v", o)
	}
	return bytes.Clone(k.i.Next(k.node.w.now))
}

// data makes the first data packet of a finished handshake.
func (k *knocker) data(answer []byte) []byte {
	k.t.Helper()
	r, o := k.i.Receive(k.node.w.now, answer)
	if o != handshake.Completed {
		k.t.Fatalf("the ResponderComplete: %v", o)
	}
	return firstData(k.t, r)
}

// firstData makes the first data packet of a handshake.
func firstData(t *testing.T, r *handshake.Result) []byte {
	t.Helper()
	return firstDataWith(t, r, wire.Header{Number: 1, Flags: wire.FlagFinal})
}

func firstDataWith(t *testing.T, r *handshake.Result, h wire.Header) []byte {
	t.Helper()
	header, packet := r.SendKeys()
	p, err := newProtection(r.Suite, r.PeerID, header, packet)
	if err != nil {
		t.Fatal(err)
	}
	var s scratch
	return bytes.Clone(p.seal(&s, wire.AppendBody(p.begin(&s, &h), nil, []byte("first"))))
}

// wantNothing wants a node without connections and timers.
func (h *host) wantNothing() {
	h.w.t.Helper()
	if h.Len() != 0 || len(h.timers) != 0 || len(h.gate.byRequest) != 0 || len(h.gate.crowd) != 0 || len(h.dials) != 0 {
		h.w.t.Errorf("state left: %d connections, %d timers, %d provisional", h.Len(), len(h.timers), len(h.gate.byRequest))
	}
}

// "a connection is provisional until the initiator's first Data opens; until then
// it replaces nothing, moves no endpoint and runs no verb"; "the responder sends
// no Data before"; 30 s.
func TestProvisional(t *testing.T) {
	node := listener(t)
	k := node.knockFrom("198.51.100.2:40000", 1)
	answer := node.give(k.from, k.complete())
	if len(answer) == 0 || node.Len() != 1 {
		t.Fatal("no provisional connection")
	}
	sent := node.Stats().Sent
	node.w.run(provisionalFor - time.Millisecond)
	if len(node.opened) != 0 || node.Stats().Sent != sent {
		t.Error("a provisional connection did something")
	}
	first := k.data(answer)
	flipped := bytes.Clone(first)
	flipped[len(flipped)-1] ^= 1
	node.give(k.from, flipped)
	if len(node.opened) != 0 {
		t.Error("a packet that did not open proved the connection")
	}
	node.give(k.from, first)
	if len(node.opened) != 1 || !node.opened[0].Proved() || len(node.messages) != 1 {
		t.Error("the first Data did not prove the connection")
	}
	if len(node.gate.byRequest) != 0 || len(node.gate.crowd) != 0 {
		t.Error("still provisional")
	}

	k = node.knockFrom("198.51.100.3:40000", 2)
	answer = node.give(k.from, k.complete())
	node.w.run(provisionalFor)
	if node.Len() != 1 || len(node.closed) != 0 {
		t.Error("the provisional connection outlived its time, or the Handler heard of it")
	}
	if node.give(k.from, k.data(answer)) != nil || len(node.opened) != 1 {
		t.Error("it came back")
	}
}

// A first Data that breaks a limit: the peer is closed, and the Handler never heard
// of it.
func TestFirstDataThatBreaksALimit(t *testing.T) {
	node := listener(t)
	k := node.knockFrom("198.51.100.2:40000", 1)
	r, o := k.i.Receive(node.w.now, node.give(k.from, k.complete()))
	if o != handshake.Completed {
		t.Fatal(o)
	}
	node.give(k.from, firstDataWith(t, r, wire.Header{Number: 1, Flags: wire.FlagFinal | wire.FlagAckValid, Newest: 9}))
	if len(node.opened)+len(node.closed) != 0 {
		t.Error("the Handler heard of it")
	}
	node.wantNothing()
}

// "e_I seen? (same bytes and source, still provisional: stored answer; else
// silence)"
func TestRepeatedComplete(t *testing.T) {
	node := listener(t)
	k := node.knockFrom("198.51.100.2:40000", 1)
	complete := k.complete()
	answer := node.give(k.from, complete)
	if again := node.give(k.from, complete); !bytes.Equal(again, answer) {
		t.Error("another answer to the same Complete")
	}
	elsewhere := netip.MustParseAddrPort("198.51.100.2:40001")
	if node.give(elsewhere, complete) != nil {
		t.Error("an answer to another source")
	}
	if node.Len() != 1 {
		t.Errorf("%d connections", node.conns)
	}
	first := k.data(answer)
	node.w.run(100 * time.Millisecond)
	node.give(k.from, first)
	if rtt := node.opened[0].RTT(); rtt != 0 {
		t.Errorf("RTT %v of an answer that left twice", rtt)
	}
	if node.give(k.from, complete) != nil {
		t.Error("an answer after the connection was proved")
	}
	if node.Len() != 1 || len(node.opened) != 1 {
		t.Error("a second connection")
	}
	node.give(k.from, first)
	if len(node.messages) != 1 {
		t.Error("a replayed first Data was delivered")
	}
}

// "64 per /24 or /48": the next one there gets silence, others do not, and there
// is room again after 30 s.
func TestProvisionalLimitOfAPrefix(t *testing.T) {
	node := listener(t)
	knock := func(from string, seed int) []byte {
		k := node.knockFrom(from, uint64(seed))
		return node.give(k.from, k.complete())
	}
	for i := range maxProvisionalPrefix {
		if knock(fmt.Sprintf("198.51.100.%d:4000", i), i) == nil {
			t.Fatalf("no room for %d", i)
		}
	}
	if knock("198.51.100.200:1", 100) != nil {
		t.Error("room for a 65th")
	}
	if knock("198.51.101.1:1", 101) == nil {
		t.Error("no room for another prefix")
	}
	node.w.run(provisionalFor)
	if knock("198.51.100.201:1", 102) == nil {
		t.Error("no room after 30 s")
	}
	node.w.run(provisionalFor)
	node.wantNothing()
}

// "At most 4,096 provisional connections"
func TestProvisionalLimit(t *testing.T) {
	node := listener(t)
	for i := range maxProvisional {
		var request [32]byte
		binary.BigEndian.PutUint32(request[:], uint32(i))
		node.gate.byRequest[request] = &provisional{}
	}
	k := node.knockFrom("198.51.100.2:40000", 1)
	complete := k.complete()
	if node.give(k.from, complete) != nil {
		t.Error("room for one more")
	}
	delete(node.gate.byRequest, [32]byte{})
	if node.give(k.from, complete) == nil {
		t.Error("no room for the last")
	}
}

// The first Data may come from another address than the Complete: it proves the
// connection, and the new path is asked before it is used.
func TestFirstDataFromElsewhere(t *testing.T) {
	node := listener(t)
	k := node.knockFrom("198.51.100.2:40000", 1)
	answer := node.give(k.from, k.complete())
	node.Receive(node.w.now, netip.MustParseAddrPort("203.0.113.1:1"), k.data(answer))
	if len(node.opened) != 1 || node.opened[0].Path() != k.from {
		t.Error("not proved, or moved unasked")
	}
}

// A1: an answer is never longer than what it answers, for first packets of every
// length.
func TestAnswersAreNeverLarger(t *testing.T) {
	node := listener(t)
	k := node.knockFrom("198.51.100.2:40000", 1)
	hello := bytes.Clone(k.i.Next(node.w.now))
	for n := range 1501 {
		p := make([]byte, n)
		copy(p, hello)
		if answer := node.give(k.from, p); len(answer) > len(p) {
			t.Errorf("%d bytes for %d", len(answer), n)
		}
	}
	node.wantNothing()
	k = node.knockFrom("198.51.100.2:40000", 2)
	complete := k.complete()
	if answer := node.give(k.from, complete); len(answer) == 0 || len(answer) > len(complete) {
		t.Errorf("%d bytes for a Complete of %d", len(answer), len(complete))
	}
}

// An Endpoint that does not listen is silent to strangers.
func TestDeviceIsSilentToStrangers(t *testing.T) {
	w := newWorld(t, 1)
	device := w.add("198.51.100.2:40000", false)
	other := w.add("198.51.100.3:40000", false)
	if _, err := other.Dial(w.now, device.target()); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	if device.Stats().Sent != 0 {
		t.Error("it answered")
	}
	device.wantNothing()
}

// What the Handler may do inside its methods.
func TestHandlerIsReentrant(t *testing.T) {
	w := newWorld(t, 51)
	node := w.add("192.0.2.1:6770", true)
	other := w.add("192.0.2.2:6770", true)
	device := w.add("198.51.100.2:40000", false)
	var dialled *Conn
	node.onOpened = func(c *Conn) { send(t, w, c, []byte("welcome")) }
	node.onMessage = func(c *Conn, m Message) {
		switch string(m.Payload) {
		case "echo":
			send(t, w, c, bytes.Repeat(m.Payload, 1000))
		case "bye":
			c.Close(w.now)
			send2 := func() error { _, err := c.Send(w.now, nil); return err }
			if send2() != ErrClosed {
				t.Error("a closed connection sends")
			}
		case "dial":
			var err error
			if dialled, err = node.Dial(w.now, other.target()); err != nil {
				t.Error(err)
			}
		}
	}
	d, n := w.connect(device, node)
	send(t, w, d, []byte("echo"))
	send(t, w, d, []byte("dial"))
	w.run(2 * time.Second)
	if len(device.messages) != 2 || len(device.messages[1].Payload) != 4000 {
		t.Errorf("%d messages", len(device.messages))
	}
	if dialled == nil || !dialled.Proved() {
		t.Error("the dial from inside did not succeed")
	}
	send(t, w, d, []byte("bye"))
	w.run(time.Second)
	if r, ok := node.closed[n]; !ok || r != ReasonClosed || node.Len() != 1 {
		t.Errorf("not closed: %v, %d connections", r, node.Len())
	}
	node.onOpened = func(c *Conn) { c.Close(w.now) }
	if _, err := device.Dial(w.now, node.target()); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	if node.Len() != 1 {
		t.Errorf("%d connections after closing in Opened", node.Len())
	}
}

func send(t *testing.T, w *world, c *Conn, p []byte) {
	t.Helper()
	if _, err := c.Send(w.now, p); err != nil {
		t.Error(err)
	}
}

// A5 in the whole: every datagram of a conversation, handshake included, given
// again to both sides, shuffled and late: nothing is delivered or made twice.
func TestReplayedConversation(t *testing.T) {
	for _, m := range []handshake.Mode{handshake.FirstContact, handshake.Immediate, handshake.Deferred} {
		t.Run(m.String(), func(t *testing.T) { replayConversation(t, m) })
	}
}

func replayConversation(t *testing.T, mode handshake.Mode) {
	w := newWorld(t, 61)
	type captured struct {
		from, to netip.AddrPort
		p        []byte
	}
	var all []captured
	w.tap = func(from, to netip.AddrPort, p []byte) { all = append(all, captured{from, to, bytes.Clone(p)}) }
	node := w.add("192.0.2.1:6770", true)
	device := w.add("198.51.100.2:40000", false)
	to := node.target()
	to.FirstContact = mode == handshake.FirstContact
	if mode == handshake.Immediate {
		w.run(pastBoot)
	}
	d := device.dial(to)
	w.until("open", time.Minute, func() bool { return len(node.opened) == 1 })
	n := node.opened[0]
	if d.Mode() != mode {
		t.Fatal(d.Mode())
	}
	exchange(t, w, device, node, d, n, 50, time.Minute)
	w.run(time.Second)
	w.tap = nil
	ups, downs := len(node.messages), len(device.messages)
	for range 20 {
		w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, c := range all {
			w.hosts[c.to].Receive(w.now, c.from, c.p)
		}
		w.run(250 * time.Millisecond)
	}
	if len(node.messages) != ups || len(device.messages) != downs {
		t.Error("delivered twice")
	}
	if len(node.opened) != 1 || node.Len() != 1 || len(node.gate.byRequest) != 0 {
		t.Errorf("%d connections opened, %d left", len(node.opened), node.Len())
	}
	if !d.Proved() || !n.Proved() {
		t.Error("replays closed the connection")
	}
}

// A connection whose peer is gone ends at two hours by itself: nobody rolls keys
// with it.
func TestOldConnectionEnds(t *testing.T) {
	w, device, node, d, n := pair(t, 71)
	w.loss = 1
	w.run(maxAge + time.Minute)
	if device.closed[d] != ReasonAged || node.closed[n] != ReasonAged {
		t.Errorf("closed %v and %v", device.closed, node.closed)
	}
	node.wantNothing()
	device.wantNothing()
}
