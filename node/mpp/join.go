package mpp

import "meshpresence/internal/jsonbcd"

// JoinStep is one step of joining an account, a realm or a node by code
// (facts.md, "Codes"). OURS.
//
//	0  inviter -> node     Id                              register the code, or move it to this connection
//	                       Id Keys Signature               the same, with a realm's key
//	                       Id Mac: 32 zeros                withdraw it
//	1  joiner  -> inviter  Id Nonce Name Keys
//	   joiner  -> node     Nonce Name Keys                 an account without a code: step 4 follows, or 401
//	2  inviter -> joiner   Id Nonce Keys Mac Signature
//	3  joiner  -> inviter  Id Mac [Facts: a contact's capability]
//	4  inviter -> joiner   Id Facts: the signed facts      none, and a Status that is no success: it is over
//
// Package access has the whole join in flights, and the bytes of Mac and
// Signature.
type JoinStep struct {
	Step      Int
	Id        []byte   // of the code, 8 bytes
	Nonce     []byte   // 32 bytes
	Name      string   // what the joiner calls itself
	Keys      [][]byte // each 1 algorithm byte, then the raw key
	Mac       []byte   // 32 bytes
	Signature []byte
	Facts     [][]byte // signed facts, as encoded
}

func (s *JoinStep) append(b []byte) []byte {
	b = appendInt(b, "Step", s.Step)
	b = appendBinary(b, "Id", s.Id)
	b = appendBinary(b, "Nonce", s.Nonce)
	b = appendString(b, "Name", s.Name)
	b = appendBinaries(b, "Keys", s.Keys)
	b = appendBinary(b, "Mac", s.Mac)
	b = appendBinary(b, "Signature", s.Signature)
	return appendRaws(b, "Facts", s.Facts)
}

// member reads one of the step's members; ok is false when it has none of that
// name.
func (s *JoinStep) member(r *jsonbcd.Reader, name []byte) (ok bool, err error) {
	switch string(name) {
	case "Step":
		return true, readInt(r, &s.Step)
	case "Id":
		return true, readBinary(r, &s.Id, JoinSize, JoinSize)
	case "Nonce":
		return true, readBinary(r, &s.Nonce, NonceSize, NonceSize)
	case "Name":
		return true, readString(r, &s.Name)
	case "Keys":
		return true, readList(r, &s.Keys, MaxKeys, readKey)
	case "Mac":
		return true, readBinary(r, &s.Mac, MACSize, MACSize)
	case "Signature":
		return true, readBinary(r, &s.Signature, 0, MaxSignature)
	case "Facts":
		return true, readRaws(r, &s.Facts, MaxFacts)
	}
	return false, nil
}

func readKey(r *jsonbcd.Reader, into *[]byte) error { return readBinary(r, into, 1, MaxKey) }

// JoinRequest is a step sent to the node, which relays it.
type JoinRequest struct {
	JoinStep
	FromClient
}

// Tag is the message's wire name.
func (*JoinRequest) Tag() string { return "PresenceJoinRequest" }

// Append appends the tagged message.
func (m *JoinRequest) Append(b []byte) []byte {
	return m.end(m.JoinStep.append(appendOpen(b, m.Tag())))
}

func (m *JoinRequest) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.JoinStep.member(r, name); ok {
		return err
	}
	return m.FromClient.member(r, name)
}

// JoinResponse answers a JoinRequest at once: its Step, its Id and the bare code.
// What the other side says follows as a Join.
type JoinResponse struct {
	JoinStep
	FromService
}

// Tag is the message's wire name.
func (*JoinResponse) Tag() string { return "PresenceJoinResponse" }

// Append appends the tagged message.
func (m *JoinResponse) Append(b []byte) []byte {
	return m.end(m.JoinStep.append(appendOpen(b, m.Tag())))
}

func (m *JoinResponse) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.JoinStep.member(r, name); ok {
		return err
	}
	return m.FromService.member(r, name)
}

// Join is a step relayed by the node to the other side.
type Join struct {
	JoinStep
	FromService
}

// Tag is the message's wire name.
func (*Join) Tag() string { return "PresenceJoin" }

// Append appends the tagged message.
func (m *Join) Append(b []byte) []byte {
	return m.end(m.JoinStep.append(appendOpen(b, m.Tag())))
}

func (m *Join) member(r *jsonbcd.Reader, name []byte) error {
	if ok, err := m.JoinStep.member(r, name); ok {
		return err
	}
	return m.FromService.member(r, name)
}
