package client

import (
	"log/slog"
	"net/netip"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/wall"
)

// Timers (mpp.md, Semantics: they default to the reference's).
const (
	// DefaultHeartbeat keeps the NAT in front of the device open.
	DefaultHeartbeat = 25 * time.Second
	// MinHeartbeat is the shortest heartbeat accepted.
	MinHeartbeat = time.Second
	retryAfter   = time.Second
	retries      = 3
	// dialTimeout is how long one node is tried before the next.
	dialTimeout = 3 * time.Second
	// DefaultEventLife is how long a post lives unless it says less.
	DefaultEventLife = 7 * 24 * time.Hour
)

// Config is how a device reaches the service. The zero value works for a
// profile that knows a node.
type Config struct {
	// Node is an address to use before those the profile knows:
	// mpp://host:port/FINGERPRINT, or without the fingerprint when TrustFirst
	// or Confirm decides about the key found there.
	Node string
	// Find, when not nil, is asked for a node when none is given and none is
	// pinned. One that it finds is used if TrustFirst or Confirm says so; of
	// several none is.
	Find discovery.Resolver
	// TrustFirst takes the key found at Node when none is pinned, and pins it.
	TrustFirst bool
	// Confirm, when not nil, is asked about a key found at an address without a
	// pin: its fingerprint is shown to a person. It runs on its own and may
	// take its time.
	Confirm func(fingerprint string) bool
	// AskEndpoint asks a node whose key is known what address it sees, with the
	// first packet: the first Ping is answered when the connection is made.
	AskEndpoint bool
	// Heartbeat is the pace of keep-alives; three unanswered ones mean the next
	// node. Default DefaultHeartbeat, at least MinHeartbeat.
	Heartbeat time.Duration
	// Listen is the local UDP address. Default: any port.
	Listen string
	// Ports opens the sockets for Listen. Default: OpenPort, the system's.
	Ports func(addr string) (Port, error)
	// Route tells the local address that packets to an address would leave by,
	// so that a change of network is noticed; the zero Addr: there is no way.
	// Default: the kernel's answer, and with Ports none.
	Route func(to netip.AddrPort) netip.Addr
	// Wall is the wall clock. Default: the system's.
	Wall wall.Clock
	// Log receives what happens below. Default: nothing.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Heartbeat == 0 {
		c.Heartbeat = DefaultHeartbeat
	}
	c.Heartbeat = max(c.Heartbeat, MinHeartbeat)
	if c.Listen == "" {
		c.Listen = ":0"
	}
	if c.Ports == nil && c.Route == nil {
		c.Route = systemRoute
	}
	if c.Ports == nil {
		c.Ports = OpenPort
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
