package rud

import (
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// blindPair is a pair whose device sends under one-time ids, and the packets that it
// sent since.
func blindPair(t *testing.T, seed uint64) (w *world, device, node *host, d, n *Conn, x *seals) {
	t.Helper()
	w, device, node, d, n = pair(t, seed)
	x = watchSeals(w)
	if err := d.main.AskOneTime(w.now); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	if !d.main.blind() || n.main.blind() || node.oneTime.out != 1 {
		t.Fatal("no one-time ids")
	}
	return w, device, node, d, n, x
}

// Packets under one-time ids cannot be told to belong together: no id is seen twice,
// and none is the stream's; sets are reissued before they run out; frames arrive once
// in bad weather, and no packet is longer than 1200 bytes.
func TestOneTimeIDs(t *testing.T) {
	w, device, node, d, n, x := blindPair(t, 401)
	if d.MaxPayload() != 18352 || n.MaxPayload() != 18480 {
		t.Errorf("MaxPayload %d and %d", d.MaxPayload(), n.MaxPayload())
	}
	w.loss, w.again, w.jitter, w.overtake = 0.2, 0.1, 100*time.Millisecond, 0.3
	seen := make(map[wire.ID][]byte)
	tap := w.tap
	w.tap = func(from, to netipAddrPort, p []byte) {
		tap(from, to, p)
		if from != device.addr {
			return
		}
		id := wire.ID(p[:8])
		if id == d.main.out.id {
			t.Error("the plain id was sent")
		}
		if seen[id] != nil {
			t.Error("an id twice")
		}
		seen[id] = p
	}
	exchange(t, w, device, node, d, n, 40, 10*time.Minute)
	if len(seen) < 100 || x.most > wire.MaxPacket {
		t.Errorf("%d ids, %d bytes", len(seen), x.most)
	}
	d.size = wire.SmallPacket
	if d.MaxPayload() != 7920 {
		t.Errorf("MaxPayload %d at 548", d.MaxPayload())
	}
}

// Keys roll under one-time ids.
func TestRollUnderOneTimeIDs(t *testing.T) {
	w, device, node, d, n, _ := blindPair(t, 402)
	for i := range 3 {
		w.run(rollLeast)
		if err := d.Roll(w.now); err != nil {
			t.Fatal(err)
		}
		_, _ = d.Send(w.now, text(i, 3000))
		_, _ = n.Send(w.now, text(i, 3000))
		w.run(10 * time.Second)
	}
	if len(device.messages) != 3 || len(node.messages) != 3 || d.secret != n.secret || node.Stats().Rolled != 3 {
		t.Errorf("%d and %d messages, %d rolls", len(device.messages), len(node.messages), node.Stats().Rolled)
	}
}

// oneTimeScript is a connection that issued a set to the peer.
func oneTimeScript(t *testing.T) (s *script, ids []byte) {
	t.Helper()
	s = newScript(t, false)
	s.tell("", entry(wire.TagOneTimeStreamID))
	ids = s.wantList(wire.TagOneTimeStreamID)
	if len(ids) != oneTimeSet*wire.SizeOneTimeID {
		t.Fatalf("a set of %d bytes", len(ids))
	}
	return s, ids
}

// under makes the packet of a frame under that one-time id.
func (s *script) under(id []byte, payload string) []byte {
	s.number++
	h := wire.Header{Number: s.number, Flags: wire.FlagFinal, Frame: uint16(s.index)}
	s.index++
	var mem scratch
	b := wire.AppendBody(beginOneTime(&mem, (*[wire.SizeOneTimeID]byte)(id), &h), nil, []byte(payload))
	return append([]byte(nil), s.seal.sealAfter(&mem, b, wire.SizeOneTimeID)...)
}

// "inner id in the table and counter issued and unspent: a one-time id, spent only
// after the tag opens". Attack: a forged packet under an id that was overheard.
func TestOneTimeIDIsSpentOnceItOpened(t *testing.T) {
	s, ids := oneTimeScript(t)
	id := ids[:16]
	good := s.under(id, "x")
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	s.receive(forged)
	s.wantMessages(0)
	s.receive(good)
	s.wantMessages(1)
	unknown := s.e.Stats().Unknown
	s.receive(good)                 // spent
	s.receive(s.under(id, "again")) // spent
	s.receive(s.under(make([]byte, 16), "zeros"))
	never := append([]byte{9}, id[1:]...)
	s.receive(s.under(never, "never issued"))
	s.receive(good[:51]) // too short
	s.wantMessages(1)
	if got := s.e.Stats().Unknown - unknown; got < 4 {
		t.Errorf("%d packets of nobody's", got)
	}
	s.receive(s.under(ids[5*16:6*16], "in any order"))
	s.frame(s.index, []byte("the plain id is heard, too"))
	s.wantMessages(3)
	s.wantOpen()
}

// "Sets are reissued before they run out": when fewer than 16 are ahead of the
// newest spent; and the newest 64 issued are heard.
func TestOneTimeSetsAreReissued(t *testing.T) {
	s, ids := oneTimeScript(t)
	s.receive(s.under(ids[:16], "x"))
	more := s.wantList(wire.TagOneTimeStreamID)
	s.settle()
	for range 3 {
		s.tell("", entry(wire.TagOneTimeStreamID))
		s.pass(50 * time.Millisecond)
		s.settle()
	}
	messages := len(s.messages)
	s.receive(s.under(ids[15*16:], "of the first set, 64 issued since"))
	if len(s.messages) != messages {
		t.Error("an id is heard for ever")
	}
	s.receive(s.under(more[:16], "among the newest 64"))
	if len(s.messages) != messages+1 {
		t.Error("an id of the newest 64 is not heard")
	}
}

// A sender with none left sends nothing, asks in time, and ends the connection after
// 30 s: "it must not fall back to the plain id".
func TestNoOneTimeIDLeft(t *testing.T) {
	s := newScript(t, true)
	if err := s.c.main.AskOneTime(s.now); err != nil {
		t.Fatal(err)
	}
	s.wantList(wire.TagOneTimeStreamID)
	set := make([]byte, oneTimeSet*16)
	newSeeded(77).Read(set)
	s.tell("", entry(wire.TagOneTimeStreamID, set))
	asked := 0
	for i := range 200 {
		_, _ = s.c.Send(s.now, text(i, 20))
		s.pass(100 * time.Millisecond)
		if len(s.closed) > 0 {
			break
		}
	}
	s.pass(20 * time.Second)
	for i, p := range s.out {
		if i >= oneTimeSet || string(p.packet[:16]) != string(set[16*i:][:16]) {
			t.Fatalf("packet %d under %x", i, p.packet[:16])
		}
		if len(p.packet) == 16+16+16+2+2+wire.SizeEmptyBody+len(wire.TagOneTimeStreamID) {
			asked++
		}
	}
	if len(s.out) != oneTimeSet || asked == 0 {
		t.Errorf("%d packets, asked %d times", len(s.out), asked)
	}
	s.out = nil
	s.pass(oneTimePatience)
	s.wantClosed(ReasonBlind)
}

// With a new set it goes on, and what was queued arrives.
func TestOneTimeOutage(t *testing.T) {
	w, _, node, d, _, _ := blindPair(t, 405)
	d.main.blinded.ids = d.main.blinded.ids[:0]
	d.main.blinded.since = w.now.Sub(d.e.start)
	sent, err := d.Send(w.now, []byte("waits"))
	if err != nil {
		t.Fatal(err)
	}
	w.run(10 * time.Second)
	if len(node.messages) != 0 {
		t.Error("sent without an id")
	}
	node.opened[0].main.issue(w.now.Sub(node.start))
	node.opened[0].flush(w.now.Sub(node.start))
	w.run(10 * time.Second)
	if len(node.messages) != 1 || !d.Acknowledged(sent) {
		t.Error("what waited did not arrive")
	}
}

// Renew, "StreamNew changes one id by the same machinery": packets under the old id
// are heard for 3 PTO more; and the responder gives a reset token "for each new id"
// of the main stream.
func TestRenew(t *testing.T) {
	for _, who := range []string{"device", "node", "both"} {
		w, device, node, d, n := pair(t, 420)
		x := watchSeals(w)
		was := [2]wire.ID{d.main.in.id, n.main.in.id}
		token := d.reset
		w.loss, w.again, w.jitter, w.overtake = 0.2, 0.1, 100*time.Millisecond, 0.3
		if who != "node" {
			if err := d.main.Renew(w.now); err != nil {
				t.Fatal(err)
			}
			if err := d.main.Renew(w.now); err != ErrRolling {
				t.Errorf("twice: %v", err)
			}
		}
		if who != "device" {
			if err := n.main.Renew(w.now); err != nil {
				t.Fatal(err)
			}
		}
		exchange(t, w, device, node, d, n, 30, 10*time.Minute)
		w.run(2 * time.Minute)
		if (d.main.in.id != was[0]) != (who != "node") || (n.main.in.id != was[1]) != (who != "device") {
			t.Errorf("%s: the ids did not change", who)
		}
		if d.main.out.id != n.main.in.id || n.main.out.id != d.main.in.id || len(device.streams) != 1 || len(node.streams) != 1 {
			t.Errorf("%s: ids are left", who)
		}
		if (d.reset != token) != (who != "node") || d.reset != handshake.ResetToken(node.cfg.Reset, n.Peer(), d.main.in.id) {
			t.Errorf("%s: another token", who)
		}
		if len(x.keys) < 3 || d.main.other != nil || n.main.other != nil {
			t.Errorf("%s: %d keys", who, len(x.keys))
		}
		if err := d.Roll(w.now); err != nil { // and keys roll after it
			t.Error(err)
		}
		w.loss = 0
		w.run(time.Minute)
		if node.Stats().Rolled != 1 || d.secret != n.secret {
			t.Errorf("%s: no roll", who)
		}
	}
}

// A Roll that meets an id that is changing waits for it.
func TestRollMeetsRenew(t *testing.T) {
	w, device, node, d, n := pair(t, 430)
	w.run(rollLeast)
	if err := n.main.Renew(w.now); err != nil {
		t.Fatal(err)
	}
	if err := d.Roll(w.now); err != nil {
		t.Fatal(err)
	}
	if err := n.Roll(w.now); err != ErrRolling {
		t.Errorf("Roll while an id changes: %v", err)
	}
	w.run(time.Minute)
	_, _ = d.Send(w.now, text(1, 40))
	_, _ = n.Send(w.now, text(2, 40))
	w.run(time.Minute)
	if len(device.messages) != 1 || len(node.messages) != 1 || node.Stats().Rolled != 1 || d.secret != n.secret {
		t.Errorf("%d and %d messages, %d rolls", len(device.messages), len(node.messages), node.Stats().Rolled)
	}
}

// Attack: a device that acknowledges nothing makes the answer to a one-time id one
// too many, in a packet from another path that is proved: the connection is over
// before the path is looked at, and moves nowhere.
func TestOneTimeIDThatIsOneTooMany(t *testing.T) {
	s, ids := oneTimeScript(t)
	moved := 0
	s.e.cfg.Handler = moving{s, &moved}
	s.c.paths.spare[0] = candidate{credit: credit{addr: scriptThere}, proved: s.e.now.Sub(s.e.start) + oldPathFor}
	for s.c.main.outbox.len() < frameWindow {
		s.c.main.outbox.add(&s.e.buffers, nil, wire.FlagFinal)
	}
	for range queueMost {
		s.c.besides().queue = append(s.c.besides().queue, queued{s: &s.c.main})
	}
	s.out = nil
	s.addr = scriptThere
	s.receive(s.under(ids[:16], "x"))
	s.out = nil
	s.wantClosed(ReasonBreach)
	if moved != 0 {
		t.Error("a closed connection moved")
	}
}

// moving is a script that counts moves.
type moving struct {
	*script
	moved *int
}

func (m moving) Moved(time.Time, *Conn) { *m.moved++ }

// Attack: a node that acknowledges nothing and asks for ids until no more control may
// wait, while ours run low: asking for more in the middle of a packet would end the
// connection, whose keys that packet is to be sealed with.
func TestAskingForIDsWhenNoControlMayWait(t *testing.T) {
	s := newScript(t, true)
	s.deny = true
	if err := s.c.main.AskOneTime(s.now); err != nil {
		t.Fatal(err)
	}
	set := make([]byte, oneTimeSet*wire.SizeOneTimeID)
	for range 2 {
		newSeeded(uint64(s.index)).Read(set)
		s.tell("", entry(wire.TagOneTimeStreamID, set))
	}
	for i := byte(1); len(s.c.besides().queue) < queueMost; i++ {
		s.tell("", entry(wire.TagStreamNew, []byte{7: i}), entry(wire.TagStreamClient, []byte("refused")))
	}
	s.pass(10 * time.Second) // timeouts take ids
	if s.c.main.blinded.asked || !s.c.Proved() {
		t.Error("asked, or over")
	}
}

// The ids of one stream of several run out: the connection ends, among its timers.
func TestOneTimeIDsOfOneStreamRunOut(t *testing.T) {
	s := newScript(t, true)
	first, k := s.weOpen(1, Binding{Kind: Transactional, Protocol: "a"}, "")
	s.weOpen(2, Binding{Kind: Transactional, Protocol: "b"}, "")
	if err := first.AskOneTime(s.now); err != nil {
		t.Fatal(err)
	}
	k.inside(func() { s.tell("", entry(wire.TagOneTimeStreamID, make([]byte, wire.SizeOneTimeID))) })
	_, _ = first.Send(s.now, []byte("x"))
	s.pass(oneTimePatience + time.Minute)
	s.out = nil
	s.wantClosed(ReasonBlind)
}
