package hostile

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// maxDatagram is the longest datagram that a tap reads; the node's are 1,200.
const maxDatagram = 64 << 10

// UDPTap is a relay in front of a device port. Each client that sends to it gets
// a socket of its own towards the node, as behind a NAT. It records what it
// sees, packets that it does not let pass included.
type UDPTap struct {
	Record
	front  *net.UDPConn
	target netip.AddrPort
	wg     sync.WaitGroup

	mu      sync.Mutex
	clients map[netip.AddrPort]*net.UDPConn
	pass    func(Packet) bool // nil: everything
	closed  bool
}

// NewUDPTap listens on an address, host:port with port 0 for any, and relays to
// a node.
func NewUDPTap(listen string, target netip.AddrPort) (*UDPTap, error) {
	front, err := listenUDP(listen)
	if err != nil {
		return nil, err
	}
	t := &UDPTap{front: front, target: target, clients: make(map[netip.AddrPort]*net.UDPConn)}
	t.wg.Add(1)
	go t.toNode()
	return t, nil
}

func listenUDP(listen string) (*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return nil, fmt.Errorf("opening a tap: %w", err)
	}
	c, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening a tap: %w", err)
	}
	return c, nil
}

// Addr is where clients send.
func (t *UDPTap) Addr() netip.AddrPort { return local(t.front) }

// Target is the node behind the tap; packets to it are the clients'.
func (t *UDPTap) Target() netip.AddrPort { return t.target }

func local(c *net.UDPConn) netip.AddrPort {
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Pass decides from now on which packets pass; nil lets all. It runs in the
// tap's goroutines, one packet at a time.
func (t *UDPTap) Pass(decide func(Packet) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass = decide
}

// Shut lets nothing pass.
func (t *UDPTap) Shut() { t.Pass(func(Packet) bool { return false }) }

// Inject sends a datagram to the node from the socket of a client, as if that
// client had sent it. It is not recorded; what the node answers is.
func (t *UDPTap) Inject(client netip.AddrPort, data []byte) error {
	up, err := t.upstream(client)
	if err != nil {
		return err
	}
	_, err = up.Write(data)
	return err
}

// Close ends the tap.
func (t *UDPTap) Close() {
	t.mu.Lock()
	t.closed = true
	t.front.Close()
	for _, c := range t.clients {
		c.Close()
	}
	t.mu.Unlock()
	t.wg.Wait()
}

// judge records a packet and says whether it passes.
func (t *UDPTap) judge(p Packet) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.Stopped = t.pass != nil && !t.pass(p)
	t.add(p)
	return !p.Stopped
}

// upstream returns a client's socket towards the node, and makes it.
func (t *UDPTap) upstream(client netip.AddrPort) (*net.UDPConn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, net.ErrClosed
	}
	if c := t.clients[client]; c != nil {
		return c, nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(t.target))
	if err != nil {
		return nil, fmt.Errorf("reaching the node behind the tap: %w", err)
	}
	t.clients[client] = c
	t.wg.Add(1)
	go t.toClient(client, c)
	return c, nil
}

func (t *UDPTap) toNode() {
	defer t.wg.Done()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := t.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		up, err := t.upstream(from)
		if err != nil {
			return
		}
		if t.judge(Packet{From: from, To: t.target, Data: buf[:n]}) {
			up.Write(buf[:n])
		}
	}
}

func (t *UDPTap) toClient(client netip.AddrPort, up *net.UDPConn) {
	defer t.wg.Done()
	buf := make([]byte, maxDatagram)
	for {
		n, err := up.Read(buf)
		if err != nil {
			if !t.open() {
				return
			}
			continue // the node's port was closed for a while
		}
		if t.judge(Packet{From: t.target, To: client, Data: buf[:n]}) {
			t.front.WriteToUDPAddrPort(buf[:n], client)
		}
	}
}

func (t *UDPTap) open() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.closed
}
