package mpp

import "meshpresence/internal/jsonbcd"

// PublishRequest posts an event to a channel (MPP-03, "events posted to that
// channel").
type PublishRequest struct {
	Event []byte // OURS: a signed event fact, as encoded
	FromClient
}

// Tag is the message's wire name.
func (*PublishRequest) Tag() string { return "PresencePublishRequest" }

// Append appends the tagged message.
func (m *PublishRequest) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendRaw(b, "Event", m.Event)
	return m.end(b)
}

func (m *PublishRequest) member(r *jsonbcd.Reader, name []byte) error {
	if string(name) == "Event" {
		return readRaw(r, &m.Event)
	}
	return m.FromClient.member(r, name)
}

// PublishResponse answers it. With CodeSerial, Facts holds the fact kept.
type PublishResponse struct {
	Result Result
	Facts  [][]byte
	FromService
}

// Tag is the message's wire name.
func (*PublishResponse) Tag() string { return "PresencePublishResponse" }

// Append appends the tagged message.
func (m *PublishResponse) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendResult(jsonbcd.AppendName(b, "Result"), &m.Result)
	b = appendRaws(b, "Facts", m.Facts)
	return m.end(b)
}

func (m *PublishResponse) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Result":
		m.Result = Result{}
		return readObject(r, &m.Result)
	case "Facts":
		return readRaws(r, &m.Facts, MaxFacts)
	}
	return m.FromService.member(r, name)
}

// PermissionRequest says who may invite, see and publish to the account
// (MPP-00 Administration: Permission). PublishResponse's sibling FactResponse
// answers it.
type PermissionRequest struct {
	Policy []byte // OURS: the signed policy fact, as encoded
	FromClient
}

// Tag is the message's wire name.
func (*PermissionRequest) Tag() string { return "PresencePermissionRequest" }

// Append appends the tagged message.
func (m *PermissionRequest) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendRaw(b, "Policy", m.Policy)
	return m.end(b)
}

func (m *PermissionRequest) member(r *jsonbcd.Reader, name []byte) error {
	if string(name) == "Policy" {
		return readRaw(r, &m.Policy)
	}
	return m.FromClient.member(r, name)
}

// FetchRequest asks for events or statuses of the device's own account that did
// not fit into a notification. OURS.
type FetchRequest struct {
	Channel   string
	Publisher []byte // 32 bytes; nil = every publisher
	Sequence  Int    // queued events from this sequence on
	Store     string // a status by its label tag in base32
	After     []byte // hash of the last fact received, 32 bytes
	Statuses  bool   // statuses only, those that the device did not say it holds
	FromClient
}

// Tag is the message's wire name.
func (*FetchRequest) Tag() string { return "PresenceFetchRequest" }

// Append appends the tagged message.
func (m *FetchRequest) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendString(b, "Channel", m.Channel)
	b = appendBinary(b, "Publisher", m.Publisher)
	b = appendInt(b, "Sequence", m.Sequence)
	b = appendString(b, "Store", m.Store)
	b = appendBinary(b, "After", m.After)
	b = appendTrue(b, "Statuses", m.Statuses)
	return m.end(b)
}

func (m *FetchRequest) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Channel":
		return readString(r, &m.Channel)
	case "Publisher":
		return readHash(r, &m.Publisher)
	case "Sequence":
		return readInt(r, &m.Sequence)
	case "Store":
		return readString(r, &m.Store)
	case "After":
		return readHash(r, &m.After)
	case "Statuses":
		return readTrue(r, &m.Statuses)
	}
	return m.FromClient.member(r, name)
}

// FetchResponse answers it.
type FetchResponse struct {
	Facts [][]byte // signed event facts, as encoded
	More  bool     // ask again, After the last
	FromService
}

// Tag is the message's wire name.
func (*FetchResponse) Tag() string { return "PresenceFetchResponse" }

// Append appends the tagged message.
func (m *FetchResponse) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendRaws(b, "Facts", m.Facts)
	b = appendTrue(b, "More", m.More)
	return m.end(b)
}

func (m *FetchResponse) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Facts":
		return readRaws(r, &m.Facts, MaxFacts)
	case "More":
		return readTrue(r, &m.More)
	}
	return m.FromService.member(r, name)
}
