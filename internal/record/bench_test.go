package record

import (
	"testing"

	"meshpresence/internal/key"
)

// benchFact is a sealed event of a size that people post.
func benchFact(b *testing.B) *Fact {
	payload := (&Payload{Data: make([]byte, 100)}).Append(nil)
	sealed := must(SealEvent(epoch2.Public(), hashOf(alice), hashOf(phone), 3, "main", payload))
	return must(Sign(phone, key.Hash{}, baseFor(KindEvent), &Event{Channel: "main", Sequence: 3, Oldest: 1, Epoch: epoch2.Public(), Payload: sealed}))
}

func BenchmarkSign(b *testing.B) {
	f := benchFact(b)
	b.ReportAllocs()
	for b.Loop() {
		must(Sign(phone, key.Hash{}, f.Base, f.Body))
	}
}

func BenchmarkParse(b *testing.B) {
	in := benchFact(b).Append(nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		must(Parse(in))
	}
}

func BenchmarkVerify(b *testing.B) {
	f := benchFact(b)
	b.ReportAllocs()
	for b.Loop() {
		if f.Verify() != nil {
			b.Fatal("bad signature")
		}
	}
}

func BenchmarkSealEvent(b *testing.B) {
	payload := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		must(SealEvent(epoch2.Public(), hashOf(alice), hashOf(phone), 3, "main", payload))
	}
}

func BenchmarkOpenEvent(b *testing.B) {
	f := benchFact(b)
	b.ReportAllocs()
	for b.Loop() {
		must(epoch2.OpenEvent(f))
	}
}

func BenchmarkAppend(b *testing.B) {
	f := benchFact(b)
	buf := make([]byte, 0, MaxFact)
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0])
	}
}
