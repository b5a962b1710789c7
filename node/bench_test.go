package node

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/udpport"
)

// bench is an assembled node whose loop the test turns by hand, and one device
// of it: real sockets, every packet read and written as in service.
type bench struct {
	t       testing.TB
	node    *Node
	ep      *rud.Endpoint
	port    *udpport.Port
	static  *key.Static
	conn    *rud.Conn
	opened  bool
	answers int
	beat    mpp.Heartbeat
	buf     []byte

	toNode, toDevice *reader
	tick             *time.Ticker
}

// reader reads a socket in a goroutine of its own, as the node does.
type reader struct{ full, empty chan *udpport.Batch }

func newReader(t testing.TB, p Port) *reader {
	r := &reader{make(chan *udpport.Batch), make(chan *udpport.Batch, 1)}
	r.empty <- new(udpport.Batch)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range r.empty {
			if _, err := p.ReadBatch(b); err != nil {
				return
			}
			r.full <- b
		}
	}()
	t.Cleanup(func() { p.Close(); close(r.empty); <-done })
	return r
}

func (b *bench) Opened(time.Time, *rud.Conn)               { b.opened = true }
func (b *bench) Message(time.Time, *rud.Conn, rud.Message) { b.answers++ }
func (b *bench) Closed(time.Time, *rud.Conn, rud.Reason)   {}
func (b *bench) Moved(time.Time, *rud.Conn)                {}

func newBench(t testing.TB) *bench {
	n, err := assemble(Config{
		State: filepath.Join(t.TempDir(), "node"), Listen: "127.0.0.1:0", PeerListen: []string{"/ip4/127.0.0.1/tcp/0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	b := &bench{t: t, node: n}
	if b.port, err = udpport.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.port.Close() })
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	b.static = static
	n.workers.Add(2)
	go n.write()
	go n.forward()
	b.ep, err = rud.NewEndpoint(rud.Config{
		Static: static, Handler: b,
		Send: func(to netip.AddrPort, packet []byte) { b.port.Send(to, packet) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.conn, err = b.ep.Dial(time.Now(), rud.Target{To: n.port.LocalAddr(), Pin: handshake.Pin{Key: n.keys.rud.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	b.toNode, b.toDevice = newReader(t, n.port), newReader(t, b.port)
	b.tick = time.NewTicker(time.Millisecond)
	t.Cleanup(b.tick.Stop)
	for !b.opened {
		b.step()
	}
	return b
}

// step lets the node or the device do one thing that is to do.
func (b *bench) step() {
	b.port.Flush()
	select {
	case batch := <-b.toNode.full:
		now := time.Now()
		b.node.receive(now, batch)
		b.toNode.empty <- batch
		b.node.turn(now)
	case batch := <-b.toDevice.full:
		for i := range batch.Messages[:batch.N] {
			b.ep.Receive(time.Now(), batch.Messages[i].Addr, batch.Messages[i].Data)
		}
		b.toDevice.empty <- batch
	case f := <-b.node.posts:
		now := time.Now()
		f(now)
		b.node.turn(now)
	case now := <-b.tick.C:
		b.node.turn(now)
		b.ep.Advance(now)
	}
}

// await turns until so many answers more have come.
func (b *bench) await(n int) {
	for answers := b.answers + n; b.answers < answers; {
		b.step()
	}
}

// heartbeat is one keep-alive, from the device's write to its read of the
// answer.
func (b *bench) heartbeat() {
	b.beat.Serial = mpp.N(b.beat.Serial.Value + 1)
	b.buf = b.beat.Append(b.buf[:0])
	if _, err := b.conn.Send(time.Now(), b.buf); err != nil {
		b.t.Fatal(err)
	}
	b.await(1)
}

// One heartbeat costs no allocation between the socket's read and its write, nor
// on the device's side.
func TestHeartbeatAllocatesNothing(t *testing.T) {
	b := newBench(t)
	for range 64 {
		b.heartbeat()
	}
	if n := testing.AllocsPerRun(1000, b.heartbeat); n != 0 {
		t.Errorf("%v allocations a heartbeat, want none", n)
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	w := newBench(b)
	b.ReportAllocs()
	for b.Loop() {
		w.heartbeat()
	}
}

// publisher makes an account with this device, and its posts.
type publisher struct {
	*bench
	account *key.Account
	device  *key.Device
	serial  int64
}

func newPublisher(b *bench) *publisher {
	p := &publisher{bench: b}
	var err error
	if p.account, err = key.NewAccount(); err != nil {
		b.t.Fatal(err)
	}
	if p.device, err = key.NewDevice(); err != nil {
		b.t.Fatal(err)
	}
	base := record.Base{Serial: 1, Time: b.node.wall.Now(), Account: p.account.Author().Hash()}
	f, err := record.Sign(p.account, key.Hash{}, base, &record.Device{
		Key: p.device.Author(), Agreement: b.static.Public(), Roles: record.Watch | record.Publish,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	p.send(&mpp.FactRequest{Facts: [][]byte{f.Append(nil)}})
	b.await(1)
	return p
}

func (p *publisher) send(m mpp.Message) {
	if _, err := p.conn.Send(time.Now(), m.Append(nil)); err != nil {
		p.t.Fatal(err)
	}
}

// post signs the next status, 200 bytes sealed or not, of one label.
func (p *publisher) post() *record.Fact {
	p.serial++
	now := p.node.wall.Now()
	f, err := record.Sign(p.device, key.Hash{}, record.Base{
		Serial: p.serial, Time: now, Expires: now.Add(time.Hour), Account: p.account.Author().Hash(),
	}, &record.Event{Channel: "main", Tag: make([]byte, 16), Payload: make([]byte, 200)})
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

// BenchmarkPublish is one post from the device's write to its read of the
// acknowledgement: signed, verified, merged and synced to disk, one at a time.
func BenchmarkPublish(b *testing.B) {
	p := newPublisher(newBench(b))
	b.ReportAllocs()
	for b.Loop() {
		p.send(&mpp.PublishRequest{Event: p.post().Append(nil)})
		p.await(1)
	}
}

// BenchmarkPublish12 keeps twelve posts in flight: they share the disk's Syncs.
func BenchmarkPublish12(b *testing.B) {
	p := newPublisher(newBench(b))
	b.ReportAllocs()
	for b.Loop() {
		for range 12 {
			p.send(&mpp.PublishRequest{Event: p.post().Append(nil)})
		}
		p.await(12)
	}
}
