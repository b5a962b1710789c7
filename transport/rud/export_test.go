package rud

import "unsafe"

// cipherMemory is what the four ciphers of a connection hold, measured: see
// TestIdleMemory.
const cipherMemory = 3072

// memory returns the bytes that a connection holds.
func memory(c *Conn) int {
	n := int(unsafe.Sizeof(*c)) + cipherMemory
	n += cap(c.main.outbox.ring) * int(unsafe.Sizeof(outFrame{}))
	n += cap(c.main.flight.sent) * int(unsafe.Sizeof(record{}))
	for i := range c.main.outbox.ring {
		n += cap(c.main.outbox.ring[i].payload)
	}
	n += cap(c.main.inbox.parts) * 8
	for _, a := range c.main.inbox.parts {
		n += int(unsafe.Sizeof(*a)) + cap(a.buf)
	}
	return n
}
