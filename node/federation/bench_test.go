package federation

import (
	"context"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// openDoor gives every fact the same verdict.
type openDoor struct {
	scriptedDoor
	verdicts []Verdict
}

func (d *openDoor) Screen(_ context.Context, facts []*record.Fact) []Verdict {
	return append([]Verdict(nil), d.verdicts[:len(facts)]...)
}

func (d *openDoor) Merge(_ context.Context, _ key.Hash, facts []*record.Fact) []Verdict {
	return append([]Verdict(nil), d.verdicts[:len(facts)]...)
}

func allOf(v Verdict) *openDoor {
	d := &openDoor{verdicts: make([]Verdict, MaxBatch)}
	for i := range d.verdicts {
		d.verdicts[i] = v
	}
	return d
}

// BenchmarkJudge is what one gossip message costs, without libp2p and without
// the node behind the Door.
func BenchmarkJudge(b *testing.B) {
	account := newAccount()
	batch := make([]*record.Fact, 0, MaxBatch)
	for i := range cap(batch) {
		batch = append(batch, account.status(1, i))
	}
	one := appendBatch(nil, batch[:1], 1)
	for _, c := range []struct {
		name     string
		data     []byte
		verdict  Verdict
		remember bool
		want     pubsub.ValidationResult
	}{
		{"held", one, Held, true, pubsub.ValidationIgnore},
		{"fresh", one, Fresh, false, pubsub.ValidationAccept},
		{"verified", one, Fresh, true, pubsub.ValidationAccept},
		{"fresh16", appendBatch(nil, batch, 1), Fresh, false, pubsub.ValidationAccept},
		{"forged", appendBatch(nil, []*record.Fact{forge(batch[0])}, 1), Fresh, false, pubsub.ValidationReject},
		{"unreadable", one[:len(one)-1], Fresh, false, pubsub.ValidationReject},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := &Federation{door: allOf(c.verdict), links: newLinks(1, 1), outbox: newOutbox(), wakeup: make(chan struct{}, 1), rates: newRates(time.Now())}
			b.ReportAllocs()
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				if !c.remember {
					f.verified.young, f.verified.old = nil, nil
				}
				if got := f.judge(b.Context(), key.Hash{}, c.data); got != c.want {
					b.Fatalf("judged %v, want %v", got, c.want)
				}
			}
		})
	}
}
