package node_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// offer is a code for a device, with the inviting device at a node and the
// newcomer that was given the code.
type offer struct {
	t        *testing.T
	n        *node.Node
	phone    *party
	at       *raw // the phone's connection
	inviter  *access.Inviter
	newcomer *party
	joiner   *access.Joiner
}

// zero is step 0.
func zero(code access.Code) mpp.JoinStep {
	id := code.ID()
	return mpp.JoinStep{Step: mpp.N(0), Id: id[:]}
}

func withdraw(code access.Code) mpp.JoinStep {
	s := zero(code)
	s.Mac = make([]byte, mpp.MACSize)
	return s
}

// newOffer registers a code.
func newOffer(t *testing.T) *offer {
	t.Helper()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	o := &offer{t: t, n: n, phone: newParty(t), newcomer: newParty(t)}
	o.at = o.phone.bound(t, n)
	code := access.NewCode(o.phone.account.Author())
	o.inviter = access.NewInviter(access.JoinDevice, code, o.phone.account, o.phone.device.Author(), time.Now())
	o.joiner = o.newcomer.asDevice(code)
	o.at.wantStep("registering", zero(code), mpp.CodeOK)
	return o
}

// asDevice is its side of joining an account as a device.
func (d *party) asDevice(code access.Code) *access.Joiner {
	return access.NewJoiner(access.JoinDevice, code, "laptop", d.device.Author().Bytes(), d.static.Public().Bytes())
}

// answer lets the phone answer the step 1 that reaches it.
func (o *offer) answer(at *raw) {
	o.t.Helper()
	two, err := o.inviter.Answer(time.Now(), at.wantJoined(1))
	if err != nil {
		o.t.Fatal(err)
	}
	at.wantStep("step 2", two, mpp.CodeOK)
}

// ask lets the newcomer say step 1 and returns its step 3, once the phone
// answered.
func (o *offer) ask(r *raw) (three mpp.JoinStep) {
	o.t.Helper()
	r.wantStep("step 1", o.joiner.Begin(), mpp.CodeOK)
	o.answer(o.at)
	three, err := o.joiner.Answer(r.wantJoined(2))
	if err != nil {
		o.t.Fatal(err)
	}
	return three
}

// proved lets the phone see the newcomer's step 3.
func (o *offer) proved(at *raw) {
	o.t.Helper()
	who, err := o.inviter.Prove(time.Now(), at.wantJoined(3))
	if err != nil || who.Name != "laptop" || !bytes.Equal(who.Keys[0], o.newcomer.device.Author().Bytes()) {
		o.t.Fatalf("proved %q, %v", who.Name, err)
	}
}

// grant lets the phone's person say yes.
func (o *offer) grant(at *raw) {
	o.t.Helper()
	at.wantStep("step 4", o.inviter.Grant(o.newcomer.fact(o.t).Append(nil)), mpp.CodeOK)
}

func (o *offer) wantGranted(r *raw) {
	o.t.Helper()
	if four := r.wantJoined(4); len(four.Facts) != 1 || !bytes.Equal(four.Facts[0], o.newcomer.fact(o.t).Append(nil)) {
		o.t.Errorf("granted %d facts", len(four.Facts))
	}
}

func TestDeviceJoinsThroughANode(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	r := o.newcomer.dial(t, o.n)
	r.wantStep("step 3", o.ask(r), mpp.CodeOK)
	o.proved(o.at)
	o.grant(o.at)
	o.wantGranted(r)
	late := newParty(t)
	late.dial(t, o.n).wantStep("a second device with the same code", late.asDevice(o.inviter.Code()).Begin(), mpp.CodeRefused)
}

// Only a device of an account that is carried here, and who speaks for this
// realm, may have codes relayed.
func TestStrangersCannotRegisterCodes(t *testing.T) {
	t.Parallel()
	n := closed(t, "a")
	d := newParty(t)
	d.dial(t, n).wantStep("registering", zero(access.NewCode(d.account.Author())), mpp.CodeRefused)
}

