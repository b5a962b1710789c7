package handshake_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
)

func TestChallengeOfOtherHello(t *testing.T) {
	g := newRig(t)
	i, other := g.initiator(), g.initiator()
	mine, _ := g.hello(i)
	_, theirs := g.hello(other)

	// At the initiator: the id of mine, the value of theirs.
	mixed := slices.Clone(theirs)
	copy(mixed, mine[19:27])
	g.give(i, mixed, handshake.BadHash)
	if p := i.Next(g.now); p != nil {
		t.Error("a packet is due")
	}

	// At the responder: the value is bound to the handshake id.
	g.give(other, theirs, handshake.Accepted)
	p := slices.Clone(other.Next(g.now))
	copy(p[19:27], mine[19:27])
	g.drop(g.from, p, handshake.BadMAC)
}

// Every byte of the Challenge is under the seal.
func TestChangedChallenge(t *testing.T) {
	g := newRig(t)
	for at := 8; at < 164; at++ {
		i := g.initiator(func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{} })
		g.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(at), 1}), 1)
		_, challenge := g.hello(i)
		challenge[at] ^= 1
		if _, o := i.Receive(g.now, challenge); o != handshake.Accepted {
			continue
		}
		if _, _, o := g.send(g.from, i.Next(g.now)); o == handshake.Completed {
			t.Fatalf("byte %d of the Challenge was changed and the handshake completed", at)
		}
	}
}

// A responder in the middle with a key of its own.
func TestChallengeOfOtherKey(t *testing.T) {
	g, evil := newRig(t), newRig(t, func(c *handshake.ResponderConfig) {
		c.Statics = []*key.Static{static(t, bytes.Repeat([]byte{9}, 32))}
	})
	for name, pin := range map[string]handshake.Pin{
		"fingerprint": g.pin(),
		"key":         {Key: static(t, g.scalarR).Public()},
		"refused":     {Accept: func(key.Agreement) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			i := g.initiator(func(c *handshake.InitiatorConfig) { c.Pin = pin })
			hello := i.Next(g.now)
			challenge, _, o := evil.send(evil.from, hello)
			want(t, o, handshake.Challenged)
			g.give(i, challenge, handshake.NotPinned)
			if i.Next(g.now) != nil {
				t.Error("it got a Complete")
			}
			if name != "refused" {
				challenge, _, _ = g.send(g.from, hello)
				g.give(i, challenge, handshake.Accepted)
			}
		})
	}
}

// A forged Challenge that comes first does not stop the true one.
func TestForgedChallengeFirst(t *testing.T) {
	g, evil := newRig(t), newRig(t, func(c *handshake.ResponderConfig) {
		c.Statics = []*key.Static{static(t, bytes.Repeat([]byte{9}, 32))}
	})
	i := g.initiator(func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{} })
	hello := i.Next(g.now)
	forged, _, _ := evil.send(evil.from, hello)
	g.give(i, forged, handshake.Accepted)
	challenge, _, _ := g.send(g.from, hello)
	g.give(i, challenge, handshake.Accepted)
	wrong, right := i.Next(g.now), i.Next(g.now)
	if i.Next(g.now) != nil {
		t.Error("more than two Completes are due")
	}
	g.drop(g.from, wrong, handshake.BadMAC)
	answer, _, o := g.send(g.from, right)
	want(t, o, handshake.Completed)
	if res := g.give(i, answer, handshake.Completed); res.Peer != static(t, g.scalarR).Public() {
		t.Error("not the true responder")
	}
}

// "At most 4 an attempt", and one Complete for each.
func TestFifthChallenge(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	hello, challenge := g.hello(i)
	g.give(i, challenge, handshake.Accepted)
	g.give(i, challenge, handshake.Duplicate)
	for range 3 {
		g.after(10 * time.Second) // another slot
		another, _, _ := g.send(g.from, hello)
		g.give(i, another, handshake.Accepted)
	}
	g.after(10 * time.Second)
	another, _, _ := g.send(g.from, hello)
	g.give(i, another, handshake.TooMany)
}

