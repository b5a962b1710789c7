package node_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// closed starts a node that takes accounts in by code only.
func closed(t *testing.T, name string) *node.Node {
	t.Helper()
	cfg := loopback(t, filepath.Join(t.TempDir(), name))
	cfg.OpenAccounts = false
	return start(t, cfg)
}

// codeOf asks a node for a code.
func codeOf(t *testing.T, n *node.Node) access.Code {
	t.Helper()
	inv, err := n.Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	code, err := access.ParseCode(inv.Code)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// step sends a step of a join and returns the code that answers it.
func (r *raw) step(s mpp.JoinStep) mpp.Code {
	r.t.Helper()
	answer, ok := r.ask(&mpp.JoinRequest{JoinStep: s}).(*mpp.JoinResponse)
	if !ok {
		r.t.Fatal("a step is answered with something else than a JoinResponse")
	}
	if answer.Step != s.Step || !bytes.Equal(answer.Id, s.Id) || answer.Nonce != nil || answer.Keys != nil || answer.Mac != nil || answer.Facts != nil {
		r.t.Errorf("step %d is answered with %+v, want its number and Id", s.Step.Value, answer.JoinStep)
	}
	return answer.Code()
}

// wantStep sends a step that must be answered with this code.
func (r *raw) wantStep(what string, s mpp.JoinStep, want mpp.Code) {
	r.t.Helper()
	if got := r.step(s); got != want {
		r.t.Fatalf("%s: answered %v, want %v", what, got, want)
	}
}

// joined waits for the next step that the node relays.
func (r *raw) joined() *mpp.Join {
	r.t.Helper()
	for {
		for i, msg := range r.answers {
			if m, ok := msg.(*mpp.Join); ok {
				r.answers = append(r.answers[:i:i], r.answers[i+1:]...)
				return m
			}
		}
		r.turn()
	}
}

// wantJoined waits for a relayed step with this number.
func (r *raw) wantJoined(step int64) *mpp.JoinStep {
	r.t.Helper()
	m := r.joined()
	if m.Step != mpp.N(step) || m.Code() != mpp.CodeOK {
		r.t.Fatalf("relayed: step %d with %v, want step %d", m.Step.Value, m.Code(), step)
	}
	return &m.JoinStep
}

// party is a device with an account key of its own.
type party struct {
	account *key.Account
	device  *key.Device
	static  *key.Static
	signed  *record.Fact // its device fact, once
}

func newParty(t *testing.T) *party {
	t.Helper()
	account, err := key.NewAccount()
	if err != nil {
		t.Fatal(err)
	}
	return (&party{account: account}).another(t)
}

// another is one more device of the same account.
func (d *party) another(t *testing.T) *party {
	t.Helper()
	device, err := key.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	return &party{account: d.account, device: device, static: newStatic(t)}
}

// keys are those of a step 1 of its account.
func (d *party) keys() [][]byte {
	return [][]byte{d.account.Author().Bytes(), d.device.Author().Bytes(), d.static.Public().Bytes()}
}

// fact is its device fact: the same each time, or it would contradict itself.
func (d *party) fact(t *testing.T) *record.Fact {
	t.Helper()
	if d.signed != nil {
		return d.signed
	}
	f, err := record.Sign(d.account, key.Hash{}, record.Base{
		Serial: 1, Time: wall.Clock(nil).Now(), Account: d.account.Author().Hash(),
	}, &record.Device{Key: d.device.Author(), Agreement: d.static.Public(), Roles: record.Watch | record.Publish})
	if err != nil {
		t.Fatal(err)
	}
	d.signed = f
	return f
}

// dial connects it and nothing more.
func (d *party) dial(t *testing.T, n addressed) *raw {
	t.Helper()
	return newRaw(t, n, d.static)
}

// bind shows its device fact; the answer is the fact's code.
func (d *party) bind(r *raw) mpp.Code {
	r.t.Helper()
	answer, ok := r.ask(&mpp.FactRequest{Facts: [][]byte{d.fact(r.t).Append(nil)}}).(*mpp.FactResponse)
	if !ok {
		r.t.Fatal("a device fact is answered with no FactResponse")
	}
	return answer.Results[0].Code.Code()
}

// bound connects it to a node that lets it in.
func (d *party) bound(t *testing.T, n addressed) *raw {
	t.Helper()
	r := d.dial(t, n)
	if code := d.bind(r); code != mpp.CodeOK {
		t.Fatalf("showing a device fact: %v", code)
	}
	return r
}

// asAccount is its side of a join at a node.
func (d *party) asAccount(code access.Code) *access.Joiner {
	return access.NewJoiner(access.JoinAccount, code, "phone", d.keys()...)
}

// begin performs a join up to step 3, which it returns unsaid.
func (r *raw) begin(j *access.Joiner) (three mpp.JoinStep) {
	r.t.Helper()
	r.wantStep("step 1", j.Begin(), mpp.CodeOK)
	three, err := j.Answer(r.wantJoined(2))
	if err != nil {
		r.t.Fatal(err)
	}
	return three
}

// joinAccount performs a whole join by an account code.
func (r *raw) joinAccount(j *access.Joiner) (three mpp.JoinStep, four *mpp.JoinStep) {
	r.t.Helper()
	three = r.begin(j)
	r.wantStep("step 3", three, mpp.CodeOK)
	return three, r.wantJoined(4)
}

// stranger is step 1 of a joiner for a code that nobody knows.
func (d *party) stranger() mpp.JoinStep {
	return d.asAccount(access.NewCode(d.account.Author())).Begin()
}

// The code that a node prints, and what it grants: this node's word that it keeps
// the account, and its card.
func TestAccountJoinsByCode(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	d := newParty(t)
	r := d.dial(t, n)
	if code := d.bind(r); code != mpp.CodeNotAdmitted {
		t.Fatalf("without a code: %v, want %v", code, mpp.CodeNotAdmitted)
	}
	j := d.asAccount(codeOf(t, n))
	_, four := r.joinAccount(j)
	if len(four.Facts) != 2 {
		t.Fatalf("granted %d facts, want host and node", len(four.Facts))
	}
	for i, kind := range []record.Kind{record.KindHost, record.KindNode} {
		f, err := record.Parse(four.Facts[i])
		if err != nil || f.Verify() != nil || f.Kind != kind || f.Author != j.Signer() {
			t.Fatalf("fact %d: %v, want %v by the key that signed the join", i, err, kind)
		}
		if kind == record.KindHost && f.Account != d.account.Author().Hash() {
			t.Error("the node's word is for another account")
		}
	}
	if code := d.bind(r); code != mpp.CodeOK {
		t.Errorf("with a code: %v", code)
	}
}

func TestInvitationNamesAndPinsTheNode(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	inv, err := n.Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	code, at, err := access.ParseJoin(inv.Text)
	if err != nil || code.String() != inv.Code {
		t.Fatalf("the text does not hold the code: %v", err)
	}
	want, err := discovery.ParseAddress(n.DeviceAddress())
	if err != nil || at != want || at.Fingerprint == "" {
		t.Errorf("it names %v, want %v", at, want)
	}
	if left := time.Until(inv.Expires); left <= 0 || left > access.CodeLife+time.Second {
		t.Errorf("it lives for %v", left)
	}
}

// Wrong, used, ended by guesses, withdrawn, expired, of another node: one answer.
func TestWrongUsedExpiredAndForeignCodesLookTheSame(t *testing.T) {
	t.Parallel()
	n, other := closed(t, "a"), closed(t, "b")
	d := newParty(t)
	r := newParty(t).dial(t, n)
	said := func(what string, s mpp.JoinStep) string {
		t.Helper()
		answer := r.ask(&mpp.JoinRequest{JoinStep: s}).Base()
		if answer.Code() != mpp.CodeRefused {
			t.Errorf("%s: %v, want %v", what, answer.Code(), mpp.CodeRefused)
		}
		return answer.Code().String() + answer.StatusDescription
	}
	used := codeOf(t, n)
	newParty(t).dial(t, n).joinAccount(newParty(t).asAccount(used))

	guessed := codeOf(t, n)
	guesser := d.dial(t, n)
	one := d.asAccount(guessed).Begin()
	guesser.wantStep("step 1", one, mpp.CodeOK)
	for range access.MaxBadMACs {
		guesser.wantStep("a guess", mpp.JoinStep{Step: mpp.N(3), Id: one.Id, Mac: make([]byte, mpp.MACSize)}, mpp.CodeRefused)
	}
	old := codeOf(t, n)
	if !n.AgeJoins(testContext(t), access.CodeLife) {
		t.Fatal("the node stopped")
	}
	wrong := said("wrong", d.stranger())
	for what, code := range map[string]access.Code{"used": used, "guessed at": guessed, "expired": old, "foreign": codeOf(t, other)} {
		if got := said(what, d.asAccount(code).Begin()); got != wrong {
			t.Errorf("%s is answered %q, wrong is answered %q", what, got, wrong)
		}
	}
}

func TestAccountCodeWorksOnce(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	code := codeOf(t, n)
	first, second := newParty(t), newParty(t)
	first.dial(t, n).joinAccount(first.asAccount(code))
	r := second.dial(t, n)
	r.wantStep("a second account", second.asAccount(code).Begin(), mpp.CodeRefused)
	if code := second.bind(r); code != mpp.CodeNotAdmitted {
		t.Errorf("it brings facts: %v", code)
	}
}

func TestGuesserOfAccountCodesIsStoppedAtFiveMACs(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	d := newParty(t)
	r := d.dial(t, n)
	j := d.asAccount(codeOf(t, n))
	three := r.begin(j)
	guess := three
	for i := range access.MaxBadMACs {
		guess.Mac = bytes.Repeat([]byte{byte(i)}, mpp.MACSize)
		r.wantStep("a guess", guess, mpp.CodeRefused)
	}
	r.wantStep("the right one after five guesses", three, mpp.CodeRefused)
	r.wantStep("and from the start", j.Begin(), mpp.CodeRefused)
}

// Whoever overhears the steps of one account replays them on a connection of its
// own, before the code was used and after.
func TestReplayedStepsLetNobodyIn(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	d := newParty(t)
	r := d.dial(t, n)
	j := d.asAccount(codeOf(t, n))
	three := r.begin(j)
	thief := newParty(t)
	other := thief.dial(t, n)
	other.wantStep("step 3 on another connection", three, mpp.CodeRefused)
	r.wantStep("step 3", three, mpp.CodeOK)
	r.wantJoined(4)
	other.wantStep("step 1 after", j.Begin(), mpp.CodeRefused)
	other.wantStep("step 3 after", three, mpp.CodeRefused)
	if code := thief.bind(other); code != mpp.CodeNotAdmitted {
		t.Errorf("the thief brings facts: %v", code)
	}
}

// The account that lost its connection after step 3 gets step 4 on the next one.
func TestAccountThatLostItsConnectionGetsStepFour(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	d := newParty(t)
	r := d.dial(t, n)
	j := d.asAccount(codeOf(t, n))
	three, four := r.joinAccount(j)
	again := d.dial(t, n)
	again.wantStep("step 1 of a used code", j.Begin(), mpp.CodeRefused)
	again.wantStep("step 3", three, mpp.CodeOK)
	if got := again.wantJoined(4); len(got.Facts) != len(four.Facts) || !bytes.Equal(got.Facts[0], four.Facts[0]) {
		t.Error("step 4 says something else the second time")
	}
}

// A node that keeps as many accounts as it may says so to who has a code, and
// the code is good still.
func TestFullNodeLeavesTheCodeGood(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	ctx := testContext(t)
	d := newParty(t)
	newParty(t).dial(t, n).joinAccount(newParty(t).asAccount(codeOf(t, n)))
	if !n.LimitAccounts(ctx, 1) {
		t.Fatal("the node stopped")
	}
	r := d.dial(t, n)
	j := d.asAccount(codeOf(t, n))
	three := r.begin(j)
	r.wantStep("step 3 at a full node", three, mpp.CodeQuota)
	if !n.LimitAccounts(ctx, 2) {
		t.Fatal("the node stopped")
	}
	r.wantStep("step 3 again", three, mpp.CodeOK)
	r.wantJoined(4)
}

func TestInvitationsAreBounded(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	ctx := testContext(t)
	var err error
	made := 0
	for ; err == nil && made < 1000; made++ {
		_, err = n.Invite(ctx)
	}
	if err == nil {
		t.Fatalf("%d codes are open at once", made)
	}
	if !n.AgeJoins(ctx, access.CodeLife) {
		t.Fatal("the node stopped")
	}
	if _, err := n.Invite(ctx); err != nil {
		t.Errorf("after %v: %v", access.CodeLife, err)
	}
}

// Without an Id an account asks to be taken in without a code.
func TestAccountWithoutACode(t *testing.T) {
	t.Parallel()
	nodes, _ := realm(t)
	home := nodes[0]
	cfg := loopback(t, filepath.Join(t.TempDir(), "closed"))
	cfg.OpenAccounts = false
	alone := start(t, cfg)

	d, other := newParty(t), newParty(t)
	none := func(d *party) mpp.JoinStep { return mpp.JoinStep{Step: mpp.N(1), Keys: d.keys()} }
	granted := func(r *raw) {
		t.Helper()
		if four := r.wantJoined(4); len(four.Facts) != 2 {
			t.Errorf("granted %d facts", len(four.Facts))
		}
	}
	r := d.dial(t, home)
	r.wantStep("at an open node", none(d), mpp.CodeOK)
	granted(r)
	if code := d.bind(r); code != mpp.CodeOK {
		t.Errorf("then it brings facts: %v", code)
	}
	r.wantStep("for an account on another connection's key", none(other), mpp.CodeNotAdmitted)
	r.wantStep("with keys that are none", mpp.JoinStep{Step: mpp.N(1), Keys: d.keys()[:2]}, mpp.CodeMalformed)
	r.wantStep("another step", mpp.JoinStep{Step: mpp.N(3), Keys: d.keys()}, mpp.CodeMalformed)

	s := other.dial(t, alone)
	s.wantStep("at a node that is not open", none(other), mpp.CodeNotAdmitted)
}

// An account that a living member keeps is let in without a code, when a device
// of it asks: so a home is added within the realm. A stranger that names the
// account, and a device that names another account, are not.
func TestHomeIsAddedWithinTheRealmWithoutACode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := loopback(t, filepath.Join(dir, "a"))
	first := start(t, a)
	b := loopback(t, filepath.Join(dir, "b"))
	b.OpenAccounts, b.RealmKey, b.Peers = false, filepath.Join(dir, "a", "keys", "realm.key"), first.PeerAddresses()[:1]
	d := newParty(t)
	d.bound(t, first) // no second node runs yet that could be its home
	second := start(t, b)
	agree(t, first, second)

	none := mpp.JoinStep{Step: mpp.N(1), Keys: d.keys()}
	r := d.dial(t, second)
	r.wantStep("before it showed that it is a device of the account", none, mpp.CodeNotAdmitted)
	if code := d.bind(r); !code.Success() {
		t.Fatalf("showing its device fact: %v", code)
	}
	r.wantStep("for another account", mpp.JoinStep{Step: mpp.N(1), Keys: append(newParty(t).keys()[:2], d.keys()[2])}, mpp.CodeNotAdmitted)
	r.wantStep("as a device of the account", none, mpp.CodeOK)
	if four := r.wantJoined(4); len(four.Facts) != 2 {
		t.Errorf("granted %d facts", len(four.Facts))
	}
}

