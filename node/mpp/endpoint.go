package mpp

// EndpointRequest asks which address the node sees (the STUN role). It may come
// from any socket of the device.
type EndpointRequest struct {
	FromClient
}

// Tag is the message's wire name.
func (*EndpointRequest) Tag() string { return "PresenceEndpointRequest" }

// Append appends the tagged message.
func (m *EndpointRequest) Append(b []byte) []byte { return m.end(appendOpen(b, m.Tag())) }

// EndpointResponse answers it in EndPoint, to the address it came from.
type EndpointResponse struct {
	FromService
}

// Tag is the message's wire name.
func (*EndpointResponse) Tag() string { return "PresenceEndpointResponse" }

// Append appends the tagged message.
func (m *EndpointResponse) Append(b []byte) []byte { return m.end(appendOpen(b, m.Tag())) }