// Whoever knows the Id of a code, and no more, can neither take it over nor say a
// step for one of its sides.
func TestWhoKnowsAnIdCannotSpeakForItsSides(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	code := o.inviter.Code()
	r := o.newcomer.dial(t, o.n)
	three := o.ask(r)

	other := newParty(t)
	thief := other.bound(t, o.n)
	sibling := o.phone.another(t).bound(t, o.n)
	id := code.ID()
	for who, at := range map[string]*raw{"another account": thief, "another device of the account": sibling} {
		at.wantStep(who+" registers it", zero(code), mpp.CodeRefused)
		at.wantStep(who+" withdraws it", withdraw(code), mpp.CodeRefused)
		at.wantStep(who+" says step 2", mpp.JoinStep{Step: mpp.N(2), Id: id[:], Mac: three.Mac}, mpp.CodeRefused)
		at.wantStep(who+" says step 4", mpp.JoinStep{Step: mpp.N(4), Id: id[:]}, mpp.CodeRefused)
		at.wantStep(who+" says step 3", three, mpp.CodeRefused)
	}
	r.wantStep("the joiner withdraws it", withdraw(code), mpp.CodeRefused)
	o.at.wantStep("step 4 before anyone proved", mpp.JoinStep{Step: mpp.N(4), Id: id[:]}, mpp.CodeRefused)
	r.wantStep("step 3", three, mpp.CodeOK)
	o.proved(o.at)
	o.grant(o.at)
	o.wantGranted(r)
}

// Somebody else uses the code while its person looks at the newcomer: what was
// proved is granted to who proved it.
func TestStepFourGoesToWhoProved(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	r := o.newcomer.dial(t, o.n)
	r.wantStep("step 3", o.ask(r), mpp.CodeOK)
	o.proved(o.at)
	late := newParty(t)
	other := late.dial(t, o.n)
	other.wantStep("another's step 1", late.asDevice(o.inviter.Code()).Begin(), mpp.CodeOK)
	if _, err := o.inviter.Answer(time.Now(), o.at.wantJoined(1)); err == nil {
		t.Fatal("the inviter answers it")
	}
	o.grant(o.at)
	o.wantGranted(r)
}

// A joiner that loses its connection after step 3 and comes back gets step 4,
// whether it was said meanwhile or later. Nobody else gets it.
func TestJoinerThatLostItsConnectionGetsStepFour(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	r := o.newcomer.dial(t, o.n)
	three := o.ask(r)
	r.wantStep("step 3", three, mpp.CodeOK)
	o.proved(o.at)

	again := o.newcomer.dial(t, o.n)
	again.wantStep("step 3 while the person looks", three, mpp.CodeOK)
	o.proved(o.at)
	o.grant(o.at)
	o.wantGranted(again)

	third := o.newcomer.dial(t, o.n)
	third.wantStep("step 3 after step 4", three, mpp.CodeOK)
	o.wantGranted(third)
	newParty(t).dial(t, o.n).wantStep("step 3 of another key", three, mpp.CodeRefused)
	if !o.n.AgeJoins(testContext(t), access.CodeLife) {
		t.Fatal("the node stopped")
	}
	third.wantStep("step 3 after the code's life", three, mpp.CodeRefused)
}

// An inviter that comes back on another connection registers again, is given the
// step that waits, and goes on. Its old connection is out of it.
func TestRoamingInviterGoesOn(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	code := o.inviter.Code()
	r := o.newcomer.dial(t, o.n)
	r.wantStep("step 1", o.joiner.Begin(), mpp.CodeOK)

	second := o.phone.bound(t, o.n)
	second.wantStep("registering again", zero(code), mpp.CodeOK)
	id := code.ID()
	o.at.wantStep("step 2 on the old connection", mpp.JoinStep{Step: mpp.N(2), Id: id[:]}, mpp.CodeRefused)
	o.answer(second)
	three, err := o.joiner.Answer(r.wantJoined(2))
	if err != nil {
		t.Fatal(err)
	}
	r.wantStep("step 3", three, mpp.CodeOK)

	third := o.phone.bound(t, o.n)
	third.wantStep("registering again", zero(code), mpp.CodeOK)
	o.proved(third)
	o.grant(third)
	o.wantGranted(r)
	third.wantStep("step 4 again: its answer was lost", o.inviter.Grant(), mpp.CodeOK)
	o.wantGranted(r)
}

