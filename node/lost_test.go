package node_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/node"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// lose stops a node and deletes parts of its state directory.
func lose(t *testing.T, n *node.Node, cfg node.Config, parts ...string) node.Config {
	t.Helper()
	cfg = pinned(cfg, n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if err := os.RemoveAll(filepath.Join(cfg.State, part)); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// served waits until a post of one device reaches all of them.
func served(t *testing.T, by *client.Client, payload string, watchers ...*watcher) {
	t.Helper()
	publish(t, by, payload)
	for _, w := range watchers {
		if e := w.next(); string(e.Data) != payload {
			t.Fatalf("got %q, want %q", e.Data, payload)
		}
	}
}

// "Delete the only node's store/, start it, and every device is served again with
// nothing typed": a device that publishes only, one that watches, and one whose
// account has so many that its own fact is far down the list. The node is not
// open: its own host fact lets the account in.
func TestStoreLost(t *testing.T) {
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	n := start(t, cfg)
	phone := account(t, "phone", n)
	for i := range 28 {
		if i%10 == 9 { // a connection may not ask for too much at once
			phone.Close()
			phone = dial(t, phone.Profile(), n)
		}
		invited(t, phone, fmt.Sprintf("device %d", i), client.RoleWatch)
	}
	laptop, sensor := invite(t, phone, "laptop", n), dial(t, invited(t, phone, "sensor", client.RolePublish), n)
	w, v := watch(t, phone), watch(t, laptop)
	served(t, sensor, "before", w, v)

	cfg = lose(t, n, cfg, "store")
	cfg.OpenAccounts = false
	n = start(t, cfg)
	served(t, sensor, "after", w, v)
	served(t, laptop, "and after", w, v)
	if s := n.Shape(testContext(t), phone.Profile().Account()); s.Hosts != 1 || s.Attached != 2 {
		t.Errorf("the node knows %+v, want a host fact and two attached", s)
	}
}

// "Losing keys/ is a new node": at its old address it is not taken for the old
// one, and the person is told; given its new address it is used, once a device.
func TestKeysLost(t *testing.T) {
	unhurried(t)
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	n := start(t, cfg)
	phone := account(t, "phone", n)
	profiles := []*client.Profile{phone.Profile(), invited(t, phone, "laptop", client.RoleWatch|client.RolePublish)}
	publish(t, phone, "before")
	phone.Close()
	old := n.DeviceAddress()
	n = start(t, lose(t, n, cfg, "store", "keys"))
	if n.DeviceAddress() == old {
		t.Fatal("the node has its old address")
	}

	for _, p := range profiles {
		c, err := client.Dial(p, client.Config{Listen: "127.0.0.1:0", Log: logTo(t, p.Name())})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Publish(testContext(t), client.Post{Data: []byte("to whom?")})
		c.Close()
		var changed *client.ChangedKey
		if !errors.As(err, &changed) || !errors.Is(err, client.ErrFingerprint) {
			t.Fatalf("publishing at a node with other keys: %v, want ErrFingerprint", err)
		}
		if !strings.HasSuffix(n.DeviceAddress(), changed.Found) || changed.Address != old {
			t.Errorf("told of %s at %s", changed.Found, changed.Address)
		}
	}
	for _, p := range profiles {
		served(t, dial(t, p, n), "after")
	}
	for _, p := range profiles {
		again, err := client.OpenProfile(p.Dir())
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.Dial(again, client.Config{Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		served(t, c, "nothing typed again")
	}
}

// Either node of two dies for good: the other carries on and tells the copies as
// they are, a third joins and has all, and is a home when it is asked.
func TestEitherOfTwoLost(t *testing.T) {
	for _, lost := range []int{0, 1} {
		t.Run(fmt.Sprintf("node %d", lost), func(t *testing.T) {
			t.Parallel()
			nodes, configs := realmOf(t, "a", "b")
			stays := nodes[1-lost]
			phone := account(t, "phone", nodes[0])
			laptop := invite(t, phone, "laptop", nodes[1])
			w, v := watch(t, phone), watch(t, laptop)
			served(t, laptop, "both", w, v)
			agree(t, nodes...)
			key := filepath.Join(t.TempDir(), "realm.key")
			if err := os.Rename(filepath.Join(configs[0].State, "keys", "realm.key"), key); err != nil {
				t.Fatal(err)
			}
			lose(t, nodes[lost], configs[lost], "store", "keys")

			for _, by := range []*client.Client{phone, laptop} {
				r := publish(t, by, "one is left")
				if r.Code != mpp.CodeFewerCopies || r.Copies != 1 {
					t.Errorf("receipt %d with %d copies, want 202 with 1", r.Code, r.Copies)
				}
				w.want("one is left")
				v.want("one is left")
			}

			cfg := loopback(t, filepath.Join(t.TempDir(), "c"))
			cfg.RealmKey, cfg.Peers = key, stays.PeerAddresses()[:1]
			third := start(t, cfg)
			agree(t, stays, third)
			if got := stays.AskHome(testContext(t), phone.Profile().Account()); got != 1 {
				t.Fatalf("%d members took the account over, want 1", got)
			}
			agree(t, stays, third)
			if s := third.Shape(testContext(t), phone.Profile().Account()); s.Hosts != 3 || s.Events != 3 {
				t.Errorf("the third knows %+v, want 3 hosts and 3 events", s)
			}
			tablet := invite(t, phone, "tablet", third)
			u := watch(t, tablet)
			u.wantAll("both", "one is left", "one is left")
			served(t, tablet, "three", w, v, u)
		})
	}
}
