package rud

import "unsafe"

// cipherMemory is what the four ciphers of a connection hold, measured: see
// TestIdleMemory.
const cipherMemory = 3072

// memory returns the bytes that a connection holds.
func memory(c *Conn) int {
	n := int(unsafe.Sizeof(*c)) + cipherMemory
	n += cap(c.outbox.ring) * int(unsafe.Sizeof(outFrame{}))
	n += cap(c.flight.sent) * int(unsafe.Sizeof(record{}))
	for i := range c.outbox.ring {
		n += cap(c.outbox.ring[i].payload)
	}
	n += cap(c.inbox.parts) * 8
	for _, a := range c.inbox.parts {
		n += int(unsafe.Sizeof(*a)) + cap(a.buf)
	}
	return n
}
