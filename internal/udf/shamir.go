package udf

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
)

// The form of a share, UDF-13 §4.5: the type octet, threshold and x-1 in an octet's halves, f(x).
const (
	shareHeader  = 2
	maxThreshold = 15 // bits 4 to 7
	maxShares    = 16 // bits 0 to 3 hold x-1
	maxSecret    = 64 // appendix A ends at 512 bits
	secretUnit   = 4  // a secret is a multiple of 32 bits
)

// ErrShares says that shares do not belong together or are not enough for their threshold.
var ErrShares = errors.New("not shares of one secret, or too few")

// primeOffsets is appendix A for the sizes a secret may have: 2^(32 i) + primeOffsets[i-1] is the smallest prime
// above 2^(32 i).
var primeOffsets = [maxSecret / secretUnit]int64{
	15, 13, 61, 51, 7, 133, 735, 297, 127, 27, 55, 231, 235, 211, 165, 75,
}

// modulus is the prime for a secret of size octets.
func modulus(size int) *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), uint(8*size))
	return p.Add(p, big.NewInt(primeOffsets[size/secretUnit-1]))
}

// Split divides a secret of 4 to 64 octets, a multiple of 4, into count shares (S) of which any threshold, 1 to 15
// and at most count, give it back; count is at most 16. Randomness is from random, or the system's when it is nil.
func Split(secret []byte, threshold, count int, random io.Reader) ([][]byte, error) {
	if !secretSize(len(secret)) || threshold < 1 || threshold > maxThreshold || count < threshold || count > maxShares {
		return nil, fmt.Errorf("splitting %d octets into %d shares with threshold %d: %w", len(secret), count, threshold, ErrShares)
	}
	if random == nil {
		random = rand.Reader
	}
	p := modulus(len(secret))
	polynomial := make([]*big.Int, threshold)
	polynomial[0] = new(big.Int).SetBytes(secret)
	for {
		for i := 1; i < threshold; i++ {
			a, err := rand.Int(random, p)
			if err != nil {
				return nil, fmt.Errorf("splitting a secret: %w", err)
			}
			polynomial[i] = a
		}
		if shares := evaluate(polynomial, p, len(secret), count); shares != nil {
			return shares, nil
		}
		// §4.5: a value of f above the size of the secret has no form, "such parameters MUST NOT be used".
	}
}

func secretSize(n int) bool { return 0 < n && n <= maxSecret && n%secretUnit == 0 }

// evaluate is the shares f(1) to f(count), or nil when one does not fit in size octets.
func evaluate(polynomial []*big.Int, p *big.Int, size, count int) [][]byte {
	shares := make([][]byte, count)
	for i := range shares {
		x, y := big.NewInt(int64(i+1)), new(big.Int)
		for _, a := range slices.Backward(polynomial) {
			y.Mul(y, x).Add(y, a).Mod(y, p)
		}
		if y.BitLen() > 8*size {
			return nil
		}
		share := make([]byte, shareHeader+size)
		share[0], share[1] = byte(Share), byte(len(polynomial)<<4|i)
		y.FillBytes(share[shareHeader:])
		shares[i] = share
	}
	return shares
}

// Combine is the secret that shares of Split give, by Lagrange's interpolation at 0 (UDF-13 appendix B). There must
// be at least as many, all different, as their threshold says; more are checked for agreement. It cannot tell a
// forged share from an honest one when there is none to spare.
func Combine(shares [][]byte) ([]byte, error) {
	if err := checkShares(shares); err != nil {
		return nil, err
	}
	threshold := int(shares[0][1] >> 4)
	size := len(shares[0]) - shareHeader
	p := modulus(size)
	used, spare := shares[:threshold], shares[threshold:]
	for _, share := range spare {
		if at(used, xOf(share), p).Cmp(yOf(share)) != 0 {
			return nil, fmt.Errorf("combining shares that disagree: %w", ErrShares)
		}
	}
	secret := at(used, new(big.Int), p)
	if secret.BitLen() > 8*size {
		return nil, fmt.Errorf("combining shares: %w", ErrShares)
	}
	return secret.FillBytes(make([]byte, size)), nil
}

func checkShares(shares [][]byte) error {
	seen := [maxShares]bool{}
	for _, s := range shares {
		if len(s) <= shareHeader || len(s) != len(shares[0]) || !secretSize(len(s)-shareHeader) ||
			s[0] != byte(Share) || s[1]>>4 != shares[0][1]>>4 || seen[s[1]&15] {
			return fmt.Errorf("combining shares: %w", ErrShares)
		}
		seen[s[1]&15] = true
	}
	if len(shares) == 0 || shares[0][1]>>4 == 0 || len(shares) < int(shares[0][1]>>4) {
		return fmt.Errorf("combining %d shares: %w", len(shares), ErrShares)
	}
	return nil
}

func xOf(share []byte) *big.Int { return big.NewInt(int64(share[1]&15) + 1) }
func yOf(share []byte) *big.Int { return new(big.Int).SetBytes(share[shareHeader:]) }

// at is the value at x of the polynomial through the shares.
func at(shares [][]byte, x, p *big.Int) *big.Int {
	sum := new(big.Int)
	for i, share := range shares {
		numerator, denominator := yOf(share), big.NewInt(1)
		for j, other := range shares {
			if i != j {
				numerator.Mul(numerator, new(big.Int).Sub(x, xOf(other)))
				denominator.Mul(denominator, new(big.Int).Sub(xOf(share), xOf(other)))
			}
		}
		denominator.ModInverse(denominator.Mod(denominator, p), p)
		sum.Add(sum, numerator.Mul(numerator, denominator)).Mod(sum, p)
	}
	return sum
}
