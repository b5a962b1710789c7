package node

import (
	"net/netip"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

// early answers the verb of a first packet: Heartbeat, EndpointRequest or Resolve,
// and no other (rud.md, Immediate). Whoever sent it knew this node's key and owns
// the other one, but nothing says that it is there now, or at that address, or that
// the packet is not an old one said again. So nothing here changes, and nothing is
// told but what the packet shows and a clock on the wall: no session is made or
// heard, and a Heartbeat's answer is bare of what was published. The answer is
// never longer than what asked: room.
func (n *Node) early(_ time.Time, from netip.AddrPort, _ key.Agreement, payload []byte, room int) []byte {
	msg, err := n.decoder.Parse(payload)
	if err != nil {
		return nil // asked again in Data, it is told why
	}
	var answer mpp.Message
	switch m := msg.(type) {
	case *mpp.Heartbeat:
		if m.Devices {
			return nil
		}
		n.blank()
		n.stampFor(&n.status.FromService, from, m.Serial, mpp.CodeOK)
		n.status.Ticks, n.status.LeapSeconds = mpp.N(n.wall.Ticks()), mpp.N(leapSeconds)
		answer = &n.status
	case *mpp.EndpointRequest:
		n.stampFor(&n.endpoint.FromService, from, m.Serial, mpp.CodeOK)
		answer = &n.endpoint
	case *mpp.ResolveRequest:
		n.blank()
		n.stampFor(&n.status.FromService, from, m.Serial, mpp.CodeNotOffered)
		answer = &n.status
	default:
		return nil
	}
	if n.scratch = answer.Append(n.scratch[:0]); len(n.scratch) > room {
		return nil
	}
	return n.scratch
}

// blank empties the status that answers are written with.
func (n *Node) blank() { n.status = mpp.Status{} }
