package rud

import (
	"bytes"
	"net/netip"
	"sync"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// script is a peer that does what a test says, packet by packet, to one open
// connection of an Endpoint. It has the peer's keys and no behaviour.
type script struct {
	t   testing.TB
	now time.Time
	e   *Endpoint
	c   *Conn

	addr   netip.AddrPort // where write comes from
	seal   protection     // what the peer sends
	open   protection     // what the peer receives
	number uint32         // last number written
	ack    wire.Header    // acknowledgement that write carries

	out      []sentPacket
	messages []Message // copies
	opened   int
	closed   []Reason

	onMessage func(c *Conn, m Message)

	index int // of the next frame that tell writes
	streamNotes
}

type sentPacket struct {
	to     netip.AddrPort
	packet []byte
}

// gotten is a packet of the connection's, opened.
type gotten struct {
	wire.Header
	wire.Body
	to    netip.AddrPort
	plain []byte
	size  int
}

var (
	scriptHere  = netip.MustParseAddrPort("192.0.2.7:51000")
	scriptThere = netip.MustParseAddrPort("198.51.100.9:6000")
	scriptThird = netip.MustParseAddrPort("203.0.113.5:7000")
)

// scriptKeys are the static keys of connection and peer.
var scriptKeys = sync.OnceValue(func() (k [2]*key.Static) {
	for i := range k {
		k[i], _ = key.NewStatic(key.X25519)
	}
	return k
})

// newScript opens a connection; initiator says what the connection under test is.
func newScript(t testing.TB, initiator bool) *script {
	t.Helper()
	return newScriptOf(t, scriptResult(initiator))
}

// newScriptOf opens the connection of that handshake.
func newScriptOf(t testing.TB, r *handshake.Result) *script {
	t.Helper()
	s := &script{t: t, now: time.Unix(1_800_000_000, 0), addr: scriptHere}
	var err error
	s.e, err = NewEndpoint(Config{
		Static: scriptKeys()[0], Rand: newSeeded(1), Handler: s,
		Send: func(to netip.AddrPort, p []byte) { s.out = append(s.out, sentPacket{to, bytes.Clone(p)}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Peer, r.Mine = scriptKeys()[1].Public(), scriptKeys()[0].Public()
	now := s.e.begin(s.now)
	s.c = &Conn{e: s.e, announced: true, born: now}
	if err := s.c.establish(r); err != nil {
		t.Fatal(err)
	}
	s.c.phase = phaseOpen
	s.c.paths.current = s.addr
	if !r.Initiator {
		count(s.e.gate.proved, prefix(s.addr), 1)
	}
	s.c.schedule()
	mirror := *r
	mirror.Initiator, mirror.MyID, mirror.PeerID = !r.Initiator, r.PeerID, r.MyID
	header, packet := mirror.SendKeys()
	s.seal, _ = newProtection(r.Suite, r.MyID, header, packet)
	header, packet = mirror.ReceiveKeys()
	s.open, err = newProtection(r.Suite, r.PeerID, header, packet)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scriptResult(initiator bool) *handshake.Result {
	return &handshake.Result{
		Initiator: initiator,
		Suite:     wire.SuiteX25519AESGCM,
		Secret:    key.Secret{1, 2, 3},
		MyID:      wire.ID{1, 1, 1, 1, 1, 1, 1, 1},
		PeerID:    wire.ID{2, 2, 2, 2, 2, 2, 2, 2},
		Reset:     [wire.SizeResetToken]byte{7, 7, 7, 7, 9: 1},
		Size:      wire.MaxPacket,
	}
}

func (s *script) Opened(time.Time, *Conn) { s.opened++ }
func (s *script) Moved(time.Time, *Conn)  {}
func (s *script) Message(_ time.Time, c *Conn, m Message) {
	m.Payload = bytes.Clone(m.Payload)
	s.messages = append(s.messages, m)
	if s.onMessage != nil {
		s.onMessage(c, m)
	}
}
func (s *script) Closed(_ time.Time, _ *Conn, r Reason) { s.closed = append(s.closed, r) }

// packet seals one packet of the peer's; h.Number 0 is the next one.
func (s *script) packet(h wire.Header, list []wire.Extension, payload []byte, padding ...byte) []byte {
	if h.Number == 0 {
		h.Number = s.number + 1
	}
	s.number = max(s.number, h.Number)
	if s.ack.AckValid() && !h.AckValid() {
		h.Flags |= wire.FlagAckValid
		h.Newest, h.Bitmap = s.ack.Newest, s.ack.Bitmap
	}
	var sc scratch
	b := append(wire.AppendBody(s.seal.begin(&sc, &h), list, payload), padding...)
	return bytes.Clone(s.seal.seal(&sc, b))
}

// write gives the connection one packet.
func (s *script) write(h wire.Header, payload []byte) {
	s.receive(s.packet(h, nil, payload))
}

func (s *script) receive(p []byte) { s.e.Receive(s.now, s.addr, p) }

// frame writes one frame of one packet.
func (s *script) frame(index int, payload []byte) {
	s.write(wire.Header{Flags: wire.FlagFinal, Frame: uint16(index)}, payload)
}

// pathValue writes a no-frame packet with a path value.
func (s *script) pathValue(tag string, value []byte) {
	s.receive(s.packet(wire.Header{Flags: wire.FlagNoFrame | wire.FlagProbe}, []wire.Extension{{Tag: tag, Value: value}}, nil))
}

// next opens the next packet that the connection sent.
func (s *script) next() gotten {
	s.t.Helper()
	if len(s.out) == 0 {
		s.t.Fatal("nothing was sent")
	}
	p := s.out[0]
	s.out = s.out[1:]
	var sc scratch
	h, err := s.open.readHeader(&sc, p.packet)
	if err != nil {
		s.t.Fatalf("reading the header: %v", err)
	}
	plain, err := s.open.unseal(&sc, p.packet, h.Number)
	if err != nil {
		s.t.Fatalf("opening packet %d: %v", h.Number, err)
	}
	plain = bytes.Clone(plain)
	body, err := wire.ParseBody(plain)
	if err != nil || h.CheckOpened() != nil {
		s.t.Fatalf("packet %d: %v, %v", h.Number, err, h.CheckOpened())
	}
	return gotten{h, body, p.to, plain, len(p.packet)}
}

// wantFrame wants a frame packet next.
func (s *script) wantFrame(frame, piece int) gotten {
	s.t.Helper()
	g := s.next()
	if g.NoFrame() || int(g.Frame) != frame || g.Index != piece {
		s.t.Fatalf("got %+v, want piece %d of frame %d", g.Header, piece, frame)
	}
	return g
}

// wantAck wants an acknowledgement without a frame next.
func (s *script) wantAck(newest int, bitmap uint64) {
	s.t.Helper()
	g := s.next()
	if !g.NoFrame() || !g.AckValid() || int(g.Newest) != newest || g.Bitmap != bitmap {
		s.t.Fatalf("got %+v, want an acknowledgement of %d and %b", g.Header, newest, bitmap)
	}
}

// wantValue wants a path value next, sent to that address.
func (s *script) wantValue(tag string, to netip.AddrPort) []byte {
	s.t.Helper()
	g := s.next()
	v, ok := g.Extensions.Get(tag)
	if !ok || !g.NoFrame() || !g.Probe() || g.to != to {
		s.t.Fatalf("got %+v to %v, want a %s to %v", g.Header, g.to, tag, to)
	}
	return bytes.Clone(v)
}

// wantIdle wants that nothing more was sent.
func (s *script) wantIdle() {
	s.t.Helper()
	if len(s.out) > 0 {
		n := len(s.out)
		s.t.Fatalf("sent %d packets more, the first %+v", n, s.next().Header)
	}
}

// wantMessages wants so many messages so far.
func (s *script) wantMessages(n int) {
	s.t.Helper()
	if len(s.messages) != n {
		s.t.Fatalf("%d messages, want %d", len(s.messages), n)
	}
}

// wantClosed wants the end, in silence.
func (s *script) wantClosed(r Reason) {
	s.t.Helper()
	s.wantIdle()
	if len(s.closed) != 1 || s.closed[0] != r {
		s.t.Fatalf("closed %v, want %v", s.closed, r)
	}
	if s.e.Len() != 0 || len(s.e.timers) != 0 || s.c.Proved() {
		s.t.Fatal("a closed connection is still in the tables")
	}
	if len(s.e.gate.proved) != 0 {
		s.t.Fatal("a closed connection counts as proved")
	}
}

// wantOpen wants that the connection goes on.
func (s *script) wantOpen() {
	s.t.Helper()
	if len(s.closed) != 0 || !s.c.Proved() {
		s.t.Fatalf("closed: %v", s.closed)
	}
}

// pass lets time pass, and runs every timer that comes.
func (s *script) pass(d time.Duration) {
	s.t.Helper()
	end := s.now.Add(d)
	for n := 0; ; n++ {
		at := s.e.Deadline()
		if at.IsZero() || at.After(end) {
			break
		}
		if at.After(s.now) {
			s.now = at
		}
		s.e.Advance(s.now)
		if n > 100000 {
			s.t.Fatal("a timer that does not move")
		}
	}
	s.now = end
}

// acknowledge makes the next packets acknowledge these numbers.
func (s *script) acknowledge(newest int, others ...int) {
	s.ack = wire.Header{Flags: wire.FlagAckValid, Newest: uint16(newest)}
	for _, n := range others {
		s.ack.Bitmap |= 1 << (newest - n - 1)
	}
}

// writeAck writes an acknowledgement alone.
func (s *script) writeAck(newest int, others ...int) {
	s.acknowledge(newest, others...)
	s.write(wire.Header{Flags: wire.FlagNoFrame}, nil)
}

func (s *script) sendFrame(payload []byte) uint64 {
	s.t.Helper()
	n, err := s.c.Send(s.now, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
