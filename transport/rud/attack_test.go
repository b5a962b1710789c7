package rud

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// oldNode is a node in a world without anybody else, that started long ago.
func oldNode(t *testing.T, with ...func(*Config)) *host {
	node := newWorld(t, 32).add("192.0.2.1:6770", true, with...)
	node.w.run(pastBoot)
	return node
}

// exchangeFrom is an initiator that begins with an Exchange, its packets carried
// by hand.
func (h *host) exchangeFrom(from string, seed uint64, payload string) *knocker {
	h.w.t.Helper()
	i, err := handshake.NewInitiator(h.w.now, handshake.InitiatorConfig{
		Mode: handshake.Immediate, Payload: []byte(payload), Wall: func() time.Time { return h.w.now },
		Static: newStatic(h.w.t, 1000+seed), Pin: handshake.Pin{Key: h.static.Public()}, Rand: newSeeded(1000 + seed),
	})
	if err != nil {
		h.w.t.Fatal(err)
	}
	return &knocker{h.w.t, h, netip.MustParseAddrPort(from), i}
}

// first is the initiator's first packet.
func (k *knocker) first() []byte {
	k.t.Helper()
	p := bytes.Clone(k.i.Next(k.node.w.now))
	if p == nil {
		k.t.Fatal("nothing to send")
	}
	return p
}

// isChallenge reports whether an answer is a Challenge.
func isChallenge(p []byte) bool {
	kind, ok := wire.BackType(p)
	return ok && kind == wire.TypeChallenge
}

// A4: Exchanges of the right shape, from forged sources by the thousand: nothing
// is kept of any, nothing is answered, and one with the right key is served among
// them.
func TestExchangeFloodLeavesNoState(t *testing.T) {
	node := oldNode(t)
	honest := node.exchangeFrom("198.51.100.2:40000", 1, "")
	shape := honest.first()
	random := newSeeded(9)
	sent := node.Stats().Sent
	for i := range 400 {
		p := bytes.Clone(shape)
		random.Read(p[19:27])
		random.Read(p[84:])
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(10 + i%50), byte(i), byte(i >> 4), 1}), 53)
		if answer := node.give(from, p); answer != nil && !isChallenge(answer) {
			t.Fatal("completed")
		}
	}
	if got := node.Stats().Sent - sent; got != 0 {
		t.Errorf("%d answers", got)
	}
	node.wantNothing()
	if answer := node.give(honest.from, shape); len(answer) == 0 || isChallenge(answer) {
		t.Error("an honest Exchange got no answer")
	}
	node.w.run(provisionalFor)
	node.wantNothing()
}

// "Above 500 a second": what is over goes to no curve, and gets a Challenge.
func TestExchangesAboveTheBudgetAreDeferred(t *testing.T) {
	node := oldNode(t)
	shape := node.exchangeFrom("198.51.100.2:40000", 1, "").first()
	challenged := 0
	for i := range 520 {
		p := bytes.Clone(shape)
		binary.BigEndian.PutUint32(p[100:], uint32(i)) // another e_I
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 4), byte(i), 1}), 53)
		if answer := node.give(from, p); isChallenge(answer) {
			challenged++
		} else if answer != nil {
			t.Fatal("completed")
		}
	}
	if challenged != 20 {
		t.Errorf("%d Challenges", challenged)
	}
	node.wantNothing()
}

