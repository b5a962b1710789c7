package handshake_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// suiteRig is a rig whose responder has a key of each curve, and whose initiators
// speak one suite.
type suiteRig struct {
	*rig
	suite modelSuite
	s     []byte // the responder's private key of the suite's curve
}

func newSuiteRig(t testing.TB, suite modelSuite, change ...func(*handshake.ResponderConfig)) *suiteRig {
	t.Helper()
	seed := bytes.Repeat([]byte{5}, 56)
	all := append([]func(*handshake.ResponderConfig){func(c *handshake.ResponderConfig) {
		c.Statics = append(c.Statics, static(t, seed))
	}}, change...)
	g := &suiteRig{rig: newRig(t, all...), suite: suite, s: seed}
	if suite.size() == 32 {
		g.s = g.scalarR
	}
	return g
}

// key draws a private key.
func (g *suiteRig) key() []byte { return g.draw(g.suite.size()) }

// machine is an initiator of the suite that knows the responder's key.
func (g *suiteRig) machine(change ...func(*handshake.InitiatorConfig)) *handshake.Initiator {
	g.t.Helper()
	all := append([]func(*handshake.InitiatorConfig){func(c *handshake.InitiatorConfig) {
		c.Suite, c.Static = wire.Suite(g.suite), static(g.t, g.key())
		c.Pin = handshake.Pin{Key: static(g.t, g.s).Public()}
	}}, change...)
	return g.rig.initiator(all...)
}

// model is one of the model.
func (g *suiteRig) model() *modelInitiator {
	return &modelInitiator{
		suite: g.suite, size: wire.SmallPacket, id: g.draw(8), expect: make([]byte, 32), static: g.key(),
		e: g.key(), data: g.draw(8), list: modelList([]wire.Extension{{Tag: "A", Value: g.draw(9)}}),
	}
}

// responder is one of the model with the keys of the rig's.
func (g *suiteRig) responder() *modelResponder {
	return &modelResponder{
		suite: g.suite, static: g.s, k: g.key(), f: g.key(), card: g.draw(32), mac: g.draw(32), reset: g.draw(32),
		slot: 0xfffffffe, generation: 3, data: g.draw(8),
	}
}

// eachSuite runs f for every suite.
func eachSuite(t *testing.T, f func(t *testing.T, suite modelSuite)) {
	for _, suite := range modelSuites {
		t.Run(fmt.Sprintf("%#x", byte(suite)), func(t *testing.T) { f(t, suite) })
	}
}

// agreed opens the answer with the model and compares all that both sides then have.
func agreed(t testing.TB, i *modelInitiator, answer []byte, theirs *handshake.Result) *opened {
	t.Helper()
	ours := i.answered(answer)
	if ours == nil {
		t.Fatal("the model does not open the ResponderComplete")
	}
	same(t, "secret", theirs.Secret[:], ours.secret)
	same(t, "token", theirs.Reset[:], ours.token)
	same(t, "responder's data id", theirs.MyID[:], ours.data)
	same(t, "initiator's data id", theirs.PeerID[:], i.data)
	same(t, "initiator", theirs.Peer.Raw(), i.suite.public(i.static))
	if theirs.Suite != wire.Suite(i.suite) {
		t.Errorf("suite %v", theirs.Suite)
	}
	return ours
}

