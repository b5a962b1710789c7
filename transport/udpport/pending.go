package udpport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// pending is the batch of packets that wait for Flush, of fixed size.
type pending struct {
	n       int
	to      [BatchSize]netip.AddrPort
	length  [BatchSize]int
	buffers [BatchSize][MaxPacket]byte
	writer  writer
}

// Send copies packet and sends it with the next Flush, which it calls when
// BatchSize packets wait. A packet longer than MaxPacket or without a
// destination is dropped and counted.
func (p *Port) Send(to netip.AddrPort, packet []byte) {
	q := &p.out
	if len(packet) > MaxPacket || !to.IsValid() {
		p.dropped.Add(1)
		return
	}
	q.to[q.n] = to
	q.length[q.n] = copy(q.buffers[q.n][:], packet)
	if q.n++; q.n == BatchSize {
		p.Flush() // what it could not send is counted; the next Flush tells that the port is closed
	}
}

// Flush gives all waiting packets to the kernel without blocking. Packets that
// the kernel refuses are dropped and counted; the only error is net.ErrClosed.
func (p *Port) Flush() error {
	q := &p.out
	if q.n == 0 {
		return nil
	}
	sent, err := p.drain()
	p.sent.Add(int64(sent))
	p.dropped.Add(int64(q.n - sent))
	q.n = 0
	if errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("sending from UDP %v: %w", p.local, err)
	}
	return nil
}
