package mpp

import "meshpresence/internal/jsonbcd"

// ResolveRequest asks the node to resolve a name (MPP-03 DNS Proxy).
type ResolveRequest struct {
	DnsRequest []byte // an RFC 1035 message
	FromClient
}

// Tag is the message's wire name.
func (*ResolveRequest) Tag() string { return "PresenceResolveRequest" }

// Append appends the tagged message.
func (m *ResolveRequest) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendBinary(b, "DnsRequest", m.DnsRequest)
	return m.end(b)
}

func (m *ResolveRequest) member(r *jsonbcd.Reader, name []byte) error {
	if string(name) == "DnsRequest" {
		return readBinary(r, &m.DnsRequest, 0, MaxDNS)
	}
	return m.FromClient.member(r, name)
}

// ResolveResponse answers it.
type ResolveResponse struct {
	DnsResponse []byte // an RFC 1035 message
	FromService
}

// Tag is the message's wire name.
func (*ResolveResponse) Tag() string { return "PresenceResolveResponse" }

// Append appends the tagged message.
func (m *ResolveResponse) Append(b []byte) []byte {
	b = appendOpen(b, m.Tag())
	b = appendBinary(b, "DnsResponse", m.DnsResponse)
	return m.end(b)
}

func (m *ResolveResponse) member(r *jsonbcd.Reader, name []byte) error {
	if string(name) == "DnsResponse" {
		return readBinary(r, &m.DnsResponse, 0, MaxDNS)
	}
	return m.FromService.member(r, name)
}
