package node

import (
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/notify"
	"meshpresence/node/registry"
	"meshpresence/transport/rud"
)

const (
	// maxConns is how many connections one device key may hold; the oldest
	// goes. A device that reconnects in a loop cannot fill the table.
	maxConns = 8
	// maxStores bounds what a status answer repeats of the last publication.
	maxStores = 8
	// maxSessions bounds the proved connections of a node, and maxUnbound the
	// time of one that never showed a device of an account kept here, nor has a
	// part in a join: strangers cannot fill the table and stay.
	maxSessions = 1 << 15
	maxUnbound  = 5 * time.Minute
	// strangerLeast is how old one of those is before it gives way in a full table,
	// and strangersTried how many sessions are looked at for it: when strangers filled
	// the table, every few is one.
	strangerLeast  = 10 * time.Second
	strangersTried = 64
)

// session is one proved connection of a device.
type session struct {
	conn    *rud.Conn
	opened  time.Time
	heard   time.Time
	timeout time.Duration
	allowance

	// connects is the Serial of the last connect accepted here. A device's
	// Serials are compared within a connection only: another may belong to
	// another boot of it (mpp.md, Semantics: per boot of either side).
	connects int64

	// bound is the device that this connection proved to be; its zero value
	// means that no fact linked one yet.
	bound registry.DeviceRef

	// watching, while this is the device's watching connection.
	attach *record.Fact
	lapsed bool              // it is over: the device is told at each heartbeat
	held   registry.Holdings // what the device told or acknowledged
	notify notify.Device
	last   []mpp.StoreStatus // the last publication, for status answers
	serial int64             // of the last notification sent
}

// deviceState outlives a device's connections.
type deviceState struct {
	watching *session
	serial   int64     // of notifications, so that it only grows
	heard    time.Time // by a session that is gone
	since    time.Time // watching here, pauses of three heartbeats left out
	logged   time.Time // when its coming or going was logged last
	expired  bool      // its last attach fact, and there is no other
}

// Opened implements rud.Handler.
func (n *Node) Opened(now time.Time, c *rud.Conn) {
	if len(n.sessions) >= maxSessions && !n.makeRoom(now) {
		c.Close(now)
		return
	}
	s := &session{conn: c, opened: now, heard: now, timeout: DefaultConnTimeout}
	c.App = s
	n.sessions[c] = s
	peer := c.Peer()
	if n.peers[peer] = append(n.peers[peer], s); len(n.peers[peer]) > maxConns {
		n.drop(now, n.peers[peer][0]) // the oldest
	}
}

// makeRoom drops a session that showed no device, any of them, and reports whether
// it found one. Attack: ten prefixes open ten connections a second each, fill the
// table within the time that strangers have, and keep every device out.
func (n *Node) makeRoom(now time.Time) bool {
	tried := 0
	for _, s := range n.sessions {
		if n.stranger(now, s) && now.Sub(s.opened) >= strangerLeast {
			n.drop(now, s)
			return true
		}
		if tried++; tried == strangersTried {
			break
		}
	}
	return false
}

// stranger reports whether a session showed no device of an account kept here, nor
// has a part in a join.
func (n *Node) stranger(now time.Time, s *session) bool {
	return s.bound == (registry.DeviceRef{}) && !n.joins.holds(now, s)
}

// Closed implements rud.Handler.
func (n *Node) Closed(now time.Time, c *rud.Conn, reason rud.Reason) {
	if s, ok := c.App.(*session); ok {
		if reason == rud.ReasonLeft && s.attach != nil {
			n.logWhere(now, s.bound, mpp.ReasonUnknown)
		}
		n.forgetSession(s)
	}
}

// Moved implements rud.Handler.
func (n *Node) Moved(_ time.Time, c *rud.Conn) {
	if s, ok := c.App.(*session); ok && s.attach != nil {
		n.remnants.changed = true
	}
}

// drop closes a session's connection, in silence.
func (n *Node) drop(now time.Time, s *session) {
	n.forgetSession(s)
	s.conn.Close(now)
}

func (n *Node) forgetSession(s *session) {
	if s.attach != nil {
		n.fed.AttachedChanged() // the realm hears of it now, not at the next beacon
	}
	n.unwatch(s)
	n.remember(s)
	delete(n.sessions, s.conn)
	peer := s.conn.Peer()
	n.peers[peer] = slices.DeleteFunc(n.peers[peer], func(o *session) bool { return o == s })
	if len(n.peers[peer]) == 0 {
		delete(n.peers, peer)
	}
	s.conn.App = nil
}

// closeSilent drops sessions not heard for the time they were granted.
func (n *Node) closeSilent(now time.Time) {
	for _, s := range n.sessions {
		unbound := now.Sub(s.opened) > maxUnbound && n.stranger(now, s)
		if unbound || s.silent(now) {
			if s.attach != nil {
				n.logWhere(now, s.bound, mpp.ReasonUnknown)
			}
			n.drop(now, s)
		}
	}
}

// bind links a connection to the device whose fact names its static key.
func (n *Node) bind(s *session, account, device key.Hash) *record.Fact {
	f := n.reg.Device(account, device)
	if !access.Is(s.conn.Peer(), f) {
		return nil
	}
	ref := registry.DeviceRef{Account: account, Device: device}
	if s.bound != ref {
		// Another account may name the same agreement key: what was watched and
		// held belongs to the device that was.
		n.unwatch(s)
		s.held = registry.Holdings{}
		s.bound = ref
	}
	return f
}

// device is the bound device's fact while it counts and names this connection's
// key.
func (n *Node) device(s *session) *record.Fact {
	if s.bound == (registry.DeviceRef{}) {
		return nil
	}
	f := n.reg.Device(s.bound.Account, s.bound.Device)
	if !access.Is(s.conn.Peer(), f) {
		return nil
	}
	return f
}

func (n *Node) state(ref registry.DeviceRef) *deviceState {
	d := n.devices[ref]
	if d == nil {
		d = new(deviceState)
		n.devices[ref] = d
	}
	return d
}

// watch makes this connection the device's watching one. The newest wins.
func (n *Node) watch(now time.Time, s *session, attach *record.Fact) {
	d := n.state(s.bound)
	n.arrived(now, s, d)
	if d.watching != nil && d.watching != s {
		n.unwatch(d.watching)
	}
	d.watching = s
	s.attach, s.lapsed = attach, false
	s.notify.Serial = max(s.notify.Serial, d.serial)
	s.notify.Drop(func(it *notify.Item) bool { return !access.Watches(attach, it.Channel) })
	s.notify.Resume(now)
	account := s.bound.Account
	if n.watching[account] == nil {
		n.watching[account] = make(map[*session]struct{})
	}
	n.watching[account][s] = struct{}{}
	n.remnants.changed = true
	n.refill(now, s)
}

// unwatch ends delivery on this connection.
func (n *Node) unwatch(s *session) {
	if s.attach == nil {
		return
	}
	s.attach = nil
	n.remnants.changed = true
	if d := n.devices[s.bound]; d != nil {
		d.serial = max(d.serial, s.notify.Serial)
	}
	s.notify = notify.Device{}
	delete(n.busy, s)
	delete(n.hot, s)
	if d := n.devices[s.bound]; d != nil && d.watching == s {
		d.watching = nil
	}
	set := n.watching[s.bound.Account]
	delete(set, s)
	if len(set) == 0 {
		delete(n.watching, s.bound.Account)
	}
}
