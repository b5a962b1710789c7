package main

import (
	"net/netip"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/wire"
	"meshpresence/transport/udpport"
)

const (
	// engineAge is how long ago an engine began, by the clocks it is given: a
	// responder defers every Exchange of its first 25 slots of 10 seconds, and
	// Immediate is what it does for the rest of its life.
	engineAge = 5 * time.Minute
	// engineConns is how many connections it keeps; the oldest goes, as a node
	// drops a device's older connections.
	engineConns = 512
)

// engine is a server that is a rud.Endpoint on a socket, with no node above it.
type engine struct {
	ep    *rud.Endpoint
	port  *udpport.Port
	conns []*rud.Conn
}

func openEngine() (server, error) {
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		return server{}, err
	}
	e := new(engine)
	if e.port, err = udpport.Listen("127.0.0.1:0"); err != nil {
		return server{}, err
	}
	age := engineAge
	e.ep, err = rud.NewEndpoint(rud.Config{
		Static: static, Listen: true, Handler: e, Send: e.port.Send,
		Wall: func() time.Time { return time.Now().Add(-age) },
	})
	if err != nil {
		return server{}, err
	}
	// the first stranger makes the responder
	e.ep.Receive(time.Now().Add(-engineAge), netip.MustParseAddrPort("127.0.0.1:9"), make([]byte, wire.MaxPacket))
	age = 0
	go e.loop()
	at := e.port.LocalAddr()
	a := discovery.Address{Host: at.Addr().String(), Port: at.Port(), Fingerprint: static.Public().UDF()}
	return server{hello: hello{Address: a.String()}, done: func() int { return 0 }, close: e.port.Close}, nil
}

// loop reads without a timer: a connection that says nothing more has none that
// matters to a handshake's cost.
func (e *engine) loop() {
	b := new(udpport.Batch)
	for {
		if _, err := e.port.ReadBatch(b); err != nil {
			return
		}
		now := time.Now()
		for i := range b.Messages[:b.N] {
			e.ep.Receive(now, b.Messages[i].Addr, b.Messages[i].Data)
		}
		if at := e.ep.Deadline(); !at.IsZero() && !at.After(now) {
			e.ep.Advance(now)
		}
		if e.port.Flush() != nil {
			return
		}
	}
}

// Opened implements rud.Handler.
func (e *engine) Opened(now time.Time, c *rud.Conn) {
	if e.conns = append(e.conns, c); len(e.conns) > engineConns {
		e.conns[0].Close(now)
		e.conns = e.conns[1:]
	}
}

// Message implements rud.Handler.
func (*engine) Message(time.Time, *rud.Conn, rud.Message) {}

// Closed implements rud.Handler.
func (*engine) Closed(time.Time, *rud.Conn, rud.Reason) {}

// Moved implements rud.Handler.
func (*engine) Moved(time.Time, *rud.Conn) {}
