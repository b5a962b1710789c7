package federation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/registry"
)

func TestTopic(t *testing.T) {
	realm, account := key.Hash{0xff}, key.Hash{0b1010_0101, 0x80}
	prefix := "/mpp/1/" + realm.String() + "/"
	for _, c := range []struct {
		bits int
		want string
	}{
		{0, ""}, {-1, ""}, {1, "1"}, {2, "10"}, {8, "10100101"}, {9, "101001011"}, {10, "1010010110"},
		{256, "10100101" + "1" + strings.Repeat("0", 247)}, {300, "10100101" + "1" + strings.Repeat("0", 247)},
	} {
		if got := Topic(realm, account, c.bits); got != prefix+c.want {
			t.Errorf("Topic with %d bits ends %q, want %q", c.bits, strings.TrimPrefix(got, prefix), c.want)
		}
	}
}

func TestDigest(t *testing.T) {
	hashes := []key.Hash{{0xff, 1}, {0xff, 2, 31: 0xff}, {31: 1}}
	var a, b registry.Sum
	for i := range hashes {
		a.Add(hashes[i])
		b.Add(hashes[len(hashes)-1-i])
	}
	if a != b {
		t.Error("the sum depends on the order")
	}
	if want := (key.Hash{0xfe, 4: 0, 1: 3, 30: 1}); a.Total != [32]byte(want) || a.Count != 3 {
		t.Errorf("sum %x of %d", a.Total, a.Count)
	}
	for _, h := range hashes {
		a.Remove(h)
	}
	if a != (registry.Sum{}) {
		t.Error("adding and removing leaves something")
	}
}

// "Past it the oldest is dropped, counted."
func TestOutboxDropsTheOldest(t *testing.T) {
	o := newOutbox()
	facts := make([]*record.Fact, gossipQueue+3)
	for i := range facts {
		facts[i] = new(record.Fact)
	}
	o.put(facts)
	if o.lost() != 3 {
		t.Errorf("lost %d, want 3", o.lost())
	}
	var got []*record.Fact
	for {
		batch := o.take(nil)
		if len(batch) == 0 {
			break
		}
		if len(batch) > MaxBatch {
			t.Fatalf("a batch of %d", len(batch))
		}
		got = append(got, batch...)
	}
	if !slices.Equal(got, facts[3:]) {
		t.Errorf("%d facts left the queue, want the newest %d in order", len(got), gossipQueue)
	}
}

// "What waits only for a vouching host or an author is kept 5 s (256 facts a
// peer) and tried again."
func TestWaitingIsBounded(t *testing.T) {
	var w waiting
	start := time.Now()
	account := newAccount()
	one := account.status(1, 1)
	w.add(start, key.Hash{1}, []*record.Fact{one, one})
	if n := len(w.live(start)[key.Hash{1}]); n != 1 {
		t.Errorf("a fact offered twice waits %d times", n)
	}
	for i := range maxWaiting + 5 {
		w.add(start, key.Hash{1}, []*record.Fact{account.status(1, i+2)})
	}
	for i := range maxWaitingPeers + 5 {
		w.add(start, key.Hash{1, byte(i), 1}, []*record.Fact{one})
	}
	live := w.live(start.Add(WaitFor - 1))
	if n := len(live[key.Hash{1}]); n != maxWaiting {
		t.Errorf("%d facts of one peer wait, want %d", n, maxWaiting)
	}
	if len(live) != maxWaitingPeers {
		t.Errorf("facts of %d peers wait, want %d", len(live), maxWaitingPeers)
	}
	w.done(key.Hash{1, 0, 1}, one)
	if len(w.live(start.Add(WaitFor))) != 0 || !w.empty() {
		t.Error("facts wait longer than they may")
	}
}

func TestClaims(t *testing.T) {
	var c claims
	start := time.Now()
	a, b := key.Hash{1}, key.Hash{2}
	take := func(at time.Time, asked bool, hashes ...key.Hash) []key.Hash { return c.take(at, hashes, asked) }
	if got := take(start, false, a); len(got) != 1 {
		t.Error("a free fact could not be claimed")
	}
	if got := take(start, false, a, b); !slices.Equal(got, []key.Hash{b}) {
		t.Errorf("offered twice, claimed %v", got)
	}
	if got := take(start, true, a); len(got) != 1 {
		t.Error("an offer kept us from asking")
	}
	if got := take(start, true, a); len(got) != 0 {
		t.Error("asked for twice")
	}
	if got := take(start.Add(claimFor), true, a); len(got) != 1 {
		t.Error("a claim does not end")
	}
	c.release([]key.Hash{a, b})
	if got := take(start, true, a, b); len(got) != 2 {
		t.Error("released claims are not free")
	}
}

