package mpp

import (
	"net/netip"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/wall"
)

// MeshMessage is the base of the session structures (reference.md 3.1).
type MeshMessage struct {
	MessageId string
	Sender    string
	Recipient string
}

func (m *MeshMessage) append(b []byte) []byte {
	b = appendString(b, "MessageId", m.MessageId)
	b = appendString(b, "Sender", m.Sender)
	return appendString(b, "Recipient", m.Recipient)
}

func (m *MeshMessage) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "MessageId":
		return readString(r, &m.MessageId)
	case "Sender":
		return readString(r, &m.Sender)
	case "Recipient":
		return readString(r, &m.Recipient)
	}
	return r.Skip()
}

// SessionRequest asks for a direct session with another device.
type SessionRequest struct {
	Protocol   string
	Options    []string
	Inbound    netip.AddrPort
	Expires    wall.Time
	Candidates []netip.AddrPort // OURS: at most 8
	Ticket     Secret           // OURS
	From       []byte           // OURS: hash of the asking device's key, 32 bytes
	MeshMessage
}

// Append appends the structure, untagged.
func (s *SessionRequest) Append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendString(b, "Protocol", s.Protocol)
	b = appendStrings(b, "Options", s.Options)
	b = appendEndPoint(b, "Inbound", s.Inbound)
	b = appendTime(b, "Expires", s.Expires)
	b = appendList(b, "Candidates", s.Candidates, appendUDPEndpoint)
	b = appendBinary(b, "Ticket", s.Ticket)
	b = appendBinary(b, "From", s.From)
	return jsonbcd.AppendObjectEnd(s.MeshMessage.append(b))
}

func (s *SessionRequest) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Protocol":
		return readString(r, &s.Protocol)
	case "Options":
		return readStrings(r, &s.Options, MaxOptions)
	case "Inbound":
		return readEndPoint(r, &s.Inbound)
	case "Expires":
		return readTime(r, &s.Expires)
	case "Candidates":
		return readCandidates(r, &s.Candidates)
	case "Ticket":
		return readBinary(r, (*[]byte)(&s.Ticket), 0, MaxTicket)
	case "From":
		return readHash(r, &s.From)
	}
	return s.MeshMessage.member(r, name)
}

// SessionResponse answers a SessionRequest.
type SessionResponse struct {
	Accept     Bool
	Protocol   string
	Options    []string
	Inbound    netip.AddrPort
	Candidates []netip.AddrPort // OURS: at most 8, only with Accept
	Ticket     Secret           // OURS
	MeshMessage
}

// Append appends the structure, untagged.
func (s *SessionResponse) Append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendBool(b, "Accept", s.Accept)
	b = appendString(b, "Protocol", s.Protocol)
	b = appendStrings(b, "Options", s.Options)
	b = appendEndPoint(b, "Inbound", s.Inbound)
	b = appendList(b, "Candidates", s.Candidates, appendUDPEndpoint)
	b = appendBinary(b, "Ticket", s.Ticket)
	return jsonbcd.AppendObjectEnd(s.MeshMessage.append(b))
}

func (s *SessionResponse) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Accept":
		return readBool(r, &s.Accept)
	case "Protocol":
		return readString(r, &s.Protocol)
	case "Options":
		return readStrings(r, &s.Options, MaxOptions)
	case "Inbound":
		return readEndPoint(r, &s.Inbound)
	case "Candidates":
		return readCandidates(r, &s.Candidates)
	case "Ticket":
		return readBinary(r, (*[]byte)(&s.Ticket), 0, MaxTicket)
	}
	return s.MeshMessage.member(r, name)
}

// readCandidates reads UdpEndpoints; one without an address is no candidate.
func readCandidates(r *jsonbcd.Reader, into *[]netip.AddrPort) error {
	return readList(r, into, MaxCandidates, func(r *jsonbcd.Reader, v *netip.AddrPort) error {
		err := readEndPoint(r, v)
		if err == nil && !v.IsValid() {
			return ErrMalformed
		}
		return err
	})
}

// Asking is what Invite and InviteRequest carry (MPP-00 Invite).
type Asking struct {
	Session []byte          // OURS: id of the session, at most MaxID bytes
	Request *SessionRequest // nil = absent
	Facts   [][]byte        // OURS: the signed ask, capability, device and home facts
}

func (a *Asking) append(b []byte) []byte {
	b = appendBinary(b, "Session", a.Session)
	if a.Request != nil {
		b = a.Request.Append(jsonbcd.AppendName(b, "Request"))
	}
	return appendRaws(b, "Facts", a.Facts)
}

func (a *Asking) member(r *jsonbcd.Reader, name []byte) (ok bool, err error) {
	switch string(name) {
	case "Session":
		return true, readBinary(r, &a.Session, 0, MaxID)
	case "Request":
		a.Request = new(SessionRequest)
		return true, readObject(r, a.Request)
	case "Facts":
		return true, readRaws(r, &a.Facts, MaxFacts)
	}
	return false, nil
}

// Answering is what Accept and AcceptRequest carry (MPP-00 Accept).
type Answering struct {
	Session  []byte           // OURS: as in the invitation
	Response *SessionResponse // nil = absent
	Facts    [][]byte         // OURS: the callee's epoch, revoked and home facts
}

func (a *Answering) append(b []byte) []byte {
	b = appendBinary(b, "Session", a.Session)
	if a.Response != nil {
		b = a.Response.Append(jsonbcd.AppendName(b, "Response"))
	}
	return appendRaws(b, "Facts", a.Facts)
}

func (a *Answering) member(r *jsonbcd.Reader, name []byte) (ok bool, err error) {
	switch string(name) {
	case "Session":
		return true, readBinary(r, &a.Session, 0, MaxID)
	case "Response":
		a.Response = new(SessionResponse)
		return true, readObject(r, a.Response)
	case "Facts":
		return true, readRaws(r, &a.Facts, MaxFacts)
	}
	return false, nil
}

// Relaying is what Data and DataRequest carry (MPP-00 Forwarding).
type Relaying struct {
	Session []byte // OURS: as in the invitation
	Data    []byte // OURS: one packet of the session
}

func (d *Relaying) append(b []byte) []byte {
	b = appendBinary(b, "Session", d.Session)
	return appendBinary(b, "Data", d.Data)
}

func (d *Relaying) member(r *jsonbcd.Reader, name []byte) (ok bool, err error) {
	switch string(name) {
	case "Session":
		return true, readBinary(r, &d.Session, 0, MaxID)
	case "Data":
		return true, readBinary(r, &d.Data, 0, MaxMessage)
	}
	return false, nil
}