// A flood of steps is answered 429 at once, whatever it guesses.
func TestStepsCostAllowance(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	d := newParty(t)
	r := d.dial(t, n)
	r.wantStep("a guess", d.stranger(), mpp.CodeRefused)
	if !n.SpendAllowances(testContext(t)) {
		t.Fatal("the node stopped")
	}
	r.wantStep("a guess over the budget", d.stranger(), mpp.CodeQuota)
}

// A step that is none is answered, and moves nothing.
func TestStepsThatAreNone(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	d := newParty(t)
	r := d.dial(t, n)
	id := d.stranger().Id
	r.wantStep("no step", mpp.JoinStep{Id: id}, mpp.CodeMalformed)
	r.wantStep("step 5", mpp.JoinStep{Step: mpp.N(5), Id: id}, mpp.CodeMalformed)
	r.wantStep("step -1", mpp.JoinStep{Step: mpp.N(-1), Id: id}, mpp.CodeMalformed)
	for _, own := range []int64{0, 2, 4, 5} {
		code := codeOf(t, n).ID()
		r.wantStep("an inviter's step for the node's own code", mpp.JoinStep{Step: mpp.N(own), Id: code[:]}, mpp.CodeRefused)
	}
}

// No log line holds a code, at any level.
func TestCodesAreNotLogged(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer // of one writer at a time: slog's handler locks
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	cfg.OpenAccounts = false
	cfg.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n := start(t, cfg)
	code := codeOf(t, n)
	d := newParty(t)
	d.dial(t, n).joinAccount(d.asAccount(code))
	n.Close()
	id := code.ID()
	for _, secret := range []string{code.String(), strings.ReplaceAll(code.String(), "-", ""), code.String()[:9], fmt.Sprintf("%x", id)} {
		if strings.Contains(lines.String(), secret) {
			t.Error("the log holds the code, or a part of it")
		}
	}
	if !strings.Contains(lines.String(), d.account.Author().Hash().String()) {
		t.Error("the log does not say which account joined")
	}
}
