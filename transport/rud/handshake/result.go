package handshake

import (
	"net/netip"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// Result is a finished handshake. For the responder it is provisional until the
// initiator's first Data opens.
type Result struct {
	// Initiator is our role: packets to the peer take the direction i2r.
	Initiator bool

	Suite  wire.Suite
	Secret key.Secret    // for Keys; both sides have the same
	Mine   key.Agreement // the static key we showed: made for this connection when nothing was pinned
	Peer   key.Agreement // the static key the peer proved

	MyID   wire.ID // issued by us: packets to us begin with it
	PeerID wire.ID // issued by the peer: packets to it begin with it

	// Reset is the token the responder gave: the initiator knows it again,
	// the responder makes it anew from its reset key, Peer and PeerID.
	Reset [wire.SizeResetToken]byte

	// Card is the hash of the node card that the responder promised, zeros for
	// a device. The initiator checks the card against it when it arrives.
	Card [wire.SizeHash]byte

	// Extensions is the peer's list under the seal, a copy.
	Extensions wire.Extensions

	// Size is the length of the first packet that was answered, 1200 or 548:
	// the path's first packet size.
	Size int

	// From is the source of the Complete, validated by it. Responder only.
	From netip.AddrPort

	// Request is SHA-256 of the Complete: with From it finds the stored answer
	// while the connection is provisional. Responder only.
	Request [wire.SizeHash]byte
}

// SendKeys returns header key and packet key of what we send to PeerID.
func (r *Result) SendKeys() (header, packet key.Secret) {
	return Keys(r.Secret, direction(r.Initiator), r.PeerID)
}

// ReceiveKeys returns header key and packet key of what arrives under MyID.
func (r *Result) ReceiveKeys() (header, packet key.Secret) {
	return Keys(r.Secret, direction(!r.Initiator), r.MyID)
}

func direction(fromInitiator bool) Direction {
	if fromInitiator {
		return I2R
	}
	return R2I
}
