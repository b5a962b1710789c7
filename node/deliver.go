package node

import (
	"encoding/base32"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/admin"
	"meshpresence/node/mpp"
	"meshpresence/node/notify"
	"meshpresence/node/registry"
)

// settle performs what the effects mean for the devices connected here.
func (n *Node) settle(now time.Time) {
	for _, f := range n.fx.Gone {
		n.withdraw(f)
	}
	for _, ref := range n.fx.Revoked {
		n.closeDevice(now, ref)
	}
	for _, f := range n.fx.Attached {
		n.moved(f)
	}
	for _, f := range n.fx.Put {
		switch f.Kind {
		case record.KindDevice:
			n.rights(f)
		case record.KindHome:
			if namesNode(f, n.id) && n.reg.Keeps(n.wall.Now(), n.id, f.Account) {
				n.parting.named[f.Account] = true // one that follows at once may not
			}
			n.sweepSoon() // it may name this node no more
		}
	}
}

// rights ends delivery to a device whose newer fact takes its right to watch, or
// names another agreement key.
func (n *Node) rights(device *record.Fact) {
	body := device.Body.(*record.Device)
	d := n.devices[registry.DeviceRef{Account: device.Account, Device: body.Key.Hash()}]
	if d == nil || d.watching == nil {
		return
	}
	if !body.Roles.Has(record.Watch) || !access.Is(d.watching.conn.Peer(), device) {
		n.unwatch(d.watching)
	}
}

// tell offers events to every watching device of their account; the publisher
// is told too (mpp.md, Semantics).
func (n *Node) tell(now time.Time, events []*record.Fact) {
	for _, f := range events {
		sessions := n.watching[f.Account]
		if len(sessions) == 0 || !n.reg.Holds(f) {
			continue
		}
		item := itemOf(f)
		for s := range sessions {
			n.offer(now, s, f, item)
		}
	}
}

// itemOf is an event as the devices' queues share it.
func itemOf(f *record.Fact) *notify.Item {
	e := f.Body.(*record.Event)
	return &notify.Item{
		Hash: f.Hash(), Publisher: f.Author.Hash(), Tag: string(e.Tag), Channel: e.Channel,
		Sequence: e.Sequence, Serial: f.Serial, Expires: f.Expires, Raw: f.Append(nil),
	}
}

// offer queues one event on a session, unless the device has it.
func (n *Node) offer(now time.Time, s *session, f *record.Fact, item *notify.Item) notify.Offered {
	if s.held.Has(f) || !access.Watches(s.attach, item.Channel) {
		return notify.Duplicate
	}
	got := s.notify.Offer(now, item)
	if got == notify.Queued || got == notify.Replaced {
		n.touch(s)
	}
	return got
}

// refill offers what the device lacks, until its queue is full: of each publisher
// and channel in turn, so that one that posts much does not keep the others back.
func (n *Node) refill(now time.Time, s *session) {
	s.notify.Refill()
	n.reg.EventsInTurn(s.bound.Account, s.lacks, func(f *record.Fact) bool {
		return n.offer(now, s, f, itemOf(f)) != notify.Full
	})
}

// withdraw takes an event that no longer counts out of the queues.
func (n *Node) withdraw(f *record.Fact) {
	h := f.Hash()
	for s := range n.watching[f.Account] {
		if s.notify.Drop(func(it *notify.Item) bool { return it.Hash == h }) > 0 {
			n.touch(s)
		}
	}
}

// closeDevice ends the connections of a revoked device.
func (n *Node) closeDevice(now time.Time, ref registry.DeviceRef) {
	for _, s := range n.sessions {
		if s.bound == ref {
			n.drop(now, s)
		}
	}
	delete(n.devices, ref)
}

// moved ends delivery to a device whose newer attach fact no longer names this
// node, and lets one that still does go on under it.
func (n *Node) moved(attach *record.Fact) {
	d := n.devices[registry.DeviceRef{Account: attach.Account, Device: attach.Author.Hash()}]
	if d == nil || d.watching == nil {
		return
	}
	for _, node := range attach.Body.(*record.Attach).Nodes {
		if node == n.id {
			d.watching.attach = attach
			return
		}
	}
	n.unwatch(d.watching)
}

// touch marks a session whose queue changed: it is looked at this turn.
func (n *Node) touch(s *session) {
	n.busy[s] = struct{}{}
	n.hot[s] = struct{}{}
}

