package node_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"meshpresence/node"
	"meshpresence/node/client"
)

const day = 24 * time.Hour

// calendar is a wall clock that a test turns.
type calendar struct{ ahead atomic.Int64 }

// newYear is when calendars begin.
var newYear = time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC)

func (c *calendar) now() time.Time       { return newYear.Add(time.Duration(c.ahead.Load())) }
func (c *calendar) turn(d time.Duration) { c.ahead.Add(int64(d)) }

// homestead is two nodes of one realm and the devices of one account, all on one
// calendar.
type homestead struct {
	t       *testing.T
	ctx     context.Context
	cal     *calendar
	configs []node.Config
	nodes   []*node.Node
	account string
	devices []*device
	posted  int
}

// device is a device that watches and posts.
type device struct {
	name    string
	dir     string
	client  *client.Client
	watcher *watcher
}

// newHomestead sets a homestead up, and puts the realm's key and the account's
// into a drawer that nobody opens again.
func newHomestead(t *testing.T, names ...string) *homestead {
	h := &homestead{t: t, ctx: t.Context(), cal: new(calendar)}
	dir := t.TempDir()
	for i, name := range []string{"attic", "cellar"} {
		cfg := loopback(t, filepath.Join(dir, name))
		cfg.Wall = h.cal.now
		if i > 0 {
			cfg.RealmKey = filepath.Join(dir, "attic", "keys", "realm.key")
			cfg.Peers = h.nodes[0].PeerAddresses()[:1]
		}
		n := start(t, cfg)
		cfg = pinned(cfg, n)
		cfg.RealmKey = ""
		h.nodes, h.configs = append(h.nodes, n), append(h.configs, cfg)
	}
	agree(t, h.nodes...)
	for i, name := range names {
		h.devices = append(h.devices, h.newDevice(name, h.nodes[i%2]))
	}
	drawer := t.TempDir()
	for i, path := range []string{
		filepath.Join(dir, "attic", "keys", "realm.key"), filepath.Join(h.devices[0].dir, "account.key"),
	} {
		if err := os.Rename(path, filepath.Join(drawer, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *homestead) newDevice(name string, n *node.Node) *device {
	h.t.Helper()
	p := newProfile(h.t, name)
	d := &device{name: name, dir: p.Dir()}
	if len(h.devices) == 0 {
		d.client = h.dial(p, n.DeviceAddress())
		if err := d.client.CreateAccount(testContext(h.t), nil, ""); err != nil {
			h.t.Fatal(err)
		}
		h.account = p.Account()
	} else {
		p = invited(h.t, h.devices[0].client, name, client.RoleWatch|client.RolePublish)
		d.dir = p.Dir()
		d.client = h.dial(p, n.DeviceAddress())
	}
	h.watch(d)
	return d
}

func (h *homestead) dial(p *client.Profile, address string) *client.Client {
	h.t.Helper()
	c, err := client.Dial(p, client.Config{
		Node: address, Heartbeat: time.Second, Listen: "127.0.0.1:0", Log: logTo(h.t, p.Name()), Wall: h.cal.now,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

func (h *homestead) watch(d *device) {
	h.t.Helper()
	d.watcher = watch(h.t, d.client)
}

// restartNode stops a node and starts it again where it was.
func (h *homestead) restartNode(i int) {
	h.t.Helper()
	if err := h.nodes[i].Close(); err != nil {
		h.t.Fatal(err)
	}
	h.nodes[i] = start(h.t, h.configs[i])
}

// restartDevice does so with a device: it knows its nodes from its profile.
func (h *homestead) restartDevice(i int) {
	h.t.Helper()
	d := h.devices[i]
	d.client.Close()
	p, err := client.OpenProfile(d.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	d.client = h.dial(p, "")
	h.watch(d)
}

// wake lets all that runs look at the calendar, nodes first.
func (h *homestead) wake() {
	h.t.Helper()
	ctx := testContext(h.t)
	for _, n := range h.nodes {
		if !n.Wake(ctx) {
			h.t.Fatal("a node did not wake")
		}
	}
	for _, d := range h.devices {
		if err := d.client.Wake(ctx); err != nil {
			h.t.Fatalf("%s: %v", d.name, err)
		}
	}
}

// post publishes from one device and waits until every device has it, the only
// news of the day.
func (h *homestead) post(by *device) {
	h.t.Helper()
	payload := fmt.Sprintf("post %d", h.posted)
	r, err := by.client.Publish(testContext(h.t), client.Post{Data: []byte(payload), Life: time.Duration(1+h.posted%7) * day})
	if err != nil {
		h.t.Fatalf("%s, %s: %v", by.name, h.cal.now().Format(time.DateOnly), err)
	}
	if (r.Code == 200) != (r.Copies == 2) { // the other home has a second, whatever else runs here
		h.t.Errorf("%s: receipt %d with %d copies", by.name, r.Code, r.Copies)
	}
	for _, d := range h.devices {
		if e := d.watcher.next(); string(e.Data) != payload {
			h.t.Fatalf("%s got %q, want %q", d.name, e.Data, payload)
		}
	}
	h.posted++
}

// check waits until both nodes know all that a household needs, alive, and no
// more.
func (h *homestead) check() {
	h.t.Helper()
	agree(h.t, h.nodes...)
	ctx := testContext(h.t)
	for said := ""; ; {
		watching := 0
		told := said
		said = ""
		for i, n := range h.nodes {
			s := n.Shape(ctx, h.account)
			watching += s.Watching
			if s.Members != 2 || s.Cards != 2 || s.Hosts != 2 || s.Accounts != 1 || s.Attached != len(h.devices) || s.Facts > 40 {
				said += fmt.Sprintf("node %d: %+v; ", i, s)
			}
		}
		if watching != len(h.devices) {
			said += fmt.Sprintf("%d devices watch", watching)
		}
		if said == "" {
			return
		}
		if said != told {
			h.t.Logf("%s: %s", h.cal.now().Format(time.DateOnly), said)
		}
		wait(h.t, ctx)
	}
}

// storeSize is how many bytes a node's store takes on disk.
func (h *homestead) storeSize(i int) (size int64) {
	err := filepath.WalkDir(filepath.Join(h.configs[i].State, "store"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return size
}

// "Nothing that a household needs dies while the account key and the realm key
// lie in a drawer": day by day, with a node or a device switched off and on again
// once in a while, for two months or two years.
func TestHousehold(t *testing.T) {
	days, every := 60, 19 // a restart every so many days
	switch {
	case os.Getenv("MESHPRESENCE_SLOW") == "1":
		days, every = 2*365, 60
	case os.Getenv(killsEnv) == "":
		t.Skip("takes a while: set MESHPRESENCE_SLOW=1 to live two years, or " + killsEnv + "=10 for two months")
	default:
		t.Parallel()
	}
	h := newHomestead(t, "phone", "laptop", "tablet")
	began := time.Now()
	var early int64
	for d := 1; d <= days; d++ {
		h.cal.turn(day)
		h.wake()
		h.post(h.devices[d%len(h.devices)])
		h.check()
		if d == 50 {
			early = h.storeSize(0)
		}
		if d%every != 0 {
			continue
		}
		switch turn := d / every; turn % 3 {
		case 2:
			h.restartDevice(turn / 3 % len(h.devices))
		default:
			h.restartNode(turn % 3)
		}
	}
	size := h.storeSize(0)
	if size > 2*early {
		t.Errorf("the store takes %d bytes after %d days, %d after 50", size, days, early)
	}
	t.Logf("%d days in %v; %d bytes on disk", days, time.Since(began).Round(time.Millisecond), size)
}
