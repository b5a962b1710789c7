package mpp

import "meshpresence/internal/jsonbcd"

// Notify tells a watching device what changed (MPP-03 Publish). It is repeated
// until an Acknowledge names its Serial.
type Notify struct {
	Bitmask []byte // stores that changed; see Bitmask
	Serial  Int
	Stores  []StoreStatus // OURS: statuses that did not fit; the empty Store = fetch
	Events  [][]byte      // OURS: signed event facts, as encoded
	FromService
}

// NotifyOverhead bounds what a Notify without Bitmask and Stores, with full
// integers and an IPv6 EndPoint, adds to the bytes of its Events.
const NotifyOverhead = 256

// Tag is the message's wire name.
func (*Notify) Tag() string { return "PresenceNotify" }

// Append appends the tagged message.
func (m *Notify) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendBinary(b, "Bitmask", m.Bitmask)
	b = appendInt(b, "Serial", m.Serial)
	b = appendList(b, "Stores", m.Stores, appendStoreStatus)
	b = appendRaws(b, "Events", m.Events)
	return m.end(b)
}

func (m *Notify) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Bitmask":
		return readBinary(r, &m.Bitmask, 0, MaxBitmask)
	case "Serial":
		return readInt(r, &m.Serial)
	case "Stores":
		return readList(r, &m.Stores, MaxStores, readStoreStatus)
	case "Events":
		return readRaws(r, &m.Events, MaxFacts)
	}
	return m.FromService.member(r, name)
}

// Acknowledge says that the notification whose Serial stands in
// FromClient.Acknowledge is held (MPP-03 Acknowledgement).
type Acknowledge struct {
	FromClient
}

// Tag is the message's wire name.
func (*Acknowledge) Tag() string { return "PresenceAcknowledge" }

// Append appends the tagged message.
func (m *Acknowledge) Append(b []byte) []byte { return m.end(appendOpen(b, m.Tag())) }
