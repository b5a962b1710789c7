package registry

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// testNow is when the tests happen.
const testNow wall.Time = 1_800_000_000

// world signs facts for tests: one realm with two nodes, one account with two
// devices, and a stranger.
type world struct {
	t                      testing.TB
	now                    wall.Time
	realm                  *key.Realm
	nodeA, nodeB           *key.Node
	account, stranger      *key.Account
	phone, laptop          *key.Device
	phoneKey, laptopKey    *key.Static
	accountID, realmID, me key.Hash
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, now: testNow}
	seed := byte(0)
	next := func() []byte {
		seed++
		b := make([]byte, 32)
		b[0] = seed
		return b
	}
	w.realm = must(key.RealmFromSeed(next()))(t)
	w.nodeA = must(key.NodeFromSeed(next()))(t)
	w.nodeB = must(key.NodeFromSeed(next()))(t)
	w.account = must(key.AccountFromSeed(next()))(t)
	w.stranger = must(key.AccountFromSeed(next()))(t)
	w.phone = must(key.DeviceFromSeed(next()))(t)
	w.laptop = must(key.DeviceFromSeed(next()))(t)
	w.phoneKey = must(key.StaticFromSeed(key.X25519, next()))(t)
	w.laptopKey = must(key.StaticFromSeed(key.X25519, next()))(t)
	w.accountID = w.account.Author().Hash()
	w.realmID = w.realm.Author().Hash()
	w.me = w.nodeA.Author().Hash()
	return w
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) sign(s key.Signer, serial int64, body record.Body) *record.Fact {
	w.t.Helper()
	base := record.Base{Serial: serial, Time: w.now, Account: w.accountID}
	var realm key.Hash
	switch body.Kind() {
	case record.KindMember, record.KindExpelled, record.KindNode, record.KindRealm:
		realm, base.Account = w.realmID, key.Hash{}
	case record.KindHost:
		realm = w.realmID
	}
	if life := record.Life(body.Kind()); life > 0 {
		base.Expires = w.now.Add(life)
	}
	f, err := record.Sign(s, realm, base, body)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *world) member(n *key.Node) *record.Fact {
	return w.sign(w.realm, 1, &record.Member{Node: n.Author().Hash()})
}

func (w *world) host(n *key.Node, serial int64, ended bool) *record.Fact {
	return w.sign(n, serial, &record.Host{Ended: ended})
}

func (w *world) device(d *key.Device, s *key.Static, serial int64) *record.Fact {
	return w.sign(w.account, serial, &record.Device{Key: d.Author(), Agreement: s.Public(), Roles: record.Watch | record.Publish})
}

func (w *world) revoked(h key.Hash) *record.Fact {
	return w.sign(w.account, 1, &record.Revoked{Hash: h})
}

func (w *world) attach(d *key.Device, serial int64, nodes ...key.Hash) *record.Fact {
	return w.sign(d, serial, &record.Attach{Nodes: nodes})
}

func (w *world) queued(d *key.Device, channel string, sequence, oldest int64) *record.Fact {
	return w.sign(d, sequence, &record.Event{Channel: channel, Sequence: sequence, Oldest: oldest, Payload: []byte("x")})
}

func (w *world) status(d *key.Device, tag byte, serial int64) *record.Fact {
	t := make([]byte, 16)
	t[0] = tag
	return w.sign(d, serial, &record.Event{Channel: "main", Tag: t, Payload: []byte("x")})
}

// base is a registry that carries the account with both devices.
func (w *world) base() *Registry {
	r := ForRealm(w.realmID)
	var fx Effects
	for _, f := range w.baseFacts() {
		if v := r.Merge(w.now, f, &fx); v != Fresh {
			w.t.Fatalf("merging %s: %v", f.Kind, v)
		}
	}
	return r
}

func (w *world) baseFacts() []*record.Fact {
	return []*record.Fact{
		w.member(w.nodeA), w.host(w.nodeA, 1, false),
		w.device(w.phone, w.phoneKey, 1), w.device(w.laptop, w.laptopKey, 1),
	}
}

// settle offers facts in the order given, and again what waits, until nothing
// changes: what federation does for five seconds and sync for ever.
func settle(r *Registry, now wall.Time, facts []*record.Fact) {
	var fx Effects
	for progress := true; progress; {
		progress = false
		var waits []*record.Fact
		for _, f := range facts {
			switch r.Merge(now, f, &fx) {
			case Fresh:
				progress = true
			case Waits:
				waits = append(waits, f)
			}
		}
		facts = waits
	}
}

