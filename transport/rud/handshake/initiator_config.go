package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/wire"
)

// InitiatorConfig is what an Initiator needs.
type InitiatorConfig struct {
	// Mode is FirstContact, Immediate or Ticketed. Immediate needs Pin.Key and
	// Ticketed a Ticket; either becomes Deferred when the responder asks for
	// it, and goes on as First Contact when nobody answers.
	Mode Mode

	// Payload is one message in an Exchange, at most MaxFirstPayload. Result
	// has its answer; when it has none the message is still to be sent. An
	// Exchange of 548 bytes that it does not fit leaves without it.
	Payload []byte

	// Ticket is the one to be redeemed. It names the responder's key: Pin is not
	// looked at. Static must be the key of the side that opens.
	Ticket *Ticket

	Wall wall.Clock // the Exchange's "Unix seconds / 10"

	// Static is our static key. It is shown only to a responder whose key
	// Pin knows or accepts; without it, or with the zero Pin, s_I is a key
	// made for this connection.
	Static *key.Static

	Pin Pin

	// Suite is the one to name; 0 means Preferred of the curve of Pin.Key, and
	// of X25519 without one. X448 needs Pin.Key: "From a fingerprint alone the
	// curve is X25519; X448 needs a known card."
	Suite wire.Suite

	Extensions []wire.Extension   // under the seal of Exchange and Complete; 16 at most, about 300 bytes
	Size       int                // of the first packet, 1200 or 548; 0 means 1200, and 548 with a ticket
	Taken      func(wire.ID) bool // ids already in use here; nil for none
	Rand       io.Reader          // nil: the system's
}

// settle fills in what is left to us, refuses a config that no handshake can come
// of, and returns the suite.
func (cfg *InitiatorConfig) settle() (*suite, error) {
	cfg.Rand = source(cfg.Rand)
	if err := cfg.settleMode(); err != nil {
		return nil, err
	}
	if cfg.Size == 0 {
		cfg.Size = wire.MaxPacket
	}
	if cfg.Size != wire.MaxPacket && cfg.Size != wire.SmallPacket {
		return nil, fmt.Errorf("first packet of %d bytes", cfg.Size)
	}
	s, err := cfg.choose()
	if err != nil {
		return nil, err
	}
	return s, cfg.checkRoom(s)
}

// settleMode checks what the mode needs. What it does not need is dropped.
func (cfg *InitiatorConfig) settleMode() error {
	cfg.Payload = bytes.Clone(cfg.Payload)
	if !cfg.Mode.exchanges() {
		cfg.Payload = nil
	}
	if cfg.Mode != Ticketed {
		cfg.Ticket = nil
	}
	switch cfg.Mode {
	case FirstContact:
		return nil
	case Immediate:
		if cfg.Pin.Key == "" {
			return errors.New("an Exchange to an unknown key")
		}
		return nil
	case Ticketed:
		return cfg.settleTicket()
	}
	return fmt.Errorf("mode %v is no initiator's choice", cfg.Mode)
}

// settleTicket pins the key that the ticket names. OURS: an Exchange under a ticket
// has 548 bytes from the start. One that falls back needs a second Exchange under
// one ticket, and when the answer to the first was lost the ticket is spent.
func (cfg *InitiatorConfig) settleTicket() error {
	t := cfg.Ticket
	switch {
	case t == nil:
		return errors.New("no ticket")
	case t.check() != nil:
		return t.check()
	case cfg.Wall.Now() >= t.Expires:
		return errors.New("the ticket has expired")
	case cfg.Static == nil || !t.Opens(cfg.Static.Public()):
		return errors.New("the ticket is not for us to open with")
	}
	kept := *t
	_, redeems := t.sides()
	cfg.Ticket, cfg.Pin = &kept, Pin{Key: redeems}
	cfg.Size = wire.SmallPacket
	return nil
}

// choose settles the suite: the config's, or the one preferred.
func (cfg *InitiatorConfig) choose() (*suite, error) {
	known := key.X25519
	if k := cfg.Pin.Key; k != "" {
		known = k.Curve()
	}
	named := cfg.Suite
	if named == 0 {
		named = Preferred(known)
	}
	s := findSuite(named)
	switch {
	case s == nil:
		return nil, fmt.Errorf("suite %v: %w", named, errNotOffered)
	case s.curve != known:
		return nil, fmt.Errorf("suite %v for a responder known by %v", named, known)
	case cfg.Static != nil && cfg.Static.Public().Curve() != s.curve:
		return nil, fmt.Errorf("static key of %v in suite %v", cfg.Static.Public().Curve(), named)
	}
	return s, nil
}

// checkRoom refuses extensions that do not fit every packet they may stand in, and
// a payload that does not fit the first.
func (cfg *InitiatorConfig) checkRoom(s *suite) error {
	if err := wire.CheckExtensions(cfg.Extensions); err != nil {
		return err
	}
	list := len(wire.AppendExtensions(nil, cfg.Extensions))
	// Complete is as long as the first packet, and that may fall to the small size.
	room := sectionSize(s.id, wire.SmallPacket) - s.id.KeySize() - wire.SizeID
	if cfg.Mode.exchanges() {
		room = wire.SizeExchangeSection(s.id, wire.SmallPacket, false) - wire.SizeID
	}
	if list+payloadSize(nil) > room {
		return errors.New("extensions do not fit a first packet of 548 bytes")
	}
	if list+payloadSize(cfg.Payload) > wire.SizeExchangeSection(s.id, cfg.Size, cfg.Ticket != nil)-wire.SizeID {
		return fmt.Errorf("a payload of %d bytes does not fit an Exchange of %d", len(cfg.Payload), cfg.Size)
	}
	return nil
}
