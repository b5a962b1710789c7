package mpp

import (
	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/wall"
)

// Heartbeat keeps the connection alive (MPP-03 Status request; MPP-00 Keep
// Alive). Status answers it.
type Heartbeat struct {
	Devices bool // OURS: answer with Status.Devices of the session's account
	FromClient
}

// Tag is the message's wire name.
func (*Heartbeat) Tag() string { return "PresenceHeartbeat" }

// Append appends the tagged message.
func (m *Heartbeat) Append(b []byte) []byte {
	return m.end(appendTrue(appendOpen(b, m.Tag()), "Devices", m.Devices))
}

func (m *Heartbeat) member(r *jsonbcd.Reader, name []byte) error {
	if string(name) == "Devices" {
		return readTrue(r, &m.Devices)
	}
	return m.FromClient.member(r, name)
}

// Status answers a Heartbeat: endpoint, time, and the last status published
// (MPP-03 Status).
type Status struct {
	Serial      Int            // OURS: serial of the newest notification
	Stores      []StoreStatus  // OURS
	Ticks       Int            // OURS: 100 ns since 0001-01-01 UTC
	LeapSeconds Int            // OURS: TAI - UTC, seconds
	Devices     []DeviceStatus // OURS: MPP-00 participants, when asked
	More        bool           // OURS: there are devices that found no room
	Peers       []string       // OURS: device addresses of the realm's other nodes, when devices were asked
	FromService
}

// Tag is the message's wire name.
func (*Status) Tag() string { return "PresenceStatus" }

// Append appends the tagged message.
func (m *Status) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendInt(b, "Serial", m.Serial)
	b = appendList(b, "Stores", m.Stores, appendStoreStatus)
	b = appendInt(b, "Ticks", m.Ticks)
	b = appendInt(b, "LeapSeconds", m.LeapSeconds)
	b = appendList(b, "Devices", m.Devices, appendDeviceStatus)
	b = appendTrue(b, "More", m.More)
	b = appendStrings(b, "Peers", m.Peers)
	return m.end(b)
}

func (m *Status) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Serial":
		return readInt(r, &m.Serial)
	case "Stores":
		return readList(r, &m.Stores, MaxStores, readStoreStatus)
	case "Ticks":
		return readInt(r, &m.Ticks)
	case "LeapSeconds":
		return readInt(r, &m.LeapSeconds)
	case "Devices":
		return readList(r, &m.Devices, MaxDevices, readDeviceStatus)
	case "More":
		return readTrue(r, &m.More)
	case "Peers":
		return readStrings(r, &m.Peers, MaxPeers)
	}
	return m.FromService.member(r, name)
}

// StoreStatus says how far a store is. For our events Store is the label tag
// in base32, Index the Serial and Digest the event's hash. The empty Store is
// the reference's Any: something changed, fetch it (mpp.md).
type StoreStatus struct {
	Store  string
	Index  int64
	Digest []byte
}

func appendStoreStatus(b []byte, s *StoreStatus) []byte {
	b = jsonbcd.AppendObject(b)
	b = jsonbcd.AppendString(jsonbcd.AppendName(b, "Store"), s.Store)
	b = appendInt64(b, "Index", s.Index)
	b = appendBinary(b, "Digest", s.Digest)
	return jsonbcd.AppendObjectEnd(b)
}

func readStoreStatus(r *jsonbcd.Reader, s *StoreStatus) error { return readObject(r, s) }

func (s *StoreStatus) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Store":
		return readString(r, &s.Store)
	case "Index":
		return readInt64(r, &s.Index)
	case "Digest":
		return readBinary(r, &s.Digest, 0, MaxID)
	}
	return r.Skip()
}

// DeviceStatus is one participant of the account (MPP-00). Presence is three
// facts and never one flag: what the device declared (Node and Since, from its own
// attach fact), when it was last heard, and how it can be reached (Status).
type DeviceStatus struct {
	Id            string    // the device's hash
	Status        string    // a Reason
	Comment       string    // further reasons that hold, with a space between
	LastConnected wall.Time // when it, or the beacon that lists it, was heard; 0 = never
	Node          []byte    // OURS: hash of the node it is or was attached at, 32 bytes
	Since         wall.Time // OURS: when it signed that; 0 = never
}

func appendDeviceStatus(b []byte, d *DeviceStatus) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendString(b, "Id", d.Id)
	b = appendString(b, "Status", d.Status)
	b = appendString(b, "Comment", d.Comment)
	b = appendTime(b, "LastConnected", d.LastConnected)
	b = appendBinary(b, "Node", d.Node)
	b = appendTime(b, "Since", d.Since)
	return jsonbcd.AppendObjectEnd(b)
}

func readDeviceStatus(r *jsonbcd.Reader, d *DeviceStatus) error { return readObject(r, d) }

func (d *DeviceStatus) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Id":
		return readString(r, &d.Id)
	case "Status":
		return readString(r, &d.Status)
	case "Comment":
		return readString(r, &d.Comment)
	case "LastConnected":
		return readTime(r, &d.LastConnected)
	case "Node":
		return readHash(r, &d.Node)
	case "Since":
		return readTime(r, &d.Since)
	}
	return r.Skip()
}
