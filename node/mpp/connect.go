package mpp

import "meshpresence/internal/jsonbcd"

// ConnectRequest makes this connection the watching one of its device: starts
// or resumes delivery (MPP-03 Subscribe; MPP-00 Connect).
type ConnectRequest struct {
	Attach  []byte // OURS: hash of the attach fact sent before, 32 bytes
	Timeout Int    // OURS: connection timeout wished, ms, at most an hour
	FromClient
}

// Tag is the message's wire name.
func (*ConnectRequest) Tag() string { return "PresenceConnectRequest" }

// Append appends the tagged message.
func (m *ConnectRequest) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendBinary(b, "Attach", m.Attach)
	b = appendInt(b, "Timeout", m.Timeout)
	return m.end(b)
}

func (m *ConnectRequest) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Attach":
		return readHash(r, &m.Attach)
	case "Timeout":
		return readInt(r, &m.Timeout)
	}
	return m.FromClient.member(r, name)
}

// DisconnectRequest ends delivery to this device, everywhere, at once
// (MPP-03 Unsubscribe; MPP-00 Disconnect).
type DisconnectRequest struct {
	Attach []byte // OURS: hash of an attach fact that names no node
	FromClient
}

// Tag is the message's wire name.
func (*DisconnectRequest) Tag() string { return "PresenceDisconnectRequest" }

// Append appends the tagged message.
func (m *DisconnectRequest) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendBinary(b, "Attach", m.Attach)
	return m.end(b)
}

func (m *DisconnectRequest) member(r *jsonbcd.Reader, name []byte) error {
	if string(name) == "Attach" {
		return readHash(r, &m.Attach)
	}
	return m.FromClient.member(r, name)
}

// ConnectResponse answers ConnectRequest.
type ConnectResponse struct {
	ConnectionTimeout Int      // ms of silence after which the device counts as gone
	Node              []byte   // OURS: the node's signed node fact, as encoded
	Peers             []string // OURS: addresses of other nodes to try
	Facts             *Sum     // OURS: what the node has of the account's own facts
	History           *History // OURS: how much this node ever stored for the account
	Gone              []Since  // OURS: what the account's quota dropped of channels the device holds less of: all up to Floor
	FromService
}

// Tag is the message's wire name.
func (*ConnectResponse) Tag() string { return "PresenceConnectResponse" }

// Append appends the tagged message.
func (m *ConnectResponse) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendInt(b, "ConnectionTimeout", m.ConnectionTimeout)
	b = appendRaw(b, "Node", m.Node)
	b = appendStrings(b, "Peers", m.Peers)
	b = m.Facts.append(b, "Facts")
	b = m.History.append(b, "History")
	b = appendList(b, "Gone", m.Gone, appendSince)
	return m.end(b)
}

func (m *ConnectResponse) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "ConnectionTimeout":
		return readInt(r, &m.ConnectionTimeout)
	case "Node":
		return readRaw(r, &m.Node)
	case "Peers":
		return readStrings(r, &m.Peers, MaxPeers)
	case "Facts":
		m.Facts = new(Sum)
		return readObject(r, m.Facts)
	case "History":
		m.History = new(History)
		return readObject(r, m.History)
	case "Gone":
		return readList(r, &m.Gone, MaxSince, readSince)
	}
	return m.FromService.member(r, name)
}

// Sum is a digest of a set of facts: how many, and the sum of their hashes
// modulo 2^256, big endian, 32 bytes (federation.md, "The devices' part").
type Sum struct {
	Count int64
	Sum   []byte
}

func (s *Sum) append(b []byte, name string) []byte {
	if s == nil {
		return b
	}
	b = jsonbcd.AppendObject(jsonbcd.AppendName(b, name))
	b = appendInt64(b, "Count", s.Count)
	b = appendBinary(b, "Sum", s.Sum)
	return jsonbcd.AppendObjectEnd(b)
}

func (s *Sum) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Count":
		return readInt64(r, &s.Count)
	case "Sum":
		return readHash(r, &s.Sum)
	}
	return r.Skip()
}

// History names a node's store and counts the events it ever stored for the
// account: another ID or a smaller count means that some may be lost.
type History struct {
	ID      []byte // at most MaxID bytes
	Count   int64
	Dropped int64 // events that found no room in the account's quota since the store was made
}

func (h *History) append(b []byte, name string) []byte {
	if h == nil {
		return b
	}
	b = jsonbcd.AppendObject(jsonbcd.AppendName(b, name))
	b = appendBinary(b, "Id", h.ID)
	b = appendInt64(b, "Count", h.Count)
	b = appendInt(b, "Dropped", Int{h.Dropped, h.Dropped != 0})
	return jsonbcd.AppendObjectEnd(b)
}

func (h *History) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Id":
		return readBinary(r, &h.ID, 0, MaxID)
	case "Count":
		return readInt64(r, &h.Count)
	case "Dropped":
		return readInt64(r, &h.Dropped)
	}
	return r.Skip()
}

// ErrorInvalidSerial answers a ConnectRequest whose serial is not newer than
// the last one seen; nothing changed.
type ErrorInvalidSerial struct {
	Serial Int // the last serial seen
	FromService
}

// Tag is the message's wire name.
func (*ErrorInvalidSerial) Tag() string { return "PresenceErrorInvalidSerial" }

// Append appends the tagged message.
func (m *ErrorInvalidSerial) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendInt(b, "Serial", m.Serial)
	return m.end(b)
}

func (m *ErrorInvalidSerial) member(r *jsonbcd.Reader, name []byte) error {
	if string(name) == "Serial" {
		return readInt(r, &m.Serial)
	}
	return m.FromService.member(r, name)
}
