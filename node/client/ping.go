package client

import (
	"context"
	"net/netip"
	"time"

	"meshpresence/node/mpp"
)

// Echo is what a ping showed.
type Echo struct {
	// Node is the address of the node that answered, with its fingerprint.
	Node string
	// Endpoint is this device's address as the node sees it.
	Endpoint netip.AddrPort
	// RTT is from the question to the answer, the application's part included.
	RTT time.Duration
	// Time is the node's clock, to the second.
	Time time.Time
}

// Ping asks the node in use what address it sees (MPP's STUN role).
func (c *Client) Ping(ctx context.Context) (Echo, error) {
	return call(ctx, c, func(l *link) (Echo, error) {
		start := time.Now()
		answer, err := request[*mpp.EndpointResponse](ctx, c, l, new(mpp.EndpointRequest))
		if err != nil {
			return Echo{}, err
		}
		return Echo{
			Node: l.address.String(), Endpoint: answer.EndPoint,
			RTT: time.Since(start), Time: answer.Now.Std(),
		}, nil
	})
}

// Standing is what a node says of this device, and what the device knows.
type Standing struct {
	Node     string
	Endpoint netip.AddrPort
	RTT      time.Duration
	// Kept is how many posts of this device fewer than two homes confirmed.
	Kept int
	// Homes are the nodes that keep the account, as its home fact says.
	Homes []string
}

// Status asks the node in use for the last publication (MPP-03 Status) and
// gathers what the profile knows.
func (c *Client) Status(ctx context.Context) (Standing, error) {
	st, err := call(ctx, c, func(l *link) (Standing, error) {
		start := time.Now()
		answer, err := request[*mpp.Status](ctx, c, l, new(mpp.Heartbeat))
		if err != nil {
			return Standing{}, err
		}
		return Standing{Node: l.address.String(), Endpoint: answer.EndPoint, RTT: time.Since(start)}, nil
	})
	if err != nil {
		return st, err
	}
	st.Kept = len(c.profile.outbox(c))
	st.Homes = c.profile.Homes()
	return st, nil
}
