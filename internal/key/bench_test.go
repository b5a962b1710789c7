package key

import (
	"crypto/ecdh"
	"testing"
)

func BenchmarkSign(b *testing.B) {
	for name, s := range map[string]Signer{"Ed25519": testDevice, "Ed448": testAccount} {
		msg := make([]byte, 300)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Sign(msg)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, s := range map[string]Signer{"Ed25519": testDevice, "Ed448": testAccount} {
		msg := make([]byte, 300)
		author, sig := s.Author(), s.Sign(msg)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !author.Verify(msg, sig) {
					b.Fatal("bad signature")
				}
			}
		})
	}
}

func BenchmarkAgree(b *testing.B) {
	for _, curve := range []Curve{X25519, X448} {
		s, peer := must(NewStatic(curve)), must(NewStatic(curve)).Public().Raw()
		b.Run(curve.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(s.Agree(peer))
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	author := testDevice.Author()
	b.ReportAllocs()
	for b.Loop() {
		author.Hash()
	}
}

// BenchmarkCurve is what the curves cost here, beside crypto/ecdh: in one run, so
// that their ratio means something on a busy machine.
func BenchmarkCurve(b *testing.B) {
	raw := repeat(9, SizeX25519)
	std, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func(){
		"X25519/public": func() { must(EphemeralFromSeed(X25519, raw)) },
		"X25519/static": func() { must(StaticFromSeed(X25519, raw)) },
		"X448/public":   func() { must(EphemeralFromSeed(X448, repeat(9, SizeX448))) },
		"X448/static":   func() { must(StaticFromSeed(X448, repeat(9, SizeX448))) },
		"ecdh/public":   func() { must(ecdh.X25519().NewPrivateKey(raw)) },
		"ecdh/agree":    func() { must(std.ECDH(std.PublicKey())) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
