package handshake_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// "Hello, Exchange and Complete are resent every 500 ms (± 10%) for 15 s, then every
// 5 s"; "only Hello and Exchange fall back to 548 (after two unanswered tries;
// Exchange with a new e_I)". After 2 s without an answer a Hello follows.
func TestExchangeSchedule(t *testing.T) {
	x := newExchangeRig(t)
	i := x.dialler()
	first, _ := i.IDs()
	all := x.run(i, 30*time.Second)
	checkIntervals(t, all)
	for n, s := range all {
		size := []int{wire.MaxPacket, wire.SmallPacket}[min(n/2, 1)]
		kind := byte(wire.TypeExchange)
		if s.at >= 2*time.Second {
			kind = wire.TypeHello
		}
		if len(s.p) != size || s.p[16] != kind {
			t.Errorf("packet %d, after %v, has %d bytes of type %d", n+1, s.at, len(s.p), s.p[16])
		}
		if sameID := bytes.Equal(s.p[19:27], first[:]); sameID != (kind == wire.TypeExchange) {
			t.Errorf("packet %d has the first attempt's id: %v", n+1, sameID)
		}
		if kind == wire.TypeExchange && !bytes.Equal(s.p, all[min(n/2*2, 2)].p) {
			t.Errorf("packet %d is not the same bytes again", n+1)
		}
	}
	if bytes.Equal(all[0].p[84:116], all[2].p[84:116]) {
		t.Error("the small Exchange has the large one's e_I")
	}
	if bytes.Equal(all[0].p[84:116], all[len(all)-1].p[84:116]) {
		t.Error("e_I in a Hello")
	}
}

// "A ResponderComplete is tried against every Complete sent in the attempt; the
// first that opens wins", and against every Exchange: the large one, the small one,
// and the Complete to a Challenge that came in between.
func TestAnswerToAnyExchange(t *testing.T) {
	for _, c := range []struct {
		name string
		pick int
		mode handshake.Mode
	}{{"large", 0, handshake.Immediate}, {"small", 1, handshake.Immediate}, {"deferred", 2, handshake.Deferred}} {
		t.Run(c.name, func(t *testing.T) {
			x := newExchangeRig(t)
			i := x.dialler()
			large := i.Next(x.now)
			all := x.run(i, 1800*time.Millisecond)
			small := all[len(all)-1].p
			x.busy = true
			challenge, _, o := x.send(x.from, small)
			want(t, o, handshake.Challenged)
			x.give(i, challenge, handshake.Accepted)
			x.busy = false
			x.after(time.Second)
			p := [][]byte{large, small, i.Next(x.now)}[c.pick]
			answer, theirs, o := x.send(x.from, p)
			want(t, o, handshake.Completed)
			ours := x.give(i, answer, handshake.Completed)
			same(t, "secret", ours.Secret[:], theirs.Secret[:])
			if ours.Mode != c.mode || ours.Size != len(p) || theirs.Size != len(p) {
				t.Errorf("mode %v, %d and %d bytes", ours.Mode, ours.Size, theirs.Size)
			}
			x.give(i, answer, handshake.BadID)
		})
	}
}

// "Deferred is Exchange, Challenge, Complete, ResponderComplete": the Complete is as
// long as the Exchange that the Challenge answers, s_R is the pinned key, and the
// payload stays with its owner.
func TestDeferred(t *testing.T) {
	for _, size := range []int{wire.MaxPacket, wire.SmallPacket} {
		x := newExchangeRig(t)
		x.busy = true
		i := x.dialler(func(c *handshake.InitiatorConfig) { c.Size = size })
		exchange := i.Next(x.now)
		challenge, _, o := x.send(x.from, exchange)
		want(t, o, handshake.Challenged)
		x.give(i, challenge, handshake.Accepted)
		x.give(i, challenge, handshake.Duplicate)
		p := i.Next(x.now)
		if len(p) != size || p[16] != wire.TypeComplete || bytes.Equal(p[84:116], exchange[84:116]) {
			t.Fatalf("%d bytes of type %d", len(p), p[16])
		}
		answer, theirs, o := x.send(x.from, p)
		want(t, o, handshake.Completed)
		ours := x.give(i, answer, handshake.Completed)
		if ours.Mode != handshake.Deferred || theirs.Mode != handshake.FirstContact || !theirs.Validated || ours.Payload != nil || len(x.ran) != 0 {
			t.Errorf("%v, %v, payload %q", ours.Mode, theirs.Mode, ours.Payload)
		}
		if ours.Card != theirs.Card || ours.Card == [32]byte{} {
			t.Error("no card was promised")
		}
	}
}

