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

	// Mode is how it went. A responder cannot tell Deferred from FirstContact
	// and calls both FirstContact.
	Mode Mode

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
	// a device and after an Exchange, whose answer promises none. The initiator checks the card against it when it arrives.
	Card [wire.SizeHash]byte

	// Extensions is the peer's list under the seal, a copy.
	Extensions wire.Extensions

	// Payload is a copy of what travelled beside the handshake; nil for none. At
	// the responder it is the Exchange's, and Answer has had it; at the initiator
	// it is the answer to the Exchange's.
	Payload []byte

	// Ticket is the id of the ticket that was redeemed, zeros for none. A ticket
	// that was Deferred is not redeemed, and its secret is not in the keys.
	Ticket [wire.SizeTicketID]byte

	// Size is the length of the first packet that was answered, 1200 or 548:
	// the path's first packet size.
	Size int

	// From is the source of the Complete or Exchange. Responder only.
	From netip.AddrPort

	// Validated says that the peer receives at From: a Complete proves it, an
	// Exchange does not, and until the first Data the source may be forged.
	// Responder only.
	Validated bool

	// Request is SHA-256 of the Complete or Exchange: with From it finds the stored answer
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
