package node

import (
	"errors"
	"net/netip"
	"time"

	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
)

// request is one message of a device, with what an answer needs.
type request struct {
	now     time.Time
	session *session
	serial  mpp.Int // of the request: the answer's Acknowledge
	from    netip.AddrPort
}

// Message implements rud.Handler: one datagram of a proved connection.
func (n *Node) Message(now time.Time, c *rud.Conn, m rud.Message) {
	s, ok := c.App.(*session)
	if !ok {
		return
	}
	s.heard = now
	if len(m.Payload) == 0 {
		return // the initiator's first frame may be empty
	}
	msg, err := n.decoder.Parse(m.Payload)
	req := request{now: now, session: s, from: m.From}
	if err != nil {
		n.refuse(req, codeOfParse(err))
		return
	}
	n.serve(req, msg)
}

// codeOfParse is what a device is told of a message that could not be read.
func codeOfParse(err error) mpp.Code {
	switch {
	case errors.Is(err, mpp.ErrTag):
		return mpp.CodeNotOffered
	case errors.Is(err, mpp.ErrLimit):
		return mpp.CodeTooLarge
	}
	return mpp.CodeMalformed
}

// serve performs one verb.
func (n *Node) serve(req request, msg mpp.Message) {
	switch m := msg.(type) {
	case *mpp.Heartbeat:
		req.serial = m.Serial
		if m.Devices {
			n.serveDevices(req)
			return
		}
		n.serveHeartbeat(req)
	case *mpp.Acknowledge:
		n.serveAcknowledge(req, m)
	case *mpp.EndpointRequest:
		req.serial = m.Serial
		n.serveEndpoint(req)
	case *mpp.ConnectRequest:
		req.serial = m.Serial
		n.serveConnect(req, m)
	case *mpp.DisconnectRequest:
		req.serial = m.Serial
		n.serveDisconnect(req, m)
	case *mpp.FactRequest:
		req.serial = m.Serial
		n.serveFacts(req, m)
	case *mpp.PublishRequest:
		req.serial = m.Serial
		n.servePublish(req, m)
	case *mpp.FetchRequest:
		req.serial = m.Serial
		n.serveFetch(req, m)
	case *mpp.JoinRequest:
		req.serial = m.Serial
		n.serveJoin(req, m)
	default:
		n.serveOther(req, msg)
	}
}

// serveOther answers verbs this node does not offer.
func (n *Node) serveOther(req request, msg mpp.Message) {
	if base, ok := msg.(interface{ Base() *mpp.FromClient }); ok {
		req.serial = base.Base().Serial
		n.refuse(req, mpp.CodeNotOffered)
		return
	}
	n.refuse(req, mpp.CodeMalformed)
}

// stamp fills what every answer carries: EndPoint is the newest validated path
// (rud.md, Paths), Acknowledge the request's Serial.
func (n *Node) stamp(base *mpp.FromService, req request, code mpp.Code) {
	n.stampFor(base, req.session.conn.Path(), req.serial, code)
}

func (n *Node) stampFor(base *mpp.FromService, path netip.AddrPort, serial mpp.Int, code mpp.Code) {
	*base = mpp.FromService{
		EndPoint:    path,
		Now:         n.wall.Now(),
		Acknowledge: serial,
		Status:      mpp.N(int64(code)),
	}
	if code >= 300 {
		base.StatusDescription = code.Name()
		n.metrics.Refused(code)
	}
}

// reply sends one message on a session. A full queue drops it: the device asks
// again.
func (n *Node) reply(now time.Time, s *session, msg mpp.Message) {
	n.scratch = msg.Append(n.scratch[:0])
	if _, err := s.conn.Send(now, n.scratch); err != nil {
		n.log.Debug("answering a device", "err", err)
	}
}

// refuse answers with a bare code.
func (n *Node) refuse(req request, code mpp.Code) {
	n.blank()
	n.stamp(&n.status.FromService, req, code)
	n.reply(req.now, req.session, &n.status)
}

// serveHeartbeat answers with the last status published (MPP-03 Status). 408 tells
// a device that its attach fact is over (OURS).
func (n *Node) serveHeartbeat(req request) {
	s := req.session
	code := mpp.CodeOK
	if s.lapsed {
		code = mpp.CodeExpired
	}
	n.stamp(&n.status.FromService, req, code)
	n.status.Stores = s.last
	n.status.Serial = mpp.Int{}
	if s.serial > 0 {
		n.status.Serial = mpp.N(s.serial)
	}
	n.status.Ticks = mpp.N(n.wall.Ticks())
	n.status.LeapSeconds = mpp.N(leapSeconds)
	n.reply(req.now, s, &n.status)
}

// leapSeconds is TAI-UTC since 2017-01-01, the last leap second announced.
const leapSeconds = 37

// serveEndpoint tells the address that the request came from, at that address
// (rud.md, Paths): the question of a STUN client.
func (n *Node) serveEndpoint(req request) {
	n.stamp(&n.endpoint.FromService, req, mpp.CodeOK)
	n.endpoint.EndPoint = req.from
	n.scratch = n.endpoint.Append(n.scratch[:0])
	if _, err := req.session.conn.SendProbe(req.now, req.from, n.scratch); err != nil {
		n.log.Debug("answering an endpoint request", "err", err)
	}
}
