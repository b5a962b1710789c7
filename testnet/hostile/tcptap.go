package hostile

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// TCPTap is a relay in front of a peer port that records both directions.
type TCPTap struct {
	Record
	listener net.Listener
	target   netip.AddrPort
	wg       sync.WaitGroup

	mu     sync.Mutex
	closed bool
	cut    bool
	conns  map[net.Conn]struct{}
}

// NewTCPTap listens on a loopback port of its own and relays to a node.
func NewTCPTap(target netip.AddrPort) (*TCPTap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a tap: %w", err)
	}
	t := &TCPTap{listener: l, target: target, conns: make(map[net.Conn]struct{})}
	t.wg.Add(1)
	go t.accept()
	return t, nil
}

// Addr is where peers connect.
func (t *TCPTap) Addr() netip.AddrPort { return t.listener.Addr().(*net.TCPAddr).AddrPort() }

// Target is the node behind the tap.
func (t *TCPTap) Target() netip.AddrPort { return t.target }

// Cut ends what passes through the tap and lets nothing through from now on, or
// lets it again: two nodes that know no other way are cut apart while both run.
func (t *TCPTap) Cut(cut bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut = cut
	for c := range t.conns {
		if cut {
			c.Close()
		}
	}
}

// Close ends the tap and what passes through it.
func (t *TCPTap) Close() {
	t.mu.Lock()
	t.closed = true
	t.listener.Close()
	for c := range t.conns {
		c.Close()
	}
	t.mu.Unlock()
	t.wg.Wait()
}

func (t *TCPTap) accept() {
	defer t.wg.Done()
	for {
		c, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.wg.Add(1)
		go t.relay(c)
	}
}

// relay joins a connection to the node until either side ends.
func (t *TCPTap) relay(c net.Conn) {
	defer t.wg.Done()
	defer c.Close()
	up, err := net.Dial("tcp", t.target.String())
	if err != nil {
		return
	}
	defer up.Close()
	if !t.keep(c, up) {
		return
	}
	defer t.forget(c, up)
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	done := make(chan struct{}, 2)
	go t.copy(up, c, Packet{TCP: true, From: from, To: t.target}, done)
	go t.copy(c, up, Packet{TCP: true, From: t.target, To: from}, done)
	<-done
	c.Close()
	up.Close()
	<-done
}

func (t *TCPTap) copy(to, from net.Conn, p Packet, done chan<- struct{}) {
	defer func() { done <- struct{}{} }()
	buf := make([]byte, maxDatagram)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.Data = buf[:n]
			t.add(p)
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (t *TCPTap) keep(conns ...net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.cut {
		return false
	}
	for _, c := range conns {
		t.conns[c] = struct{}{}
	}
	return true
}

func (t *TCPTap) forget(conns ...net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range conns {
		delete(t.conns, c)
	}
}
