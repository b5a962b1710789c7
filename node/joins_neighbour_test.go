package node

import (
	"testing"

	"meshpresence/discovery"
	"meshpresence/node/client"
)

// Attack: somebody announces a node with another key at an address of ours, to
// keep a newcomer with a bare code from the nodes found after it.
func TestJoinPastAPoisonedNeighbour(t *testing.T) {
	h := newHousehold(t)
	with, err := client.DialNode(client.Config{Node: h.first.DeviceAddress(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer with.Close()
	realm, err := client.LoadRealmKey(h.first.realmKeyFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := with.InviteNode(within(t), realm)
	if err != nil {
		t.Fatal(err)
	}
	defer offer.Close()
	accepted := make(chan error, 1)
	go func() {
		_, err := offer.Wait(within(t))
		if err == nil {
			err = offer.Accept(within(t))
		}
		accepted <- err
	}()
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
