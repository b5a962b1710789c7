package sim

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"meshpresence/transport/udpport"
)

// Port is a UDP socket of a host, with the methods of udpport.Port.
type Port struct {
	host  *Host
	bound netip.AddrPort // of no address when it listens on all
	ready chan struct{}  // full while packets wait
	done  chan struct{}

	// Guarded by the Net's lock.
	waiting  []Packet
	pending  []Packet
	counters udpport.Counters
	closed   bool
}

// portQueue is how many packets wait for the reader; later ones are dropped, as in
// a socket's buffer.
const portQueue = 1024

// Listen opens a port at "host:port"; port 0 chooses one, no host listens on all
// addresses that the host has and will have.
func (h *Host) Listen(addr string) (*Port, error) {
	name, number, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listening on simulated UDP %q: %w", addr, err)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listening on simulated UDP %q: %w", addr, err)
	}
	var on netip.Addr // the zero Addr is all
	if name != "" {
		if on, err = netip.ParseAddr(name); err != nil {
			return nil, fmt.Errorf("listening on simulated UDP %q: %w", addr, err)
		}
		if on = on.Unmap(); on.IsUnspecified() {
			on = netip.Addr{}
		}
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	bound := netip.AddrPortFrom(on, uint16(n))
	for n == 0 {
		h.next++
		if bound = netip.AddrPortFrom(on, h.next); h.ports[bound] == nil {
			break
		}
	}
	if h.ports[bound] != nil {
		return nil, fmt.Errorf("listening on simulated UDP %q: %w", addr, syscall.EADDRINUSE)
	}
	p := &Port{host: h, bound: bound, ready: make(chan struct{}, 1), done: make(chan struct{})}
	h.ports[bound] = p
	return p, nil
}

// LocalAddr is where the port listens, [::]:port when on all addresses.
func (p *Port) LocalAddr() netip.AddrPort {
	if !p.bound.Addr().IsValid() {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), p.bound.Port())
	}
	return p.bound
}

// ReadBatch waits for packets and gives those that are there.
func (p *Port) ReadBatch(b *udpport.Batch) (int, error) {
	b.N = 0
	for b.N == 0 {
		select {
		case <-p.ready:
		case <-p.done:
			return 0, fmt.Errorf("reading from simulated UDP %v: %w", p.LocalAddr(), net.ErrClosed)
		}
		p.host.net.mu.Lock()
		b.N = min(len(p.waiting), len(b.Messages))
		for i, packet := range p.waiting[:b.N] {
			b.Messages[i] = udpport.Message{Data: packet.Data, Addr: packet.From}
		}
		p.waiting = slices.Delete(p.waiting, 0, b.N)
		p.counters.Received += int64(b.N)
		if len(p.waiting) > 0 {
			p.wake()
		}
		p.host.net.mu.Unlock()
	}
	return b.N, nil
}

// Send queues a packet until Flush.
func (p *Port) Send(to netip.AddrPort, packet []byte) {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	p.pending = append(p.pending, Packet{To: to, Data: slices.Clone(packet)})
	if len(p.pending) == udpport.BatchSize {
		p.flush()
	}
}

// Flush sends what is queued. A packet without a route, or longer than
// udpport.MaxPacket, is dropped and counted.
func (p *Port) Flush() error {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	if p.closed {
		return fmt.Errorf("sending from simulated UDP %v: %w", p.LocalAddr(), net.ErrClosed)
	}
	p.flush()
	return nil
}

func (p *Port) flush() {
	for _, packet := range p.pending {
		source := p.bound.Addr()
		if !source.IsValid() {
			source = p.host.addr(packet.To.Addr().Is6())
		}
		if p.closed || !slices.Contains(p.host.addrs, source) || source.Is6() != packet.To.Addr().Is6() || len(packet.Data) > udpport.MaxPacket {
			p.counters.Dropped++
			continue
		}
		p.counters.Sent++
		packet.From = netip.AddrPortFrom(source, p.bound.Port())
		p.host.emit(packet)
	}
	clear(p.pending)
	p.pending = p.pending[:0]
}

// Close closes the port: a ReadBatch that waits ends with net.ErrClosed.
func (p *Port) Close() error {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.done)
		delete(p.host.ports, p.bound)
	}
	return nil
}

// Counters is what the port has counted so far.
func (p *Port) Counters() udpport.Counters {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	return p.counters
}

// take queues a packet for the reader.
func (p *Port) take(packet Packet) {
	if len(p.waiting) >= portQueue {
		p.counters.Dropped++
		return
	}
	p.waiting = append(p.waiting, packet)
	p.wake()
}

func (p *Port) wake() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}
