package hostile_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/node/client"
	"meshpresence/testnet/hostile"
	"meshpresence/transport/rud/wire"
)

// wiretap is a node, a tap in front of it, and a device by hand behind the tap.
type wiretap struct {
	t      *testing.T
	node   *site
	tap    *hostile.UDPTap
	bare   *hostile.Device
	expect [18]byte
}

func newWiretap(t *testing.T) *wiretap {
	t.Helper()
	w := &wiretap{t: t, node: startNode(t, nil)}
	var device netip.AddrPort
	device, w.expect = w.node.devices()
	w.tap = must(hostile.NewUDPTap("127.0.0.1:0", device))
	t.Cleanup(w.tap.Close)
	w.bare = must(hostile.NewDevice(7))
	t.Cleanup(w.bare.Close)
	return w
}

// mine are the packets of the device by hand, both ways.
func (w *wiretap) mine() []hostile.Packet { return hostile.Between(w.tap.Packets(), w.bare.Addr()) }

// toNode leaves the packets that went to the node.
func (w *wiretap) toNode(packets []hostile.Packet) []hostile.Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p hostile.Packet) bool { return p.To != w.tap.Target() })
}

func (w *wiretap) beat() {
	w.t.Helper()
	check(w.t, w.bare.Beat())
}

// inOneGo is how many packets are replayed before the node is waited for: what
// its socket's queue surely holds.
const inOneGo = 64

// replay sends recorded packets to the node again, from where they came.
func (w *wiretap) replay(packets []hostile.Packet) (beats int) {
	w.t.Helper()
	for chunk := range slices.Chunk(packets, inOneGo) {
		for _, p := range chunk {
			check(w.t, w.tap.Inject(p.From, p.Data))
		}
		w.beat()
		beats++
	}
	return beats
}

// "A replayed capture (handshakes included) delivers nothing twice and never
// makes two packets under one key and number."
func TestReplayedCapture(t *testing.T) {
	w := newWiretap(t)
	phone := newAccount(t, "phone", w.node.behind(w.tap.Addr()))
	phone.watch()
	check(t, w.bare.Dial(w.tap.Addr(), w.expect))
	w.loseSome()
	check(t, w.bare.Found(must(key.NewAccount())))
	check(t, w.bare.Watch())
	const posts = 6
	for i := range posts {
		text := bytes.Repeat([]byte{'a' + byte(i)}, 10+i*500) // of one packet and of several
		_, err := w.bare.Publish(must(w.bare.Post("main", "", text, i%2 == 0)))
		check(t, err)
		phone.publish(client.Post{Data: text})
		phone.want(string(text))
	}
	check(t, w.bare.Until(func() bool { return len(must(w.bare.Delivered())) >= posts }))
	w.tap.Pass(nil)
	w.beat()

	recorded := w.tap.Packets()
	digestBefore, heard := digest(t, w.node), w.bare.Heard
	kinds := make(map[byte]int)
	for _, p := range w.toNode(recorded) {
		kinds[hostile.FirstKind(p.Data)]++
	}
	if kinds[wire.TypeHello] < 2 || kinds[wire.TypeComplete] < 2 || kinds[0] < 20 {
		t.Fatalf("recorded %v packets by type: that is no capture to replay", kinds)
	}

	sentBefore := len(w.mine()) - len(w.toNode(w.mine()))
	again := w.toNode(recorded)
	beats := w.replay(again)
	beats += w.replay(slices.Concat(again, again))
	slices.Reverse(again)
	beats += w.replay(again)

	// A replayed packet is not even acknowledged: what the node sends is the
	// answers to the heartbeats and their acknowledgements, and Challenges.
	sent := len(w.mine()) - len(w.toNode(w.mine())) - sentBefore
	if most := 4 * (beats + kinds[wire.TypeHello]); sent > most {
		t.Errorf("the node sent %d packets during the replay, want at most %d", sent, most)
	}
	if w.bare.Heard != heard+beats {
		t.Errorf("the node answered the replay with %d messages", w.bare.Heard-heard-beats)
	}
	delivered := must(w.bare.Delivered())
	slices.SortFunc(delivered, func(a, b key.Hash) int { return bytes.Compare(a[:], b[:]) })
	if n := len(slices.Compact(delivered)); n != posts {
		t.Errorf("%d different events were delivered, want %d", n, posts)
	}
	phone.none()
	if digest(t, w.node) != digestBefore {
		t.Error("the replay changed what the node holds")
	}
	w.fromElsewhere(again)
	w.beat()
	w.fromElsewhere(w.newest())
	w.countNumbers()
}

