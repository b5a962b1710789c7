package hostile

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/handshake"
)

// relayTurn is how often a Relay looks at its timers.
const relayTurn = 5 * time.Millisecond

// Relay is a node with another head on it: it has the key that devices know the
// node by, ends their connections itself, and speaks to the true node behind it in
// their names, with the keys that it was given. What passes it reads, writes down
// and changes as it is told. Its methods are safe for concurrent use.
type Relay struct {
	target netip.AddrPort
	expect [18]byte
	front  *net.UDPConn
	wg     sync.WaitGroup
	stop   chan struct{}

	mu     sync.Mutex // held whenever an endpoint is used
	ep     *rud.Endpoint
	legs   map[*rud.Conn]*leg
	keys   map[key.Agreement]*key.Static
	bend   func(toNode bool, m mpp.Message) []mpp.Message
	heard  [][]byte
	closed bool
}

// leg is one device's connection to the true node.
type leg struct {
	relay  *Relay
	down   *rud.Conn // the device's
	up     *rud.Conn // to the node
	ep     *rud.Endpoint
	socket *net.UDPConn
	early  [][]byte // said before up was proved
}

// NewRelay listens on a loopback port with a node's own static key, in front of
// that node.
func NewRelay(node *key.Static, target netip.AddrPort, expect [18]byte) (*Relay, error) {
	r := &Relay{
		target: target, expect: expect, stop: make(chan struct{}),
		legs: make(map[*rud.Conn]*leg), keys: make(map[key.Agreement]*key.Static),
	}
	var err error
	if r.front, err = listenUDP("127.0.0.1:0"); err != nil {
		return nil, err
	}
	r.ep, err = rud.NewEndpoint(rud.Config{Static: node, Listen: true, Rate: 10_000, Send: sendOn(r.front), Handler: front{r}})
	if err != nil {
		r.front.Close()
		return nil, err
	}
	r.wg.Add(2)
	go r.read(r.front, r.ep)
	go r.turn()
	return r, nil
}

func sendOn(socket *net.UDPConn) func(netip.AddrPort, []byte) {
	return func(to netip.AddrPort, packet []byte) { socket.WriteToUDPAddrPort(packet, to) }
}

// Addr is where devices send.
func (r *Relay) Addr() netip.AddrPort { return local(r.front) }

// Speak gives the key of a device to speak in its name.
func (r *Relay) Speak(static *key.Static) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[static.Public()] = static
}

// Bend decides from now on what becomes of each message: it returns what is said
// in its place, nothing to keep it back. It runs in the relay's goroutines, one
// message at a time; nil lets all pass.
func (r *Relay) Bend(bend func(toNode bool, m mpp.Message) []mpp.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bend = bend
}

// Heard returns every message that passed, opened, as it came.
func (r *Relay) Heard() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard)
}

// Close ends the relay, in silence.
func (r *Relay) Close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.stop)
		r.front.Close()
		for _, l := range r.legs {
			l.socket.Close()
		}
	}
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *Relay) read(socket *net.UDPConn, ep *rud.Endpoint) {
	defer r.wg.Done()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		ep.Receive(time.Now(), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n])
		r.mu.Unlock()
	}
}

// turn works the timers of every endpoint.
func (r *Relay) turn() {
	defer r.wg.Done()
	ticker := time.NewTicker(relayTurn)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.stop:
			return
		}
		r.mu.Lock()
		advance(r.ep)
		for _, l := range r.legs {
			advance(l.ep)
		}
		r.mu.Unlock()
	}
}

func advance(ep *rud.Endpoint) {
	if at, now := ep.Deadline(), time.Now(); !at.IsZero() && !at.After(now) {
		ep.Advance(now)
	}
}

// pass says a message on the other side, or what stands in its place.
func (r *Relay) pass(to *rud.Conn, toNode bool, payload []byte) {
	r.heard = append(r.heard, bytes.Clone(payload))
	m, err := mpp.Parse(payload)
	if err != nil || r.bend == nil {
		to.Send(time.Now(), payload)
		return
	}
	for _, m := range r.bend(toNode, m) {
		to.Send(time.Now(), m.Append(nil))
	}
}

// front is the side of the devices.
type front struct{ r *Relay }

// Opened implements rud.Handler.
func (f front) Opened(now time.Time, c *rud.Conn) {
	static := f.r.keys[c.Peer()]
	if static == nil || f.r.closed {
		c.Close(now)
		return
	}
	socket, err := listenUDP("127.0.0.1:0")
	if err != nil {
		return
	}
	l := &leg{relay: f.r, down: c, socket: socket}
	if l.ep, err = rud.NewEndpoint(rud.Config{Static: static, Send: sendOn(socket), Handler: l}); err == nil {
		l.up, err = l.ep.Dial(now, rud.Target{To: f.r.target, Pin: handshake.Pin{Expect: f.r.expect}})
	}
	if err != nil {
		socket.Close()
		return
	}
	f.r.legs[c] = l
	f.r.wg.Add(1)
	go f.r.read(socket, l.ep)
}

// Message implements rud.Handler.
func (f front) Message(_ time.Time, c *rud.Conn, m rud.Message) {
	l := f.r.legs[c]
	switch {
	case l == nil || len(m.Payload) == 0:
	case !l.up.Proved():
		l.early = append(l.early, bytes.Clone(m.Payload))
	default:
		f.r.pass(l.up, true, m.Payload)
	}
}

// Closed implements rud.Handler.
func (f front) Closed(_ time.Time, c *rud.Conn, _ rud.Reason) {
	if l := f.r.legs[c]; l != nil {
		l.socket.Close()
		delete(f.r.legs, c)
	}
}

// Moved implements rud.Handler.
func (front) Moved(time.Time, *rud.Conn) {}

// Opened implements rud.Handler.
func (l *leg) Opened(time.Time, *rud.Conn) {
	for _, payload := range l.early {
		l.relay.pass(l.up, true, payload)
	}
	l.early = nil
}

// Message implements rud.Handler.
func (l *leg) Message(_ time.Time, _ *rud.Conn, m rud.Message) {
	if len(m.Payload) > 0 {
		l.relay.pass(l.down, false, m.Payload)
	}
}

// Closed implements rud.Handler.
func (l *leg) Closed(time.Time, *rud.Conn, rud.Reason) {}

// Moved implements rud.Handler.
func (l *leg) Moved(time.Time, *rud.Conn) {}
