package client

import (
	"context"
	"net/netip"
	"time"

	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
)

// Echo is what a ping showed.
type Echo struct {
	// Node is the address of the node that answered, with its fingerprint.
	Node string
	// Endpoint is this device's address as the node sees it.
	Endpoint netip.AddrPort
	// RTT is from the question to the answer, the application's part included,
	// and the handshake's when First is set.
	RTT time.Duration
	// First: the question left with the first packet of the connection.
	First bool
	// Time is the node's clock, to the second.
	Time time.Time
	// Connection is how the node is reached.
	Connection Connection
}

// Ping asks the node in use what address it sees (MPP's STUN role).
func (c *Client) Ping(ctx context.Context) (Echo, error) {
	return call(ctx, c, func(l *link) (Echo, error) {
		e, err := c.ping(ctx, l)
		if err != nil {
			return e, err
		}
		e.Node = l.address.String()
		e.Connection, err = c.connectionOf(ctx, l)
		return e, err
	})
}

func (c *Client) ping(ctx context.Context, l *link) (Echo, error) {
	if e, ok := c.pinged(ctx, l); ok {
		return e, nil
	}
	start := time.Now()
	answer, err := request[*mpp.EndpointResponse](ctx, c, l, new(mpp.EndpointRequest))
	if err != nil {
		return Echo{}, err
	}
	return Echo{Endpoint: answer.EndPoint, RTT: time.Since(start), Time: answer.Now.Std()}, nil
}

// first is a question that leaves with the first packet of a connection: asked
// before anything is proved, so one of those that a node answers to anybody
// (rud.md, Immediate).
type first struct {
	serial int64
	at     time.Time
	answer chan Echo // nil: nothing was asked
}

// ask puts the question into the target of a dial to a node whose key is known: to
// others it would wait until the connection is there.
func (l *link) ask(p *Profile, to *rud.Target) error {
	n, err := p.takeSerial()
	if err != nil {
		return err
	}
	m := &mpp.EndpointRequest{FromClient: mpp.FromClient{Serial: mpp.N(n)}}
	to.Early = m.Append(nil)
	l.asked = first{serial: n, answer: make(chan Echo, 1)}
	l.toldFirst = l.asked.answer
	return nil
}

// answered takes the answer. Runs in the loop.
func (f *first) answered(now time.Time, msg mpp.Message, serial int64) {
	m, ok := msg.(*mpp.EndpointResponse)
	if !ok || f.answer == nil || serial != f.serial {
		return
	}
	select {
	case f.answer <- Echo{Endpoint: m.EndPoint, RTT: now.Sub(f.at), First: true, Time: m.Now.Std()}:
	default: // said twice
	}
}

// pinged returns what the first packet of the connection asked, once.
func (c *Client) pinged(ctx context.Context, l *link) (Echo, bool) {
	c.mu.Lock()
	answer := l.toldFirst
	l.toldFirst = nil
	c.mu.Unlock()
	if answer == nil {
		return Echo{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, retryAfter)
	defer cancel()
	select {
	case e := <-answer:
		return e, true
	case <-l.done:
	case <-c.stop:
	case <-ctx.Done():
	}
	return Echo{}, false
}
