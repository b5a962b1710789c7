package handshake

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/wire"
)

// Role is a side of a Ticket.
type Role byte

// The roles, as the ticket's bytes have them.
const (
	EitherRole    Role = iota // the ticket does not say
	InitiatorRole             // the device of Ticket.Initiator
	ResponderRole             // the device of Ticket.Responder
)

// Ticket is "a connection made ready by someone else": it makes two devices that
// never met known to each other, with a secret that only they and its maker have.
// It is a pre-shared key and a hint, never an identity: both still prove their
// static keys.
type Ticket struct {
	ID     [wire.SizeTicketID]byte // random, in clear on the wire, never zeros
	Secret key.Secret              // mixed into the keys of both

	// Initiator and Responder are the static keys of the two devices, of one
	// curve.
	Initiator, Responder key.Agreement

	// Endpoints are where the one that redeems may be reached, at most 8.
	Endpoints []netip.AddrPort

	// Expires is when the ticket is worth nothing any more: "at most 60 s for
	// Transfer, the invite's life for a session".
	Expires wall.Time

	// Redeemer is the one side that redeems the ticket: it answers and the
	// other opens. With EitherRole the device with the lower SHA-256(curve byte |
	// static key) opens.
	Redeemer Role
}

// Tickets is what a Responder knows of tickets. Its methods run inside Receive.
type Tickets interface {
	// Find returns the ticket of that id that was not redeemed yet, or nil.
	Find(id [wire.SizeTicketID]byte) *Ticket

	// Redeem spends the ticket: "the redeemer stores the id with Sync before
	// answering". On an error, and the second time that must be one, there is
	// no answer.
	Redeem(t *Ticket) error
}

// maxEndpoints bounds a ticket's addresses. Attack: a ticket that makes a device
// knock at a thousand doors.
const maxEndpoints = 8

const (
	ticketVersion  = 1
	ticketID       = 2
	ticketSecret   = ticketID + wire.SizeTicketID
	ticketExpires  = ticketSecret + key.SecretSize
	ticketCurve    = ticketExpires + 8
	ticketKeys     = ticketCurve + 1
	sizeOfEndpoint = 16 + 2
)

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

var errTicket = errors.New("malformed ticket")

// Append appends the ticket's bytes, which hold its secret:
//
//	0 1 version 1 | 1 1 redeemer: 0 not said, 1 initiator, 2 responder | 2 16 id | 18 32 secret |
//	50 8 expiry, Unix seconds | 58 1 curve | 59 L initiator's key | L responder's key |
//	1 how many endpoints, 0 to 8 | each: address 16 (IPv4 mapped), port 2
func (t *Ticket) Append(b []byte) []byte {
	b = append(b, ticketVersion, byte(t.Redeemer))
	b = append(b, t.ID[:]...)
	b = append(b, t.Secret[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Expires))
	b = append(b, byte(t.Initiator.Curve()))
	b = append(b, t.Initiator.Raw()...)
	b = append(b, t.Responder.Raw()...)
	b = append(b, byte(len(t.Endpoints)))
	for _, e := range t.Endpoints {
		a := e.Addr().As16()
		b = binary.BigEndian.AppendUint16(append(b, a[:]...), e.Port())
	}
	return b
}

// ParseTicket reads a ticket, which must end where b does. Every ticket has one
// encoding.
func ParseTicket(b []byte) (*Ticket, error) {
	if len(b) <= ticketKeys || b[0] != ticketVersion {
		return nil, errTicket
	}
	curve := key.Curve(b[ticketCurve])
	n := curve.Size()
	rest := b[ticketKeys:]
	if n == 0 || len(rest) < 2*n+1 {
		return nil, errTicket
	}
	t := &Ticket{
		ID:       [wire.SizeTicketID]byte(b[ticketID:]),
		Secret:   key.Secret(b[ticketSecret:ticketExpires]),
		Expires:  wall.Time(binary.BigEndian.Uint64(b[ticketExpires:])),
		Redeemer: Role(b[1]),
	}
	var err error
	if t.Initiator, err = key.NewAgreement(curve, rest[:n]); err != nil {
		return nil, errTicket
	}
	if t.Responder, err = key.NewAgreement(curve, rest[n:2*n]); err != nil {
		return nil, errTicket
	}
	count, rest := int(rest[2*n]), rest[2*n+1:]
	if count > maxEndpoints || len(rest) != count*sizeOfEndpoint {
		return nil, errTicket
	}
	for ; len(rest) > 0; rest = rest[sizeOfEndpoint:] {
		a := netip.AddrFrom16([16]byte(rest)).Unmap()
		t.Endpoints = append(t.Endpoints, netip.AddrPortFrom(a, binary.BigEndian.Uint16(rest[16:])))
	}
	if t.check() != nil {
		return nil, errTicket
	}
	return t, nil
}

// check refuses what no ticket may be.
func (t *Ticket) check() error {
	switch {
	case t.ID == [wire.SizeTicketID]byte{}:
		return errors.New("ticket without id")
	case t.Secret == key.Secret{}:
		return errors.New("ticket without secret")
	case t.Redeemer > ResponderRole:
		return errors.New("ticket with an unknown redeemer")
	case t.Expires <= 0:
		return errors.New("ticket without expiry")
	case t.Initiator == "" || t.Responder == "" || t.Initiator.Curve() != t.Responder.Curve():
		return errors.New("ticket without two keys of one curve")
	case t.Initiator.Plain() == t.Responder.Plain():
		return errors.New("ticket of a device with itself")
	case len(t.Endpoints) > maxEndpoints:
		return errors.New("ticket with too many endpoints")
	}
	for _, e := range t.Endpoints {
		// Attack: a ticket that makes a device shout to a whole network.
		if a := e.Addr(); !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a == broadcast || a.Zone() != "" || e.Port() == 0 {
			return errors.New("ticket with an endpoint that is no device's")
		}
	}
	return nil
}

// sides returns the keys of the one that opens and of the one that redeems.
// "Lower SHA-256(static key) initiates when both open at once, unless the ticket
// says."
func (t *Ticket) sides() (opens, redeems key.Agreement) {
	a, b := t.Initiator, t.Responder
	switch t.Redeemer {
	case ResponderRole:
		return a, b
	case InitiatorRole:
		return b, a
	}
	if x, y := a.Hash(), b.Hash(); bytes.Compare(x[:], y[:]) > 0 {
		return b, a
	}
	return a, b
}

// Opens reports whether the device with that static key is the one that opens;
// the other is "the one redeemer". A key that the ticket does not name does
// neither.
func (t *Ticket) Opens(k key.Agreement) bool {
	opens, _ := t.sides()
	return k != "" && k.Plain() == opens.Plain()
}

// Redeems reports whether the device with that static key is the one that may
// redeem the ticket.
func (t *Ticket) Redeems(k key.Agreement) bool {
	_, redeems := t.sides()
	return k != "" && k.Plain() == redeems.Plain()
}

// String names the ticket by its id, which is no secret.
func (t Ticket) String() string {
	return "[ticket " + hex.EncodeToString(t.ID[:4]) + ", redacted]"
}

// GoString is String.
func (t Ticket) GoString() string { return t.String() }

// Format writes String for every verb and flag.
func (t Ticket) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// LogValue is String, for slog.
func (t Ticket) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText is String: a ticket leaves only through Append.
func (t Ticket) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