// deliverDue sends what is due and returns when to look next. What changed is
// looked at every turn, the others only when the first of them is due: silent
// devices cost the talking ones nothing.
func (n *Node) deliverDue(now time.Time) time.Time {
	for s := range n.hot {
		n.deliver(now, s)
		n.wakeFor(s)
	}
	clear(n.hot)
	if n.scanAt.IsZero() || now.Before(n.scanAt) {
		return n.scanAt
	}
	n.scanAt = time.Time{}
	for s := range n.busy {
		n.deliver(now, s)
		n.wakeFor(s)
	}
	clear(n.hot) // of what the scan itself touched
	if !n.scanAt.IsZero() && n.scanAt.Sub(now) < deliverEvery {
		n.scanAt = now.Add(deliverEvery)
	}
	return n.scanAt
}

// wakeFor makes the next scan early enough for a session.
func (n *Node) wakeFor(s *session) {
	d := s.notify.Deadline()
	if d.IsZero() {
		delete(n.busy, s)
		return
	}
	if n.scanAt.IsZero() || d.Before(n.scanAt) {
		n.scanAt = d
	}
}

// deliver sends every notification due on one session.
func (n *Node) deliver(now time.Time, s *session) {
	for s.notify.Due(now, n.wall.Now(), s.conn.MaxPayload()-storesOverhead, &n.batchDue) {
		sent := n.notify(now, s, &n.batchDue)
		n.metrics.Notified(outcomeOf(sent, n.batchDue.Repeat), 1)
		if !sent {
			s.notify.Hold(now.Add(holdFor))
			return
		}
		s.notify.Sent(now, n.batchDue.Serial)
	}
	n.more(now, s)
}

// more offers again once a queue that was full has room: after an
// acknowledgement, an expiry, a withdrawal.
func (n *Node) more(now time.Time, s *session) {
	if s.notify.WantsMore() {
		n.refill(now, s)
	}
}

// outcomeOf says what became of a notification that was due.
func outcomeOf(sent, repeat bool) admin.Notified {
	switch {
	case !sent:
		return admin.NotifiedDelayed
	case repeat:
		return admin.NotifiedRepeated
	}
	return admin.NotifiedSent
}

const (
	// storesOverhead is what the store statuses add to a notification.
	storesOverhead = (maxStores + 1) * 96
	// holdFor is how long a session waits whose connection takes no more.
	holdFor = 250 * time.Millisecond
)

// notify sends one notification; false means that the connection took it not.
func (n *Node) notify(now time.Time, s *session, b *notify.Batch) bool {
	msg := mpp.Notify{Serial: mpp.N(b.Serial)}
	msg.EndPoint, msg.Now = s.conn.Path(), n.wall.Now()
	s.last = s.last[:0]
	for _, it := range b.Items {
		msg.Events = append(msg.Events, it.Raw)
		if it.Status() && len(s.last) < maxStores {
			s.last = append(s.last, storeOf(it))
		}
	}
	if len(b.Hints) > 0 || b.Any {
		s.last = append(s.last, mpp.StoreStatus{}) // the empty Store: fetch it
	}
	msg.Stores = s.last
	s.serial = b.Serial
	n.scratch = msg.Append(n.scratch[:0])
	_, err := s.conn.Send(now, n.scratch)
	return err == nil
}

// storeOf names a status as a store: the label tag in base32, the Serial as
// Index (mpp.md, Structures).
func storeOf(it *notify.Item) mpp.StoreStatus {
	return mpp.StoreStatus{Store: storeName([]byte(it.Tag)), Index: it.Serial, Digest: hashBytes(it.Hash)}
}

var storeEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

func storeName(tag []byte) string { return storeEncoding.EncodeToString(tag) }

// serveAcknowledge clears what the device received and offers more.
func (n *Node) serveAcknowledge(req request, m *mpp.Acknowledge) {
	s := req.session
	if s.attach == nil || !m.Acknowledge.Set {
		return
	}
	n.delivered = s.notify.Acknowledge(req.now, m.Acknowledge.Value, n.delivered[:0])
	n.metrics.Notified(admin.NotifiedAcknowledged, len(n.delivered))
	for _, it := range n.delivered {
		s.held.Add(it.Publisher, it.Tag, it.Channel, it.Sequence, it.Serial)
	}
	n.more(req.now, s)
	n.touch(s)
}

func hashBytes(h key.Hash) []byte { return h[:] }
