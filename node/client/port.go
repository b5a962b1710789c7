package client

import (
	"net/netip"

	"meshpresence/transport/udpport"
)

// Port is the UDP socket that a device speaks through, as [udpport.Port] is one. A
// simulated network gives another: one goroutine calls ReadBatch and another Send
// and Flush; a ReadBatch that waits ends with net.ErrClosed once Close was called.
type Port = interface {
	ReadBatch(b *Batch) (n int, err error)
	Send(to netip.AddrPort, packet []byte)
	Flush() error
	LocalAddr() netip.AddrPort
	Close() error
	Counters() udpport.Counters
}

// Batch is the memory that a Port reads datagrams into.
type Batch = udpport.Batch

// OpenPort opens a socket of the operating system: what Config.Ports is by default,
// and what one that does more begins with.
func OpenPort(addr string) (Port, error) {
	p, err := udpport.Listen(addr)
	if err != nil {
		return nil, err
	}
	return p, nil
}
