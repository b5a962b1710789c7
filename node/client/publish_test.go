package client

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// StartNode runs a node with its state in dir at a UDP address: set by the tests
// outside this package, because node imports client.
var StartNode func(ctx context.Context, dir, listen string) (address string, stop func() error, err error)

// startNode runs a node until the test ends and returns its device address.
func startNode(t *testing.T) string {
	t.Helper()
	address, stop, err := StartNode(t.Context(), filepath.Join(t.TempDir(), "node"), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop() })
	return address
}

func dialTo(t *testing.T, p *Profile, node string) *Client {
	t.Helper()
	c, err := Dial(p, Config{Node: node})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// account is a profile's client with a new account at n.
func account(t *testing.T, n string) *Client {
	t.Helper()
	c := dialTo(t, testProfile(t), n)
	if err := c.CreateAccount(testContext(t), nil, ""); err != nil {
		t.Fatal(err)
	}
	return c
}

// added is a new profile that is a device of by's account.
func added(t *testing.T, by *Client, roles Roles) *Profile {
	t.Helper()
	p := testProfile(t)
	inv, err := by.AddDevice(testContext(t), p.Card(), roles, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Join(inv); err != nil {
		t.Fatal(err)
	}
	return p
}

// ownPost signs an event of the profile's device, in clear.
func ownPost(t *testing.T, p *Profile, serial int64, e *record.Event) *record.Fact {
	t.Helper()
	now := wall.Clock(nil).Now()
	e.Payload = (&record.Payload{Data: []byte("x")}).Append(nil)
	account := p.meta.Account
	if account.IsZero() {
		account = key.Hash{1}
	}
	base := record.Base{Serial: serial, Time: now, Expires: now.Add(time.Hour), Account: account}
	f, err := record.Sign(p.device, key.Hash{}, base, e)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A node chooses the bytes of its digest: none of them may hurt.
func TestSumOfAnyLength(t *testing.T) {
	mine := registry.Sum{Count: 1, Total: [32]byte{1}}
	for _, c := range []struct {
		sum  []byte
		want bool
	}{{nil, false}, {[]byte{1}, false}, {make([]byte, 33), false}, {mine.Total[:], true}} {
		if got := sameSum(&mpp.Sum{Count: 1, Sum: c.sum}, mine); got != c.want {
			t.Errorf("%d bytes: same %v, want %v", len(c.sum), got, c.want)
		}
	}
}

// After its state was lost a device goes on above its newest posts, and what it
// posted before stays unexpired: a node would delete what Oldest passes over.
func TestRaiseKeepsOldest(t *testing.T) {
	p := testProfile(t)
	now := wall.Clock(nil).Now()
	newest := ownPost(t, p, 5000, &record.Event{Channel: "main", Sequence: 9, Oldest: 4})
	if err := p.raise([]*record.Fact{newest}, now); err != nil {
		t.Fatal(err)
	}
	s, err := p.readState()
	if err != nil {
		t.Fatal(err)
	}
	if n := s.factSerial(); n <= 5000 {
		t.Errorf("the next fact's serial is %d, want above 5000", n)
	}
	if sequence, oldest := s.post("main", now, now.Add(time.Hour)); sequence != 10 || oldest != 4 {
		t.Errorf("sequence %d, oldest %d, want 10 and 4", sequence, oldest)
	}
	later := now.Add(DefaultEventLife)
	if _, oldest := s.post("main", later, later.Add(time.Hour)); oldest != 11 {
		t.Errorf("a life later oldest is %d, want 11: all before has expired", oldest)
	}
}

// Another device's fact raises nothing.
func TestRaiseOnlyByOwnFacts(t *testing.T) {
	p := testProfile(t)
	other := ownPost(t, testProfile(t), 5000, &record.Event{Channel: "main", Sequence: 9, Oldest: 9})
	if err := p.raise([]*record.Fact{other}, wall.Clock(nil).Now()); err != nil {
		t.Fatal(err)
	}
	if s, err := p.readState(); err != nil || s.Serial != 0 || len(s.Sequences) != 0 {
		t.Errorf("state %+v, err %v, want it untouched", s, err)
	}
}

// What is remembered of living posts is bounded, and Oldest never runs ahead.
func TestOldestPastTheBound(t *testing.T) {
	s := &state{Sequences: map[string]int64{}, Living: map[string][]living{}}
	for range 2 * maxLiving {
		if _, oldest := s.post("main", 100, 200); oldest != 1 {
			t.Fatalf("oldest %d while the first lives", oldest)
		}
	}
	if n := len(s.Living["main"]); n > maxLiving {
		t.Errorf("%d remembered, want at most %d", n, maxLiving)
	}
}

// Of two processes' facts the one signed later has the greater serial, whoever
// reserved messages' serials first.
func TestLaterFactHasTheGreaterSerial(t *testing.T) {
	p := testProfile(t)
	other, err := OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for i := range 8 {
		by := newClient([]*Profile{p, other}[i%2], Config{})
		if _, err := by.profile.takeSerial(); err != nil {
			t.Fatal(err)
		}
		by.profile.meta.Account = key.Hash{1}
		f, err := by.sign(Post{Label: "door", Clear: true}, nil, covering)
		if err != nil {
			t.Fatal(err)
		}
		if f.Serial <= last {
			t.Errorf("post %d has serial %d after %d", i, f.Serial, last)
		}
		last = f.Serial
	}
}

// A file that is being written is no post and stays; one long forgotten goes.
func TestOutboxLeavesWhatIsBeingWritten(t *testing.T) {
	p := testProfile(t)
	f := ownPost(t, p, 1, &record.Event{Channel: "main", Sequence: 1, Oldest: 1})
	if err := p.putOutbox(f); err != nil {
		t.Fatal(err)
	}
	half, left := p.outboxPath(f.Hash())+".123", p.outboxPath(f.Hash())+".456"
	for _, path := range []string{half, left} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-2 * staleAfter)
	if err := os.Chtimes(left, before, before); err != nil {
		t.Fatal(err)
	}
	if got := p.outbox(newClient(p, Config{})); len(got) != 1 || got[0].Hash() != f.Hash() {
		t.Errorf("%d posts, want the one", len(got))
	}
	if _, err := os.Stat(half); err != nil {
		t.Errorf("the file being written: %v", err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a crash left behind is still there")
	}
}

// Killed after a post was kept and before it was counted, a device does not give
// its sequence to the next.
func TestResumesAboveItsOutbox(t *testing.T) {
	n := startNode(t)
	c := account(t, n)
	p := c.Profile()
	if err := p.putOutbox(ownPost(t, p, 50_000, &record.Event{Channel: "main", Sequence: 3, Oldest: 1})); err != nil {
		t.Fatal(err)
	}
	r, err := c.Publish(testContext(t), Post{Data: []byte("next")})
	if err != nil || r.Sequence != 4 || r.Serial <= 50_000 {
		t.Errorf("sequence %d, serial %d, err %v, want 4 and above 50000", r.Sequence, r.Serial, err)
	}
}

// A device seals to the epoch that leaves a revoked one out, though it only ever
// publishes: after a restart at once, and on a link that lasts within a minute.
func TestSealsToTheNewestEpoch(t *testing.T) {
	n := startNode(t)
	phone := account(t, n)
	bell := added(t, phone, RolePublish)
	ringer := dialTo(t, bell, n)
	ring := func() {
		t.Helper()
		if _, err := ringer.Publish(testContext(t), Post{Data: []byte("ring")}); err != nil {
			t.Fatal(err)
		}
		kept := bell.outbox(ringer)
		got, want := kept[len(kept)-1].Body.(*record.Event).Epoch, phone.profile.book.epoch().Body.(*record.Epoch).Key
		if got != want {
			t.Error("a post was sealed to another epoch than the newest")
		}
	}
	lost := added(t, phone, RoleWatch)
	ring()
	if err := phone.RevokeDevice(testContext(t), lost.Device(), nil); err != nil {
		t.Fatal(err)
	}
	ringer.mu.Lock()
	ringer.link.caughtUp = ringer.link.caughtUp.Add(-freshFor) // as a minute later
	ringer.mu.Unlock()
	ring()
	ringer.Close()

	other := added(t, phone, RoleWatch)
	if err := phone.RevokeDevice(testContext(t), other.Device(), nil); err != nil {
		t.Fatal(err)
	}
	var err error
	if bell, err = OpenProfile(bell.Dir()); err != nil {
		t.Fatal(err)
	}
	ringer = dialTo(t, bell, n)
	ring()
}
