package node

import (
	"testing"

	"meshpresence/discovery"
)

// Attack: somebody announces a node with another key at an address of ours, to
// keep a newcomer with a bare code from the nodes found after it.
func TestJoinPastAPoisonedNeighbour(t *testing.T) {
	h := newHousehold(t)
	offer, accepted := h.invites(t)
	at, err := discovery.ParseAddress(h.first.DeviceAddress())
	if err != nil {
		t.Fatal(err)
	}
	poisoned := at
	poisoned.Fingerprint = h.keys.rud.Public().UDF()
	m, err := h.second.joinAt(within(t), h.keys, offer.Code(), []discovery.Address{poisoned, at})
	if err != nil || m.Realm != h.first.Realm() {
		t.Fatalf("joining: %q, %v", m.Realm, err)
	}
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}
