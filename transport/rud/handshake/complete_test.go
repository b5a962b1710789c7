package handshake_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

func TestReplayedCompleteFromOtherAddress(t *testing.T) {
	g := newRig(t)
	p := g.complete(g.initiator())
	for _, from := range []string{"192.0.2.8:51000", "192.0.2.7:51001", "[2001:db8::7]:51000"} {
		g.drop(netip.MustParseAddrPort(from), p, handshake.BadMAC)
	}
	_, _, o := g.send(g.from, p)
	want(t, o, handshake.Completed)
	g.drop(netip.MustParseAddrPort("192.0.2.8:51000"), p, handshake.BadMAC)
}

// An IPv4 source is the same source when the socket maps it into IPv6.
func TestMappedSourceIsTheSame(t *testing.T) {
	g := newRig(t)
	p := g.complete(g.initiator())
	_, res, o := g.send(netip.MustParseAddrPort("[::ffff:192.0.2.7]:51000"), p)
	want(t, o, handshake.Completed)
	if res.From != source {
		t.Errorf("from %v, want %v", res.From, source)
	}
}

// "same bytes and source, still provisional: stored answer; else silence"
func TestReplayedComplete(t *testing.T) {
	g := newRig(t)
	p := g.complete(g.initiator())
	first, res, o := g.send(g.from, p)
	want(t, o, handshake.Completed)

	again, repeated, o := g.send(g.from, p)
	want(t, o, handshake.Resent)
	if repeated != nil || !bytes.Equal(first, again) {
		t.Error("the second answer is not the stored one")
	}
	other := slices.Clone(p)
	other[len(other)-1] ^= 1
	g.drop(g.from, other, handshake.Replayed)

	g.table.forget(res) // proved, or over
	g.drop(g.from, p, handshake.Replayed)
	if n := g.table.provisional(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// "The value is good for its slot and two more", and not for a slot to come.
func TestOldChallengeValue(t *testing.T) {
	g := newRig(t)
	p := g.complete(g.initiator())
	g.after(29 * time.Second)
	answer, res, o := g.send(g.from, p)
	want(t, o, handshake.Completed)
	_ = answer
	g.after(time.Second)
	g.drop(g.from, p, handshake.Stale)
	g.table.forget(res)
	g.after(time.Hour)
	g.drop(g.from, p, handshake.Stale)

	p = g.complete(g.initiator())
	p = slices.Clone(p)
	p[27+4]++ // a slot to come; the MAC is looked at later
	g.drop(g.from, p, handshake.Stale)
}

// The value carries the hash of the Hello: a Complete over another Hello under
// the same id does not open.
func TestChangedHello(t *testing.T) {
	g := newRig(t)
	f := g.forger()
	hello := slices.Clone(f.hello)
	hello[27] ^= 1
	f.run = modelStart(hello, f.challenge)
	g.drop(g.from, f.complete(g.draw(8), []byte{0x10, 0, 0x20, 0}), handshake.BadSeal)
}

// Each byte of a Complete is authenticated: nothing before the MAC costs a
// curve, and nothing after it gets an answer.
func TestFlippedComplete(t *testing.T) {
	g := newRig(t)
	p := slices.Clone(g.complete(g.initiator()))
	for at := range p {
		if at >= 120 && at%40 != 0 && at < len(p)-2 {
			continue // of the section, one in forty
		}
		p[at] ^= 0x40
		_, _, o := g.send(g.from, p)
		p[at] ^= 0x40
		why := handshake.BadSeal
		switch {
		case at < 16:
			why = handshake.BadZeros
		case at == 16:
			why = handshake.BadType
		case at == 17 || at == 27:
			why = handshake.BadVersion
		case at == 18:
			why = handshake.BadSuite
		case at >= 28 && at < 36:
			why = handshake.Stale // slot, generation
		case at < 84:
			why = handshake.BadMAC
		case at >= 116:
			if o == handshake.Replayed { // the e_I was noted at byte 120
				continue
			}
		}
		if o != why {
			t.Errorf("byte %d flipped: %q, want %q", at, o, why)
		}
	}
}

// A garbled Complete burns its e_I: the attacker who saw it must get there
// first, and the initiator starts over with another.
func TestGarbledCompleteFirst(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	p := g.complete(i)
	garbled := slices.Clone(p)
	garbled[200] ^= 1
	g.drop(g.from, garbled, handshake.BadSeal)
	g.drop(g.from, p, handshake.Replayed)
	g.after(8 * time.Second)
	ours, _ := g.finish(i)
	if ours == nil {
		t.Error("the initiator did not recover")
	}
}

// "Ids random, never zero": a zero data id, and every broken body, drops under
// the seal too.
func TestSealedBodies(t *testing.T) {
	id := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	ext := func(n int) (b []byte) {
		for k := range n {
			b = append(b, 0x10, 1, byte('a'+k), 0x20, 0)
		}
		return append(b, 0x10, 0, 0x20, 0)
	}
	client := func(name string) []byte {
		return append(modelList([]wire.Extension{{Tag: "StreamClient", Value: []byte(name)}}), 0x20, 0)
	}
	for _, c := range []struct {
		name string
		id   []byte
		body []byte
		why  handshake.Outcome
	}{
		{"empty", id, []byte{0x10, 0, 0x20, 0}, handshake.Completed},
		{"our protocol", id, client("mmmpresence"), handshake.Completed},
		{"sixteen extensions", id, ext(16), handshake.Completed},
		{"zero data id", make([]byte, 8), []byte{0x10, 0, 0x20, 0}, handshake.BadBody},
		{"another protocol", id, client("mmm"), handshake.BadBody},
		{"no protocol", id, client(""), handshake.BadBody},
		{"a payload", id, []byte{0x10, 0, 0x20, 1, 7}, handshake.BadBody},
		{"padding not zero", id, []byte{0x10, 0, 0x20, 0, 0, 0, 1}, handshake.BadBody},
		{"seventeen extensions", id, ext(17), handshake.BadBody},
		{"a tag twice", id, []byte{0x10, 1, 'a', 0x20, 0, 0x10, 1, 'a', 0x20, 0, 0x10, 0, 0x20, 0}, handshake.BadBody},
		{"a long length", id, []byte{0x11, 0, 0, 0x20, 0}, handshake.BadBody},
		{"no list", id, nil, handshake.BadBody},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			_, _, o := g.send(g.from, g.forger().complete(c.id, c.body))
			want(t, o, c.why)
		})
	}
}