// The Challenge to an Exchange is refused when it shows another key, and when it
// answers another Exchange.
func TestForgedDeferral(t *testing.T) {
	x := newExchangeRig(t)
	evil := newRig(t, func(c *handshake.ResponderConfig) {
		c.Statics = []*key.Static{static(t, bytes.Repeat([]byte{9}, 32))}
	})
	i, other := x.dialler(), x.dialler()
	p, q := i.Next(x.now), other.Next(x.now)
	forged, _, o := evil.send(x.from, p)
	want(t, o, handshake.Challenged) // it was started a moment ago
	x.give(i, forged, handshake.NotPinned)
	x.busy = true
	challenge, _, _ := x.send(x.from, q)
	copy(challenge, p[19:27])
	x.give(i, challenge, handshake.BadHash)
	if i.Next(x.now) != nil {
		t.Error("a packet is due")
	}
}

// An Exchange that nobody answers is given up for a Hello, and its answer still
// counts for 5 s more.
func TestLateAnswerToExchange(t *testing.T) {
	x := newExchangeRig(t)
	i := x.dialler()
	p := i.Next(x.now)
	answer, _, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	first, _ := i.IDs()
	x.run(i, 2*time.Second)
	if current, old := i.IDs(); old != first || current == first {
		t.Errorf("ids %v, %v after %v", current, old, first)
	}
	x.after(5*time.Second - 1)
	if res := x.give(i, answer, handshake.Completed); res.Mode != handshake.Immediate {
		t.Errorf("mode %v", res.Mode)
	}

	i = x.dialler()
	answer, _, _ = x.send(x.from, i.Next(x.now))
	x.run(i, 7*time.Second)
	x.give(i, answer, handshake.BadID)
}

// A responder that answers no Exchange at all is reached by First Contact.
func TestExchangeGivenUp(t *testing.T) {
	x := newExchangeRig(t)
	i := x.dialler()
	x.run(i, 3*time.Second)
	hello := i.Next(x.now)
	for hello == nil {
		x.now = i.Deadline()
		hello = i.Next(x.now)
	}
	challenge, _, o := x.send(x.from, hello)
	want(t, o, handshake.Challenged)
	x.give(i, challenge, handshake.Accepted)
	answer, _, o := x.send(x.from, i.Next(x.now))
	want(t, o, handshake.Completed)
	if ours := x.give(i, answer, handshake.Completed); ours.Mode != handshake.FirstContact || ours.Payload != nil || ours.Size != wire.SmallPacket {
		t.Errorf("mode %v, payload %q, size %d", ours.Mode, ours.Payload, ours.Size)
	}
}

// A payload that only the large Exchange holds stays behind when the small one
// leaves, and then the answer has none to answer.
func TestPayloadTooLongForSmallExchange(t *testing.T) {
	x := newExchangeRig(t)
	x.answer = []byte("answer")
	long := bytes.Repeat([]byte{1}, handshake.MaxFirstPayload(0x11, wire.MaxPacket))
	i := x.dialler(func(c *handshake.InitiatorConfig) {
		c.Payload = long
		c.Extensions = []wire.Extension{{Tag: wire.TagStreamClient, Value: []byte(wire.Protocol)}}
	})
	large := i.Next(x.now)
	all := x.run(i, 1800*time.Millisecond)
	_, res, o := x.send(x.from, large)
	want(t, o, handshake.Completed)
	same(t, "payload", res.Payload, long)
	answer, res, o := x.send(x.from, all[len(all)-1].p)
	want(t, o, handshake.Completed)
	if ours := x.give(i, answer, handshake.Completed); res.Payload != nil || ours.Payload != nil {
		t.Error("a payload in the small Exchange")
	}
	for _, suite := range []wire.Suite{0x11, 0x21} {
		for _, size := range []int{wire.SmallPacket, wire.MaxPacket} {
			if n := handshake.MaxFirstPayload(suite, size); n < 256 {
				t.Errorf("%v: a payload of %d bytes in %d: MaxFirstPayload counts on 256", suite, n, size)
			}
		}
	}
}

// A dishonest responder answers what was not asked.
func TestAnswerToNothing(t *testing.T) {
	for name, c := range map[string]struct {
		payload []byte
		why     handshake.Outcome
	}{"asked": {[]byte("?"), handshake.Completed}, "not asked": {nil, handshake.BadBody}} {
		t.Run(name, func(t *testing.T) {
			x := newExchangeRig(t)
			i := x.dialler(func(cfg *handshake.InitiatorConfig) { cfg.Payload = c.payload })
			r := &modelResponder{suite: 0x11, static: x.scalarR, f: x.draw(32), reset: x.draw(32), data: x.draw(8), payload: []byte("!")}
			answer, _ := r.exchanged(i.Next(x.now), nil, nil)
			x.give(i, answer, c.why)
		})
	}
}

