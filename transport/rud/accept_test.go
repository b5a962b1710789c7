package rud

import (
	"testing"

	"meshpresence/transport/rud/wire"
)

// "What is sent in s meanwhile leaves after": before the answer the peer has no keys for
// it, and it would take a timeout.
func TestWhatAcceptSendsLeavesAfterTheAnswer(t *testing.T) {
	s := newScript(t, false)
	s.onAccept = func(stream *Stream) {
		if _, err := stream.Send(s.now, []byte("answer")); err != nil {
			t.Error(err)
		}
	}
	k := s.peerOpens(1, wire.TagStreamClient, "request")
	k.inside(func() {
		if g := s.wantFrame(0, 0); string(g.Payload) != "answer" {
			t.Errorf("%q", g.Payload)
		}
	})
}

// "List and protocol fit 495 bytes". Attack: credentials that fill a packet, kept for
// three streams.
func TestLongListsAreRefused(t *testing.T) {
	s := newScript(t, false)
	id := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	s.tell("", entry(wire.TagStreamNew, id), entry(wire.TagStreamClient, []byte("x")), entry("PkixX509", make([]byte, entriesMost)))
	if got := s.wantList(wire.TagRefuse); string(got) != string(id) || len(s.accepted) != 0 {
		t.Errorf("refused %x, accepted %d", got, len(s.accepted))
	}
}
