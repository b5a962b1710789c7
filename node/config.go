package node

import (
	"errors"
	"log/slog"
	"time"

	"meshpresence/internal/wall"
)

// Defaults of a node (federation.md, Defaults).
const (
	DefaultListen      = ":6770"
	DefaultConnTimeout = 60 * time.Second
	// MaxConnTimeout is the longest silence a device may ask to be granted.
	MaxConnTimeout = time.Hour
)

// DefaultPeerListen are the multiaddrs a node listens on for other nodes: QUIC,
// and TCP with Noise beside it, whose handshake does not know the clock.
var defaultPeerListen = []string{
	"/ip4/0.0.0.0/udp/6771/quic-v1", "/ip6/::/udp/6771/quic-v1",
	"/ip4/0.0.0.0/tcp/6771", "/ip6/::/tcp/6771",
}

// Config is how a node is set up. Only State has no default.
type Config struct {
	// State is the directory of the node's keys and store; it is made, 0700,
	// when absent. One node at a time may use it.
	State string
	// Listen is the UDP host:port that devices send to; port 0 takes any.
	// Default DefaultListen.
	Listen string
	// Ports opens the socket for Listen. Default: the system's.
	Ports func(addr string) (Port, error)
	// PeerListen are the multiaddrs other nodes connect to. Default: QUIC and
	// TCP on port 6771, IPv4 and IPv6.
	PeerListen []string
	// Announce, when not nil, is told to other nodes in place of the addresses
	// found; an empty list announces none.
	Announce []string
	// Peers are static peers: multiaddrs that end in /p2p/ID. They are dialled
	// again for as long as the node runs.
	Peers []string
	// MDNS announces this node on the local network, and looks there for nodes of
	// its realm: what is found is dialled, and admitted only as a member.
	MDNS bool
	// MDNSInterfaces are the interfaces that MDNS uses. Default: all that reach
	// a local network.
	MDNSInterfaces []string
	// RealmKey is the file of the realm's key. A node given one signs its own
	// member fact and lives in that realm. Default: keys/realm.key under State,
	// made at the first start: a realm of one.
	RealmKey string
	// OpenAccounts admits new accounts without a code.
	OpenAccounts bool
	// Admin is the path of the admin socket. Default: none.
	Admin string
	// Quiet answers no Hello that was not meant for this node's key.
	Quiet bool
	// HandshakeRate is how many unvalidated first packets a second one /24 or
	// /48 gets answers to. Default 10.
	HandshakeRate int
	// SyncEvery is the pace of anti-entropy with other nodes. Default 10 s.
	SyncEvery time.Duration
	// Wall is the wall clock, which only expiry, signatures and the Now member
	// read. Default: the system's.
	Wall wall.Clock
	// Log receives what an operator should know. Default: nothing.
	Log *slog.Logger
}

var errNoState = errors.New("no state directory given: set one with --state DIR")

// withDefaults returns the configuration with every default filled in.
func (c Config) withDefaults() (Config, error) {
	if c.State == "" {
		return c, errNoState
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Ports == nil {
		c.Ports = systemPort
	}
	if c.PeerListen == nil {
		c.PeerListen = defaultPeerListen
	}
	if c.SyncEvery == 0 {
		c.SyncEvery = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
