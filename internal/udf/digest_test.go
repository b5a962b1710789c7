package udf

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestCompression(t *testing.T) {
	for zeros, want := range map[int]byte{0: 0, 19: 0, 20: 1, 29: 1, 30: 2, 39: 2, 40: 3, 49: 3, 50: 4, 57: 4, 512: 4} {
		digest := make([]byte, 64)
		if zeros < 512 {
			digest[63-zeros/8] = 1 << (zeros % 8)
		}
		equal(t, "zeros", trailingZeros(digest), zeros)
		equal(t, "compression", compression(digest), want)
	}
	// The SHA2 twin, in UDFDigestLong.md, of the compressed SHA3 row in testdata.
	f := Digest("text/plain", []byte("UDF Compressed Document 4187123"))
	equal(t, "text", f.String(), "MGHB-JWIZ-J3LA-EEWD-GCT3-WX6H-C5W2")
	equal(t, "type", Type(f[0]), ContentSHA2+1)
}

func TestSeed(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, 16)
	text := func(a Algorithm) string { return Full(NewSeed(a, seed)) }
	keys := map[string]string{}
	for name, c := range map[string]struct {
		algorithm Algorithm
		curve     Curve
		key       string
	}{
		"own":           {Algorithm(Ed448), Ed448, ""},
		"any":           {AnyAlgorithm, Ed448, ""},
		"profile":       {258, Ed448, ""},
		"other name":    {258, Ed448, "sign"},
		"other curve":   {258, X448, ""},
		"other use":     {259, Ed448, ""},
		"smaller curve": {259, X25519, ""},
	} {
		key, err := Derive(text(c.algorithm), c.curve, c.key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name, len(key), c.curve.privateSize())
		if other := keys[string(key)]; other != "" {
			t.Errorf("%s and %s give the same key", name, other)
		}
		keys[string(key)] = name
	}
	for _, bad := range []string{text(Algorithm(X448)), text(5), text(262), Full(NewSeed(AnyAlgorithm, nil)), "NAC6-K", ""} {
		if _, err := Derive(bad, Ed448, ""); !errors.Is(err, ErrSyntax) {
			t.Errorf("Derive(%q): %v", bad, err)
		}
	}
	if _, err := Derive(text(AnyAlgorithm), 9, ""); !errors.Is(err, ErrSyntax) {
		t.Errorf("unknown curve: %v", err)
	}
	equal(t, "String", Curve(9).String(), "unknown curve")
	equal(t, "PublicSize", Curve(9).PublicSize(), 0)
}

func TestNonce(t *testing.T) {
	text, err := Nonce(bytes.NewReader(bytes.Repeat([]byte{0xab}, 16)))
	equal(t, "error", err, nil)
	equal(t, "length", len(text), 34)
	equalBytes(t, "Parse", mustParse(t, text), append([]byte{104}, bytes.Repeat([]byte{0xab}, 16)...))
	if _, err := Nonce(strings.NewReader("short")); err == nil {
		t.Error("a nonce without randomness")
	}
	a, errA := Nonce(nil)
	b, errB := Nonce(nil)
	if a == b || errA != nil || errB != nil {
		t.Errorf("two nonces: %s %v, %s %v", a, errA, b, errB)
	}
}

func TestTypesAreChecked(t *testing.T) {
	nonce, err := Nonce(nil)
	equal(t, "error", err, nil)
	for name, f := range map[string]func() (string, error){
		"SaltedPin":  func() (string, error) { return SaltedPin(nonce, "Device") },
		"PinID":      func() (string, error) { return PinID(nonce, "a@b") },
		"EnvelopeID": func() (string, error) { return EnvelopeID(Key(X25519, make([]byte, 32)).String()) },
		"ResponseID": func() (string, error) { return ResponseID("") },
		"Locator":    func() (string, error) { return Locator(nonce) },
	} {
		if got, err := f(); !errors.Is(err, ErrSyntax) || got != "" {
			t.Errorf("%s of another type: %q, %v", name, got, err)
		}
	}
}

// A salted PIN is itself the key of a PIN identifier, at the precision of its text.
func TestSaltedPin(t *testing.T) {
	pin := Full(append([]byte{byte(Authenticator)}, bytes.Repeat([]byte{1}, 16)...))
	salted, err := SaltedPin(pin, "Device")
	equal(t, "error", err, nil)
	other, err := SaltedPin(pin, "Contact")
	equal(t, "error", err, nil)
	if salted == other || len(salted) != 34 || salted[0] != 'A' {
		t.Errorf("salted PINs %s and %s", salted, other)
	}
	if _, err := PinID(salted, "alice@example.com"); err != nil {
		t.Error(err)
	}
}

func TestKeyDoesNotAllocate(t *testing.T) {
	public := make([]byte, 57)
	var sum byte
	if n := testing.AllocsPerRun(100, func() {
		f := Key(X448, public)
		sum += f[1]
	}); n != 0 {
		t.Errorf("Key allocates %v times", n)
	}
	text := Key(X448, public).String()
	if n := testing.AllocsPerRun(100, func() {
		if !Match(text, text) {
			sum++
		}
	}); n != 0 {
		t.Errorf("Match allocates %v times", n)
	}
}

func BenchmarkKey(b *testing.B) {
	public := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		Key(X25519, public)
	}
}

func BenchmarkString(b *testing.B) {
	f := Key(X25519, make([]byte, 32))
	b.ReportAllocs()
	for b.Loop() {
		_ = f.String()
	}
}

func BenchmarkParse(b *testing.B) {
	text := Key(X25519, make([]byte, 32)).String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
