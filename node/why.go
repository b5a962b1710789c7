package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

const (
	// whyOverhead is what a status answer adds to the devices in it.
	whyOverhead = 512
	// logEvery is how often one device's comings and goings are logged: one that
	// comes and goes in a loop cannot fill the log.
	logEvery = time.Second
)

// serveDevices answers a heartbeat that asks where the account's devices are:
// those of the account whose device this connection proved to be.
func (n *Node) serveDevices(req request) {
	s := req.session
	if n.device(s) == nil {
		n.refuse(req, mpp.CodeRefused)
		return
	}
	if !n.spend(req, costList) {
		n.refuse(req, mpp.CodeQuota)
		return
	}
	var answer mpp.Status
	n.stamp(&answer.FromService, req, mpp.CodeOK)
	answer.Ticks, answer.LeapSeconds = mpp.N(n.wall.Ticks()), mpp.N(leapSeconds)
	answer.Devices, answer.More = n.fit(s, n.whereabouts(req.now, s.bound.Account, mpp.MaxDevices+1))
	answer.Peers = n.fitPeers(s, &answer)
	n.reply(req.now, s, &answer)
}

// fit cuts a list of devices to what a message may hold and one to this device
// carries: the first ones, which are always the same.
func (n *Node) fit(s *session, all []mpp.DeviceStatus) (list []mpp.DeviceStatus, more bool) {
	list = all[:min(len(all), mpp.MaxDevices)]
	for len(list) > 0 && sizeOfDevices(list) > s.conn.MaxPayload()-whyOverhead {
		list = list[:len(list)-1]
	}
	return list, len(list) < len(all)
}

func sizeOfDevices(list []mpp.DeviceStatus) int {
	return len((&mpp.Status{Devices: list}).Append(nil))
}

// fitPeers are the other nodes' addresses, as many as still fit.
func (n *Node) fitPeers(s *session, answer *mpp.Status) []string {
	peers := n.peerAddresses()
	for len(peers) > 0 {
		answer.Peers = peers
		if len(answer.Append(n.scratch[:0])) <= s.conn.MaxPayload() {
			break
		}
		peers = peers[:len(peers)-1]
	}
	return peers
}

// whereabouts says of an account's devices, at most so many, where they are or why
// they are not, in the order of their hashes; those that were revoked come last.
func (n *Node) whereabouts(now time.Time, account key.Hash, limit int) []mpp.DeviceStatus {
	var list []mpp.DeviceStatus
	epoch := n.reg.Epoch(account)
	for _, f := range n.reg.Devices(account) {
		if len(list) == limit {
			return list
		}
		list = append(list, n.whereabout(now, f, epoch))
	}
	for _, h := range n.reg.RevokedKeys(account) {
		if len(list) == limit {
			return list
		}
		list = append(list, mpp.DeviceStatus{Id: h.String(), Status: string(mpp.ReasonRevoked)})
	}
	return list
}

// whereabout says where one device is. The reason comes first that says most of
// what its people want to know: whether it hears what is posted.
func (n *Node) whereabout(now time.Time, device, epoch *record.Fact) mpp.DeviceStatus {
	body := device.Body.(*record.Device)
	ref := registry.DeviceRef{Account: device.Account, Device: body.Key.Hash()}
	w := where{status: mpp.DeviceStatus{Id: ref.Device.String()}, now: now, today: n.wall.Now()}
	sees := n.sees(now, ref, body.Agreement)
	w.hear(sees.heard)
	switch {
	case !n.reg.Carried(w.today, ref.Account):
		w.add(mpp.ReasonNotKept)
	case sees.watching:
		w.add(mpp.ReasonHere)
		w.at(n.id)
		w.since(sees.since)
	case !body.Roles.Has(record.Watch):
		w.add(mpp.ReasonMayNotWatch)
	default:
		n.absent(&w, ref, sees)
	}
	if body.Roles.Has(record.Watch) && epoch != nil && !epoch.Body.(*record.Epoch).Lists(ref.Device) {
		w.add(mpp.ReasonUnlisted)
	}
	if c := n.fed.Clocks(); c.Off() || c.Doubtful() {
		w.add(mpp.ReasonClock)
	}
	return w.done()
}

// where collects what is known of one device.
type where struct {
	status  mpp.DeviceStatus
	reasons []string
	now     time.Time
	today   wall.Time
}

func (w *where) add(r mpp.Reason) { w.reasons = append(w.reasons, string(r)) }

func (w *where) at(node key.Hash) { w.status.Node = hashBytes(node) }

// wallOf is a monotonic moment on the wall clock as it goes now.
func (w *where) wallOf(t time.Time) wall.Time { return w.today - wall.Time(w.now.Sub(t)/time.Second) }

// hear notes when it was heard; the latest counts.
func (w *where) hear(t time.Time) {
	if !t.IsZero() {
		w.status.LastConnected = max(w.status.LastConnected, w.wallOf(t))
	}
}

func (w *where) since(t time.Time) {
	if !t.IsZero() {
		w.status.Since = w.wallOf(t)
	}
}

// done puts the first reason into Status and the others into Comment.
func (w *where) done() mpp.DeviceStatus {
	w.status.Status = w.reasons[0]
	w.status.Comment = strings.Join(w.reasons[1:], " ")
	return w.status
}

// seen is what this node itself sees of a device.
type seen struct {
	watching  bool // heard within three heartbeats
	connected bool // by any session
	heard     time.Time
	since     time.Time // watching here
}