// A machine completes First Contact with the model, in every suite, from both
// sides: neither was written by looking at the other.
func TestFirstContactWithModel(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		for _, size := range []int{wire.SmallPacket, wire.MaxPacket} {
			i := g.model()
			i.size = size
			challenge, _, o := g.send(g.from, i.hello())
			want(t, o, handshake.Challenged)
			if n := map[int]int{32: 164, 56: 212}[suite.size()]; len(challenge) != n {
				t.Fatalf("a Challenge of %d bytes, want %d", len(challenge), n)
			}
			answer, theirs, o := g.send(g.from, i.complete(challenge))
			want(t, o, handshake.Completed)
			agreed(t, i, answer, theirs)
			same(t, "responder", theirs.Mine.Raw(), suite.public(g.s))
		}

		i, r := g.machine(), g.responder()
		hello := slices.Clone(i.Next(g.now))
		g.give(i, r.challenge(g.from, hello), handshake.Accepted)
		answer, theirs := r.completed(g.from, hello, i.Next(g.now))
		if theirs == nil {
			t.Fatal("the model does not open the Complete")
		}
		ours := g.give(i, answer, handshake.Completed)
		same(t, "secret", ours.Secret[:], theirs.secret)
		same(t, "token", ours.Reset[:], theirs.token)
		same(t, "responder's data id", ours.PeerID[:], r.data)
		same(t, "initiator's data id", ours.MyID[:], theirs.data)
		same(t, "initiator", ours.Mine.Raw(), theirs.static)
	})
}

// The keys of data packets and of a Roll are the model's, whatever the suite.
func TestDerivedKeysWithModel(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		ours, theirs := g.finish(g.machine())
		header, packet := modelKeys(ours.Secret[:], "i2r", theirs.MyID[:])
		checkKeys(t, ours.SendKeys, &streamVector{HeaderKey: header, PacketKey: packet})
		checkKeys(t, theirs.ReceiveKeys, &streamVector{HeaderKey: header, PacketKey: packet})
		header, packet = modelKeys(ours.Secret[:], "r2i", ours.MyID[:])
		checkKeys(t, ours.ReceiveKeys, &streamVector{HeaderKey: header, PacketKey: packet})
		checkKeys(t, theirs.SendKeys, &streamVector{HeaderKey: header, PacketKey: packet})

		a, b := g.key(), g.key()
		shared, err := static(t, a).Agree(suite.public(b))
		if err != nil {
			t.Fatal(err)
		}
		rolled := handshake.Roll(ours.Secret, shared, suite.public(a), suite.public(b))
		want := modelRoll(theirs.Secret[:], suite.dh(b, suite.public(a)), suite.public(a), suite.public(b))
		same(t, "secret after a Roll", rolled[:], want)

		aead, err := handshake.NewAEAD(wire.Suite(suite), (*key.Secret)(packet))
		if err != nil {
			t.Fatal(err)
		}
		nonce := make([]byte, wire.SizeNonce)
		same(t, "sealed", aead.Seal(nil, nonce, a, b), suite.aead(packet).Seal(nil, nonce, a, b))
	})
}

// Model and model agree in every mode, which says that the model is whole.
func TestModelsAgree(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		for name, ticket := range map[string]*modelTicket{"immediate": nil, "ticketed": {g.draw(16), g.draw(32)}} {
			i, r := g.model(), g.responder()
			r.payload = g.draw(300)
			p := i.exchange(suite.public(r.static), 7, ticket, g.draw(40))
			answer, theirs := r.exchanged(p, ticket, suite.public(i.static))
			if theirs == nil {
				t.Fatalf("%s does not open", name)
			}
			ours := i.answered(answer)
			if ours == nil || !bytes.Equal(ours.secret, theirs.secret) || len(i.run.steps) != len(r.run.steps) {
				t.Errorf("%s: %v and %v", name, ours, theirs)
			}
		}
		i, r := g.model(), g.responder()
		first := i.exchange(suite.public(r.static), 7, nil, g.draw(40))
		i.e = g.key()
		answer, theirs := r.completed(g.from, first, i.complete(r.challenge(g.from, first)))
		if ours := i.answered(answer); ours == nil || !bytes.Equal(ours.secret, theirs.secret) {
			t.Errorf("deferred: %v and %v", ours, theirs)
		}
	})
}