// "What counts is a function of the SET of facts, whatever their order of
// arrival" (facts.md).
func TestShuffledFactsGiveTheSameState(t *testing.T) {
	w := newWorld(t)
	set := append(w.baseFacts(),
		w.member(w.nodeB), w.host(w.nodeB, 1, false), w.host(w.nodeB, 2, true),
		w.sign(w.nodeB, 3, &record.Node{Agreements: []key.Agreement{w.phoneKey.Public()}}),
		w.device(w.phone, w.phoneKey, 2), w.device(w.laptop, w.laptopKey, 3),
		w.revoked(w.laptop.Author().Hash()),
		w.attach(w.phone, 1, w.me), w.attach(w.phone, 2), w.attach(w.laptop, 7, w.me),
		w.status(w.phone, 1, 4), w.status(w.phone, 1, 5), w.status(w.phone, 2, 1), w.status(w.laptop, 1, 9),
	)
	for n := int64(1); n <= 8; n++ {
		set = append(set, w.queued(w.phone, "main", n, max(1, n-3)), w.queued(w.laptop, "main", n, 1))
	}
	want := ""
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Permutation(set).Draw(t, "order")
		r := ForRealm(w.realmID)
		settle(r, w.now, order)
		if got := fingerprint(r); want == "" {
			want = got
		} else if got != want {
			t.Fatalf("state %s, want %s", got, want)
		}
	})
}

// The same with an expelled node: its host and node facts are void for good.
func TestShuffledExpulsionGivesTheSameState(t *testing.T) {
	w := newWorld(t)
	set := append(w.baseFacts(), w.member(w.nodeB), w.host(w.nodeB, 1, false),
		w.sign(w.realm, 1, &record.Expelled{Node: w.nodeB.Author().Hash()}),
		w.status(w.phone, 1, 4), w.queued(w.phone, "main", 1, 1))
	want := ""
	rapid.Check(t, func(t *rapid.T) {
		r := ForRealm(w.realmID)
		settle(r, w.now, rapid.Permutation(set).Draw(t, "order"))
		if got := fingerprint(r); want == "" {
			want = got
		} else if got != want {
			t.Fatalf("state %s, want %s", got, want)
		}
	})
}

// fingerprint names a registry's state: its sums, its views and its hashes.
func fingerprint(r *Registry) string {
	var total Sum
	for _, s := range r.Sums(testNow) {
		total.Add(key.Hash(s.Total))
	}
	var walked Sum
	for id := range r.accounts {
		if r.Carried(testNow, id) {
			r.Events(id, func(f *record.Fact) bool { walked.Add(f.Hash()); return true })
		}
	}
	return key.Hash(total.Total).String() + key.Hash(walked.Total).String()
}