// sees looks through the sessions of a device. A session that fell silent is
// not there, though nobody has closed it yet.
func (n *Node) sees(now time.Time, ref registry.DeviceRef, agreement key.Agreement) (v seen) {
	d := n.devices[ref]
	if d != nil {
		v.heard, v.since = d.heard, d.since
	}
	for _, s := range n.peers[agreement] {
		if s.bound != ref {
			continue
		}
		if s.heard.After(v.heard) {
			v.heard = s.heard
		}
		if !s.silent(now) {
			v.connected = true
			v.watching = v.watching || s.attach != nil
		}
	}
	return v
}

// absent says why a device that may watch does not watch here.
func (n *Node) absent(w *where, ref registry.DeviceRef, sees seen) {
	if f := n.reg.Attach(ref.Account, ref.Device); f != nil {
		n.absentBut(w, f, sees)
		return
	}
	if sees.connected {
		w.add(mpp.ReasonConnected)
		w.at(n.id)
	}
	if d := n.devices[ref]; d != nil && d.expired {
		w.add(mpp.ReasonExpired)
		return
	}
	w.add(mpp.ReasonNeverAttached)
}

// absentBut says what a device's own attach fact and the beacons tell.
func (n *Node) absentBut(w *where, attach *record.Fact, sees seen) {
	w.status.Since = attach.Time
	for _, node := range n.fed.Claiming(attach.Hash()) {
		if n.reg.Member(node) {
			w.add(mpp.ReasonElsewhere)
			w.at(node)
			w.hear(n.fed.Heard(node))
			return
		}
	}
	if sees.connected {
		w.add(mpp.ReasonConnected)
	}
	reason, node := n.named(attach.Body.(*record.Attach).Nodes)
	w.add(reason)
	if sees.connected {
		node = n.id
	}
	if reason == mpp.ReasonUnknown && w.status.LastConnected != 0 {
		w.status.Since = w.status.LastConnected // silent since
	}
	if !node.IsZero() {
		w.at(node)
	}
}

// named is what the nodes that an attach fact names mean, when none of them
// confirms it: the one that leaves most hope.
func (n *Node) named(nodes []key.Hash) (reason mpp.Reason, at key.Hash) {
	if len(nodes) == 0 {
		return mpp.ReasonDetached, key.Hash{}
	}
	if slices.Contains(nodes, n.id) {
		return mpp.ReasonUnknown, n.id
	}
	for _, node := range nodes {
		if n.reg.Member(node) {
			return mpp.ReasonUnconfirmed, node
		}
	}
	for _, node := range nodes {
		if n.reg.Expelled(node) {
			return mpp.ReasonNodeExpelled, node
		}
	}
	return mpp.ReasonNodeUnknown, nodes[0]
}

// Whereabouts counts the devices of all accounts carried here by the reason that
// says where they are: what a metric shows.
func (n *Node) Whereabouts(ctx context.Context) (map[mpp.Reason]int, error) {
	counts := make(map[mpp.Reason]int)
	if !n.do(ctx, func(now time.Time) {
		n.reg.EachAccount(func(account key.Hash) {
			epoch := n.reg.Epoch(account)
			for _, f := range n.reg.Devices(account) {
				counts[mpp.Reason(n.whereabout(now, f, epoch).Status)]++
			}
		})
	}) {
		return nil, errors.New("asking the node where devices are: it stopped or did not answer in time")
	}
	return counts, nil
}

// silent reports whether a device was not heard for the time it was granted:
// three heartbeats.
func (s *session) silent(now time.Time) bool { return now.Sub(s.heard) > s.timeout }

// remember keeps what outlives a session: when its device was heard.
func (n *Node) remember(s *session) {
	if s.bound == (registry.DeviceRef{}) || n.reg.Device(s.bound.Account, s.bound.Device) == nil {
		return
	}
	if d := n.state(s.bound); s.heard.After(d.heard) {
		d.heard = s.heard
	}
}

// arrived notes that a device watches here: since now, unless it did a moment ago.
func (n *Node) arrived(now time.Time, s *session, d *deviceState) {
	if d.watching == nil && (d.since.IsZero() || now.Sub(d.heard) > s.timeout) {
		d.since = now
	}
	d.heard, d.expired = now, false
	n.logWhere(now, s.bound, mpp.ReasonHere)
}

// logWhere logs where a device is from now on, under the same name as everywhere.
func (n *Node) logWhere(now time.Time, ref registry.DeviceRef, reason mpp.Reason) {
	d := n.state(ref)
	if !d.logged.IsZero() && now.Sub(d.logged) < logEvery {
		return
	}
	d.logged = now
	n.log.Info("device", "device", ref.Device.Short(), "account", ref.Account.Short(), "reason", string(reason))
}

// expiredAttach remembers whose attachment a sweep found over.
func (n *Node) expiredAttach(keys []record.Key) {
	for _, k := range keys {
		if k.Kind != record.KindAttach || len(k.Sub) != len(key.Hash{}) || n.reg.Current(k) != nil {
			continue
		}
		ref := registry.DeviceRef{Account: k.Owner, Device: key.Hash([]byte(k.Sub))}
		if n.reg.Device(ref.Account, ref.Device) != nil {
			n.state(ref).expired = true
		}
	}
}

// forgetStates drops what is remembered of devices that are none any more, so
// that the table is never larger than the device facts held.
func (n *Node) forgetStates() {
	for ref, d := range n.devices {
		if d.watching == nil && n.reg.Device(ref.Account, ref.Device) == nil {
			delete(n.devices, ref)
		}
	}
}
