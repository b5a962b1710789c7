package handshake_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// impostor completes First Contact under a public key whose private key it has not:
// what it seals opens, for the seal is under es and ek alone. It returns the answer
// and what the responder believes.
func (g *suiteRig) impostor(i *modelInitiator, victim []byte) ([]byte, *handshake.Result) {
	g.t.Helper()
	n := g.suite.size()
	challenge, _, o := g.send(g.from, i.hello())
	want(g.t, o, handshake.Challenged)
	i.run = modelFirst(i.suite, i.first, challenge)
	plain := slices.Concat(victim, i.data, modelBody(i.list, nil))
	plain = append(plain, make([]byte, i.size-84-n-16-len(plain))...)
	p := i.run.complete(i.id, challenge[len(challenge)-57:], i.e, challenge[11+n:11+2*n], challenge[11:11+n], plain)
	answer, theirs, o := g.send(g.from, p)
	want(g.t, o, handshake.Completed)
	return answer, theirs
}

// Identity misbinding: a device claims another's static key. se is in every key from
// ResponderComplete on, so it learns nothing and can send no Data: the connection
// stays provisional, and "until then it replaces nothing, moves no endpoint and runs
// no verb but Immediate's three".
func TestIdentityMisbinding(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		i, victim := g.model(), suite.public(g.key())
		answer, theirs := g.impostor(i, victim)
		same(t, "the key that is claimed", theirs.Peer.Raw(), victim)
		if i.answered(answer) != nil {
			t.Error("whoever claims a key opens the answer without it")
		}
	})
}

// Key compromise: with the responder's static key an attacker may be the responder to
// anyone, but no one to the responder. Its own es and the ss it can compute open
// nothing that has se in it.
func TestKeyCompromiseOfResponder(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		i, victim := g.model(), suite.public(g.key())
		answer, _ := g.impostor(i, victim)
		n := suite.size()
		run := *i.run
		run.hash("f", answer[:10+n])
		run.mix("ee", suite.dh(i.e, answer[10:10+n]))
		run.mix("se", suite.dh(g.s, victim)) // ss, all that s_R gives
		if run.open("RUD1 answer", answer[10+n:]) != nil {
			t.Error("ss stands for se")
		}
	})
}

// Key compromise impersonation: with the initiator's static key an attacker is not
// the responder to it, because es and ek want s_R and k_R.
func TestKeyCompromiseImpersonation(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		stolen := g.key()
		i := g.machine(func(c *handshake.InitiatorConfig) { c.Static = static(t, stolen) })
		r := g.responder()
		hello := slices.Clone(i.Next(g.now))
		challenge := r.challenge(g.from, hello) // s_R is public, k_R the attacker's
		g.give(i, challenge, handshake.Accepted)
		p, n := i.Next(g.now), suite.size()
		e := p[84 : 84+n]

		r.run = modelFirst(suite, hello, challenge)
		r.run.hash("e", p[:84+n])
		r.run.mix("es", suite.dh(stolen, e)) // s_I*e_I in place of s_R*e_I
		r.run.mix("ek", suite.dh(r.k, e))
		if r.run.open("RUD1 complete", p[84+n:]) != nil {
			t.Fatal("the initiator's own key opens its section")
		}
		// It knows what the section holds all the same, and answers.
		o := &opened{static: suite.public(stolen), data: make([]byte, 8)}
		g.give(i, r.answer(p, e, o), handshake.BadSeal)
	})
}

// Unknown key share: a man in the middle puts its own key in the responder's place,
// before an initiator that knows nothing, and lets both finish with each other. Each
// has all that was shown in its transcript, so they do not.
func TestUnknownKeyShare(t *testing.T) {
	for _, suite := range []modelSuite{0x11, 0x12} {
		g := newSuiteRig(t, suite)
		i := g.machine(func(c *handshake.InitiatorConfig) {
			c.Pin = handshake.Pin{Accept: func(key.Agreement) bool { return true }}
		})
		_, challenge := g.hello(i)
		evil := g.key()
		copy(challenge[11+suite.size():], suite.public(evil))
		g.give(i, challenge, handshake.Accepted)
		g.drop(g.from, i.Next(g.now), handshake.BadSeal)
	}
}

// The card is promised in the Challenge: a man in the middle that changes its hash
// ends the handshake, so an initiator that has a Result has the true one.
func TestCardIsBound(t *testing.T) {
	g := newSuiteRig(t, 0x22)
	i := g.machine()
	_, challenge := g.hello(i)
	challenge[11+2*56] ^= 1
	g.give(i, challenge, handshake.Accepted)
	g.drop(g.from, i.Next(g.now), handshake.BadSeal)
}

// Reflection: a side's own packets come back to it, as they are and dressed as the
// answer.
func TestReflection(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		i := g.machine()
		hello, challenge := g.hello(i)
		g.give(i, challenge, handshake.Accepted)
		p := i.Next(g.now)
		id, _ := i.IDs()
		for _, own := range [][]byte{hello, p} {
			g.give(i, own, handshake.BadID)
			for kind := range byte(6) {
				dressed := slices.Concat(id[:], []byte{kind}, own[17:])
				if res, o := i.Receive(g.now, dressed); res != nil || o == handshake.Accepted {
					t.Errorf("own packet as type %d: outcome %q", kind, o)
				}
			}
		}
		// e_I as f_R with the section as the answer.
		n := suite.size()
		g.give(i, slices.Concat(id[:], []byte{3, 1}, p[84:84+n], p[84+n:]), handshake.BadSeal)

		answer, _, o := g.send(g.from, p)
		want(t, o, handshake.Completed)
		for _, own := range [][]byte{challenge, answer} {
			for _, size := range []int{wire.SmallPacket, wire.MaxPacket} {
				back := make([]byte, size)
				copy(back[16:], own[8:])
				if _, res, o := g.r.Receive(g.now, g.from, back, nil); res != nil || o <= handshake.Resent {
					t.Errorf("the responder's own packet: outcome %q", o)
				}
			}
		}
		g.give(i, answer, handshake.Completed)
	})
}

