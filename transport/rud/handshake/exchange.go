package handshake

import (
	"crypto/sha256"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/wire"
)

// Labels of an Exchange, each with the zero byte that ends it. The first begins
// the transcript and seals the section.
const (
	labelExchange  = "RUD1 exchange\x00"
	labelMezzanine = "RUD1 mezzanine\x00"
)

// exchangeSlot is the "Unix seconds / 10" of an Exchange.
func exchangeSlot(t wall.Time) uint32 { return uint32(t / 10) }

// beginExchange starts Immediate and Ticketed: h = H("RUD1 exchange" 0 | s_R
// [| s_I with a ticket]); ck = h; [mix(ticket secret) [psk]].
func beginExchange(s *suite, responder []byte, t *Ticket) transcript {
	h := sha256.New()
	h.Write([]byte(labelExchange))
	// <- s
	h.Write(responder)
	if t == nil {
		return transcript{suite: s, h: [sha256.Size]byte(h.Sum(nil)), ck: key.Secret(h.Sum(nil))}
	}
	// -> s
	opens, _ := t.sides()
	h.Write(opens.Raw())
	begun := transcript{suite: s, h: [sha256.Size]byte(h.Sum(nil))}
	// psk
	copy(begun.ck[:], extract(begun.h[:], t.Secret[:]))
	return begun
}

// listRoom is what the list of extensions takes that every first packet has:
// StreamClient.
var listRoom = len(wire.AppendExtensions(nil, []wire.Extension{{Tag: wire.TagStreamClient, Value: []byte(wire.Protocol)}}))

// MaxFirstPayload returns how long the payload of an Exchange of size bytes may
// be, with no extension but StreamClient and with or without a ticket.
func MaxFirstPayload(s wire.Suite, size int) int {
	const count = 3 // of a payload of 256 bytes or more
	return wire.SizeExchangeSection(s, size, false) - wire.SizeID - listRoom - count
}

// exchange builds an Exchange of size bytes with an e_I of its own: "Exchange
// with a new e_I". Like a Complete it is kept and resent byte for byte. A payload
// that does not fit it stays behind.
func (i *Initiator) exchange(a *attempt, size int) (*pending, error) {
	e, err := i.suite.newKey(i.cfg.Rand)
	if err != nil {
		return nil, err
	}
	id, err := newID(i.cfg.Rand, i.cfg.Taken)
	if err != nil {
		return nil, err
	}
	b := &pending{mode: a.mode, e: e, id: id, peer: i.cfg.Pin.Key.Plain()}
	responder := b.peer.Raw()
	x := wire.Exchange{Suite: i.suite.id, ID: a.id, Slot: exchangeSlot(i.cfg.Wall.Now()), Ephemeral: e.Public().Raw()}
	if i.cfg.Ticket != nil {
		x.Ticket = i.cfg.Ticket.ID
	}
	b.t = beginExchange(i.suite, responder, i.cfg.Ticket)
	out := x.AppendClear(make([]byte, 0, size))
	// -> e
	b.t.hash(out)
	// es
	if err := b.t.mix(e, responder); err != nil {
		return nil, err
	}
	// s
	if i.cfg.Ticket == nil {
		if out, err = b.t.seal(labelMezzanine, out, i.static.Public().Raw()); err != nil {
			return nil, err
		}
	}
	// ss
	if err := b.t.mix(i.static, responder); err != nil {
		return nil, err
	}
	payload, room := i.cfg.Payload, wire.SizeExchangeSection(i.suite.id, size, i.cfg.Ticket != nil)
	if i.listSize()+payloadSize(payload) > room-wire.SizeID {
		payload = nil
	}
	b.asked = len(payload) > 0
	plain := wire.AppendExchangeSection(nil, room, id, i.cfg.Extensions, payload)
	if b.packet, err = b.t.seal(labelExchange, out, plain); err != nil {
		return nil, err
	}
	return b, nil
}

func (i *Initiator) listSize() int { return len(wire.AppendExtensions(nil, i.cfg.Extensions)) }

// payloadSize is what a payload takes in a body.
func payloadSize(p []byte) int { return wire.SizeBody(0, len(p)) }