// Registering again gives a code no second life.
func TestRegisteringAgainDoesNotLengthenACode(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	if !o.n.AgeJoins(testContext(t), access.CodeLife-time.Minute) {
		t.Fatal("the node stopped")
	}
	o.at.wantStep("registering again", zero(o.inviter.Code()), mpp.CodeOK)
	if !o.n.AgeJoins(testContext(t), time.Minute) {
		t.Fatal("the node stopped")
	}
	o.newcomer.dial(t, o.n).wantStep("step 1 after its life", o.joiner.Begin(), mpp.CodeRefused)
}

// The inviter's person says no, or gives up: the newcomer is told at once, and the
// code is worth nothing.
func TestRefusedNewcomerIsTold(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	r := o.newcomer.dial(t, o.n)
	three := o.ask(r)
	r.wantStep("step 3", three, mpp.CodeOK)
	o.proved(o.at)
	o.at.wantStep("withdrawing", withdraw(o.inviter.Code()), mpp.CodeOK)
	if m := r.joined(); m.Step != mpp.N(4) || m.Code() != mpp.CodeRefused || m.Facts != nil {
		t.Errorf("the newcomer hears step %d with %v", m.Step.Value, m.Code())
	}
	r.wantStep("step 3 after the no", three, mpp.CodeRefused)
	o.at.wantStep("step 4 after the no", o.inviter.Grant(), mpp.CodeRefused)
	o.at.wantStep("withdrawing again", withdraw(o.inviter.Code()), mpp.CodeRefused)
}

// Whoever waits when a code's life ends is told.
func TestNewcomerIsToldThatTheCodeIsOver(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	r := o.newcomer.dial(t, o.n)
	r.wantStep("step 1", o.joiner.Begin(), mpp.CodeOK)
	if ctx := testContext(t); !o.n.AgeJoins(ctx, access.CodeLife) || !o.n.SweepJoins(ctx) {
		t.Fatal("the node stopped")
	}
	if m := r.joined(); m.Step != mpp.N(4) || m.Code() != mpp.CodeRefused {
		t.Errorf("it hears step %d with %v", m.Step.Value, m.Code())
	}
}

// A stranger that takes part in a join is not closed as one, while the inviter's
// person makes up her mind; other strangers are.
func TestWhoJoinsIsNoStranger(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	r := o.newcomer.dial(t, o.n)
	r.wantStep("step 1", o.joiner.Begin(), mpp.CodeOK)
	other := newParty(t)
	other.dial(t, o.n).wantStep("a guess", other.stranger(), mpp.CodeRefused)
	left, ok := o.n.SweepStrangers(testContext(t), time.Hour)
	if !ok || left != 2 {
		t.Errorf("%d connections are left, want the phone's and the newcomer's", left)
	}
}

// A flood of Ids from one device, over one connection or more, is stopped at four;
// an invitation that was used makes room.
func TestFloodOfIdsFromOneDevice(t *testing.T) {
	t.Parallel()
	o := newOffer(t)
	code := func() access.Code { return access.NewCode(o.phone.account.Author()) }
	for range 3 {
		o.at.wantStep("one of the first four", zero(code()), mpp.CodeOK)
	}
	o.at.wantStep("the fifth", zero(code()), mpp.CodeQuota)
	o.phone.bound(t, o.n).wantStep("the fifth on another connection", zero(code()), mpp.CodeQuota)
	o.at.wantStep("one of the four again", zero(o.inviter.Code()), mpp.CodeOK)

	r := o.newcomer.dial(t, o.n)
	r.wantStep("step 3", o.ask(r), mpp.CodeOK)
	o.proved(o.at)
	o.grant(o.at)
	o.wantGranted(r)
	o.at.wantStep("the fifth after one was used", zero(code()), mpp.CodeOK)
}

