package wire

import "encoding/binary"

const (
	offSlot   = offID + SizeID
	offTicket = offSlot + 4
	offUnused = offTicket + SizeTicketID
)

// Exchange is the first packet of Immediate and Ticketed. Parsed, its slices
// alias the packet.
type Exchange struct {
	Suite     Suite
	ID        ID                 // the initiator's handshake id
	Slot      uint32             // Unix seconds / 10 at the initiator
	Ticket    [SizeTicketID]byte // zeros for none
	Ephemeral []byte             // e_I, L bytes
	Clear     []byte             // all bytes before the mezzanine; set by Parse
	Mezzanine []byte             // s_I sealed, L bytes and a tag; nil with a ticket; set by Parse
	Sealed    []byte             // the section and its tag; set by Parse
}

// HasTicket reports whether a ticket is named: then there is no mezzanine.
func (x *Exchange) HasTicket() bool { return x.Ticket != [SizeTicketID]byte{} }

// AppendClear appends the part before the mezzanine, or before the section when
// there is a ticket: as long as a Complete's, SizeCompleteClear.
func (x *Exchange) AppendClear(b []byte) []byte {
	b = appendFirst(b, TypeExchange, x.Suite, x.ID)
	b = binary.BigEndian.AppendUint32(b, x.Slot)
	b = append(b, x.Ticket[:]...)
	b = append(b, make([]byte, offKey-offUnused)...)
	return append(b, x.Ephemeral...)
}

// SizeMezzanine returns how long the mezzanine of an Exchange is: s_I and a tag.
func SizeMezzanine(s Suite) int { return s.KeySize() + SizeTag }

// SizeExchangeSection returns how long the plaintext of the section of an
// Exchange of size bytes is.
func SizeExchangeSection(s Suite, size int, ticket bool) int {
	n := size - SizeCompleteClear(s) - SizeTag
	if !ticket {
		n -= SizeMezzanine(s)
	}
	return n
}

// ParseExchange checks length, zeros, type, version with the handshake id, suite,
// and the zeros after the ticket id (ErrPadding), in this order. Neither slot nor
// ticket is looked at.
func ParseExchange(p []byte) (x Exchange, err error) {
	if err := checkFirst(p, TypeExchange); err != nil {
		return x, err
	}
	if !IsZero(p[offUnused:offKey]) {
		return x, ErrPadding
	}
	x.Suite = Suite(p[offSuite])
	x.ID = ID(p[offID:])
	x.Slot = binary.BigEndian.Uint32(p[offSlot:])
	x.Ticket = [SizeTicketID]byte(p[offTicket:])
	end := SizeCompleteClear(x.Suite)
	x.Ephemeral = p[offKey:end]
	x.Clear = p[:end]
	if !x.HasTicket() {
		next := end + SizeMezzanine(x.Suite)
		x.Mezzanine = p[end:next]
		end = next
	}
	x.Sealed = p[end:]
	return x, nil
}

// ExchangeSection is what an Exchange seals after its mezzanine. Parsed, its
// slices alias the plaintext.
type ExchangeSection struct {
	ID   ID // the initiator's data id
	Body Body
}

// AppendExchangeSection appends the plaintext of a section of size bytes, zeros at
// the end. It must fit.
func AppendExchangeSection(b []byte, size int, id ID, list []Extension, payload []byte) []byte {
	end := len(b) + size
	b = append(b, id[:]...)
	return appendZeros(AppendBody(b, list, payload), end)
}

// ParseExchangeSection reads an opened section. A zero data id "drops with the
// body it stands in": ErrTLV, as any malformed body.
func ParseExchangeSection(plain []byte) (s ExchangeSection, err error) {
	if len(plain) < SizeID {
		return s, ErrTLV
	}
	s.ID = ID(plain)
	if s.ID.IsZero() {
		return s, ErrTLV
	}
	s.Body, err = ParseBody(plain[SizeID:])
	return s, err
}
