package rud

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// mute is a Handler that does nothing but answer, when it has an answer.
type mute struct {
	answer []byte
	err    error
}

func (*mute) Opened(time.Time, *Conn)         {}
func (*mute) Closed(time.Time, *Conn, Reason) {}
func (*mute) Moved(time.Time, *Conn)          {}
func (m *mute) Message(now time.Time, c *Conn, _ Message) {
	if m.answer != nil {
		_, m.err = c.Send(now, m.answer)
	}
}

// loop is two Endpoints that talk to each other directly, without a network: what
// one sends waits in its queue.
type loop struct {
	device, node *Endpoint
	d, n         *Conn
	now          time.Time
	up, down     queue // to the node, to the device
	answer       *mute
	from, at     netip.AddrPort
}

// queue is a ring of packets with buffers of its own.
type queue struct {
	buf        [64][wire.MaxPacket]byte
	size       [64]int
	head, tail int
}

func (q *queue) push(_ netip.AddrPort, p []byte) {
	q.size[q.head%64] = copy(q.buf[q.head%64][:], p)
	q.head++
}

func (q *queue) pop() []byte {
	if q.head == q.tail {
		return nil
	}
	i := q.tail % 64
	q.tail++
	return q.buf[i][:q.size[i]]
}

func newLoop(t testing.TB) *loop { return newLoopOf(t, wire.SuiteX25519AESGCM) }

func newLoopOf(t testing.TB, suite wire.Suite) *loop {
	l := &loop{now: time.Unix(1_800_000_000, 0), answer: &mute{}, from: scriptHere, at: scriptThere}
	static, long, pin := newStatic(t, 2), static448(t, 2), newStatic(t, 2).Public()
	if suite.KeySize() == key.SizeX448 {
		pin = long.Public()
	}
	var err error
	if l.node, err = NewEndpoint(Config{Static: static, Static448: long, Listen: true, Send: l.down.push, Handler: l.answer, Rand: newSeeded(1)}); err != nil {
		t.Fatal(err)
	}
	if l.device, err = NewEndpoint(Config{Static: newStatic(t, 3), Static448: static448(t, 3), Send: l.up.push, Handler: &mute{}, Rand: newSeeded(2)}); err != nil {
		t.Fatal(err)
	}
	if l.d, err = l.device.Dial(l.now, Target{To: l.at, Pin: handshake.Pin{Key: pin}, Suite: suite}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		l.turn()
	}
	for _, s := range l.node.streams {
		l.n = s.c
	}
	if !l.d.Proved() || l.n == nil || !l.n.Proved() {
		t.Fatal("no connection")
	}
	return l
}

// turn carries everything over, and lets a little time pass.
func (l *loop) turn() {
	l.now = l.now.Add(20 * time.Millisecond)
	for p := l.up.pop(); p != nil; p = l.up.pop() {
		l.node.Receive(l.now, l.from, p)
	}
	for p := l.down.pop(); p != nil; p = l.down.pop() {
		l.device.Receive(l.now, l.at, p)
	}
	l.device.Advance(l.now)
	l.node.Advance(l.now)
}

// beating returns a heartbeat and its answer, to be played again and again.
func (l *loop) beating(t testing.TB) func() {
	l.answer.answer = text(2, 120)
	heartbeat := text(1, 40)
	return func() {
		if _, err := l.d.Send(l.now, heartbeat); err != nil {
			t.Fatal(err)
		}
		l.turn()
		l.turn()
	}
}

// 0 allocations for a data packet received and a one-packet frame sent, both ways:
// a heartbeat and its answer.
func TestHeartbeatDoesNotAllocate(t *testing.T) {
	l := newLoop(t)
	beat := l.beating(t)
	for range 200 {
		beat()
	}
	received := l.node.Stats().Received
	if n := testing.AllocsPerRun(500, beat); n != 0 {
		t.Errorf("%v allocations a heartbeat", n)
	}
	if l.answer.err != nil || l.node.Stats().Received < received+500 || l.node.Stats().Dropped != 0 {
		t.Errorf("the packets did not arrive: %+v", l.node.Stats())
	}
}