// Only good verdicts are remembered, and never more than the bound.
func TestVerifiedRemembersGoodOnly(t *testing.T) {
	var v verified
	f := newAccount().fact
	bad := forge(f)
	for range 2 {
		if v.check(bad) == nil {
			t.Error("a forged fact verified")
		}
		if v.check(f) != nil {
			t.Error("a good fact did not verify")
		}
	}
	for i := range 3 * maxVerified {
		v.add(key.Hash{byte(i), byte(i >> 8), byte(i >> 16), 1})
		if i%100 == 0 && !v.has(signedID(f)) {
			t.Fatal("what is used was forgotten")
		}
	}
	if n := len(v.young) + len(v.old); n > maxVerified {
		t.Errorf("%d remembered, want at most %d", n, maxVerified)
	}
}

func signedBeacon(k *key.Node, realm key.Hash, serial int64, clock int64, set registry.Sum, added ...key.Hash) *beacon {
	b := &beacon{boot: 7, serial: serial, time: today, set: set, added: added}
	b.time += wall.Time(clock)
	b.sign(k, realm)
	return b
}

func TestBeaconIsSigned(t *testing.T) {
	k, realm := must(key.NewNode()), key.Hash{1}
	b := signedBeacon(k, realm, 1, 0, registry.Sum{}, key.Hash{2})
	m, err := parseMessage(b.append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if !m.beacon.verify(realm) {
		t.Error("a beacon does not verify")
	}
	if m.beacon.verify(key.Hash{2}) {
		t.Error("a beacon verifies in another realm")
	}
	m.beacon.body = append(slices.Clone(m.beacon.body), 0)
	if m.beacon.verify(realm) {
		t.Error("a changed beacon verifies")
	}
}

// "Fresh = seen to GROW within 60 s of my monotonic clock."
func TestBeaconIsFreshAfterItGrew(t *testing.T) {
	k, realm := must(key.NewNode()), key.Hash{1}
	node := k.Author().Hash()
	var s speakers
	start := time.Now()
	device := key.Hash{9}
	var one registry.Sum
	one.Add(device)
	first := signedBeacon(k, realm, 1, 0, one, device)
	if later, differs := s.heard(start, today, first); !later || differs {
		t.Errorf("first beacon: later %v, differs %v", later, differs)
	}
	if s.freshAt(start, node) {
		t.Error("one beacon, which may be an old one sent again, is fresh")
	}
	if later, _ := s.heard(start, today, first); later || s.freshAt(start, node) {
		t.Error("the same beacon again counts")
	}
	second := signedBeacon(k, realm, 2, 0, one)
	s.heard(start.Add(time.Second), today, second)
	if !s.freshAt(start.Add(BeaconFresh), node) || s.freshAt(start.Add(BeaconFresh+time.Second), node) {
		t.Error("fresh is not 60 s from the growth")
	}
	if got := s.claiming(start.Add(2*time.Second), device); !slices.Equal(got, []key.Hash{node}) {
		t.Errorf("claiming %v", got)
	}
	// The next one was lost: the sum says so, and the list mends it.
	third := signedBeacon(k, realm, 4, 0, registry.Sum{})
	if later, differs := s.heard(start, today, third); !later || !differs {
		t.Errorf("after a lost beacon: later %v, differs %v", later, differs)
	}
	s.listed(node, nil)
	if later, differs := s.heard(start, today, signedBeacon(k, realm, 5, 0, registry.Sum{})); !later || differs {
		t.Errorf("after the list: later %v, differs %v", later, differs)
	}
}

// "A node over a minute off the median of at least three clocks, its own
// included, confirms no copies; with two clocks both warn and go on."
func TestClocks(t *testing.T) {
	for _, c := range []struct {
		others        []int64
		off, doubtful bool
		offset        int64
	}{
		{nil, false, false, 0},
		{[]int64{600}, false, true, -600},
		{[]int64{30}, false, false, -30},
		{[]int64{600, 590}, true, false, -590},
		{[]int64{600, 0}, false, false, 0},
		{[]int64{600, 590, 1}, false, false, -1},
		{[]int64{-600, -590, -580}, true, false, 580},
	} {
		var s speakers
		start := time.Now()
		for _, offset := range c.others {
			k := must(key.NewNode())
			s.heard(start, today, signedBeacon(k, key.Hash{1}, 1, offset, registry.Sum{}))
			s.heard(start, today, signedBeacon(k, key.Hash{1}, 2, offset, registry.Sum{}))
		}
		got := s.clocks(start)
		if got.Off() != c.off || got.Doubtful() != c.doubtful || got.Offset != c.offset {
			t.Errorf("clocks %v: off %v, doubtful %v, offset %d", c.others, got.Off(), got.Doubtful(), got.Offset)
		}
	}
}

func TestOwnBeaconTellsChanges(t *testing.T) {
	var a attached
	start := time.Now()
	h := []key.Hash{{1}, {2}, {3}}
	b := a.next(start, h[:2])
	if b == nil || len(b.added) != 2 || b.set.Count != 2 {
		t.Fatalf("first beacon %+v", b)
	}
	if a.next(start.Add(time.Second), h[:2]) != nil {
		t.Error("a beacon without a change, before it is due")
	}
	b = a.next(start.Add(2*time.Second), h[1:])
	if b == nil || !slices.Equal(b.added, h[2:]) || !slices.Equal(b.removed, h[:1]) || b.serial != 2 {
		t.Errorf("beacon of a change %+v", b)
	}
	if b = a.next(start.Add(2*time.Second+BeaconEvery), h[1:]); b == nil || len(b.added)+len(b.removed) != 0 || b.set.Count != 2 {
		t.Errorf("regular beacon %+v", b)
	}
	many := make([]key.Hash, maxDelta+1)
	for i := range many {
		many[i] = key.Hash{byte(i), byte(i >> 8), 9}
	}
	if b = a.next(start.Add(3*time.Second+BeaconEvery), many); len(b.added) != 0 || b.set.Count != int64(len(many)) {
		t.Errorf("beacon of a great change adds %d", len(b.added))
	}
}

func TestAddressesOfAnotherPeerAreDropped(t *testing.T) {
	a, b := must(key.NewNode()), must(key.NewNode())
	id, other := must(peerOf(a.Author())), must(peerOf(b.Author()))
	for _, c := range []struct {
		address string
		ok      bool
	}{
		{"/ip4/10.0.0.1/tcp/6771", true},
		{"/ip4/10.0.0.1/udp/6771/quic-v1/p2p/" + id.String(), true},
		{"/ip4/10.0.0.1/tcp/6771/p2p/" + other.String(), false},
		{"/p2p/" + id.String(), false},
		{"mpp://10.0.0.1:6770", false},
		{"", false},
	} {
		if _, ok := addressFor(c.address, id); ok != c.ok {
			t.Errorf("%q: %v, want %v", c.address, ok, c.ok)
		}
	}
}

func TestVerdictsHaveNamesAndCodes(t *testing.T) {
	for v := Fresh; v <= Full; v++ {
		if v.String() == "unknown" || codeOf(v) == 0 {
			t.Errorf("verdict %d is %s, %v", v, v, codeOf(v))
		}
	}
	if Verdict(99).String() != "unknown" {
		t.Error("a name for no verdict")
	}
}

func TestConfigIsChecked(t *testing.T) {
	r := newRealm(t)
	n := prepareNode(r, r.member)
	good := Config{Identity: n.key, Realm: r.hash, Door: n.door, Wall: testClock}
	for name, change := range map[string]func(*Config){
		"no key":      func(c *Config) { c.Identity = nil },
		"no realm":    func(c *Config) { c.Realm = key.Hash{} },
		"no door":     func(c *Config) { c.Door = nil },
		"bad listen":  func(c *Config) { c.Listen = []string{"127.0.0.1:6771"} },
		"bad peer":    func(c *Config) { c.Peers = []string{"/ip4/127.0.0.1/tcp/1"} },
		"bad limit":   func(c *Config) { c.MaxPeers = -1 },
		"bad address": func(c *Config) { c.Announce = []string{"here"} },
	} {
		cfg := good
		change(&cfg)
		if f, err := New(cfg); err == nil {
			f.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}
