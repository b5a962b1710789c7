package rud

import (
	"unsafe"

	"meshpresence/transport/rud/wire"
)

// directionMemory is what the keys and ciphers of one direction hold while it is
// awake, and cipherMemory those of a connection, measured: see TestIdleMemory.
const (
	directionMemory = 1360
	cipherMemory    = 2 * directionMemory
)

// memory returns the bytes that a connection holds, when all its streams are awake.
func memory(c *Conn) int {
	n := int(unsafe.Sizeof(*c)) + cipherMemory + memoryOf(&c.main)
	if x := c.beside; x != nil {
		n += int(unsafe.Sizeof(*x)) + cap(x.list)*8 + cap(x.queue)*int(unsafe.Sizeof(queued{}))
		for _, q := range x.queue {
			n += cap(q.entries)
		}
	}
	for _, s := range c.others() {
		n += int(unsafe.Sizeof(*s)) + int(unsafe.Sizeof(bound{})) + memoryOf(s)
		for _, x := range s.bound.Credentials {
			n += int(unsafe.Sizeof(x)) + len(x.Tag) + cap(x.Value)
		}
		if s.in.keys != nil {
			n += cipherMemory
		}
	}
	if c.roll != nil {
		n += int(unsafe.Sizeof(*c.roll)) + 300 // an ephemeral
	}
	return n
}

// memoryOf returns what a stream holds beside itself.
func memoryOf(s *Stream) int {
	n := cap(s.outbox.ring) * int(unsafe.Sizeof(outFrame{}))
	n += cap(s.flight.sent) * int(unsafe.Sizeof(record{}))
	for i := range s.outbox.ring {
		n += cap(s.outbox.ring[i].payload)
	}
	n += cap(s.inbox.parts) * 8
	for _, a := range s.inbox.parts {
		n += int(unsafe.Sizeof(*a)) + cap(a.buf)
	}
	if s.other != nil {
		n += int(unsafe.Sizeof(*s.other)) + directionMemory
	}
	if s.blinded != nil {
		n += int(unsafe.Sizeof(*s.blinded)) + cap(s.blinded.ids)*wire.SizeOneTimeID
	}
	return n
}