// Rubbish of every kind: 0 allocations.
func TestRubbishDoesNotAllocate(t *testing.T) {
	l := newLoop(t)
	noise := make([]byte, 1200)
	newSeeded(5).Read(noise)
	zeros := make([]byte, 1200)
	known := append([]byte(nil), noise...)
	copy(known, l.n.main.in.id[:])
	badType := append([]byte(nil), zeros...)
	badType[16] = 9
	if _, err := l.d.Send(l.now, text(1, 40)); err != nil {
		t.Fatal(err)
	}
	replay := append([]byte(nil), l.up.pop()...)
	l.node.Receive(l.now, l.from, replay)
	flipped := append([]byte(nil), replay...)
	flipped[len(flipped)-1] ^= 1
	for name, p := range map[string][]byte{
		"nothing": {}, "7 bytes": noise[:7], "noise": noise, "zeros": zeros, "bad type": badType,
		"known id": known, "known id, short": known[:43], "flipped": flipped, "replayed": replay,
	} {
		if n := testing.AllocsPerRun(200, func() { l.node.Receive(l.now, l.from, p) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// What an idle connection holds, keys included.
func TestIdleMemory(t *testing.T) {
	const count = 2000
	conns := make([]*Conn, count)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range conns {
		conns[i] = &Conn{}
		var err error
		if conns[i].main.in, err = newProtection(wire.SuiteX25519AESGCM, wire.ID{1}, key.Secret{}, key.Secret{}); err != nil {
			t.Fatal(err)
		}
		if conns[i].main.out, err = newProtection(wire.SuiteX25519AESGCM, wire.ID{1}, key.Secret{}, key.Secret{}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int(after.HeapAlloc-before.HeapAlloc) / count
	t.Logf("%d bytes an idle connection, %d of them Conn", each, memory(conns[0])-cipherMemory)
	if ciphers := each - (memory(conns[0]) - cipherMemory); ciphers > cipherMemory {
		t.Errorf("ciphers of %d bytes: cipherMemory is too small", ciphers)
	}
	runtime.KeepAlive(conns)
}

func BenchmarkSeal(b *testing.B) {
	l := newLoop(b)
	payload := make([]byte, payloadLarge)
	b.SetBytes(wire.MaxPacket)
	b.ReportAllocs()
	for b.Loop() {
		h := wire.Header{Flags: wire.FlagFinal, Pieces: 1}
		l.n.main.next = 1 // a benchmark's key protects nothing
		l.n.main.seal(&h, nil, payload, 0)
	}
}

func BenchmarkOpen(b *testing.B) {
	l := newLoop(b)
	if _, err := l.d.Send(l.now, make([]byte, payloadLarge)); err != nil {
		b.Fatal(err)
	}
	p := append([]byte(nil), l.up.pop()...)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, o := l.n.main.open(0, p, wire.SizeID); o != sound {
			b.Fatal("does not open")
		}
	}
}

// BenchmarkHeartbeat is a heartbeat received and its answer sent, on both sides,
// acknowledgements included.
func BenchmarkHeartbeat(b *testing.B) {
	l := newLoop(b)
	l.answer.answer = text(2, 120)
	heartbeat := text(1, 40)
	b.ReportAllocs()
	for b.Loop() {
		// Young enough for ever: the benchmark is over in less than two hours.
		l.d.born, l.n.born = l.now.Sub(l.device.start), l.now.Sub(l.node.start)
		if _, err := l.d.Send(l.now, heartbeat); err != nil {
			b.Fatal(err)
		}
		l.turn()
		l.turn()
	}
}

func BenchmarkRubbish(b *testing.B) {
	l := newLoop(b)
	noise := make([]byte, 1200)
	newSeeded(5).Read(noise)
	known := append([]byte(nil), noise[:200]...)
	copy(known, l.n.main.in.id[:])
	for name, p := range map[string][]byte{"unknown": noise, "known": known, "zeros": make([]byte, 1200)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.node.Receive(l.now, l.from, p)
			}
		})
	}
}

// BenchmarkLargeFrame is a frame of 16 packets, sent, received and acknowledged.
func BenchmarkLargeFrame(b *testing.B) {
	l := newLoop(b)
	payload := make([]byte, 18480)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		l.d.born, l.n.born = l.now.Sub(l.device.start), l.now.Sub(l.node.start)
		frame, err := l.n.Send(l.now, payload)
		if err != nil {
			b.Fatal(err)
		}
		for !l.n.Acknowledged(frame) {
			l.turn()
		}
	}
}
