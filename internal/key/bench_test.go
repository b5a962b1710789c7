package key

import "testing"

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
