package node_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/udf"
	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/udpport"
)

// raw is a device without node/client: what it says is up to the test. The test
// turns it; only the socket is read elsewhere.
type raw struct {
	t       *testing.T
	ctx     context.Context
	port    *udpport.Port
	ep      *rud.Endpoint
	conn    *rud.Conn
	full    chan *udpport.Batch
	empty   chan *udpport.Batch
	opened  bool
	answers []mpp.Message
	serial  int64
}

// newRaw connects a device with this key to a node.
func newRaw(t *testing.T, n addressed, static *key.Static) *raw {
	t.Helper()
	a, err := discovery.ParseAddress(n.DeviceAddress())
	if err != nil {
		t.Fatal(err)
	}
	expect, err := udf.ParseExpect(a.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	ip := netip.MustParseAddr(a.Host)
	r := &raw{t: t, ctx: testContext(t), full: make(chan *udpport.Batch), empty: make(chan *udpport.Batch, 1)}
	if r.port, err = udpport.Listen(netip.AddrPortFrom(ip, 0).String()); err != nil {
		t.Fatal(err)
	}
	r.read()
	r.ep, err = rud.NewEndpoint(rud.Config{Static: static, Send: r.port.Send, Handler: r})
	if err != nil {
		t.Fatal(err)
	}
	if r.conn, err = r.ep.Dial(time.Now(), rud.Target{To: netip.AddrPortFrom(ip, a.Port), Pin: handshake.Pin{Expect: expect}}); err != nil {
		t.Fatal(err)
	}
	for !r.opened {
		r.turn()
	}
	return r
}

func newStatic(t *testing.T) *key.Static {
	t.Helper()
	s, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read hands over what the socket gets until the test ends.
func (r *raw) read() {
	stop, done := make(chan struct{}), make(chan struct{})
	r.empty <- new(udpport.Batch)
	go func() {
		defer close(done)
		for b := range r.empty {
			if _, err := r.port.ReadBatch(b); err != nil {
				return
			}
			select {
			case r.full <- b:
			case <-stop:
				return
			}
		}
	}()
	r.t.Cleanup(func() {
		r.port.Close()
		close(stop)
		close(r.empty)
		<-done
	})
}

// Opened implements rud.Handler.
func (r *raw) Opened(time.Time, *rud.Conn) { r.opened = true }
func (r *raw) Moved(time.Time, *rud.Conn)  {}

// Closed implements rud.Handler.
func (r *raw) Closed(_ time.Time, _ *rud.Conn, why rud.Reason) {
	r.t.Errorf("the connection ended: %v", why)
}

// Message implements rud.Handler.
func (r *raw) Message(_ time.Time, _ *rud.Conn, m rud.Message) {
	if len(m.Payload) == 0 {
		return
	}
	msg, err := mpp.Parse(m.Payload)
	if err != nil {
		r.t.Errorf("the node said something unreadable: %v", err)
		return
	}
	r.answers = append(r.answers, msg)
}

// turn does one thing that is to do, or waits for it.
func (r *raw) turn() {
	r.t.Helper()
	r.port.Flush()
	wait := time.Hour
	if d := r.ep.Deadline(); !d.IsZero() {
		wait = time.Until(d)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case b := <-r.full:
		for i := range b.Messages[:b.N] {
			r.ep.Receive(time.Now(), b.Messages[i].Addr, b.Messages[i].Data)
		}
		r.empty <- b
	case now := <-timer.C:
		r.ep.Advance(now)
	case <-r.ctx.Done():
		r.t.Fatal("the node did not answer")
	}
}

// ask sends a request and returns its answer.
func (r *raw) ask(m mpp.Request) mpp.Response {
	r.t.Helper()
	r.serial++
	m.Base().Serial = mpp.N(r.serial)
	return r.say(m.Append(nil), mpp.N(r.serial))
}

// say sends bytes and returns the first answer that acknowledges this, or that
// acknowledges nothing when it is absent.
func (r *raw) say(b []byte, serial mpp.Int) mpp.Response {
	r.t.Helper()
	if _, err := r.conn.Send(time.Now(), b); err != nil {
		r.t.Fatal(err)
	}
	for {
		for _, msg := range r.answers {
			if answer, ok := msg.(mpp.Response); ok && answer.Base().Acknowledge == serial {
				r.answers = slices.DeleteFunc(r.answers, func(m mpp.Message) bool { _, relayed := m.(*mpp.Join); return !relayed })
				return answer
			}
		}
		r.turn()
	}
}
