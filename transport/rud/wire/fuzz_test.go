package wire

import (
	"bytes"
	"testing"
)

func FuzzHeader(f *testing.F) {
	for _, g := range loadGolden(f, "testdata/header.txt") {
		f.Add(g.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < SizeHeader {
			return
		}
		h, err := ParseHeader((*[SizeHeader]byte)(b))
		if err != nil {
			return
		}
		if h.Index >= h.Pieces || h.Pieces > MaxPieces || h.Flags&0xc0 != 0 {
			t.Errorf("%+v", h)
		}
		if again := h.Append(nil); !bytes.Equal(again, b[:SizeHeader]) {
			t.Errorf("%x is written again as %x", b[:SizeHeader], again)
		}
		if h.CheckOpened() == nil && h.NoFrame() && (h.Index != 0 || h.Frame != 0 || h.Final()) {
			t.Errorf("no-frame with %+v", h)
		}
	})
}

// FuzzExtensions: a list that is accepted is the one encoding of its entries.
func FuzzExtensions(f *testing.F) {
	for _, g := range loadGolden(f, "testdata/body.txt") {
		f.Add(g.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, rest, err := ParseExtensions(b)
		if err != nil {
			return
		}
		all := entries(list)
		if len(all) > MaxExtensions || list.IsEmpty() != (len(all) == 0) {
			t.Errorf("%d entries", len(all))
		}
		if again := AppendExtensions(nil, all); !bytes.Equal(again, list) || len(again)+len(rest) != len(b) {
			t.Errorf("%x is written again as %x", list, again)
		}
		for _, x := range all {
			if v, ok := list.Get(x.Tag); !ok || !bytes.Equal(v, x.Value) {
				t.Errorf("%q is %x, %v", x.Tag, v, ok)
			}
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, g := range loadGolden(f, "testdata/body.txt") {
		f.Add(g.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := ParseBody(b)
		if err != nil {
			return
		}
		again := AppendBody(nil, entries(body.Extensions), body.Payload)
		if !bytes.HasPrefix(b, again) || !IsZero(b[len(again):]) {
			t.Errorf("%x is written again as %x", b, again)
		}
	})
}

// FuzzFirst parses any packet as each packet of a handshake.
func FuzzFirst(f *testing.F) {
	f.Add((&Hello{Suite: 0x11, ID: ID{1}}).Append(nil, SmallPacket, nil))
	challenge := Challenge{ID: ID{1}, Suite: 0x11, Ephemeral: fill(32, 1), Static: fill(32, 2)}
	f.Add(challenge.Append(nil))
	complete := Complete{Suite: 0x21, ID: ID{1}, Ephemeral: fill(56, 1)}
	f.Add(append(complete.AppendClear(nil), make([]byte, SmallPacket-140)...))
	answer := ResponderComplete{ID: ID{1}, Ephemeral: fill(32, 1)}
	f.Add(append(answer.AppendClear(nil), make([]byte, 44)...))
	f.Fuzz(func(t *testing.T, p []byte) {
		if h, err := ParseHello(p); err == nil && h.Rest() == nil && p[offType] != TypeHello {
			t.Error("not a Hello")
		}
		if c, err := ParseChallenge(p); err == nil && !bytes.Equal(c.Append(nil), p) {
			t.Error("a Challenge is not written again")
		}
		if c, err := ParseComplete(p); err == nil && !bytes.Equal(append(c.AppendClear(nil), c.Sealed...), p) {
			t.Error("a Complete is not written again")
		}
		for _, suite := range []Suite{0x11, 0x21} {
			if r, err := ParseResponderComplete(p, suite, MaxPacket); err == nil && !bytes.Equal(append(r.AppendClear(nil), r.Sealed...), p) {
				t.Error("a ResponderComplete is not written again")
			}
			if s, err := ParseSection(p, suite); err == nil && s.ID.IsZero() {
				t.Error("a section with a zero id")
			}
		}
		if a, err := ParseAnswer(p); err == nil && a.ID.IsZero() {
			t.Error("an answer with a zero id")
		}
	})
}