// "X448's made only when first asked": no k_R of X448 without a Hello for it, and
// no Complete under a curve that no Challenge showed.
func TestOtherCurvesShareIsMadeWhenAsked(t *testing.T) {
	g := newSuiteRig(t, 0x21)
	i := g.model()
	i.suite = 0x11
	i.static, i.e = g.draw(32), g.draw(32)
	challenge, _, o := g.send(g.from, i.hello())
	want(t, o, handshake.Challenged)
	p := slices.Clone(i.complete(challenge))
	p[18] = 0x21
	g.drop(g.from, p, handshake.Stale)
	first, again := g.model(), g.model()
	c1, _, _ := g.send(g.from, first.hello())
	c2, _, _ := g.send(g.from, again.hello())
	same(t, "k_R of the same generation", c1[11:67], c2[11:67])
	p[84] ^= 1
	g.drop(g.from, p, handshake.BadSeal) // now it has one, and the section is none of X448
	_, _, o = g.send(g.from, i.complete(challenge))
	want(t, o, handshake.Completed)
}

// "From a fingerprint alone the curve is X25519; X448 needs a known card."
func TestPreferredSuite(t *testing.T) {
	g := newSuiteRig(t, 0x21)
	for _, c := range []struct {
		name   string
		change func(*handshake.InitiatorConfig)
		curve  key.Curve
	}{
		{"nothing known", func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{} }, key.X25519},
		{"fingerprint", func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{Expect: static(t, g.s).Public().Expect()} }, key.X25519},
		{"key of X25519", func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{Key: static(t, g.scalarR).Public()} }, key.X25519},
		{"key of X448", func(c *handshake.InitiatorConfig) { c.Static = static(t, g.key()) }, key.X448},
	} {
		i := g.machine(func(cfg *handshake.InitiatorConfig) { cfg.Suite, cfg.Static = 0, nil }, c.change)
		if got := wire.Suite(i.Next(g.now)[18]); got != handshake.Preferred(c.curve) || key.Curve(got>>4) != c.curve {
			t.Errorf("%s: suite %v", c.name, got)
		}
	}
	if handshake.Preferred(3) != 0 || handshake.Offered(0x31) || handshake.Offered(0x13) || !handshake.Offered(0x22) {
		t.Error("a suite that does not exist is offered")
	}
	if _, err := handshake.NewAEAD(0x13, &key.Secret{}); err == nil {
		t.Error("an AEAD of suite 0x13")
	}
}

// "presenced --quiet answers no Hello whose expect is not this node's": of the key of
// the Hello's curve, whether or not the initiator knows the sign of v.
func TestQuietBySuite(t *testing.T) {
	for first, sign := range map[byte]byte{4: 0, 20: 0x80} {
		seed := append([]byte{first}, make([]byte, 55)...)
		g := newSuiteRig(t, 0x21, func(c *handshake.ResponderConfig) {
			c.Quiet, c.Statics = true, []*key.Static{c.Statics[0], static(t, seed)}
		})
		k := static(t, seed).Public()
		if k[len(k)-1] != sign {
			t.Fatalf("the key of %d has sign %#x", first, k[len(k)-1])
		}
		for _, pin := range []key.Agreement{k, k.Plain()} {
			g.hello(g.machine(func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{Key: pin} }))
		}
		bits := static(t, g.scalarR).Public().Expect()
		g.drop(g.from, modelHelloOf(0x21, 548, g.draw(8), modelExpect(bits[:])), handshake.NotExpected)
		bits = k.Expect()
		g.drop(g.from, modelHello(548, g.draw(8), modelExpect(bits[:])), handshake.NotExpected)
	}
}

// "A Hello answered" allocates nothing in any suite, but for the first of a curve in
// two minutes; nor does one of a suite that is not offered.
func TestHelloAllocatesNothingInAnySuite(t *testing.T) {
	for _, suite := range append([]modelSuite{0x31}, modelSuites...) {
		g := newSuiteRig(t, 0x21, unlimited)
		hello := modelHelloOf(suite, 548, g.draw(8), make([]byte, 32))
		out := make([]byte, 0, wire.MaxPacket)
		g.r.Receive(g.now, g.from, hello, out)
		if n := testing.AllocsPerRun(100, func() { g.r.Receive(g.now, g.from, hello, out) }); n != 0 {
			t.Errorf("suite %#x: %v allocations", byte(suite), n)
		}
	}
}
