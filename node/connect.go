package node

import (
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// maxPeers bounds the other nodes named in a connect response.
const maxPeers = 8

// serveConnect makes this the device's watching connection (MPP-03 Subscribe).
// The attach fact came in a fact request before.
func (n *Node) serveConnect(req request, m *mpp.ConnectRequest) {
	s := req.session
	if !n.spend(req, costList) { // what the device lacks is looked for
		n.refuse(req, mpp.CodeQuota)
		return
	}
	attach := n.attachFact(s, m.Attach)
	if attach == nil {
		n.refuse(req, mpp.CodeRefused)
		return
	}
	device := n.device(s)
	if code := access.Watch(n.wall.Now(), n.id, device, attach); code != mpp.CodeOK {
		n.refuse(req, code)
		return
	}
	if !m.Serial.Set || m.Serial.Value <= s.connects {
		n.invalidSerial(req, s.connects)
		return
	}
	s.connects = m.Serial.Value
	s.timeout = grant(m.Timeout)
	n.watch(req.now, s, attach)
	n.connected(req)
	n.fed.AttachedChanged()
}

// attachFact finds the attach fact named by its hash and binds the session to
// its device.
func (n *Node) attachFact(s *session, hash []byte) *record.Fact {
	if len(hash) != len(key.Hash{}) {
		return nil
	}
	f := n.reg.Fact(key.Hash(hash))
	if f == nil || f.Kind != record.KindAttach {
		return nil
	}
	if n.bind(s, f.Account, f.Author.Hash()) == nil {
		return nil
	}
	return f
}

// grant is the silence a device is granted: what it asked for, within bounds.
func grant(asked mpp.Int) time.Duration {
	if !asked.Set || asked.Value <= 0 {
		return DefaultConnTimeout
	}
	d := time.Duration(min(asked.Value, MaxConnTimeout.Milliseconds())) * time.Millisecond
	return max(d, time.Second)
}

func (n *Node) invalidSerial(req request, last int64) {
	var answer mpp.ErrorInvalidSerial
	n.stamp(&answer.FromService, req, mpp.CodeSerial)
	answer.Serial = mpp.N(last)
	n.reply(req.now, req.session, &answer)
}

// connected answers with what the device needs to find its way later: this
// node's card, other nodes to try, and the digest of its account's facts here.
func (n *Node) connected(req request) {
	s := req.session
	var answer mpp.ConnectResponse
	n.stamp(&answer.FromService, req, mpp.CodeOK)
	answer.ConnectionTimeout = mpp.N(s.timeout.Milliseconds())
	if f := n.reg.NodeFact(n.id); f != nil {
		answer.Node = f.Append(nil)
	}
	answer.Peers = n.peerAddresses()
	sum := n.reg.AccountKeySum(s.bound.Account)
	answer.Facts = &mpp.Sum{Count: sum.Count, Sum: sum.Total[:]}
	answer.History, answer.Gone = n.told(s)
	n.reply(req.now, s, &answer)
}

// peerAddresses are device addresses of the realm's other nodes.
func (n *Node) peerAddresses() []string {
	var list []string
	n.reg.Nodes(func(f *record.Fact) bool {
		if f.Author.Hash() == n.id {
			return true
		}
		body := f.Body.(*record.Node)
		if len(body.Addresses) > 0 && len(body.Agreements) > 0 {
			list = append(list, body.Addresses[0]+"/"+body.Agreements[0].UDF())
		}
		return len(list) < maxPeers
	})
	return list
}

// serveDisconnect ends delivery to this device everywhere: the attach fact that
// names no node came in a fact request before (MPP-03 Unsubscribe).
func (n *Node) serveDisconnect(req request, m *mpp.DisconnectRequest) {
	s := req.session
	if len(m.Attach) > 0 && n.attachFact(s, m.Attach) == nil {
		n.refuse(req, mpp.CodeRefused)
		return
	}
	if s.bound != (registry.DeviceRef{}) {
		if d := n.devices[s.bound]; d != nil && d.watching != nil {
			n.unwatch(d.watching)
		}
		n.logWhere(req.now, s.bound, mpp.ReasonDetached)
	}
	n.refuse(req, mpp.CodeOK)
	n.fed.AttachedChanged()
}
