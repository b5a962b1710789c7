package node_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"meshpresence/internal/record"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// nextGap waits for one.
func (w *watcher) nextGap() *client.GapError {
	w.t.Helper()
	select {
	case g := <-w.gaps:
		return g
	case <-time.After(patience):
		w.t.Fatal("no gap was told")
		return nil
	}
}

// federation.md, The devices' part: "another id or a smaller count is `gap`".
func TestLostStoreIsAGap(t *testing.T) {
	unhurried(t)
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	n := start(t, cfg)
	phone := account(t, "phone", n)
	laptop := invite(t, phone, "laptop", n)
	w := watch(t, laptop)
	publish(t, phone, "one")
	w.want("one")

	// A node that only starts again has lost nothing: the device, which watches
	// there again before the next post comes, is told of no gap.
	n = start(t, lose(t, n, cfg))
	servedAgain(t, laptop)
	publish(t, phone, "two")
	w.want("two")
	if len(w.gaps) > 0 {
		t.Fatalf("a restart is told as %v", <-w.gaps)
	}

	n = start(t, lose(t, n, cfg, "store"))
	if g := w.nextGap(); g.Node != n.DeviceAddress() || g.Channel != "" || g.To != 0 {
		t.Errorf("told %+v", g)
	}
	publish(t, phone, "three")
	w.want("three")

	start(t, lose(t, n, cfg))
	servedAgain(t, laptop)
	publish(t, phone, "four")
	w.want("four")
	if len(w.gaps) > 0 {
		t.Errorf("told again: %v", <-w.gaps)
	}
}

// servedAgain waits until the device watches at the node that was restarted.
func servedAgain(t *testing.T, c *client.Client) {
	t.Helper()
	wantReason(t, c, c.Profile().Device(), mpp.ReasonHere)
}

// "unless another home fills it"
func TestStoreThatAnotherHomeFillsIsNoGap(t *testing.T) {
	t.Parallel()
	nodes, configs := realmOf(t, "a", "b")
	phone := account(t, "phone", nodes[0])
	laptop := invite(t, phone, "laptop", nodes[0])
	w := watch(t, laptop)
	if r := publish(t, phone, "one"); r.Copies != 2 {
		t.Fatalf("%d copies, want two", r.Copies)
	}
	w.want("one")
	cfg := configs[0]
	cfg.Peers = nodes[1].PeerAddresses()[:1]
	start(t, lose(t, nodes[0], cfg, "store"))
	publish(t, phone, "two")
	w.want("two")
	servedAgain(t, laptop)
	publish(t, phone, "three")
	w.want("three")
	if len(w.gaps) > 0 {
		t.Errorf("told %v", <-w.gaps)
	}
}

// federation.md, Quota: "What is dropped is counted and told (`gap`)."
func TestDroppedForQuotaIsAGap(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	s := newSensor(t, phone, "sensor")
	p := invited(t, phone, "laptop", client.RoleWatch)
	laptop := dial(t, p, n)
	w := watch(t, laptop)
	r := longRaw(t, n, s.static)
	bring(t, r, s.queued(1, "first"))
	w.want("first")
	laptop.Close()

	const over = 20
	var events []*record.Fact
	for i := range int64(registry.MaxEvents + over) {
		events = append(events, s.queued(2+i, "more"))
	}
	bring(t, r, events...)
	again, err := client.OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	w = watch(t, dial(t, again, n))
	// What the node let go of is all up to the highest that it dropped.
	if g := w.nextGap(); !g.Dropped || g.From != 2 || g.To != 1+over || g.Publisher != s.device.Author().Hash().String() {
		t.Errorf("told %+v, want 2 to %d dropped", g, 1+over)
	}
	for i := range int64(registry.MaxEvents) {
		if e := w.next(); e.Sequence != 2+over+i {
			t.Fatalf("got sequence %d, want %d", e.Sequence, 2+over+i)
		}
	}
	if len(w.gaps) > 0 {
		t.Errorf("told besides: %v", <-w.gaps)
	}
}

// federation.md, Delivery: "A hole costs a range". With more of them than a device
// tells a node of, each post still comes once, and the later ones come too.
func TestManyHolesDeliverOnce(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	s := newSensor(t, phone, "sensor")
	p := invited(t, phone, "laptop", client.RoleWatch)
	r := longRaw(t, n, s.static)
	var events []*record.Fact
	var all []string
	for i := range int64(4 * mpp.MaxRanges) {
		all = append(all, strconv.FormatInt(2*i+1, 10))
		events = append(events, s.queued(2*i+1, all[i]))
	}
	bring(t, r, events...)
	laptop := dial(t, p, n)
	for e, err := range laptop.Watch(testContext(t)) {
		if err != nil || string(e.Data) != all[0] {
			t.Fatalf("got %q and %v, want %q", e.Data, err, all[0])
		}
		if all = all[1:]; len(all) == 0 {
			break // what was yielded is remembered when Watch ends
		}
	}
	laptop.Close()
	again, err := client.OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, dial(t, again, n))
	bring(t, r, s.queued(1000, "last"))
	w.want("last")
}
