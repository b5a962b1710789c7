package handshake_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// smallOrder are the points whose agreement is zero with every key, reduced or not.
func smallOrder(suite modelSuite) (all [][]byte) {
	n := suite.size()
	zero, one := make([]byte, n), make([]byte, n)
	one[0] = 1
	prime := bytes.Repeat([]byte{0xff}, n)
	if n == 56 {
		prime[28] = 0xfe
	} else {
		prime[0], prime[31] = 0xed, 0x7f
	}
	before, after := slices.Clone(prime), slices.Clone(prime)
	before[0]--
	after[0]++ // p + 1 of X25519; of X448 0xff + 1 carries
	if n == 56 {
		after = append(make([]byte, 28), bytes.Repeat([]byte{0xff}, 28)...)
	}
	all = [][]byte{zero, one, prime, before, after}
	if n == 32 {
		all = append(all, unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
			unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"))
		for _, p := range slices.Clone(all) {
			p = slices.Clone(p)
			p[31] |= 0x80
			all = append(all, p)
		}
	}
	return all
}

// "x*y = curve(x, y), all-zero aborts": every key that the other side chooses, as a
// point of small order.
func TestSmallOrderPoints(t *testing.T) {
	for _, suite := range []modelSuite{0x11, 0x22} {
		g := newSuiteRig(t, suite, func(c *handshake.ResponderConfig) { c.Rate, c.Burst = 1000, 1000 })
		n := suite.size()
		for _, point := range smallOrder(suite) {
			if suite.dh(g.key(), point) != nil {
				t.Fatalf("%x is not of small order", point)
			}
			// e_I: es is zero.
			i := g.model()
			challenge, _, _ := g.send(g.from, i.hello())
			p := i.complete(challenge)
			copy(p[84:], point)
			g.drop(g.from, p, handshake.BadKey)
			// s_I, under a seal that opens: se is zero.
			d := g.model()
			challenge, _, _ = g.send(g.from, d.hello())
			run := modelFirst(suite, d.first, challenge)
			plain := slices.Concat(point, d.data, modelBody(d.list, nil))
			plain = append(plain, make([]byte, 548-84-n-16-len(plain))...)
			p = run.complete(d.id, challenge[len(challenge)-57:], d.e, challenge[11+n:11+2*n], challenge[11:11+n], plain)
			g.drop(g.from, p, handshake.BadKey)

			// k_R, and s_R where nothing is pinned.
			m := g.machine()
			r := g.responder()
			challenge = r.challenge(g.from, m.Next(g.now))
			forged := slices.Clone(challenge)
			copy(forged[11:], point)
			g.give(m, forged, handshake.BadKey)
			// f_R.
			g.give(m, challenge, handshake.Accepted)
			current, _ := m.IDs()
			answer := slices.Concat(current[:], []byte{3, 1}, point, make([]byte, 8+16+4+16))
			g.give(m, answer, handshake.BadKey)
		}
	}
}

// The same for s_R, which an initiator takes from a stranger only when it knows
// nothing: so only in X25519.
func TestSmallOrderStaticOfUnknownResponder(t *testing.T) {
	g := newSuiteRig(t, 0x11)
	for _, point := range smallOrder(0x11) {
		i := g.machine(func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{} })
		_, challenge := g.hello(i)
		copy(challenge[43:], point)
		g.give(i, challenge, handshake.BadKey)
	}
}

// 5l - 1 is a clamped scalar whose public key is that of -1, which is u = 9; and
// p + 9 is the same point, written in a way that no one writes it.
var (
	minusOne     = unhex("a023cdd083ef5bb82f10d62e59e15a6800000000000000000000000000000050")
	nonCanonical = unhex("f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
)

// A point that is not reduced is the point that it is modulo p (RFC 7748 section 5),
// on both sides; but its bytes are what is hashed, pinned and compared.
func TestNonCanonicalPoints(t *testing.T) {
	nine := append([]byte{9}, make([]byte, 31)...)
	same(t, "public key of 5l - 1", public(minusOne), nine)
	g := newSuiteRig(t, 0x11)

	// As e_I: opens, for the transcript has the bytes that were sent.
	i := g.model()
	i.e = minusOne
	challenge, _, _ := g.send(g.from, i.hello())
	run := modelFirst(0x11, i.first, challenge)
	head := append(append(firstHead(4, 0x11, i.id), challenge[107:]...), nonCanonical...)
	run.hash("e", head)
	run.mix("es", run.suite.dh(i.e, challenge[43:75]))
	run.mix("ek", run.suite.dh(i.e, challenge[11:43]))
	plain := modelSection(548, public(i.static), i.data, i.list)
	p := append(head, run.seal("RUD1 complete", plain)...)
	canonical := slices.Clone(p)
	copy(canonical[84:], nine)
	g.drop(g.from, canonical, handshake.BadSeal)
	_, _, o := g.send(g.from, p)
	want(t, o, handshake.Completed)

	// As s_R: another writing of the pinned key is not the pinned key.
	r := g.responder()
	r.static = minusOne
	for _, shown := range [][]byte{nonCanonical, append(nine[:31:31], 0x80)} {
		m := g.machine(func(c *handshake.InitiatorConfig) { c.Pin = handshake.Pin{Key: static(t, minusOne).Public()} })
		challenge := r.challenge(g.from, m.Next(g.now))
		copy(challenge[43:], shown)
		g.give(m, challenge, handshake.NotPinned)
	}
}

// The bit of X25519 that is ignored is not ignored by the transcript: whoever flips
// it in flight ends the handshake.
func TestIgnoredBitIsHashed(t *testing.T) {
	g := newSuiteRig(t, 0x11)
	i := g.machine()
	p := g.complete(i)
	flipped := slices.Clone(p)
	flipped[84+31] ^= 0x80
	g.drop(g.from, flipped, handshake.BadSeal)
	answer, _, o := g.send(g.from, p)
	want(t, o, handshake.Completed)
	flipped = slices.Clone(answer)
	flipped[10+31] ^= 0x80
	g.give(i, flipped, handshake.BadSeal)
	g.give(i, answer, handshake.Completed)
}

// No way leads from a key of small order to a connection, even when the owner pins
// it: agreeing is the error.
func TestPinnedKeyOfSmallOrder(t *testing.T) {
	for _, suite := range []modelSuite{0x11, 0x21} {
		g := newSuiteRig(t, suite)
		for _, point := range smallOrder(suite) {
			k, err := key.NewAgreement(key.Curve(suite>>4), point)
			if err != nil {
				t.Fatal(err)
			}
			i := g.machine(func(c *handshake.InitiatorConfig) { c.Pin, c.Suite = handshake.Pin{Key: k}, wire.Suite(suite) })
			_, challenge := g.hello(i)
			copy(challenge[11+suite.size():], point)
			g.give(i, challenge, handshake.BadKey)
		}
	}
}
