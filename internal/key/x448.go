package key

import (
	"github.com/cloudflare/circl/dh/x448"
	"github.com/cloudflare/circl/ecc/goldilocks"
	"github.com/cloudflare/circl/math/fp448"
)

// signOdd is the sign byte of an X448 public key whose v is odd (reference.md
// 6.8); it is zero when v is even.
const signOdd = 0x80

// signX448 returns the sign byte of a scalar's public key. The Montgomery ladder
// gives u only; the parity of v comes from the same multiple of the Edwards base
// point, carried over by the 4-isogeny of RFC 7748 section 4.2, which maps base
// point to base point: v = (2 - x^2 - y^2) y / x^3 of the clamped scalar's multiple
// (x, y), and signOdd when v is odd.
func signX448(scalar *x448.Key) []byte {
	clamped := *scalar
	clamped[0] &= 252
	clamped[SizeX448-1] |= 128

	var k goldilocks.Scalar
	k.FromBytes(clamped[:])
	x, y := goldilocks.Curve{}.ScalarBaseMult(&k).ToAffine()

	var v, squares, denominator fp448.Elt
	fp448.Sqr(&denominator, &x)
	fp448.Sqr(&squares, &y)
	fp448.Add(&squares, &squares, &denominator)
	v = fp448.Elt{2}
	fp448.Sub(&v, &v, &squares)
	fp448.Mul(&v, &v, &y)
	fp448.Mul(&denominator, &denominator, &x)
	fp448.Inv(&denominator, &denominator)
	fp448.Mul(&v, &v, &denominator)
	fp448.Modp(&v)
	return []byte{(v[0] & 1) * signOdd}
}