// loneRealm is a lone node and its realm's key.
func loneRealm(t *testing.T, name string) (*node.Node, *key.Realm) {
	t.Helper()
	cfg := loopback(t, filepath.Join(t.TempDir(), name))
	n := start(t, cfg)
	k, err := key.LoadRealm(filepath.Join(cfg.State, "keys", "realm.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return n, k
}

// registration is step 0 of a realm's code.
func registration(code access.Code, k *key.Realm, r *raw) mpp.JoinStep {
	s := zero(code)
	s.Keys = [][]byte{k.Author().Bytes()}
	s.Signature = k.Sign(access.RegisterText(code.ID(), r.conn.Peer().Hash()))
	return s
}

// A realm's word for one node is worth nothing at another, to which a dishonest one
// carries it; nor is one that names no node, as a connection made without a
// Challenge shows no card.
func TestWordForAnotherNode(t *testing.T) {
	t.Parallel()
	n, k := loneRealm(t, "a")
	code := access.NewCode(k.Author())
	tool := newRaw(t, n, newStatic(t))
	step := registration(code, k, tool)
	for what, at := range map[string]key.Hash{
		"another node's": newStatic(t).Public().Hash(), "nobody's": {}, "the card's": key.Hash(tool.conn.Card()),
	} {
		step.Signature = k.Sign(access.RegisterText(code.ID(), at))
		tool.wantStep("a word for "+what, step, mpp.CodeRefused)
	}
	tool.wantStep("registering", registration(code, k, tool), mpp.CodeOK)
}

func TestNodeJoinsThroughANode(t *testing.T) {
	t.Parallel()
	n, k := loneRealm(t, "a")
	code := access.NewCode(k.Author())
	tool, newcomer := newRaw(t, n, newStatic(t)), newRaw(t, n, newStatic(t))
	inviter := access.NewInviter(access.JoinNode, code, k, k.Author(), time.Now())
	tool.wantStep("registering", registration(code, k, tool), mpp.CodeOK)
	d := newParty(t)
	joiner := access.NewJoiner(access.JoinNode, code, "attic", d.device.Author().Bytes(), d.static.Public().Bytes())
	newcomer.wantStep("step 1", joiner.Begin(), mpp.CodeOK)
	two, err := inviter.Answer(time.Now(), tool.wantJoined(1))
	if err != nil {
		t.Fatal(err)
	}
	// The tool's connection is made anew, with another key: the realm's key speaks.
	tool = newRaw(t, n, newStatic(t))
	tool.wantStep("step 2 before it registered again", two, mpp.CodeRefused)
	tool.wantStep("registering again", registration(code, k, tool), mpp.CodeOK)
	tool.wantJoined(1)
	tool.wantStep("step 2", two, mpp.CodeOK)
	three, err := joiner.Answer(newcomer.wantJoined(2))
	if err != nil || joiner.Signer() != k.Author() {
		t.Fatal(err)
	}
	newcomer.wantStep("step 3", three, mpp.CodeOK)
	if _, err := inviter.Prove(time.Now(), tool.wantJoined(3)); err != nil {
		t.Fatal(err)
	}
	tool.wantStep("step 4", inviter.Grant(), mpp.CodeOK)
	newcomer.wantJoined(4)
}

// The word of another realm's key, for another Id or another node, registers
// nothing: also not what this realm's key signed, read at another node.
func TestForgedRealmRegistrationsAreRefused(t *testing.T) {
	t.Parallel()
	n, k := loneRealm(t, "a")
	other, stranger := loneRealm(t, "b")
	code := access.NewCode(k.Author())
	r, elsewhere := newRaw(t, n, newStatic(t)), newRaw(t, other, newStatic(t))
	good := registration(code, k, r)

	foreign := registration(code, stranger, r)
	mixed := good
	mixed.Signature = foreign.Signature
	anotherID := registration(access.NewCode(k.Author()), k, r)
	anotherID.Id = good.Id
	anotherNode := registration(code, k, elsewhere)
	unsigned := good
	unsigned.Signature = nil
	twoKeys := good
	twoKeys.Keys = append(twoKeys.Keys[:1:1], twoKeys.Keys[0])
	for what, s := range map[string]mpp.JoinStep{
		"another realm's key": foreign, "its signature under our key": mixed, "for another Id": anotherID,
		"for another node": anotherNode, "no signature": unsigned, "two keys": twoKeys,
	} {
		r.wantStep(what, s, mpp.CodeRefused)
	}
	r.wantStep("the right one", good, mpp.CodeOK)
	newRaw(t, n, newStatic(t)).wantStep("a device's way to it", zero(code), mpp.CodeRefused)
}
