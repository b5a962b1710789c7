//go:build !linux

package udpport

import (
	"net"
	"net/netip"
	"syscall"
)

// headers, reader and writer are empty where a system call moves one packet.
type (
	headers struct{}
	reader  struct{}
	writer  struct{}
)

func (p *Port) setup() error { return nil }

// growBuffers asks for large buffers, and for less where that is an error.
func growBuffers(conn *net.UDPConn, _ syscall.RawConn) {
	grow(conn.SetReadBuffer)
	grow(conn.SetWriteBuffer)
}

// fill reads one datagram. One too long for the buffer is an error on some
// systems, and on the others longer than MaxPacket.
func (p *Port) fill(b *Batch) error {
	n, _, _, from, err := p.conn.ReadMsgUDPAddrPort(b.buffers[0][:], nil)
	b.N = 0
	switch {
	case isTooLong(err) || n > MaxPacket:
		p.oversize.Add(1)
		return nil
	case err != nil:
		return err
	}
	b.add(0, n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	return nil
}

// drain sends the pending packets, one by one.
func (p *Port) drain() (sent int, err error) {
	q := &p.out
	for i := range q.n {
		_, e := p.conn.WriteToUDPAddrPort(q.buffers[i][:q.length[i]], q.to[i])
		if e != nil {
			err = e
			continue
		}
		sent++
	}
	return sent, err
}
