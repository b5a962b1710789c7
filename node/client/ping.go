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
