package mpp

import "meshpresence/internal/jsonbcd"

// FactRequest hands facts to the node, asks for others, and tells which events
// the device holds. OURS; all lists are optional.
type FactRequest struct {
	Facts [][]byte // signed facts, as encoded; stored and answered one by one
	Want  []Want
	Since []Since
	FromClient
}

// Tag is the message's wire name.
func (*FactRequest) Tag() string { return "PresenceFactRequest" }

// Append appends the tagged message.
func (m *FactRequest) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendRaws(b, "Facts", m.Facts)
	b = appendList(b, "Want", m.Want, appendWant)
	b = appendList(b, "Since", m.Since, appendSince)
	return m.end(b)
}

func (m *FactRequest) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Facts":
		return readRaws(r, &m.Facts, MaxFacts)
	case "Want":
		return readList(r, &m.Want, MaxWant, readWant)
	case "Since":
		return readList(r, &m.Since, MaxSince, readSince)
	}
	return m.FromClient.member(r, name)
}

// Want names facts of the asker's own account (another account is refused):
// by Hash alone; by key, that is Kind and Sub; or, with All, every one of Kind
// (of all kinds when empty) whose hash is greater than After, in hash order.
type Want struct {
	Kind    string
	Account []byte // 32 bytes; nil = the asker's
	Sub     []byte // what follows kind and account in the fact's key
	Hash    []byte // 32 bytes
	After   []byte // 32 bytes; nil = from the first
	All     bool
}

func appendWant(b []byte, w *Want) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendString(b, "Kind", w.Kind)
	b = appendBinary(b, "Account", w.Account)
	b = appendBinary(b, "Sub", w.Sub)
	b = appendBinary(b, "Hash", w.Hash)
	b = appendBinary(b, "After", w.After)
	b = appendTrue(b, "All", w.All)
	return jsonbcd.AppendObjectEnd(b)
}

func readWant(r *jsonbcd.Reader, w *Want) error { return readObject(r, w) }

func (w *Want) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Kind":
		return readString(r, &w.Kind)
	case "Account":
		return readHash(r, &w.Account)
	case "Sub":
		return readBinary(r, &w.Sub, 0, MaxSub)
	case "Hash":
		return readHash(r, &w.Hash)
	case "After":
		return readHash(r, &w.After)
	case "All":
		return readTrue(r, &w.All)
	}
	return r.Skip()
}

// Since says what a device holds of one publisher (federation.md, "Delivery").
// With Tag it is a status: the Serial held under that tag. Without, it is a
// channel of queued events: everything up to Floor, and the Ranges above it.
type Since struct {
	Publisher []byte // 32 bytes
	Channel   string
	Floor     int64
	Ranges    []Range // ascending, at most MaxRanges
	Tag       []byte  // 16 bytes; nil = queued events
	Serial    int64
}

// Range is the sequences From to To, both included.
type Range struct{ From, To int64 }

func appendSince(b []byte, s *Since) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendBinary(b, "Publisher", s.Publisher)
	if s.Tag != nil {
		b = appendBinary(b, "Tag", s.Tag)
		b = appendInt64(b, "Serial", s.Serial)
		return jsonbcd.AppendObjectEnd(b)
	}
	b = appendString(b, "Channel", s.Channel)
	b = appendInt64(b, "Floor", s.Floor)
	b = appendList(b, "Ranges", s.Ranges, appendRange)
	return jsonbcd.AppendObjectEnd(b)
}

func readSince(r *jsonbcd.Reader, s *Since) error { return readObject(r, s) }

func (s *Since) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Publisher":
		return readHash(r, &s.Publisher)
	case "Channel":
		return readString(r, &s.Channel)
	case "Floor":
		return readInt64(r, &s.Floor)
	case "Ranges":
		return readList(r, &s.Ranges, MaxRanges, readRange)
	case "Tag":
		return readBinary(r, &s.Tag, TagSize, TagSize)
	case "Serial":
		return readInt64(r, &s.Serial)
	}
	return r.Skip()
}

// appendRange writes the two numbers one after the other into the list: a range
// costs 6 bytes, where an object would cost 18.
func appendRange(b []byte, v *Range) []byte {
	return jsonbcd.AppendInt(jsonbcd.AppendInt(b, v.From), v.To)
}

func readRange(r *jsonbcd.Reader, v *Range) error {
	if err := readInt64(r, &v.From); err != nil {
		return err
	}
	more, err := r.More()
	if err != nil {
		return err
	}
	if !more {
		return ErrMalformed
	}
	return readInt64(r, &v.To)
}

// FactResponse answers FactRequest: a result for each fact and each hash
// wanted, in order, and the facts wanted or kept.
type FactResponse struct {
	Results []Result
	Facts   [][]byte // signed facts, as encoded
	More    bool     // ask again, After the last
	FromService
}

// Tag is the message's wire name.
func (*FactResponse) Tag() string { return "PresenceFactResponse" }

// Append appends the tagged message.
func (m *FactResponse) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendList(b, "Results", m.Results, appendResult)
	b = appendRaws(b, "Facts", m.Facts)
	b = appendTrue(b, "More", m.More)
	return m.end(b)
}

func (m *FactResponse) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Results":
		return readList(r, &m.Results, MaxResults, readResult)
	case "Facts":
		return readRaws(r, &m.Facts, MaxFacts)
	case "More":
		return readTrue(r, &m.More)
	}
	return m.FromService.member(r, name)
}

// Result is what became of one fact.
type Result struct {
	Hash       []byte // of the fact, 32 bytes
	Code       Int    // a Code
	Copies     Int    // homes that hold it on disk
	RetryAfter Int    // ms, with CodeQuota
}

func appendResult(b []byte, v *Result) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendBinary(b, "Hash", v.Hash)
	b = appendInt(b, "Code", v.Code)
	b = appendInt(b, "Copies", v.Copies)
	b = appendInt(b, "RetryAfter", v.RetryAfter)
	return jsonbcd.AppendObjectEnd(b)
}

func readResult(r *jsonbcd.Reader, v *Result) error { return readObject(r, v) }

func (v *Result) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Hash":
		return readHash(r, &v.Hash)
	case "Code":
		return readInt(r, &v.Code)
	case "Copies":
		return readInt(r, &v.Copies)
	case "RetryAfter":
		return readInt(r, &v.RetryAfter)
	}
	return r.Skip()
}
