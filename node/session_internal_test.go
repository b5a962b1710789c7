package node

import (
	"testing"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
	"meshpresence/transport/rud"
)

// connect makes a connection of a key of its own, and reports whether the node has a
// session for it.
func (w *cord) connect() bool {
	w.t.Helper()
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		w.t.Fatal(err)
	}
	w.useKey(static)
	w.dial(&mpp.EndpointRequest{FromClient: mpp.FromClient{Serial: mpp.N(7)}})
	for range 3 {
		w.up()
		w.down()
	}
	return len(w.node.peers[static.Public()]) == 1
}

// Whoever comes into a full table takes the place of one that showed no device, and
// never that of a device.
func TestStrangersGiveWay(t *testing.T) {
	t.Parallel()
	w := newCord(t)
	for range 4 {
		if !w.connect() {
			t.Fatal("no session in an empty node")
		}
	}
	for range 4 {
		w.node.sessions[new(rud.Conn)] = &session{bound: registry.DeviceRef{Device: key.Hash{1}}}
	}
	if w.node.makeRoom(w.now) {
		t.Error("a stranger of a moment ago gave way")
	}
	w.now = w.now.Add(strangerLeast)
	for range 4 {
		if !w.node.makeRoom(w.now) {
			t.Error("a stranger did not give way")
		}
	}
	if w.node.makeRoom(w.now) || len(w.node.sessions) != 4 || w.node.ep.Len() != 0 {
		t.Errorf("a device gave way, or %d connections are left", w.node.ep.Len())
	}
}

// Attack: strangers open connections until the table is full, and again whenever one
// of them is dropped: no device comes in any more.
func TestStrangersFillTheTable(t *testing.T) {
	t.Parallel()
	w := newCord(t)
	if !w.connect() {
		t.Fatal("no session in an empty node")
	}
	var one *session
	for _, one = range w.node.sessions {
	}
	conns := make([]rud.Conn, maxSessions)
	for i := range conns {
		w.node.sessions[&conns[i]] = &session{conn: one.conn, opened: w.now}
	}
	w.now = w.now.Add(strangerLeast)
	if !w.connect() {
		t.Error("strangers keep a device out")
	}
	for c, s := range w.node.sessions {
		if c != s.conn {
			s.bound.Device = key.Hash{1}
		}
	}
	if w.connect() {
		t.Error("a device gave way")
	}
	clear(w.node.sessions)
}
