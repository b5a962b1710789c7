package rud

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// Config is what an Endpoint needs. Static, Send and Handler are required.
type Config struct {
	// Static is the agreement key that peers know us by, X25519.
	Static *key.Static

	// CardHash is SHA-256 of the node card, shown in Challenges; zeros for a
	// device.
	CardHash [wire.SizeHash]byte

	// Reset is the key of reset tokens. They mean something after a restart
	// only if it is kept on disk; zeros stand for one made now.
	Reset key.Secret

	// Rand is the source of everything random; nil means the system's.
	Rand io.Reader

	// Listen answers strangers' Hellos; without it only Dial makes
	// connections.
	Listen bool

	// Quiet answers no Hello that does not name our key.
	Quiet bool

	// Rate and Burst are the Challenges a second and at once for one /24 or
	// /48; 0 means 10 and 256.
	Rate, Burst int

	// Send puts one UDP datagram on the wire. It is called inside the
	// Endpoint's methods; the packet is lent until it returns, and it must
	// not call the Endpoint.
	Send func(to netip.AddrPort, packet []byte)

	// Reply is Send by the socket that the packet being received came through,
	// on a host with several: answers to strangers, to probes and to path
	// challenges leave by it. nil means Send.
	Reply func(to netip.AddrPort, packet []byte)

	// Static448 is our agreement key on X448, or nil: then suites of X448 are
	// not spoken.
	Static448 *key.Static

	// Wall is read for the time in an Exchange; nil is the system's.
	Wall wall.Clock

	// Busy says that the owner's queue of datagrams is an eighth full: for a
	// second Exchanges get Challenges. nil means never.
	Busy func() bool

	// Early runs the verb that came in an Exchange, once for each, and returns
	// its answer, of at most room bytes; nil for none, and then the peer sends
	// the payload again in Data. It runs Heartbeat, EndpointRequest and Resolve
	// and nothing else: peer has proved that it knew our key, but not that it
	// is at from or that it is there now, and the peer may have to ask again, in
	// another Exchange. payload and answer are lent. Early must not call the
	// Endpoint or its connections.
	Early func(now time.Time, from netip.AddrPort, peer key.Agreement, payload []byte, room int) (answer []byte)

	// Tickets are those that we redeem; nil for none. Without Listen we are silent
	// to every packet that does not name one.
	Tickets handshake.Tickets

	// Handler learns what happens.
	Handler Handler
}

// check refuses a config that cannot work.
func (cfg *Config) check() error {
	switch {
	case cfg.Static == nil:
		return errors.New("no static key")
	case cfg.Static.Public().Curve() != key.X25519:
		return fmt.Errorf("static key on %v, not X25519", cfg.Static.Public().Curve())
	case cfg.Static448 != nil && cfg.Static448.Public().Curve() != key.X448:
		return fmt.Errorf("static key of X448 on %v", cfg.Static448.Public().Curve())
	case cfg.Send == nil:
		return errors.New("nothing to send with")
	case cfg.Handler == nil:
		return errors.New("no handler")
	}
	return nil
}

// statics returns our static keys, one a curve.
func (cfg *Config) statics() []*key.Static {
	if cfg.Static448 == nil {
		return []*key.Static{cfg.Static}
	}
	return []*key.Static{cfg.Static, cfg.Static448}
}

// static returns our static key of that curve, or nil.
func (cfg *Config) static(c key.Curve) *key.Static {
	for _, s := range cfg.statics() {
		if s.Public().Curve() == c {
			return s
		}
	}
	return nil
}

// Format names the config by its key, for every verb and flag: it holds secrets.
func (cfg Config) Format(f fmt.State, _ rune) {
	if cfg.Static == nil {
		fmt.Fprint(f, "RUD config without a key")
		return
	}
	fmt.Fprintf(f, "RUD config of %v", cfg.Static.Public().UDF())
}

// Handler is the owner of the connections. Its methods run inside the Endpoint's
// and may call any method of Conn, and Endpoint.Dial; not Receive or Advance.
type Handler interface {
	// Opened says that the handshake is done and the peer proved its key: for
	// the initiator when the ResponderComplete opened, for the responder when
	// the initiator's first Data did. Once, before anything else of c.
	Opened(now time.Time, c *Conn)

	// Message delivers one frame, whole and once. Frames may come in another
	// order than they were sent in. An empty payload is a sign of life: the
	// initiator's first frame, or one after Rebind.
	Message(now time.Time, c *Conn, m Message)

	// Closed says that a connection ended, whoever ended it: once for each
	// that was dialled or opened, after everything else of c.
	Closed(now time.Time, c *Conn, reason Reason)

	// Moved says that the path in use is another now, and validated.
	Moved(now time.Time, c *Conn)
}

// Message is one frame.
type Message struct {
	Stream  *Stream        // that it came in
	Payload []byte         // lent until Message returns
	From    netip.AddrPort // source of the packet that made it whole
	Probe   bool           // that packet does not say where the peer is
	Final   bool           // the last datagram of a message
	Early   bool           // the answer to Target.Early, in the handshake
}
