package handshake_test

import (
	"bytes"
	"slices"
	"testing"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// others are the suite bytes that a man in the middle may put in place of one.
func others(suite modelSuite) (all []byte) {
	for _, s := range []byte{0x11, 0x12, 0x21, 0x22, 0x13, 0x31, 0x00, 0xff} {
		if s != byte(suite) {
			all = append(all, s)
		}
	}
	return all
}

func swapped(p []byte, at int, suite byte) []byte {
	p = slices.Clone(p)
	p[at] = suite
	return p
}

// "The initiator names one; not offered = silence": nobody chooses for it. The suite
// byte is changed in one flight, and there is no connection.
func TestDowngradeBySuiteByte(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		for _, other := range others(suite) {
			// In the Hello: the Challenge is of the other suite.
			g := newSuiteRig(t, suite)
			i := g.machine()
			hello := i.Next(g.now)
			if p, _, o := g.send(g.from, swapped(hello, 18, other)); o == handshake.Challenged {
				if _, o := i.Receive(g.now, p); o != handshake.BadSuite && o != handshake.BadLength {
					t.Errorf("Hello as %#x: outcome %q", other, o)
				}
				// And back again in the Challenge: it answers no Hello of ours.
				if _, o := i.Receive(g.now, swapped(p, 10, byte(suite))); o != handshake.BadHash && o != handshake.BadLength {
					t.Errorf("Hello and Challenge as %#x: outcome %q", other, o)
				}
			} else if o != handshake.BadSuite {
				t.Errorf("Hello as %#x: outcome %q", other, o)
			}
			// In the Challenge.
			challenge, _, o := g.send(g.from, hello)
			want(t, o, handshake.Challenged)
			if _, o := i.Receive(g.now, swapped(challenge, 10, other)); o != handshake.BadSuite && o != handshake.BadLength {
				t.Errorf("Challenge as %#x: outcome %q", other, o)
			}
			// In the Complete: the transcripts part.
			g.give(i, challenge, handshake.Accepted)
			p := i.Next(g.now)
			switch _, _, o := g.send(g.from, swapped(p, 18, other)); o {
			case handshake.BadSuite, handshake.Stale, handshake.BadSeal:
			default:
				t.Errorf("Complete as %#x: outcome %q", other, o)
			}
		}
	})
}

// A man in the middle who greets the responder in a suite of his own, and makes each
// side believe that the other speaks its own: the hash of the first packet is under
// the MAC, and every byte of both is under the seal.
func TestSuitesSwappedInTheMiddle(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		other := suite ^ 3 // the other AEAD: lengths stay
		g := newSuiteRig(t, suite)
		i := g.machine()
		hello := i.Next(g.now)
		challenge, _, o := g.send(g.from, swapped(hello, 18, byte(other)))
		want(t, o, handshake.Challenged)

		shown := swapped(challenge, 10, byte(suite))
		h1 := len(shown) - wire.SizeValue + 9
		copy(shown[h1:], sha(label("RUD1 hello"), hello))
		g.give(i, shown, handshake.Accepted) // the MAC is the responder's to check
		p := swapped(i.Next(g.now), 18, byte(other))
		g.drop(g.from, p, handshake.BadMAC)
		copy(p[27:84], challenge[len(challenge)-wire.SizeValue:])
		g.drop(g.from, p, handshake.BadSeal)
	})
}

// What is sealed for one suite opens in no other, and the secrets differ although
// every private key is the same.
func TestCrossSuiteConfusion(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite modelSuite) {
		other := suite ^ 3
		g := newSuiteRig(t, suite)
		i := g.model()
		challenge, _, _ := g.send(g.from, i.hello())
		i.suite = other // an initiator that names one suite in the Hello and speaks another
		answer, theirs, o := g.send(g.from, i.complete(challenge))
		want(t, o, handshake.BadSeal)
		if answer != nil || theirs != nil {
			t.Error("an answer")
		}

		// A ResponderComplete names no suite: the transcript does.
		a, b := g.machine(), newSuiteRig(t, other)
		c := b.machine()
		g.complete(a)
		answer, _, _ = b.send(b.from, b.complete(c))
		current, _ := a.IDs()
		copy(answer, current[:])
		g.give(a, answer, handshake.BadSeal)

		r := g.responder()
		first := g.model()
		second := *first
		second.suite = other
		p := first.exchange(suite.public(r.static), 7, nil, nil)
		q := second.exchange(suite.public(r.static), 7, nil, nil)
		if bytes.Equal(p[len(p)-16:], q[len(q)-16:]) || bytes.Equal(first.run.secret(), second.run.secret()) {
			t.Error("two suites, one secret")
		}
		if _, theirs := r.exchanged(swapped(p, 18, byte(other)), nil, nil); theirs != nil {
			t.Error("the model opens an Exchange whose suite was changed")
		}
	})
}

// A curve's key in the place of the other's: lengths tell them apart before any
// curve is touched.
func TestCrossCurveConfusion(t *testing.T) {
	g := newSuiteRig(t, 0x21)
	long := g.machine()
	short := newSuiteRig(t, 0x11).machine()
	_, challenge := g.hello(long)
	id, _ := short.IDs()
	short.Next(g.now)
	copy(challenge, id[:])
	g.give(short, challenge, handshake.BadSuite)
	challenge[10] = 0x11
	g.give(short, challenge, handshake.BadLength)
	g.give(short, challenge[:164], handshake.BadHash)
}