func TestForgedFactsAreNotMerged(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	r.Merge(w.now, w.status(w.phone, 1, 5), &fx)
	other := w.account
	w.account = w.stranger
	w.accountID = w.stranger.Author().Hash()
	unhosted := w.device(w.phone, w.phoneKey, 1)
	w.account, w.accountID = other, other.Author().Hash()

	stranger := must(key.NewDevice())(t)
	evil := must(key.NewRealm())(t)
	before := fingerprint(r)
	for name, c := range map[string]struct {
		fact *record.Fact
		want Verdict
	}{
		"an account nobody hosts":     {unhosted, Waits},
		"a device not of the account": {w.status(stranger, 1, 9), Waits},
		"an older serial":             {w.status(w.phone, 1, 4), Old},
		"the host fact of a stranger": {w.host(w.nodeB, 1, false), Waits},
		"a member by another realm": {must(record.Sign(evil, evil.Author().Hash(),
			record.Base{Serial: 1, Time: w.now}, &record.Member{Node: w.me}))(t), Refused},
		"a life too long": {must(record.Sign(w.phone, key.Hash{}, record.Base{Serial: 9, Time: w.now, Account: w.accountID,
			Expires: w.now.Add(8 * 24 * time.Hour)}, &record.Event{Channel: "main", Sequence: 1, Oldest: 1, Payload: []byte("x")}))(t), Expired},
		"another account's event": {must(record.Sign(w.phone, key.Hash{}, record.Base{Serial: 9, Time: w.now, Account: w.accountID,
			Expires: w.now.Add(time.Hour)}, &record.Event{Channel: "main", Sequence: 1, Oldest: 1, Payload: []byte("x"),
			Capability: []byte("c"), Device: []byte("d")}))(t), Refused},
	} {
		if got := r.Merge(w.now, c.fact, &fx); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if fingerprint(r) != before {
		t.Error("a refused fact changed the state")
	}
}

// "What rests on a revoked key is void, events too: gone from store and sync,
// ignored when offered" (facts.md).
func TestRevocationVoids(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	facts := []*record.Fact{w.attach(w.phone, 1, w.me), w.status(w.phone, 1, 1), w.queued(w.phone, "main", 1, 1)}
	for _, f := range facts {
		r.Merge(w.now, f, &fx)
	}
	fx.Reset()
	r.Merge(w.now, w.revoked(w.phone.Author().Hash()), &fx)
	if len(fx.Revoked) != 1 || len(fx.Gone) != 2 {
		t.Fatalf("revoked %d devices and %d events, want 1 and 2", len(fx.Revoked), len(fx.Gone))
	}
	for _, f := range append(facts, w.device(w.phone, w.phoneKey, 99)) {
		if v := r.Merge(w.now, f, &fx); v != Refused {
			t.Errorf("%s offered again: %v, want refused", f.Kind, v)
		}
	}
}

func TestClosedAccountKeepsOnlyRevocations(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	r.Merge(w.now, w.status(w.phone, 1, 1), &fx)
	r.Merge(w.now, w.revoked(w.accountID), &fx)
	for _, f := range r.Rows(w.now, w.accountID, key.Hash{}, 100) {
		if f.Kind != record.KindRevoked && f.Kind != record.KindHost {
			t.Errorf("a %s fact is left", f.Kind)
		}
	}
	if v := r.Merge(w.now, w.device(w.phone, w.phoneKey, 2), &fx); v != Refused {
		t.Errorf("a device fact of a closed account: %v, want refused", v)
	}
}

func TestQuotaKeepsTheNewestOfTheFullestChannel(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	for n := int64(1); n <= MaxEvents+5; n++ {
		r.Merge(w.now, w.queued(w.phone, "main", n, 1), &fx)
	}
	first := int64(0)
	count := 0
	r.Events(w.accountID, func(f *record.Fact) bool {
		if count++; first == 0 {
			first = f.Body.(*record.Event).Sequence
		}
		return true
	})
	if count != MaxEvents || first != 6 {
		t.Fatalf("%d events from sequence %d, want %d from 6", count, first, MaxEvents)
	}
	if v := r.Merge(w.now, w.queued(w.phone, "main", 1, 1), &fx); v != Old {
		t.Errorf("an event past the quota: %v, want old", v)
	}
}

func TestOldestRaisesTheFloor(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	for n := int64(1); n <= 5; n++ {
		r.Merge(w.now, w.queued(w.phone, "main", n, 1), &fx)
	}
	r.Merge(w.now, w.queued(w.phone, "main", 6, 4), &fx)
	if v := r.Merge(w.now, w.queued(w.phone, "main", 3, 1), &fx); v != Old {
		t.Errorf("an event below the floor: %v, want old", v)
	}
	if got := r.accounts[w.accountID].events; got != 3 {
		t.Errorf("%d events, want 4, 5 and 6", got)
	}
}

func TestExpireForgets(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	r.Merge(w.now, w.status(w.phone, 1, 1), &fx)
	fx.Reset()
	r.Expire(w.now.Add(7*24*time.Hour), &fx)
	if len(fx.Delete) != 1 || len(fx.Gone) != 1 {
		t.Fatalf("deleted %d and withdrew %d, want the event", len(fx.Delete), len(fx.Gone))
	}
	if !r.Carried(w.now, w.accountID) {
		t.Error("the account is not carried any more")
	}
	if r.Carried(w.now.Add(31*24*time.Hour), w.accountID) {
		t.Error("the account is carried past its host fact")
	}
}

// A member's word counts for MaxVouched accounts, the lowest hashes.
func TestVouchingIsBounded(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	carried := 0
	var accounts []key.Hash
	for range MaxVouched + 4 {
		w.accountID = must(key.NewAccount())(t).Author().Hash()
		accounts = append(accounts, w.accountID)
		r.Merge(w.now, w.host(w.nodeA, 1, false), &fx)
	}
	for _, id := range append(accounts, w.account.Author().Hash()) {
		if r.Carried(w.now, id) {
			carried++
		}
	}
	if carried != MaxVouched {
		t.Errorf("%d accounts carried on one member's word, want %d", carried, MaxVouched)
	}
}

func TestSumIsOrderFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 32, 32), 1, 20).Draw(t, "hashes")
		var a, b Sum
		for _, h := range raw {
			a.Add(key.Hash(h))
		}
		for _, i := range rand.Perm(len(raw)) {
			b.Add(key.Hash(raw[i]))
		}
		if a != b {
			t.Fatal("the sum depends on the order")
		}
		for _, h := range raw {
			a.Remove(key.Hash(h))
		}
		if a != (Sum{}) {
			t.Fatalf("removing all leaves %v", a)
		}
	})
}