// e_I is the responder's own k_R or s_R: whoever sends it does not know the private
// key, so no section opens, and nothing is special about squares.
func TestInitiatorsEphemeralIsTheResponders(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		n := suite.size()
		for _, at := range []int{11, 11 + n} {
			i := g.model()
			challenge, _, _ := g.send(g.from, i.hello())
			theirs := challenge[at : at+n]
			run := modelFirst(suite, i.first, challenge)
			head := slices.Concat(firstHead(4, suite, i.id), challenge[len(challenge)-57:], theirs)
			run.hash("e", head)
			run.mix("es", suite.dh(i.e, challenge[11+n:11+2*n])) // the best that it can do
			run.mix("ek", suite.dh(i.e, challenge[11:11+n]))
			g.drop(g.from, append(head, run.seal("RUD1 complete", make([]byte, 548-84-n-16))...), handshake.BadSeal)
		}
	})
}

// Both sides have one static key, as after a copied profile: they complete, each
// direction with keys of its own, so nothing that one sends opens as what it got.
func TestSameStaticOnBothSides(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		g := newSuiteRig(t, suite)
		ours, theirs := g.finish(g.machine(func(c *handshake.InitiatorConfig) { c.Static = static(t, g.s) }))
		if ours.Mine.Plain() != ours.Peer.Plain() || theirs.Mine.Plain() != theirs.Peer.Plain() {
			t.Error("the keys are not the same")
		}
		for _, dir := range []handshake.Direction{handshake.I2R, handshake.R2I} {
			h, p := handshake.Keys(ours.Secret, dir, ours.MyID)
			for _, k := range []key.Secret{h, p} {
				other := map[handshake.Direction]handshake.Direction{handshake.I2R: handshake.R2I, handshake.R2I: handshake.I2R}[dir]
				oh, op := handshake.Keys(ours.Secret, other, ours.MyID)
				if k == oh || k == op || h == p {
					t.Error("one key for two uses under one id")
				}
			}
		}
	})
}

// Forged Challenges race the true one: same key and hash, another k_R, card or MAC.
// Three of them do not stop it, and after four the attempt is over, not the
// handshake: "a new attempt, with new handshake id, Hello and e_I".
func TestForgedChallengesRacing(t *testing.T) {
	for _, suite := range []modelSuite{0x11, 0x22} {
		n := suite.size()
		for forged := range 5 {
			g := newSuiteRig(t, suite)
			i := g.machine()
			_, challenge := g.hello(i)
			for range forged {
				p := slices.Clone(challenge)
				copy(p[11:], suite.public(g.key()))
				p[11+2*n] ^= byte(forged)
				g.give(i, p, handshake.Accepted)
			}
			if forged == 4 {
				g.give(i, challenge, handshake.TooMany)
				for g.now = i.Deadline(); ; g.now = i.Deadline() {
					if p := i.Next(g.now); p != nil && p[16] == wire.TypeHello {
						challenge, _, _ = g.send(g.from, p)
						break
					}
				}
			}
			g.give(i, challenge, handshake.Accepted)
			var res *handshake.Result
			for p := i.Next(g.now); p != nil; p = i.Next(g.now) {
				answer, _, o := g.send(g.from, p)
				if o == handshake.Completed {
					res = g.give(i, answer, handshake.Completed)
				} else if o != handshake.BadSeal && o != handshake.BadMAC {
					t.Errorf("a Complete to a forged Challenge: outcome %q", o)
				}
			}
			if res == nil {
				t.Errorf("%d forged Challenges stop the true one", forged)
			}
		}
	}
}

// A Challenge recorded from a generation that is over is answered, for the initiator
// cannot tell, and the Complete is silence.
func TestReplayedChallengeOfOldGeneration(t *testing.T) {
	g := newSuiteRig(t, 0x21)
	i := g.machine()
	_, challenge := g.hello(i)
	g.after(5 * time.Minute)
	g.give(i, challenge, handshake.Accepted)
	g.drop(g.from, i.Next(g.now), handshake.Stale)
}

// No two handshakes of the same two devices share a secret, an id or a token.
func TestSecretsAreFresh(t *testing.T) {
	g := newSuiteRig(t, 0x12)
	mine := g.key()
	seen := map[string]bool{}
	for range 4 {
		ours, _ := g.finish(g.machine(func(c *handshake.InitiatorConfig) { c.Static = static(t, mine) }))
		for _, b := range [][]byte{ours.Secret[:], ours.MyID[:], ours.PeerID[:], ours.Reset[:]} {
			if seen[string(b)] || bytes.Equal(b, make([]byte, len(b))) {
				t.Errorf("%x again", b)
			}
			seen[string(b)] = true
		}
	}
}