// What a dishonest responder seals is refused by the initiator.
func TestSealedAnswers(t *testing.T) {
	id, token, empty := []byte{1, 2, 3, 4, 5, 6, 7, 8}, make([]byte, 16), []byte{0x10, 0, 0x20, 0}
	for _, c := range []struct {
		name  string
		plain [][]byte
		why   handshake.Outcome
	}{
		{"empty body", [][]byte{id, token, empty}, handshake.Completed},
		{"zero data id", [][]byte{make([]byte, 8), token, empty}, handshake.BadBody},
		{"a payload", [][]byte{id, token, {0x10, 0, 0x20, 1, 7}}, handshake.BadBody},
		{"padding not zero", [][]byte{id, token, empty, {0, 1}}, handshake.BadBody},
		{"short", [][]byte{id, token}, handshake.BadLength},
		{"longer than the Complete", [][]byte{id, token, empty, make([]byte, 1200-58-28+1)}, handshake.BadLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := loadVectors(t)[0]
			in := &v.Inputs
			now := time.Now()
			i := v.initiator(t, now)
			i.Next(now)
			if _, o := i.Receive(now, v.Challenge); o != handshake.Accepted {
				t.Fatalf("outcome %q", o)
			}
			run := modelStart(v.Hello, v.Challenge)
			section := modelSection(len(v.Hello), public(in.StaticI), in.DataI, modelList(v.extensions()))
			run.complete(in.HandshakeID, v.Value, in.E, public(in.StaticR), public(in.K), section)
			_, o := i.Receive(now, run.answer(in.HandshakeID, in.F, public(in.E), public(in.StaticI), bytes.Join(c.plain, nil)))
			want(t, o, c.why)
		})
	}
}

// "With none, s_I is a key made for this connection", and another each time.
func TestNothingPinnedShowsNothing(t *testing.T) {
	g := newRig(t)
	mine := static(t, g.draw(32))
	seen := map[key.Agreement]bool{mine.Public(): true}
	for range 3 {
		ours, theirs := g.finish(g.initiator(func(c *handshake.InitiatorConfig) { c.Static, c.Pin = mine, handshake.Pin{} }))
		if seen[theirs.Peer] || ours.Mine != theirs.Peer {
			t.Error("s_I is not a fresh key")
		}
		seen[theirs.Peer] = true
	}
	for _, pin := range []handshake.Pin{g.pin(), {Accept: func(key.Agreement) bool { return true }}} {
		_, theirs := g.finish(g.initiator(func(c *handshake.InitiatorConfig) { c.Static, c.Pin = mine, pin }))
		if theirs.Peer != mine.Public() {
			t.Error("s_I is not our static key")
		}
	}
}

// Only the sealed answer to a Complete of ours ends a handshake, and only once.
func TestForgedAnswer(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	early := append(g.draw(8), 3, 1)
	current, _ := i.IDs()
	copy(early, current[:])
	g.give(i, append(early, g.draw(76)...), handshake.BadType) // before any Complete
	answer, _, _ := g.send(g.from, g.complete(i))
	for at := range answer {
		answer[at] ^= 0x40
		if res, o := i.Receive(g.now, answer); res != nil {
			t.Fatalf("byte %d flipped: %q", at, o)
		}
		answer[at] ^= 0x40
	}
	for n := range answer {
		if res, o := i.Receive(g.now, answer[:n]); res != nil {
			t.Fatalf("cut to %d: %q", n, o)
		}
	}
	g.give(i, answer, handshake.Completed)
	g.give(i, answer, handshake.BadID)
	if i.Next(g.now) != nil || !i.Deadline().IsZero() {
		t.Error("a finished initiator has something to do")
	}
}

// The answer to one Complete is not the answer to another.
func TestAnswerOfOtherHandshake(t *testing.T) {
	g := newRig(t)
	i, other := g.initiator(), g.initiator()
	g.complete(i)
	answer, _, _ := g.send(g.from, g.complete(other))
	current, _ := i.IDs()
	copy(answer, current[:])
	g.give(i, answer, handshake.BadSeal)
}
