package udf

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func parseAll(t testing.TB, texts []string) (all [][]byte) {
	t.Helper()
	for _, s := range texts {
		all = append(all, mustParse(t, s))
	}
	return all
}

// checkAnyOf combines every subset that is large enough, and wants the secret from each; smaller ones are refused.
func checkAnyOf(t *testing.T, shares [][]byte, threshold int, secret []byte) {
	t.Helper()
	for set := range 1 << len(shares) {
		var some [][]byte
		for i, s := range shares {
			if set>>i&1 == 1 {
				some = append(some, s)
			}
		}
		got, err := Combine(some)
		if len(some) < threshold {
			if err == nil {
				t.Errorf("%d shares were enough for threshold %d", len(some), threshold)
			}
			continue
		}
		if err != nil {
			t.Fatalf("set %b: %v", set, err)
		}
		equalBytes(t, "secret", got, secret)
	}
}

// UDF-13 §4.5.2, three of five.
func TestDraftShares(t *testing.T) {
	r := load[draftRows](t, "testdata/draft.json").Shamir
	polynomial := []*big.Int{new(big.Int).SetBytes(r.Secret)}
	for _, n := range r.Coefficients {
		a, ok := new(big.Int).SetString(n.String(), 10)
		if !ok {
			t.Fatal(n)
		}
		polynomial = append(polynomial, a)
	}
	shares := evaluate(polynomial, modulus(len(r.Secret)), len(r.Secret), len(r.Shares))
	for i, s := range shares {
		equalBytes(t, "share", s[1:], r.SharesHex[i])
		equal(t, "text", Full(s), r.Shares[i])
	}
	checkAnyOf(t, parseAll(t, r.Shares), r.Threshold, r.Secret)
}

// UDF-13 §1.1.1 prints the key without a type octet.
func TestDraftSharesTwoOfThree(t *testing.T) {
	r := load[draftRows](t, "testdata/draft.json").Shares2of3
	checkAnyOf(t, parseAll(t, r.Shares), 2, mustParse(t, r.Key))
}

// "the smallest prime that is greater than 2^n where n is an integer multiple of 32", UDF-13 §4.5.
func TestModulus(t *testing.T) {
	for i, offset := range primeOffsets {
		size := secretUnit * (i + 1)
		p := modulus(size)
		if !p.ProbablyPrime(20) {
			t.Errorf("2^%d+%d is not prime", 8*size, offset)
		}
		for smaller := int64(1); smaller < offset; smaller += 2 {
			q := new(big.Int).Sub(p, big.NewInt(offset-smaller))
			if q.ProbablyPrime(0) {
				t.Errorf("2^%d+%d is a smaller prime", 8*size, smaller)
			}
		}
	}
}

func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := secretUnit * rapid.IntRange(1, maxSecret/secretUnit).Draw(t, "words")
		secret := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "secret")
		threshold := rapid.IntRange(1, maxThreshold).Draw(t, "threshold")
		count := rapid.IntRange(threshold, maxShares).Draw(t, "count")
		shares, err := Split(secret, threshold, count, nil)
		if err != nil {
			t.Fatal(err)
		}
		rand.Shuffle(count, func(i, j int) { shares[i], shares[j] = shares[j], shares[i] })
		got, err := Combine(shares[:rapid.IntRange(threshold, count).Draw(t, "used")])
		if err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("got %x, %v", got, err)
		}
	})
}

func TestSplitRefuses(t *testing.T) {
	for _, c := range []struct{ size, threshold, count int }{
		{0, 1, 1}, {3, 1, 1}, {68, 1, 1}, {16, 0, 1}, {16, 3, 2}, {16, 16, 16}, {16, 2, 17},
	} {
		if _, err := Split(make([]byte, c.size), c.threshold, c.count, nil); err == nil {
			t.Errorf("%+v was split", c)
		}
	}
	if _, err := Split(make([]byte, 16), 2, 2, bytes.NewReader(nil)); err == nil {
		t.Error("split without randomness")
	}
}

// §4.5: a value of f above 2^n has no form; "such parameters MUST NOT be used".
func TestSplitDrawsAgain(t *testing.T) {
	const size = 16
	p := modulus(size)
	// f(1) = secret + a is 2^128 for this a, which only the modulus' own excess allows.
	secret := bytes.Repeat([]byte{0xff}, size)
	tooLarge := make([]byte, size+1)
	tooLarge[size] = 1
	next := make([]byte, size+1)
	next[size] = 77
	shares, err := Split(secret, 2, 2, bytes.NewReader(append(tooLarge, next...)))
	if err != nil {
		t.Fatal(err)
	}
	want := new(big.Int).SetBytes(secret)
	want.Add(want, big.NewInt(77)).Mod(want, p)
	equal(t, "f(1) from the second draw", yOf(shares[0]).Cmp(want), 0)
}

func TestCombineRefuses(t *testing.T) {
	shares, err := Split(make([]byte, 16), 2, 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte {
		s := bytes.Clone(shares[0])
		s[at] = to
		return s
	}
	for name, set := range map[string][][]byte{
		"none":              nil,
		"one":               {shares[0]},
		"the same twice":    {shares[0], shares[0]},
		"another threshold": {shares[0], change(1, 0x31)},
		"threshold zero":    {change(1, 0x00)},
		"another type":      {shares[1], change(0, 1)},
		"another size":      {shares[0], shares[1][:14]},
		"no value":          {shares[0][:2], shares[1][:2]},
		"a forged spare":    {shares[1], shares[2], change(17, shares[0][17]+1)},
	} {
		if _, err := Combine(set); err == nil {
			t.Errorf("%s: combined", name)
		}
	}
}
