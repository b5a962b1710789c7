package client

import (
	"context"
	"net/netip"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// Connection is how a node is reached, as the transport sees it: "the application
// can ask each connection: age of keys, RTT and loss per path, the path in use".
type Connection struct {
	// Node is the address of the node, with its fingerprint.
	Node string
	// Mode is how the connection was made, and RoundTrips what that took before
	// the device could ask anything.
	Mode       string
	RoundTrips int
	// Suite names curve and cipher.
	Suite string
	// KeyAge is how old the keys are. At an hour the connection gets new ones by
	// itself, and goes on.
	KeyAge time.Duration
	// Handshakes counts the connections that this client made, this one included.
	Handshakes int
	// Local is where this device sends from.
	Local netip.AddrPort
	// Paths are the ways to the node, the one in use first.
	Paths []Path
}

// Path is one way to the node.
type Path struct {
	// Node is the node's address on it.
	Node netip.AddrPort
	// InUse: packets leave here.
	InUse bool
	// RTT is smoothed, 0 when unknown.
	RTT time.Duration
	// Sent counts the packets that left with something to be acknowledged, and
	// Lost those of them that had to be sent again.
	Sent, Lost uint64
}

// Connection tells how the node in use is reached; it waits for one.
func (c *Client) Connection(ctx context.Context) (Connection, error) {
	return call(ctx, c, func(l *link) (Connection, error) { return c.connectionOf(ctx, l) })
}

func (c *Client) connectionOf(ctx context.Context, l *link) (Connection, error) {
	is := make(chan Connection, 1)
	if err := c.post(ctx, func(now time.Time) { is <- c.describe(now, l) }); err != nil {
		return Connection{}, err
	}
	select {
	case is := <-is:
		return is, nil
	case <-c.stop:
		return Connection{}, ErrClosed
	}
}

// describe runs in the loop.
func (c *Client) describe(now time.Time, l *link) Connection {
	conn := l.conn
	is := Connection{
		Node: l.address.String(), Mode: conn.Mode().String(), RoundTrips: roundTrips(conn.Mode()),
		Suite: suiteName(conn.Suite()), KeyAge: conn.KeyAge(now), Handshakes: c.handshakes,
		Local: c.sockets.list[0].port.LocalAddr(),
	}
	for _, p := range conn.Paths(now) {
		is.Paths = append(is.Paths, Path{Node: p.Addr, InUse: p.InUse, RTT: p.RTT, Sent: p.Sent, Lost: p.Lost})
	}
	return is
}

// roundTrips is what a handshake takes.
func roundTrips(m handshake.Mode) int {
	switch m {
	case handshake.Immediate, handshake.Ticketed:
		return 1
	}
	return 2
}

var suiteNames = map[wire.Suite]string{
	wire.SuiteX25519AESGCM:   "X25519 AES-256-GCM",
	wire.SuiteX25519ChaCha20: "X25519 ChaCha20-Poly1305",
	wire.SuiteX448AESGCM:     "X448 AES-256-GCM",
	wire.SuiteX448ChaCha20:   "X448 ChaCha20-Poly1305",
}

func suiteName(s wire.Suite) string {
	if name := suiteNames[s]; name != "" {
		return name
	}
	return s.String()
}