// newest are the packets that the device sent last.
func (w *wiretap) newest() []hostile.Packet {
	all := w.toNode(w.mine())
	return all[len(all)-3:]
}

// loseSome stops every fifth packet in each direction, so that the recording
// holds retransmissions and packets that the node saw for the first time only
// when they were replayed.
func (w *wiretap) loseSome() {
	seen := make(map[netip.AddrPort]int)
	w.tap.Pass(func(p hostile.Packet) bool {
		if p.From != w.bare.Addr() && p.To != w.bare.Addr() {
			return true
		}
		seen[p.To]++
		return seen[p.To]%5 != 0
	})
}

// fromElsewhere replays from another address: only a Hello is answered, as any
// newcomer's.
func (w *wiretap) fromElsewhere(packets []hostile.Packet) {
	w.t.Helper()
	thief := must(hostile.NewStranger(w.tap.Target()))
	w.t.Cleanup(thief.Close)
	hellos := 0
	var answers [][]byte
	for chunk := range slices.Chunk(packets, inOneGo) {
		for _, p := range chunk {
			check(w.t, thief.Send(p.Data))
			if hostile.FirstKind(p.Data) == wire.TypeHello {
				hellos++
			}
		}
		before, err := thief.Settle()
		check(w.t, err)
		answers = append(answers, before...)
	}
	for _, a := range answers {
		if !hostile.IsChallenge(a) {
			w.t.Errorf("somebody else's replay was answered with %d bytes %.20x", len(a), a)
		}
	}
	if len(answers) > hellos {
		w.t.Errorf("%d Hellos replayed from elsewhere got %d Challenges", hellos, len(answers))
	}
}

// countNumbers opens the headers of all packets that the node and the device
// sent: under one key no number stands twice.
func (w *wiretap) countNumbers() {
	w.t.Helper()
	opener, err := w.bare.NewOpener(w.mine(), w.expect)
	check(w.t, err)
	opened, err := opener.OpenAll(w.mine())
	check(w.t, err)
	type number struct {
		toNode bool
		n      uint32
	}
	type piece struct {
		toNode bool
		frame  uint16
		index  int
	}
	numbers, pieces := make(map[number]int), make(map[piece]int)
	sent := make(map[bool]int)
	for _, o := range opened {
		sent[o.ToNode]++
		numbers[number{o.ToNode, o.Header.Number}]++
		if !o.Header.NoFrame() {
			pieces[piece{o.ToNode, o.Header.Frame, o.Header.Index}]++
		}
	}
	for n, times := range numbers {
		if times > 1 {
			w.t.Errorf("packet number %d was used %d times (to the node: %v)", n.n, times, n.toNode)
		}
	}
	resent := 0
	for p, times := range pieces {
		if times > 1 && !p.toNode {
			resent++
		}
	}
	w.t.Logf("%d packets of the node and %d of the device, %d pieces sent again by the node", sent[false], sent[true], resent)
	if resent == 0 {
		w.t.Error("the node sent nothing again, so the count shows little")
	}
}

