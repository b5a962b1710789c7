package mpp

import "meshpresence/internal/jsonbcd"

// InviteRequest asks the node to invite another account's device to a session.
type InviteRequest struct {
	Asking
	FromClient
}

// Tag is the message's wire name.
func (*InviteRequest) Tag() string { return "PresenceInviteRequest" }

// Append appends the tagged message.
func (m *InviteRequest) Append(b []byte) []byte {
	return m.end(m.Asking.append(appendOpen(b, m.Tag())))
}

func (m *InviteRequest) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.Asking.member(r, name); ok {
		return err
	}
	return m.FromClient.member(r, name)
}

// Invite is an invitation handed to the device invited.
type Invite struct {
	Asking
	FromService
}

// Tag is the message's wire name.
func (*Invite) Tag() string { return "PresenceInvite" }

// Append appends the tagged message.
func (m *Invite) Append(b []byte) []byte {
	return m.end(m.Asking.append(appendOpen(b, m.Tag())))
}

func (m *Invite) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.Asking.member(r, name); ok {
		return err
	}
	return m.FromService.member(r, name)
}

// AcceptRequest answers an invitation.
type AcceptRequest struct {
	Answering
	FromClient
}

// Tag is the message's wire name.
func (*AcceptRequest) Tag() string { return "PresenceAcceptRequest" }

// Append appends the tagged message.
func (m *AcceptRequest) Append(b []byte) []byte {
	return m.end(m.Answering.append(appendOpen(b, m.Tag())))
}

func (m *AcceptRequest) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.Answering.member(r, name); ok {
		return err
	}
	return m.FromClient.member(r, name)
}

// Accept is the answer handed to the device that invited.
type Accept struct {
	Answering
	FromService
}

// Tag is the message's wire name.
func (*Accept) Tag() string { return "PresenceAccept" }

// Append appends the tagged message.
func (m *Accept) Append(b []byte) []byte {
	return m.end(m.Answering.append(appendOpen(b, m.Tag())))
}

func (m *Accept) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.Answering.member(r, name); ok {
		return err
	}
	return m.FromService.member(r, name)
}

// DataRequest relays a packet of a session through the node (MPP-00 Data Push).
type DataRequest struct {
	Relaying
	FromClient
}

// Tag is the message's wire name.
func (*DataRequest) Tag() string { return "PresenceDataRequest" }

// Append appends the tagged message.
func (m *DataRequest) Append(b []byte) []byte {
	return m.end(m.Relaying.append(appendOpen(b, m.Tag())))
}

func (m *DataRequest) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.Relaying.member(r, name); ok {
		return err
	}
	return m.FromClient.member(r, name)
}

// Data is a packet of a session handed to the other device (MPP-00 Data Pull).
type Data struct {
	Relaying
	FromService
}

// Tag is the message's wire name.
func (*Data) Tag() string { return "PresenceData" }

// Append appends the tagged message.
func (m *Data) Append(b []byte) []byte {
	return m.end(m.Relaying.append(appendOpen(b, m.Tag())))
}

func (m *Data) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.Relaying.member(r, name); ok {
		return err
	}
	return m.FromService.member(r, name)
}

// Transfer moves the device to another node (MPP-00 Service: Transfer).
type Transfer struct {
	Ticket Secret   // OURS: for the other node
	Node   []byte   // OURS: the other node's signed node fact, as encoded
	Peers  []string // OURS: addresses of other nodes to try
	FromService
}

// Tag is the message's wire name.
func (*Transfer) Tag() string { return "PresenceTransfer" }

// Append appends the tagged message.
func (m *Transfer) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendBinary(b, "Ticket", m.Ticket)
	b = appendRaw(b, "Node", m.Node)
	b = appendStrings(b, "Peers", m.Peers)
	return m.end(b)
}

func (m *Transfer) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Ticket":
		return readBinary(r, (*[]byte)(&m.Ticket), 0, MaxTicket)
	case "Node":
		return readRaw(r, &m.Node)
	case "Peers":
		return readStrings(r, &m.Peers, MaxPeers)
	}
	return m.FromService.member(r, name)
}
