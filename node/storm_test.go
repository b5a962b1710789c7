package node_test

// Three nodes, two of them killed with kill -9 at random moments and started
// again on their directories, while devices post and move between the nodes:
// every acknowledged event reaches every watching device, none comes twice to
// the application, and at rest the three hold the same (federation.md, promises
// 1, 3, 4 and 6).
//
// A stream is 2,000 events in ten rounds; each round kills two nodes. How many
// rounds there are says the same setting as for one node's kills:
//
//	MESHPRESENCE_KILLS=50 go test -count=1 -timeout 60m -run TestKillTwoOfThree ./node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meshpresence/node/client"
)

const (
	stormRounds   = 10  // of one stream: more events than an account may keep need other accounts
	stormEvents   = 204 // a round, 17 of each device
	stormAccounts = 4
	stormDevices  = 3 // of each account; all of them post and watch
	// stormPatience is how long anything is waited for that should take seconds.
	stormPatience = 2 * time.Minute
)

func TestKillTwoOfThree(t *testing.T) {
	if os.Getenv(killsEnv) == "" {
		t.Skip("three nodes and twelve devices: set " + killsEnv + "=10 to run it")
	}
	t.Parallel()
	seed := setting(t, seedEnv, rand.Uint64())
	rounds := int(setting(t, killsEnv, fewKills))
	t.Logf("%d rounds, %s=%d", rounds, seedEnv, seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat it: %s=%d %s=%d go test -count=1 -timeout 60m -run TestKillTwoOfThree ./node", killsEnv, rounds, seedEnv, seed)
		}
	})
	for i := 0; rounds > 0 && !t.Failed(); i++ {
		n := min(rounds, stormRounds)
		rounds -= n
		t.Run(fmt.Sprintf("stream-%d", i), func(t *testing.T) { newStorm(t, seed, uint64(i)).run(n) })
	}
}

// storm is three nodes in children and the devices that use them.
type storm struct {
	t     *testing.T
	rand  *rand.Rand // of the one who kills
	nodes []*child
	// addresses and identities stay as they were first said: a child that is down
	// says nothing.
	addresses []fixed
	families  []*household
	acked     atomic.Int64 // posts, in the whole stream
}

// fixed is a node's address for devices.
type fixed string

// DeviceAddress implements addressed.
func (f fixed) DeviceAddress() string { return string(f) }

// household is one account and what was acknowledged to its devices.
type household struct {
	devices []*nomad
	mu      sync.Mutex
	posted  map[string]client.Receipt // by payload
	newest  map[string]client.Receipt // statuses, by label
}

// nomad is a device that posts, watches and moves. Its own goroutine uses it.
type nomad struct {
	s      *storm
	family *household
	rand   *rand.Rand
	label  string // of its statuses
	dir    string
	count  int

	client *client.Client
	end    context.CancelFunc // of watching
	ended  chan struct{}

	mu       sync.Mutex
	got      map[string]client.Event // by payload
	statuses map[string]client.Event // newest, by label
}

func newStorm(t *testing.T, seed, stream uint64) *storm {
	t.Helper()
	s := &storm{t: t, rand: rand.New(rand.NewPCG(seed, stream))}
	var cfg childConfig
	cfg.SyncEvery = time.Second
	for i := range 3 {
		c := newChildOf(t, thisBinary(t), cfg)
		if i == 0 {
			cfg.RealmKey = filepath.Join(c.cfg.State, "keys", "realm.key")
		}
		cfg.Peers = append(cfg.Peers, c.is.Peers[0])
		s.nodes = append(s.nodes, c)
		s.addresses = append(s.addresses, fixed(c.is.Device))
	}
	s.agree()
	for i := range stormAccounts {
		h := &household{posted: make(map[string]client.Receipt), newest: make(map[string]client.Receipt)}
		phone := account(t, "phone", s.nodes[i%3])
		profiles := []*client.Profile{phone.Profile()}
		for k := 1; k < stormDevices; k++ {
			profiles = append(profiles, invited(t, phone, fmt.Sprintf("device-%d", k), client.RoleWatch|client.RolePublish))
		}
		phone.Close()
		for k, p := range profiles {
			d := &nomad{
				s: s, family: h, rand: rand.New(rand.NewPCG(seed, stream<<32|uint64(1+i*stormDevices+k))), label: fmt.Sprintf("%d-%d", i, k),
				dir: p.Dir(), got: make(map[string]client.Event), statuses: make(map[string]client.Event),
			}
			h.devices = append(h.devices, d)
			d.arrive((i + k) % 3)
		}
		s.families = append(s.families, h)
	}
	return s
}

// run lets the storm blow for some rounds, with a calm after each.
func (s *storm) run(rounds int) {
	for round := range rounds {
		var all sync.WaitGroup
		for _, d := range s.devices() {
			all.Go(func() { d.live(stormEvents / stormAccounts / stormDevices) })
		}
		began := time.Now()
		s.killTwo()
		all.Wait()
		blew := time.Since(began)
		s.calm()
		s.t.Logf("round %d: %d events acknowledged so far, %v of storm, %v until calm", round, s.acked.Load(), blew.Round(time.Millisecond), (time.Since(began) - blew).Round(time.Millisecond))
		if s.t.Failed() {
			return
		}
	}
}

func (s *storm) devices() (all []*nomad) {
	for _, h := range s.families {
		all = append(all, h.devices...)
	}
	return all
}

