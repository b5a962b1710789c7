package rud

import (
	"fmt"
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// Lengths of a reset: "id | 20-40 random | token".
const (
	resetLeast = wire.SizeID + 20 + wire.SizeResetToken
	resetMost  = wire.SizeID + 40 + wire.SizeResetToken
)

// Remnant is what a responder keeps on disk of a connection, to tell the device
// after a restart that it is gone: "with the endpoint it stores that id and s_I".
// With the reset key it is a secret; alone it opens nothing.
type Remnant struct {
	Addr netip.AddrPort // the path in use
	Peer key.Agreement  // s_I, the device's static key
	ID   wire.ID        // data id that the device issued
}

// Format writes the address and the peer, for every verb and flag: the id would
// let a reader of logs send the device packets that it looks at.
func (r Remnant) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "remnant of a connection to %v at %v", r.Peer.UDF(), r.Addr)
}

// Remnant returns what to keep of a connection, and false for an initiator's, or
// while it is not proved. It changes when the connection moves.
func (c *Conn) Remnant() (Remnant, bool) {
	if c.initiator || c.phase != phaseOpen {
		return Remnant{}, false
	}
	return Remnant{c.paths.current, c.peer, c.main.out.id}, true
}

// SendReset tells a device that its connection is gone, as an Endpoint with the
// same Reset key before us had it: one packet of 44 to 64 bytes, "id | 20-40 random
// | token". A device that knows no such connection answers nothing. It may be lost:
// send it a few times, jittered. Nothing is sent for a Remnant that is not whole.
func (e *Endpoint) SendReset(now time.Time, r Remnant) {
	e.begin(now)
	// A key of zeros is none: an Endpoint that listened would have made one.
	if !r.Addr.IsValid() || r.ID.IsZero() || r.Peer == "" || e.cfg.Reset == (key.Secret{}) {
		return
	}
	var random [1 + 40]byte
	if e.draw(random[:]) != nil {
		return // no randomness: the next try
	}
	n := 20 + int(random[0])%21
	token := handshake.ResetToken(e.cfg.Reset, r.Peer, r.ID)
	b := append(e.scratch.seal[:0], r.ID[:]...)
	b = append(b, random[1:1+n]...)
	e.send(netip.AddrPortFrom(r.Addr.Addr().Unmap(), r.Addr.Port()), append(b, token[:]...))
}