// Only the sealed answer to an Exchange of ours ends it.
func TestForgedAnswerToExchange(t *testing.T) {
	x := newExchangeRig(t)
	i := x.dialler()
	answer, _, _ := x.send(x.from, i.Next(x.now))
	other, _, _ := x.send(x.from, x.dialler().Next(x.now))
	copy(other, answer[:8])
	x.give(i, other, handshake.BadSeal)
	for at := range answer {
		flipped := slices.Clone(answer)
		flipped[at] ^= 0x40
		if res, o := i.Receive(x.now, flipped); res != nil {
			t.Fatalf("byte %d flipped: %q", at, o)
		}
		if res, o := i.Receive(x.now, answer[:at]); res != nil {
			t.Fatalf("cut to %d: %q", at, o)
		}
	}
	long := append(slices.Clone(answer), make([]byte, 1201-len(answer))...)
	x.give(i, long, handshake.BadLength)
	x.give(i, answer, handshake.Completed)
}

// Whoever sees our handshake id sends answers without end: a thousand a second are
// tried, and the true one is, when it comes again.
func TestForgedAnswersWithoutEnd(t *testing.T) {
	x := newExchangeRig(t)
	i := x.dialler()
	p := i.Next(x.now)
	answer, _, o := x.send(x.from, p)
	want(t, o, handshake.Completed)
	forged := slices.Clone(answer)
	forged[60] ^= 1
	tried := 0
	for n := range 1500 {
		forged[20], forged[21] = byte(n), byte(n>>8)
		switch _, o := i.Receive(x.now, forged); o {
		case handshake.BadSeal:
			tried++
		case handshake.TooMany:
		default:
			t.Fatalf("outcome %q", o)
		}
	}
	if tried != 1000 {
		t.Errorf("%d tried", tried)
	}
	x.give(i, answer, handshake.TooMany)
	x.after(time.Second)
	x.give(i, answer, handshake.Completed)
}

func TestExchangesThatCannotWork(t *testing.T) {
	x := newExchangeRig(t)
	pin := handshake.Pin{Key: static(t, x.scalarR).Public()}
	long := func(n int) []wire.Extension { return []wire.Extension{{Tag: "a", Value: make([]byte, n)}} }
	for name, c := range map[string]handshake.InitiatorConfig{
		"nothing pinned":      {Mode: handshake.Immediate},
		"a fingerprint":       {Mode: handshake.Immediate, Pin: x.pin()},
		"Deferred":            {Mode: handshake.Deferred, Pin: pin},
		"no mode":             {Mode: 9, Pin: pin},
		"no ticket":           {Mode: handshake.Ticketed, Pin: pin},
		"too long":            {Mode: handshake.Immediate, Pin: pin, Payload: make([]byte, 1010)},
		"too long for 548":    {Mode: handshake.Immediate, Pin: pin, Payload: make([]byte, 356), Size: wire.SmallPacket},
		"extensions too long": {Mode: handshake.Immediate, Pin: pin, Extensions: long(351)},
	} {
		if _, err := handshake.NewInitiator(x.now, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, c := range map[string]handshake.InitiatorConfig{
		"as long as fits":        {Mode: handshake.Immediate, Pin: pin, Payload: make([]byte, 1007)},
		"as long as fits in 548": {Mode: handshake.Immediate, Pin: pin, Payload: make([]byte, 355), Size: wire.SmallPacket},
		"extensions":             {Mode: handshake.Immediate, Pin: pin, Extensions: long(350)},
	} {
		i, err := handshake.NewInitiator(x.now, c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if i.Next(x.now) == nil {
			t.Errorf("%s: no packet", name)
		}
	}
}

// The payload is copied: its owner may use the bytes again at once.
func TestPayloadIsCopied(t *testing.T) {
	x := newExchangeRig(t)
	payload := []byte("resolve")
	i := x.dialler(func(c *handshake.InitiatorConfig) { c.Payload = payload })
	clear(payload)
	_, res, o := x.send(x.from, i.Next(x.now))
	want(t, o, handshake.Completed)
	same(t, "payload", res.Payload, []byte("resolve"))
}

// The time in an Exchange is that of the packet, not of the dial.
func TestSlotIsOfThePacket(t *testing.T) {
	x := newExchangeRig(t)
	i := x.dialler()
	x.after(time.Hour)
	_, _, o := x.send(x.from, i.Next(x.now))
	want(t, o, handshake.Completed)
}

// With 30% loss each way an Exchange is as sure as a Hello, and once out of doubt
// quicker.
func TestExchangesUnderLoss(t *testing.T) {
	const runs, delay = 60, 25 * time.Millisecond
	late := 0
	for n := range runs {
		x := newExchangeRig(t)
		lost := func() bool { return x.rnd.Uint64()%10 < 3 }
		x.draw(n)
		if took := lossy(x.rig, x.dialler(), delay, lost); took > 15*time.Second {
			late++
		}
	}
	if late > 0 {
		t.Errorf("%d of %d handshakes took more than 15 s", late, runs)
	}
}