// A1: whatever a stranger sends, of every length, with every answer a node has:
// bytes out are at most bytes in, and nothing comes unasked before the path is
// validated.
func TestAmplification(t *testing.T) {
	ask := &early{answer: bytes.Repeat([]byte("a"), 200)}
	node := oldNode(t, ask.with)
	k := node.exchangeFrom("198.51.100.2:40000", 1, "where am I")
	exchange := k.first()
	hello := node.knockFrom("198.51.100.3:40000", 2).first()
	complete := node.knockFrom("198.51.100.4:40000", 3).complete()
	var small []byte // the Exchange of 548
	for range 3 {
		node.w.run(600 * time.Millisecond)
		small = k.first()
	}
	if len(small) != wire.SmallPacket {
		t.Fatalf("%d bytes", len(small))
	}
	in, out := 0, 0
	try := func(from string, p []byte) {
		answer := node.give(mustAddr(from), p)
		if len(answer) > len(p) {
			t.Errorf("%d bytes for %d", len(answer), len(p))
		}
		in, out = in+len(p), out+len(answer)
	}
	for i, p := range [][]byte{exchange, small, hello, complete} {
		for n := range 1501 {
			q := make([]byte, n)
			copy(q, p)
			try(fmt.Sprintf("203.0.%d.1:7", n%251), q)
		}
		for range 3 {
			try(fmt.Sprintf("198.51.100.%d:40000", []int{2, 2, 3, 4}[i]), p)
		}
	}
	sent := node.Stats().Sent
	node.w.run(2 * time.Minute)
	if node.Stats().Sent != sent {
		t.Error("something was sent that nobody asked for")
	}
	t.Logf("%d bytes out for %d in", out, in)
	node.wantNothing()
}

// "An Exchange validates its source only with the first Data": until then nothing
// but the answer goes there, however long and whatever else comes from there.
func TestExchangeDoesNotValidateItsSource(t *testing.T) {
	node := oldNode(t)
	k := node.exchangeFrom("198.51.100.2:40000", 1, "")
	exchange := k.first()
	answer := node.give(k.from, exchange)
	random := newSeeded(3)
	known := make([]byte, 100)
	for range 50 {
		random.Read(known)
		for id := range node.streams {
			binary.BigEndian.PutUint64(known, id)
		}
		if node.give(k.from, known) != nil {
			t.Fatal("an answer to what did not open")
		}
	}
	sent := node.Stats().Sent
	node.w.run(provisionalFor - time.Second)
	if node.Stats().Sent != sent || len(node.opened) != 0 || len(node.gate.proved) != 0 {
		t.Error("a provisional connection did something")
	}
	// The first Data, from elsewhere: its sender had the answer, so it receives
	// where the Exchange came from; that it does elsewhere is to be asked.
	node.w.tap = nil
	node.Receive(node.w.now, mustAddr("203.0.113.1:1"), k.data(answer))
	if len(node.opened) != 1 || node.opened[0].Path() != k.from {
		t.Error("not proved, or moved unasked")
	}
}

// Provisional exhaustion: forged Exchanges take half of the room of a prefix and of
// all, then they get Challenges; First Contact has the other half.
func TestForgedExchangesLeaveRoom(t *testing.T) {
	node := oldNode(t)
	knock := func(from string, seed int) []byte {
		k := node.exchangeFrom(from, uint64(seed), "")
		return node.give(k.from, k.first())
	}
	for i := range maxUnvalidatedPrefix {
		if answer := knock(fmt.Sprintf("198.51.100.%d:4000", i), i); answer == nil || isChallenge(answer) {
			t.Fatalf("no room for %d", i)
		}
	}
	if !isChallenge(knock("198.51.100.200:1", 100)) {
		t.Error("no Challenge to one more of the prefix")
	}
	if answer := knock("198.51.101.1:1", 101); answer == nil || isChallenge(answer) {
		t.Error("no room for another prefix")
	}
	k := node.knockFrom("198.51.100.201:1", 102)
	if answer := node.give(k.from, k.complete()); answer == nil {
		t.Error("no room for a Complete of the prefix")
	}
	node.gate.unvalidated += maxUnvalidated
	if !isChallenge(knock("192.0.2.200:1", 103)) {
		t.Error("no Challenge when half of all is taken")
	}
	k = node.knockFrom("192.0.2.201:1", 104)
	if answer := node.give(k.from, k.complete()); answer == nil {
		t.Error("no room for a Complete")
	}
	node.gate.unvalidated -= maxUnvalidated
	node.w.run(provisionalFor)
	node.wantNothing()
	if node.gate.unvalidated != 0 || len(node.gate.strangers) != 0 {
		t.Error("counts are left")
	}
}