// "e_I seen? (same bytes and source, still provisional: stored answer; else
// silence)": a Complete is answered once, with one answer.
func TestReplayedComplete(t *testing.T) {
	w := newWiretap(t)
	// Nothing but the handshake passes: the connection stays provisional.
	w.tap.Pass(func(p hostile.Packet) bool { return p.To != w.tap.Target() || hostile.FirstKind(p.Data) != 0 })
	check(t, w.bare.Dial(w.tap.Addr(), w.expect))
	var complete hostile.Packet
	for _, p := range w.toNode(w.mine()) {
		if hostile.FirstKind(p.Data) == wire.TypeComplete {
			complete = p
		}
	}
	id := wire.ID(complete.Data[19:27]) // rud.md, COMPLETE
	answers := func() (list [][]byte) {
		for _, p := range w.mine() {
			if hostile.IsAnswer(p.Data, id) {
				list = append(list, p.Data)
			}
		}
		return list
	}
	const times = 50
	for range times {
		check(t, w.tap.Inject(complete.From, complete.Data))
	}
	until(t, "each replay of a provisional Complete was answered", func() bool { return len(answers()) > times })
	for _, a := range answers() {
		if !bytes.Equal(a, answers()[0]) {
			t.Fatal("one Complete has two answers: two packets under one key")
		}
	}

	w.tap.Pass(nil)
	w.beat()
	before := len(answers())
	for range times {
		check(t, w.tap.Inject(complete.From, complete.Data))
	}
	w.beat()
	if n := len(answers()) - before; n > 0 {
		t.Errorf("a Complete was answered %d times after its connection was proved", n)
	}
	w.fromElsewhere([]hostile.Packet{complete})
}

// A node that started again knows none of it: only Hellos are answered.
func TestReplayAfterRestart(t *testing.T) {
	w := newWiretap(t)
	check(t, w.bare.Dial(w.tap.Addr(), w.expect))
	check(t, w.bare.Found(must(key.NewAccount())))
	_, err := w.bare.Publish(must(w.bare.Post("main", "door", []byte("open"), true)))
	check(t, err)
	w.beat()
	recorded := w.toNode(w.tap.Packets())
	w.node.cfg.Listen = w.tap.Target().String()
	check(t, w.node.Close())
	w.node.run(t)
	before := digest(t, w.node)
	w.fromElsewhere(recorded)
	if digest(t, w.node) != before {
		t.Error("the replay changed what the node holds")
	}
	// From the address it came from, too: the next connection passes there.
	next := must(hostile.Twin(8, w.bare.Static, w.bare.Key, w.bare.Account))
	t.Cleanup(next.Close)
	check(t, next.Dial(w.tap.Addr(), w.expect))
	for _, p := range recorded {
		check(t, w.tap.Inject(w.bare.Addr(), p.Data))
		check(t, w.tap.Inject(next.Addr(), p.Data))
	}
	check(t, next.Beat())
	if next.Heard != 1 {
		t.Errorf("%d messages came, want the answer to one heartbeat", next.Heard)
	}
}

// Somebody who copies the device's packets and is faster than it gets at most
// three times their bytes, no answer, and not the connection.
func TestStolenPacketMovesNothing(t *testing.T) {
	w := newWiretap(t)
	check(t, w.bare.Dial(w.tap.Addr(), w.expect))
	check(t, w.bare.Found(must(key.NewAccount())))
	w.beat()
	thief := must(hostile.NewStranger(w.tap.Target()))
	t.Cleanup(thief.Close)
	const beats, lost = 8, 4
	packets, stolen := 0, 0
	w.tap.Pass(func(p hostile.Packet) bool {
		if p.To != w.tap.Target() {
			return true
		}
		if thief.Send(p.Data) == nil {
			packets++
			stolen += len(p.Data)
		}
		return packets > lost // the first ones reach the node from the thief alone
	})
	heard := w.bare.Heard
	for range beats {
		w.beat()
	}
	w.tap.Pass(nil)
	if w.bare.Heard != heard+beats {
		t.Errorf("%d messages came, want the answers to %d heartbeats", w.bare.Heard-heard, beats)
	}
	loot, err := thief.Settle()
	check(t, err)
	got := 0
	for _, p := range loot {
		got += len(p)
	}
	t.Logf("%d packets of %d bytes were stolen, the thief got %d of %d bytes", packets, stolen, len(loot), got)
	if got > 3*stolen {
		t.Errorf("the thief got %d bytes for %d", got, stolen)
	}
	// What it got is no answer.
	opener, err := w.bare.NewOpener(w.mine(), w.expect)
	check(t, err)
	for _, p := range loot {
		o, ours, err := opener.Open(p)
		if err != nil || !ours || !o.Header.NoFrame() || len(o.Payload) > 0 {
			t.Errorf("the thief got a packet that is no challenge of a path: %v %v", o.Header, err)
		}
	}
	w.beat()
}
