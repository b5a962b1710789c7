package udpport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Message is one datagram.
type Message struct {
	Data []byte         // the payload, in the batch's memory
	Addr netip.AddrPort // where it came from, never IPv4-mapped
}

// Batch is the memory that datagrams are read into. Its zero value is ready; it
// must not be copied once read into.
type Batch struct {
	// Messages[:N] is what the last ReadBatch read, valid until the next one.
	Messages [BatchSize]Message
	N        int

	buffers [BatchSize][bufferSize]byte
	headers headers
}

// ReadBatch waits for datagrams and fills b with those that are there, at least
// one; n is b.N. It fails with net.ErrClosed once the port is closed, and with
// the socket's error when that gives nothing else.
func (p *Port) ReadBatch(b *Batch) (n int, err error) {
	b.N = 0
	for failed := 0; ; {
		if err = p.fill(b); err == nil {
			if b.N > 0 {
				p.received.Add(int64(b.N))
				return b.N, nil
			}
			failed = 0 // all of them were too long
			continue
		}
		if failed++; failed == maxErrors || errors.Is(err, net.ErrClosed) {
			return 0, fmt.Errorf("reading from UDP %v: %w", p.local, err)
		}
	}
}

// add appends the datagram of n bytes in buffer i to the batch.
func (b *Batch) add(i, n int, from netip.AddrPort) {
	b.Messages[b.N] = Message{Data: b.buffers[i][:n:n], Addr: from}
	b.N++
}