// What a forged Exchange can make us keep is small: 2,048 of them are 2 MiB.
func TestProvisionalMemory(t *testing.T) {
	node := oldNode(t)
	const count = 128
	var packets [count][]byte
	for i := range packets {
		packets[i] = node.exchangeFrom("198.51.100.2:40000", uint64(i), "").first()
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i, p := range packets {
		node.Receive(node.w.now, mustAddr(fmt.Sprintf("10.1.%d.1:1", i/maxUnvalidatedPrefix)), p)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(node.gate.byRequest) != count {
		t.Fatalf("%d provisional connections", len(node.gate.byRequest))
	}
	each := int64(after.HeapAlloc-before.HeapAlloc) / count
	t.Logf("%d bytes each", each)
	if each > 2048 {
		t.Errorf("%d bytes each", each)
	}
	runtime.KeepAlive(packets)
}

// A replayed Exchange runs its verb once: the same bytes from the same source get
// the same answer while the connection is provisional, and silence else.
func TestReplayedExchange(t *testing.T) {
	ask := &early{answer: []byte("there")}
	node := oldNode(t, ask.with)
	k := node.exchangeFrom("198.51.100.2:40000", 1, "where am I")
	exchange := k.first()
	answer := node.give(k.from, exchange)
	for range 5 {
		if again := node.give(k.from, exchange); !bytes.Equal(again, answer) {
			t.Error("another answer")
		}
		if node.give(mustAddr("198.51.100.2:40001"), exchange) != nil {
			t.Error("an answer to another source")
		}
	}
	first := k.data(answer)
	node.give(k.from, first)
	if len(node.opened) != 1 || node.give(k.from, exchange) != nil {
		t.Error("an answer after the connection was proved")
	}
	node.w.tap = nil
	for range 30 {
		node.w.run(10 * time.Second)
		node.Receive(node.w.now, k.from, exchange)
	}
	if len(ask.ran) != 1 || len(node.opened) != 1 || node.Len() != 1 {
		t.Errorf("the verb ran %d times, %d connections", len(ask.ran), node.Len())
	}
}

// A second Exchange of the same device while the first is provisional: both are
// answered, "it replaces nothing", and whichever is proved lives.
func TestSecondExchangeWhileProvisional(t *testing.T) {
	node := oldNode(t)
	one := node.exchangeFrom("198.51.100.2:40000", 1, "")
	two := node.exchangeFrom("198.51.100.2:40000", 1, "")
	two.i, _ = handshake.NewInitiator(node.w.now, handshake.InitiatorConfig{
		Mode: handshake.Immediate, Wall: func() time.Time { return node.w.now },
		Static: newStatic(t, 1001), Pin: handshake.Pin{Key: node.static.Public()}, Rand: newSeeded(7),
	})
	a, b := node.give(one.from, one.first()), node.give(two.from, two.first())
	if a == nil || b == nil || bytes.Equal(a, b) || len(node.gate.byRequest) != 2 {
		t.Fatal("not two connections")
	}
	node.give(two.from, two.data(b))
	node.give(one.from, one.data(a))
	if len(node.opened) != 2 || node.opened[0].Peer() != node.opened[1].Peer() || !node.opened[0].Proved() {
		t.Error("one replaced the other")
	}
}

// A verb that is none of the three has no answer in the handshake, and Early says
// so: it runs when the connection is proved, once.
func TestEarlyPayloadWithAnotherVerb(t *testing.T) {
	ask := &early{}
	node := oldNode(t, ask.with)
	k := node.exchangeFrom("198.51.100.2:40000", 1, "subscribe")
	answer := node.give(k.from, k.first())
	if answer == nil || len(node.messages) != 0 {
		t.Fatal("no connection, or the Handler saw the payload")
	}
	r, o := k.i.Receive(node.w.now, answer)
	if o != handshake.Completed || len(r.Payload) != 0 {
		t.Errorf("%v, answer %q", o, r.Payload)
	}
	node.w.run(provisionalFor)
	if len(node.messages) != 0 || len(node.opened) != 0 {
		t.Error("it ran without a proof")
	}
}

// "with the handshake queue an eighth full (sticky for a second)"; a flood of
// Hellos meanwhile gets its bucket's worth and leaves nothing.
func TestHelloFloodWhileBusy(t *testing.T) {
	busy := false
	node := oldNode(t, func(c *Config) { c.Busy = func() bool { return busy }; c.Rate, c.Burst = 10, 256 })
	exchange := func(seed uint64) []byte {
		k := node.exchangeFrom(fmt.Sprintf("198.51.%d.2:40000", seed), seed, "")
		return node.give(k.from, k.first())
	}
	if answer := exchange(1); answer == nil || isChallenge(answer) {
		t.Error("not answered at once when there is nothing to do")
	}
	busy = true
	if !isChallenge(exchange(2)) {
		t.Error("no Challenge when busy")
	}
	busy = false
	node.w.run(900 * time.Millisecond)
	if !isChallenge(exchange(3)) {
		t.Error("no Challenge 0.9 s after")
	}
	busy = true
	hello := node.knockFrom("203.0.113.9:40000", 50).first()
	answered := 0
	for i := range 2000 {
		binary.BigEndian.PutUint64(hello[19:], uint64(i)+1)
		if node.give(mustAddr("203.0.113.9:40000"), hello) != nil {
			answered++
		}
	}
	if answered != 256 {
		t.Errorf("%d of 2000 Hellos of one prefix answered", answered)
	}
	k := node.knockFrom("198.51.100.77:40000", 60)
	if answer := node.give(k.from, k.complete()); answer == nil {
		t.Error("First Contact stopped")
	}
	busy = false
	node.w.run(2 * time.Second)
	if answer := exchange(4); answer == nil || isChallenge(answer) {
		t.Error("still busy after 2 s")
	}
	node.w.run(provisionalFor)
	node.wantNothing()
}

// Provisional starvation: one neighbour with an address of its own makes three
// connections a second and proves none. It fills the room of its /24, and a device
// beside it gets in all the same.
func TestNeighbourHoldsAPrefix(t *testing.T) {
	node := listener(t)
	seed := 0
	knock := func(from string) []byte {
		seed++
		k := node.knockFrom(from, uint64(seed))
		return node.give(k.from, k.complete())
	}
	for range maxProvisionalPrefix {
		if knock("198.51.100.66:666") == nil {
			t.Fatal("no room at first")
		}
	}
	served := 0
	for range 40 {
		for range 3 {
			node.w.run(time.Second / 3)
			knock("198.51.100.66:666")
		}
		k := node.knockFrom("198.51.100.2:40000", uint64(5000+served))
		answer := node.give(k.from, k.complete())
		if answer == nil {
			continue
		}
		node.w.run(500 * time.Millisecond) // a slow path, and the neighbour goes on
		knock("198.51.100.66:666")
		node.w.tap = nil
		node.Receive(node.w.now, k.from, k.data(answer))
		if served++; len(node.opened) != served {
			t.Fatal("the device had its answer, and was dropped before its first Data")
		}
		if n := node.gate.crowd[prefix(k.from)]; n > maxProvisionalPrefix {
			t.Fatalf("%d provisional in a prefix", n)
		}
	}
	if served < 30 {
		t.Errorf("%d of 40 connections beside such a neighbour", served)
	}
}

// The same from many prefixes: nobody holds the whole table.
func TestStrangersHoldTheTable(t *testing.T) {
	node := listener(t)
	for i := range maxProvisional {
		r := &handshake.Result{MyID: wire.ID{9, 9, byte(i >> 8), byte(i)}, Validated: true}
		binary.BigEndian.PutUint32(r.Request[:], uint32(i)+1)
		from := mustAddr(fmt.Sprintf("10.%d.%d.1:1", i/64>>8, i/64&255))
		now := node.begin(node.w.now)
		node.gate.waiting.add(&provisional{result: r, from: from, born: now})
	}
	knock := func(seed uint64) []byte {
		k := node.knockFrom("198.51.100.2:40000", seed)
		return node.give(k.from, k.complete())
	}
	if knock(1) != nil {
		t.Error("one of a moment ago gave way")
	}
	node.w.run(provisionalLeast)
	if knock(2) == nil {
		t.Error("no room beside the oldest")
	}
	if n := len(node.gate.byRequest); n != maxProvisional {
		t.Errorf("%d provisional connections", n)
	}
}
