package udpport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// Our limits.
const (
	// BatchSize is how many datagrams a batch holds. It bounds the time that
	// one peer's burst can take before the owner looks at anything else.
	BatchSize = 64

	// MaxPacket is the longest datagram read or sent, in bytes: an Ethernet
	// frame's worth, above the 1200 of RUD's longest packet. A longer one
	// could only have come in fragments, whose reassembly a stranger can
	// exhaust.
	MaxPacket = 1500

	// bufferSize is what a datagram is read into. It is longer than MaxPacket
	// so that one that is too long shows without the kernel's word for it.
	bufferSize = 1536

	// maxErrors ends a read loop whose socket gives nothing but errors; fewer
	// in a row are what ICMP messages leave.
	maxErrors = 256
)

// The socket buffers that are asked for, in bytes: what a gigabit brings in 30
// ms. The kernel grants as much as it is allowed to.
const (
	wantBuffer  = 4 << 20
	leastBuffer = 128 << 10
)

// Port is an open UDP socket. One goroutine may call ReadBatch and another Send
// and Flush; Close, LocalAddr and Counters may be called by any.
type Port struct {
	conn  *net.UDPConn
	raw   syscall.RawConn
	local netip.AddrPort

	in  reader  // of the reading goroutine
	out pending // of the sending goroutine

	received, sent, dropped, oversize atomic.Int64
}

// Counters counts the packets of a port since it was opened.
type Counters struct {
	Received int64 // given to the reader
	Sent     int64 // taken by the kernel
	Dropped  int64 // refused by the kernel, or not sendable at all
	Oversize int64 // longer than MaxPacket, at receipt
}

// Listen opens a socket at addr, "host:port"; port 0 lets the kernel choose. A
// port in use is an error for which errors.Is(err, syscall.EADDRINUSE) holds.
func Listen(addr string) (*Port, error) {
	conn, err := open(addr, listenUDP)
	if err != nil {
		return nil, fmt.Errorf("listening on UDP %q: %w", addr, err)
	}
	p, err := newPort(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("setting up UDP socket %v: %w", conn.LocalAddr(), err)
	}
	return p, nil
}

// open listens on both families, or on the one that addr or the kernel leaves.
func open(addr string, listen func(network, addr string) (*net.UDPConn, error)) (*net.UDPConn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("want host:port: %w", err)
	}
	ip, _ := netip.ParseAddr(host) // the zero Addr for a name or nothing
	network := "udp"
	if ip.Is4() {
		network = "udp4"
	}
	conn, err := listen(network, addr)
	if errors.Is(err, errNoIPv6) && (host == "" || ip.Is6() && ip.IsUnspecified()) {
		return listen("udp4", net.JoinHostPort("", port))
	}
	return conn, err
}

// listenUDP is net.ListenPacket with the parts of its error that addr repeats
// left out.
func listenUDP(network, addr string) (*net.UDPConn, error) {
	c, err := new(net.ListenConfig).ListenPacket(context.Background(), network, addr)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err
		}
		return nil, nameBusy(err)
	}
	return c.(*net.UDPConn), nil
}

// newPort takes over conn.
func newPort(conn *net.UDPConn) (*Port, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	p := &Port{
		conn: conn, raw: raw,
		local: netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
	}
	growBuffers(conn, raw)
	return p, p.setup()
}

// grow asks set for wantBuffer, then for half as long as that is too much.
func grow(set func(bytes int) error) {
	for n := wantBuffer; n >= leastBuffer; n /= 2 {
		if set(n) == nil {
			return
		}
	}
}

// LocalAddr is where the port listens, [::]:port when it listens everywhere.
func (p *Port) LocalAddr() netip.AddrPort { return p.local }

// Close closes the socket. A ReadBatch that waits and all later calls end with
// net.ErrClosed; packets not flushed are lost.
func (p *Port) Close() error { return p.conn.Close() }

// Counters is what the port has counted so far.
func (p *Port) Counters() Counters {
	return Counters{
		Received: p.received.Load(), Sent: p.sent.Load(),
		Dropped: p.dropped.Load(), Oversize: p.oversize.Load(),
	}
}
