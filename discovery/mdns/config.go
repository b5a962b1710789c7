package mdns

import (
	"fmt"
	"log/slog"
	"net/netip"

	"meshpresence/internal/udf"
)

// Config says what is announced and where. To search, Interfaces and Log alone
// count.
type Config struct {
	// Fingerprint is the UDF of the node's RUD key.
	Fingerprint string
	// Port is the node's UDP port for devices.
	Port uint16
	// Listen is the only address that the node listens on. The zero one, and
	// ::, are every address of an interface; 0.0.0.0 is every IPv4 address.
	Listen netip.Addr
	// Peers are the multiaddrs for other nodes, ending in /p2p/ and the peer's
	// id; as many of the first as fit are announced.
	Peers []string
	// Interfaces are the names of the interfaces to use. None: all that are up
	// and know multicast, but loopback and point-to-point ones.
	Interfaces []string
	// Log receives what an operator can act on. Nil: nothing.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// check refuses what could not be announced.
func (c Config) check() error {
	if _, err := udf.ParseExpect(c.Fingerprint); err != nil {
		return fmt.Errorf("announcing a node: its fingerprint: %w", err)
	}
	if c.Port == 0 {
		return fmt.Errorf("announcing a node: it has no port")
	}
	return nil
}

// announces reports whether the node listens at an address.
func (c Config) announces(a netip.Addr) bool {
	switch {
	case !c.Listen.IsValid(), c.Listen == netip.IPv6Unspecified():
		return true
	case c.Listen == netip.IPv4Unspecified():
		return a.Is4()
	}
	return a.WithZone("") == c.Listen.Unmap().WithZone("")
}
