package node

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/udpport"
)

// cord is a network of one node and one device, on a clock of its own.
type cord struct {
	t        *testing.T
	now      time.Time
	node     *Node
	device   *rud.Endpoint
	static   *key.Static // the device's
	conn     *rud.Conn
	opened   bool
	answers  []rud.Message
	toNode   [][]byte
	toDevice [][]byte
}

var (
	nodeAt   = netip.MustParseAddrPort("192.0.2.1:6770")
	deviceAt = netip.MustParseAddrPort("192.0.2.2:1234")
)

// The cord is the node's socket.
func (w *cord) ReadBatch(*udpport.Batch) (int, error) { return 0, net.ErrClosed }
func (w *cord) Send(_ netip.AddrPort, packet []byte) {
	w.toDevice = append(w.toDevice, append([]byte(nil), packet...))
}
func (w *cord) Flush() error               { return nil }
func (w *cord) LocalAddr() netip.AddrPort  { return nodeAt }
func (w *cord) Close() error               { return nil }
func (w *cord) Counters() udpport.Counters { return udpport.Counters{} }

// The cord hears what the device hears.
func (w *cord) Opened(time.Time, *rud.Conn)             { w.opened = true }
func (w *cord) Closed(time.Time, *rud.Conn, rud.Reason) {}
func (w *cord) Moved(time.Time, *rud.Conn)              {}
func (w *cord) Message(_ time.Time, _ *rud.Conn, m rud.Message) {
	m.Payload = append([]byte(nil), m.Payload...)
	w.answers = append(w.answers, m)
}

func newCord(t *testing.T) *cord { return newCordAt(t, filepath.Join(t.TempDir(), "node")) }

// newCordAt is newCord with a node's state directory.
func newCordAt(t *testing.T, state string) *cord {
	t.Helper()
	w := &cord{t: t, now: time.Now()}
	clock := func() time.Time { return w.now }
	n, err := assemble(Config{
		State: state, PeerListen: []string{"/ip4/127.0.0.1/tcp/0"}, Wall: clock,
		Ports: func(string) (Port, error) { return w, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	w.node, w.now = n, time.Now() // not before the endpoint's first call
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	w.useKey(static)
	return w
}

// useKey makes the device one with that key.
func (w *cord) useKey(static *key.Static) {
	w.t.Helper()
	var err error
	w.static = static
	w.device, err = rud.NewEndpoint(rud.Config{
		Static: static, Handler: w, Wall: func() time.Time { return w.now },
		Send: func(_ netip.AddrPort, packet []byte) { w.toNode = append(w.toNode, append([]byte(nil), packet...)) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *cord) dial(early mpp.Message) {
	w.t.Helper()
	var err error
	w.conn, err = w.device.Dial(w.now, rud.Target{
		To: nodeAt, Pin: handshake.Pin{Key: w.node.keys.rud.Public()}, Early: early.Append(nil),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// up and down carry what is on the way, and say how many packets that were.
func (w *cord) up() int {
	list := w.toNode
	w.toNode = nil
	for _, p := range list {
		w.node.ep.Receive(w.now, deviceAt, p)
	}
	return len(list)
}

func (w *cord) down() int {
	list := w.toDevice
	w.toDevice = nil
	for _, p := range list {
		w.device.Receive(w.now, nodeAt, p)
	}
	return len(list)
}

// A node that ran for a while answers the question of a device that knows its key
// in one round trip, and has no session until the device proved that it is there.
func TestImmediateAnswersAtOnce(t *testing.T) {
	t.Parallel()
	w := newCord(t)
	w.now = w.now.Add(5 * time.Minute)
	w.dial(&mpp.EndpointRequest{FromClient: mpp.FromClient{Serial: mpp.N(7)}})
	if w.up() != 1 || w.down() != 1 {
		t.Fatal("the first packet was not answered by one")
	}
	if !w.opened || len(w.answers) != 1 || !w.answers[0].Early || w.conn.Mode() != handshake.Immediate {
		t.Fatalf("after one round trip: opened %v, %d answers, %v", w.opened, len(w.answers), w.conn.Mode())
	}
	answer, err := mpp.Parse(w.answers[0].Payload)
	if m, ok := answer.(*mpp.EndpointResponse); !ok || m.EndPoint != deviceAt || m.Acknowledge != mpp.N(7) {
		t.Fatalf("the answer is %+v, %v", answer, err)
	}
	if len(w.node.sessions) != 0 {
		t.Error("there is a session before the device proved that it is there")
	}
	if w.up() == 0 || len(w.node.sessions) != 1 {
		t.Error("there is no session after the first Data")
	}
}

// The same just after the start: "in the first 12 slots after boot" an Exchange is
// answered with a Challenge, and the question is answered in Data.
func TestDeferredAnswersLater(t *testing.T) {
	t.Parallel()
	w := newCord(t)
	w.dial(&mpp.EndpointRequest{FromClient: mpp.FromClient{Serial: mpp.N(7)}})
	for range 3 {
		if w.up() == 0 || w.down() == 0 {
			t.Fatal("the conversation ended")
		}
	}
	if len(w.answers) != 1 || w.answers[0].Early || w.conn.Mode() != handshake.Deferred {
		t.Errorf("%d answers, %v", len(w.answers), w.conn.Mode())
	}
}

// "the redeemer stores the id with Sync before answering": a ticket opens one
// connection, also when the node started again in between.
func TestTicketIsRedeemedOnce(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "node")
	w := newCordAt(t, state)
	ticket := &handshake.Ticket{
		ID: [16]byte{1}, Secret: key.NewSecret(), Initiator: w.static.Public(), Responder: w.node.keys.rud.Public(),
		Expires: w.node.wall.Now() + 3600, Redeemer: handshake.ResponderRole,
	}
	redeem := func(w *cord, target rud.Target) bool {
		t.Helper()
		if err := w.node.tickets.Put(ticket, w.node.wall.Now()); err != nil {
			t.Fatal(err)
		}
		var err error
		if w.conn, err = w.device.Dial(w.now, target); err != nil {
			t.Fatal(err)
		}
		w.up()
		w.down()
		return w.opened
	}
	target := rud.Target{To: nodeAt, Ticket: ticket}
	if !redeem(w, target) || w.conn.Mode() != handshake.Ticketed {
		t.Fatal("the ticket opened nothing")
	}
	static := w.static
	if err := w.node.Close(); err != nil {
		t.Fatal(err)
	}
	again := newCordAt(t, state)
	again.useKey(static)
	if redeem(again, target) {
		t.Error("the ticket was redeemed again after a restart")
	}
}