// killTwo kills one node and then another, each after some posts were
// acknowledged and a moment more, and starts them again: the first before the
// second dies, or both after.
func (s *storm) killTwo() {
	s.t.Helper()
	order := s.rand.Perm(3)[:2]
	apart := s.rand.IntN(2) == 0
	swap := s.rand.IntN(2) == 0
	for i, n := range order {
		s.awaitAcks(int64(1 + s.rand.IntN(stormEvents/4)))
		pause := time.NewTimer(time.Duration(s.rand.IntN(5000)) * time.Microsecond)
		<-pause.C
		s.nodes[n].kill()
		if apart && i == 0 {
			s.nodes[n].start()
		}
	}
	switch {
	case apart:
		s.nodes[order[1]].start()
	case swap:
		s.nodes[order[1]].start()
		s.nodes[order[0]].start()
	default:
		s.nodes[order[0]].start()
		s.nodes[order[1]].start()
	}
}

// awaitAcks waits until that many more posts were acknowledged.
func (s *storm) awaitAcks(n int64) {
	s.t.Helper()
	ctx := s.context()
	for goal := s.acked.Load() + n; s.acked.Load() < goal && !s.t.Failed(); {
		wait(s.t, ctx)
	}
}

func (s *storm) context() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), stormPatience)
	s.t.Cleanup(cancel)
	return ctx
}

// calm waits until every device has all that was acknowledged, and the nodes hold
// the same.
func (s *storm) calm() {
	s.t.Helper()
	for _, h := range s.families {
		for _, d := range h.devices {
			ctx := s.context()
			for d.lacks() != "" {
				if ctx.Err() != nil {
					s.t.Errorf("device %s, at %s, never got %s", d.label, d.client.Node(), d.lacks())
					break
				}
				pause := time.NewTimer(10 * time.Millisecond)
				<-pause.C
			}
		}
	}
	if !s.t.Failed() {
		s.agree()
	}
}

// agree waits until the nodes hold the same.
func (s *storm) agree() {
	s.t.Helper()
	for ctx := s.context(); ; wait(s.t, ctx) {
		first := s.nodes[0].ask().Digest
		if s.nodes[1].ask().Digest == first && s.nodes[2].ask().Digest == first {
			return
		}
	}
}

// live posts so many events, and now and then moves to another node.
func (d *nomad) live(posts int) {
	for range posts {
		if d.rand.IntN(8) == 0 {
			d.leave()
			d.arrive(d.rand.IntN(3))
		}
		if !d.post() {
			return
		}
	}
}

// post publishes one event and notes it once it is acknowledged.
func (d *nomad) post() bool {
	d.count++
	post := client.Post{Data: fmt.Appendf(nil, "%s: %d", d.label, d.count)}
	if d.rand.IntN(10) == 0 {
		post.Label = d.label
	}
	ctx, cancel := context.WithTimeout(d.s.t.Context(), stormPatience)
	defer cancel()
	r, err := d.client.Publish(ctx, post)
	if err != nil {
		d.s.t.Errorf("publishing %q: %v", post.Data, err)
		return false
	}
	forget(d.s.t, d.client, r) // from here on the nodes answer for it
	d.family.mu.Lock()
	if post.Label == "" {
		d.family.posted[string(post.Data)] = r
	} else {
		d.family.newest[post.Label] = r
	}
	d.family.mu.Unlock()
	d.s.acked.Add(1)
	return true
}

// arrive opens the device at a node and watches there, or wherever it gets to if
// that one is down. It does not wait for that.
func (d *nomad) arrive(at int) {
	t := d.s.t
	p, err := client.OpenProfile(d.dir)
	if err == nil {
		d.client, err = client.Dial(p, client.Config{Node: d.s.addresses[at].DeviceAddress(), Heartbeat: time.Second, Listen: "127.0.0.1:0"})
	}
	if err != nil {
		t.Errorf("opening device %s: %v", d.label, err)
		return
	}
	ctx, end := context.WithCancel(context.Background())
	d.end, d.ended = end, make(chan struct{})
	go d.watch(ctx, d.client, d.ended)
	t.Cleanup(d.leave)
}

// leave closes the device.
func (d *nomad) leave() {
	d.end()
	<-d.ended
	d.client.Close()
}

func (d *nomad) watch(ctx context.Context, c *client.Client, ended chan<- struct{}) {
	defer close(ended)
	for e, err := range c.Watch(ctx) {
		switch {
		case errors.Is(err, client.ErrClosed):
		case err != nil:
			d.s.t.Errorf("device %s, watching: %v", d.label, err)
		default:
			d.take(e)
		}
	}
}

// take notes an event that came to the application.
func (d *nomad) take(e client.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, again := d.got[string(e.Data)]
	if again {
		d.s.t.Errorf("%q came twice to device %s: by %s and by %s", e.Data, d.label, before.Node, e.Node)
	}
	d.got[string(e.Data)] = e
	if e.Label == "" {
		return
	}
	if last := d.statuses[e.Label]; e.Serial <= last.Serial {
		d.s.t.Errorf("status %q of serial %d came to device %s after serial %d", e.Data, e.Serial, d.label, last.Serial)
	}
	d.statuses[e.Label] = e
}

// lacks tells one event that was acknowledged and has not come, or nothing.
func (d *nomad) lacks() string {
	d.family.mu.Lock()
	defer d.family.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for payload, r := range d.family.posted {
		if e, ok := d.got[payload]; !ok || e.Hash != r.Hash {
			return fmt.Sprintf("%q (%d copies, sequence %d)", payload, r.Copies, r.Sequence)
		}
	}
	for label, r := range d.family.newest {
		if d.statuses[label].Serial < r.Serial {
			return fmt.Sprintf("the newest status of %s (%d copies, serial %d)", label, r.Copies, r.Serial)
		}
	}
	return ""
}