// Points of small order give all zeros: "all-zero aborts".
func TestSmallOrderKeys(t *testing.T) {
	small := [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...)}
	for _, point := range small {
		g := newRig(t)
		f := g.forger()
		p := append(modelHead(f.id, f.value), point...)
		g.drop(g.from, append(p, make([]byte, f.size-len(p))...), handshake.BadKey)

		// s_I: the section opens, se aborts, and there is no answer.
		f = g.forger()
		plain := append(append(slices.Clone(point), g.draw(8)...), 0x10, 0, 0x20, 0)
		plain = append(plain, make([]byte, f.size-116-16-len(plain))...)
		g.drop(g.from, f.run.complete(f.id, f.value, f.e, f.s, f.k, plain), handshake.BadKey)

		// k_R and s_R at the initiator.
		for _, at := range []int{11, 43} {
			i := g.initiator(func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{} })
			_, challenge := g.hello(i)
			copy(challenge[at:], point)
			g.give(i, challenge, handshake.BadKey)
		}
		// f_R.
		i := g.initiator()
		answer, _, _ := g.send(g.from, g.complete(i))
		copy(answer[10:42], point)
		g.give(i, answer, handshake.BadKey)
	}
}

// modelHead is a Complete up to e_I.
func modelHead(id, value []byte) []byte {
	p := append(make([]byte, 16), 4, 1, 0x11)
	return append(append(p, id...), value...)
}

// "room for one more provisional" stands before "note e_I": a Complete that
// found no room may come again.
func TestNoRoomNotesNothing(t *testing.T) {
	g := newRig(t)
	p := g.complete(g.initiator())
	g.table.full = true
	g.drop(g.from, p, handshake.NoRoom)
	g.table.full = false
	_, _, o := g.send(g.from, p)
	want(t, o, handshake.Completed)
	g.table.full = true // a stored answer needs no room
	_, _, o = g.send(g.from, p)
	want(t, o, handshake.Resent)
}

// One address with one valid challenge value and many ephemerals: it gets as many
// agreements out of us as its bucket has tokens, and the memory of e_I stays open
// for everybody else.
func TestOneValueManyEphemerals(t *testing.T) {
	g := newRig(t)
	p := g.complete(g.initiator())
	const at = 84 // of e_I
	opened := 0
	for n := range 4 * handshake.DefaultBurst {
		other := slices.Clone(p)
		other[at], other[at+1] = byte(n), byte(n>>8)
		switch _, _, o := g.send(g.from, other); o {
		case handshake.Limited:
		default:
			opened++
		}
	}
	if opened > handshake.DefaultBurst {
		t.Errorf("%d sections tried, want at most %d", opened, handshake.DefaultBurst)
	}
	g.from = netip.MustParseAddrPort("198.51.100.1:51000")
	_, _, o := g.send(g.from, g.complete(g.initiator()))
	want(t, o, handshake.Completed)
}

// Attack: somebody who sees a Complete puts its e_I into one of his own, under a
// challenge value that he was given, and is first. That is another Complete, and the
// device is answered.
func TestEphemeralCopiedFirst(t *testing.T) {
	g := newRig(t)
	device := g.from
	p := g.complete(g.initiator())
	g.from = netip.MustParseAddrPort("203.0.113.66:666")
	copied := g.complete(g.initiator())
	copy(copied[84:116], p[84:116])
	_, _, o := g.send(g.from, copied)
	want(t, o, handshake.BadSeal)
	answer, result, o := g.send(device, p)
	want(t, o, handshake.Completed)
	if again, _, o := g.send(g.from, copied); o != handshake.Replayed || len(again) != 0 {
		t.Errorf("the copy again: %q", o)
	}
	if len(answer) == 0 || result.From != device {
		t.Error("no answer to the device")
	}
}
