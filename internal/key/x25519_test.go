package key

import (
	"bytes"
	"crypto/ecdh"
	"math/rand/v2"
	"testing"
)

// X25519 here and in crypto/ecdh are the same function: of random keys, and of
// points that are no one's key, not reduced, or with the bit set that RFC 7748
// section 5 says to ignore.
func TestX25519IsTheStandardLibrarys(t *testing.T) {
	rnd := rand.NewChaCha8([32]byte{25})
	draw := func() []byte {
		b := make([]byte, SizeX25519)
		rnd.Read(b)
		return b
	}
	prime := repeat(0xff, SizeX25519)
	prime[0], prime[31] = 0xed, 0x7f
	peers := [][]byte{prime, repeat(0xff, SizeX25519), repeat(0, SizeX25519), repeat(0x80, SizeX25519)}
	for n := range byte(20) {
		above := bytes.Clone(prime) // p + n, which is n
		above[0] += n
		high := bytes.Clone(above)
		high[31] |= 0x80
		low := make([]byte, SizeX25519)
		low[0] = n
		peers = append(peers, above, high, low)
	}
	for range 40 {
		peers = append(peers, draw())
	}
	for _, peer := range peers {
		raw := draw()
		std, err := ecdh.X25519().NewPrivateKey(raw)
		if err != nil {
			t.Fatal(err)
		}
		s := must(StaticFromSeed(X25519, raw))
		if want := std.PublicKey().Bytes(); !bytes.Equal(s.Public().Raw(), want) {
			t.Fatalf("the public key of %x is %x, want %x", raw, s.Public().Raw(), want)
		}
		public, err := ecdh.X25519().NewPublicKey(peer)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := std.ECDH(public)
		got, err := s.Agree(peer)
		if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%x with %x: %x (%v), want %x (%v)", raw, peer, got, err, want, wantErr)
		}
	}
}

// An ephemeral is the same key, only without a name and a sign byte.
func TestEphemeral(t *testing.T) {
	for _, curve := range []Curve{X25519, X448} {
		raw := repeat(7, curve.Size())
		s, e := must(StaticFromSeed(curve, raw)), must(EphemeralFromSeed(curve, raw))
		if e.Public() != s.Public().Plain() {
			t.Errorf("%v: %x, want %x", curve, e.Public(), s.Public())
		}
		if e.String() != "[ephemeral key, redacted]" {
			t.Errorf("%v shows as %s", curve, e)
		}
		peer := must(NewStatic(curve)).Public().Raw()
		if !bytes.Equal(must(s.Agree(peer)), must(e.Agree(peer))) {
			t.Errorf("%v agrees otherwise", curve)
		}
		if _, err := EphemeralFromSeed(curve, raw[1:]); err == nil {
			t.Errorf("%v of %d bytes", curve, len(raw)-1)
		}
	}
}

// The secret of a curve is not taken for the other's.
func TestAgreeAcrossCurves(t *testing.T) {
	a, b := must(NewStatic(X25519)), must(NewStatic(X448))
	if _, err := a.Agree(b.Public().Raw()); err == nil {
		t.Error("X25519 agrees with X448")
	}
	if _, err := b.Agree(a.Public().Raw()); err == nil {
		t.Error("X448 agrees with X25519")
	}
}
