package key

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// ladder448 is the function X448 of RFC 7748 section 5, in big integers and as its
// text has it: in no constant time, and nobody's optimised code.
func ladder448(scalar, u []byte) []byte {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 448), new(big.Int).Lsh(big.NewInt(1), 224))
	p.Sub(p, big.NewInt(1))
	k := bytes.Clone(scalar)
	k[0] &= 252
	k[55] |= 128
	number := func(b []byte) *big.Int {
		b = bytes.Clone(b)
		slices.Reverse(b)
		return new(big.Int).SetBytes(b)
	}
	add := func(a, b *big.Int) *big.Int { c := new(big.Int).Add(a, b); return c.Mod(c, p) }
	sub := func(a, b *big.Int) *big.Int { c := new(big.Int).Sub(a, b); return c.Mod(c, p) }
	mul := func(a, b *big.Int) *big.Int { c := new(big.Int).Mul(a, b); return c.Mod(c, p) }
	x1 := number(u)
	x1.Mod(x1, p)
	x2, z2, x3, z3 := big.NewInt(1), new(big.Int), new(big.Int).Set(x1), big.NewInt(1)
	kn, swap := number(k), uint(0)
	for t := 447; t >= 0; t-- {
		bit := kn.Bit(t)
		if swap ^= bit; swap == 1 {
			x2, x3, z2, z3 = x3, x2, z3, z2
		}
		swap = bit
		a, b, c, d := add(x2, z2), sub(x2, z2), add(x3, z3), sub(x3, z3)
		aa, bb, da, cb := mul(a, a), mul(b, b), mul(d, a), mul(c, b)
		e := sub(aa, bb)
		x3 = mul(add(da, cb), add(da, cb))
		z3 = mul(x1, mul(sub(da, cb), sub(da, cb)))
		x2 = mul(aa, bb)
		z2 = mul(e, add(aa, mul(big.NewInt(39081), e)))
	}
	if swap == 1 {
		x2, z2 = x3, z3
	}
	out := mul(x2, new(big.Int).Exp(z2, new(big.Int).Sub(p, big.NewInt(2)), p)).FillBytes(make([]byte, SizeX448))
	slices.Reverse(out)
	return out
}

// X448, of which there is one implementation here, is the function of RFC 7748: of
// random points, of those that are not reduced and of those next to zero.
func TestX448IsTheLadder(t *testing.T) {
	rnd := rand.NewChaCha8([32]byte{48})
	draw := func() []byte {
		b := make([]byte, SizeX448)
		rnd.Read(b)
		return b
	}
	prime := repeat(0xff, SizeX448)
	prime[28] = 0xfe
	five := append([]byte{5}, make([]byte, 55)...)
	peers := [][]byte{five, prime, repeat(0xff, SizeX448), repeat(0, SizeX448), draw(), draw(), draw()}
	for n := range byte(4) {
		small, large := append([]byte{n}, make([]byte, 55)...), append(make([]byte, 28), repeat(0xff, 28)...)
		large[0] = n // p + 1 + n, which is n + 1
		peers = append(peers, small, large)
	}
	for n, peer := range peers {
		raw := draw()
		s := must(EphemeralFromSeed(X448, raw))
		if n < 3 {
			same(t, raw, s.Public().Raw(), ladder448(raw, five))
		}
		want := ladder448(raw, peer)
		got, err := s.Agree(peer)
		if allZero(want) != (err != nil) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("%x with %x: %x (%v), want %x", raw, peer, got, err, want)
		}
	}
}

func same(t *testing.T, scalar, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("the public key of %x is %x, want %x", scalar, got, want)
	}
}

// RFC 7748 section 5.2: k, u = X(k, u), k again and again. A thousand times takes a
// while.
func TestIterated(t *testing.T) {
	for _, v := range []struct {
		curve          Curve
		once, thousand string
	}{
		{X25519, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"},
		{
			X448, "3f482c8a9f19b01e6c46ee9711d9dc14fd4bf67af30765c2ae2b846a4d23a8cd0db897086239492caf350b51f833868b9bc2b3bca9cf4113",
			"aa3b4749d55b9daf1e5b00288826c467274ce3ebbdd5c17b975e09d4af6c67cf10d087202db88286e2b79fceea3ec353ef54faa26e219f38",
		},
	} {
		k := make([]byte, v.curve.Size())
		k[0] = 9
		if v.curve == X448 {
			k[0] = 5
		}
		u := bytes.Clone(k)
		step := func() { k, u = must(must(EphemeralFromSeed(v.curve, k)).Agree(u)), k }
		step()
		if got := hex.EncodeToString(k); got != v.once {
			t.Errorf("%v once: %s, want %s", v.curve, got, v.once)
		}
		if os.Getenv("MESHPRESENCE_SLOW") == "" {
			continue
		}
		for range 999 {
			step()
		}
		if got := hex.EncodeToString(k); got != v.thousand {
			t.Errorf("%v a thousand times: %s, want %s", v.curve, got, v.thousand)
		}
	}
}
