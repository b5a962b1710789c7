package rud

import (
	"bytes"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// streamNotes is a StreamHandler's, for hosts and scripts.
type streamNotes struct {
	deny     bool
	accepted []*Stream
	firsts   []string
	answers  []*Stream // StreamOpened
	ended    []*Stream
	onAccept func(s *Stream)
}

func (n *streamNotes) Accept(_ time.Time, _ *Conn, s *Stream, first []byte) bool {
	n.firsts = append(n.firsts, string(first))
	if n.deny {
		return false
	}
	n.accepted = append(n.accepted, s)
	if n.onAccept != nil {
		n.onAccept(s)
	}
	return true
}

func (n *streamNotes) StreamOpened(_ time.Time, s *Stream) { n.answers = append(n.answers, s) }
func (n *streamNotes) StreamClosed(_ time.Time, s *Stream) { n.ended = append(n.ended, s) }

// tell writes a frame with that list, in order after those of tell before.
func (s *script) tell(payload string, list ...wire.Extension) {
	s.t.Helper()
	s.receive(s.packet(wire.Header{Flags: wire.FlagFinal, Frame: uint16(s.index)}, list, []byte(payload)))
	s.index++
}

// wantList wants a frame with that one entry next, and returns its value.
func (s *script) wantList(tag string) []byte {
	s.t.Helper()
	g := s.next()
	v, ok := g.Extensions.Get(tag)
	if !ok || g.NoFrame() {
		s.t.Fatalf("got %+v with %x, want a frame with %s", g.Header, []byte(g.Extensions), tag)
	}
	return bytes.Clone(v)
}

func entry(tag string, parts ...[]byte) wire.Extension {
	return wire.Extension{Tag: tag, Value: bytes.Join(parts, nil)}
}

// keysOf makes the peer's two protections of a stream, from the secret of the
// stream.
func (s *script) keysOf(secret key.Secret, ours, theirs wire.ID) (seal, open protection) {
	s.t.Helper()
	header, packet := handshake.Keys(secret, direction(!s.c.initiator), ours)
	seal, err := newProtection(s.c.suite, ours, header, packet)
	if err != nil {
		s.t.Fatal(err)
	}
	header, packet = handshake.Keys(secret, direction(s.c.initiator), theirs)
	if open, err = newProtection(s.c.suite, theirs, header, packet); err != nil {
		s.t.Fatal(err)
	}
	return seal, open
}

// child is the peer's side of a stream beside the main: its own numbers.
type child struct {
	*script
	number, index  int
	seal, open     protection
	opener, answer wire.ID
}

// inside runs f with the script speaking in the stream.
func (k *child) inside(f func()) {
	s := k.script
	number, index, seal, open, ack := s.number, s.index, s.seal, s.open, s.ack
	s.ack = wire.Header{}
	s.number, s.index, s.seal, s.open = uint32(k.number), k.index, k.seal, k.open
	f()
	k.number, k.index, k.seal, k.open = int(s.number), s.index, s.seal, s.open
	s.number, s.index, s.seal, s.open, s.ack = number, index, seal, open, ack
}

// say writes one frame in the stream.
func (k *child) say(payload string, final bool) {
	k.inside(func() {
		h := wire.Header{Frame: uint16(k.script.index)}
		if final {
			h.Flags = wire.FlagFinal
		}
		k.script.index++
		k.write(h, []byte(payload))
	})
}

// peerOpens has the peer open a stream, which is accepted.
func (s *script) peerOpens(n byte, tag, first string, more ...wire.Extension) *child {
	s.t.Helper()
	opener := wire.ID{0xaa, n, 7: 1}
	s.tell(first, append([]wire.Extension{entry(wire.TagStreamNew, opener[:]), entry(tag, []byte("notary"))}, more...)...)
	v := s.wantList(wire.TagStreamNew)
	if len(v) != 16 || wire.ID(v[:8]) != opener {
		s.t.Fatalf("answer %x", v)
	}
	k := &child{script: s, opener: opener, answer: wire.ID(v[8:])}
	k.seal, k.open = s.keysOf(handshake.StreamSecret(s.c.secret, k.opener, k.answer), k.answer, k.opener)
	return k
}

// weOpen opens a stream, which the peer accepts.
func (s *script) weOpen(n byte, b Binding, first string) (*Stream, *child) {
	s.t.Helper()
	stream, err := s.c.Open(s.now, b, []byte(first))
	if err != nil {
		s.t.Fatal(err)
	}
	v := s.wantList(wire.TagStreamNew)
	k := &child{script: s, opener: wire.ID(v), answer: wire.ID{0xbb, n, 7: 1}}
	s.tell("", entry(wire.TagStreamNew, k.opener[:], k.answer[:]))
	k.seal, k.open = s.keysOf(handshake.StreamSecret(s.c.secret, k.opener, k.answer), k.opener, k.answer)
	return stream, k
}

// settle acknowledges everything that the connection sent in the main stream, and
// forgets what it sent.
func (s *script) settle() {
	s.t.Helper()
	if n := int(s.c.main.next) - 1; n > 0 {
		all := make([]int, 0, 48)
		for i := n - 1; i > 0 && i >= n-48; i-- {
			all = append(all, i)
		}
		s.writeAck(n, all...)
	}
	s.out = nil
}

// ephemeral is a peer's key for a Roll.
func ephemeral(t testing.TB, seed byte) *key.Static {
	t.Helper()
	raw := make([]byte, 32)
	raw[0], raw[31] = seed, 1
	k, err := key.EphemeralFromSeed(key.X25519, raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func agree(t testing.TB, mine *key.Static, peer []byte) []byte {
	t.Helper()
	x, err := mine.Agree(peer)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