// Holdings agree with a plain set of sequences, within their bound.
func TestHoldingsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Holdings
		publisher := key.Hash{1}
		have := map[int64]bool{}
		for _, n := range rapid.SliceOfN(rapid.Int64Range(1, 24), 0, 40).Draw(t, "sequences") {
			h.Add(publisher, "", "main", n, 0)
			have[n] = true
		}
		r := h.queued[stream{publisher, "main"}]
		for n := int64(1); n <= 25; n++ {
			if got := r != nil && r.has(n); got != have[n] {
				t.Fatalf("has(%d) = %v, want %v", n, got, have[n])
			}
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	w := newWorld(b)
	r := w.base()
	facts := make([]*record.Fact, 1000)
	for i := range facts {
		facts[i] = w.status(w.phone, 1, int64(i+1))
	}
	var fx Effects
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(facts) == 0 {
			b.StopTimer()
			r = w.base()
			b.StartTimer()
		}
		fx.Reset()
		r.Merge(w.now, facts[i%len(facts)], &fx)
	}
}

// What the node kept before it was switched off counts again, revocations even of
// an account whose host facts died meanwhile.
func TestRestoreKeepsRevocations(t *testing.T) {
	w := newWorld(t)
	r := ForRealm(w.realmID)
	var fx Effects
	phone := w.phone.Author().Hash()
	for _, f := range []*record.Fact{w.member(w.nodeA), w.revoked(phone), w.device(w.laptop, w.laptopKey, 1)} {
		if v := r.Restore(w.now, f, &fx); v != Fresh {
			t.Fatalf("restoring %s: %v", f.Kind, v)
		}
	}
	if len(r.Sums(w.now)) != 1 {
		t.Error("an account nobody vouches for is spoken of")
	}
	r.Merge(w.now, w.host(w.nodeA, 1, false), &fx)
	if v := r.Merge(w.now, w.device(w.phone, w.phoneKey, 1), &fx); v != Refused {
		t.Errorf("the revoked device came back: %v", v)
	}
}

// Two events signed under one sequence: what counts does not depend on which
// came first, its Oldest included.
func TestSameSequenceTwice(t *testing.T) {
	w := newWorld(t)
	var set []*record.Fact
	set = append(set, w.baseFacts()...)
	for n := int64(1); n <= 4; n++ {
		set = append(set, w.queued(w.phone, "main", n, 1))
	}
	set = append(set, w.sign(w.phone, 5, &record.Event{Channel: "main", Sequence: 5, Oldest: 4, Payload: []byte("x")}),
		w.sign(w.phone, 6, &record.Event{Channel: "main", Sequence: 5, Oldest: 1, Payload: []byte("x")}))
	rapid.Check(t, func(t *rapid.T) {
		r := ForRealm(w.realmID)
		order := rapid.Permutation(set).Draw(t, "order")
		settle(r, w.now, order)
		settle(r, w.now, order) // as sync offers them again
		if got := r.accounts[w.accountID].events; got != 5 {
			t.Fatalf("%d events, want 5: the newer fact under sequence 5 says Oldest 1", got)
		}
	})
}

// A status that a newer one replaced is not withdrawn: its successor takes its
// place in the queues.
func TestSupersededStatusIsNotGone(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	r.Merge(w.now, w.status(w.phone, 1, 1), &fx)
	fx.Reset()
	r.Merge(w.now, w.status(w.phone, 1, 2), &fx)
	if len(fx.Gone) != 0 || len(fx.Events) != 1 {
		t.Errorf("%d gone and %d to tell, want 0 and 1", len(fx.Gone), len(fx.Events))
	}
}

// The facts of one node cannot fill the others, Ended ones included.
func TestHostFactsAreBounded(t *testing.T) {
	w := newWorld(t)
	r := w.base()
	var fx Effects
	for n := range 4 * MaxVouched {
		w.accountID = must(key.NewAccount())(t).Author().Hash()
		r.Merge(w.now, w.host(w.nodeA, 1, n%2 == 0), &fx)
	}
	if got := len(r.vouched[w.me]); got != MaxVouched {
		t.Errorf("%d host facts of one node, want %d", got, MaxVouched)
	}
	if got := len(r.accounts); got > MaxVouched+1 {
		t.Errorf("%d accounts held", got)
	}
}
