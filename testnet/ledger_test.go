package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meshpresence/node/client"
)

// book is a ledger and the devices that it speaks of.
type book struct {
	*ledger
	laptop, tablet, witness *device
	shown                   []delivery
}

func newBook(fail string) *book {
	b := new(book)
	b.ledger = newLedger(fail, func(d delivery) { b.shown = append(b.shown, d) })
	n := new(testnet)
	b.laptop = &device{name: "laptop", net: n}
	b.tablet = &device{name: "tablet", net: n}
	b.witness = &device{name: "witness", net: n}
	return b
}

// post expects an event at laptop and tablet.
func (b *book) post(hash string) {
	b.posting("data "+hash, sent{at: time.Unix(0, 0), publisher: "phone", from: "A"})
	b.expect(hash, b.laptop, b.tablet)
}

// came has devices see an event.
func (b *book) came(hash string, devices ...*device) {
	for _, d := range devices {
		b.saw(d, client.Event{Hash: hash, Data: []byte("data " + hash), Channel: "main", Sequence: 1}, time.Unix(0, int64(time.Millisecond)))
	}
}

// status is came for an event with a label.
func (b *book) status(hash string, devices ...*device) {
	for _, d := range devices {
		b.saw(d, client.Event{Hash: hash, Data: []byte("data " + hash), Label: "store", Serial: 7}, time.Unix(0, int64(time.Millisecond)))
	}
}

func TestLedger(t *testing.T) {
	for _, test := range []struct {
		name string
		fail string
		play func(*book)
		want string
		good bool
	}{
		{"nothing wanted", "", func(b *book) {}, "deliveries 0/0 duplicates 0 strays 0", false},
		{"all came", "", func(b *book) {
			b.post("x")
			b.post("y")
			b.came("x", b.laptop, b.tablet)
			b.came("y", b.tablet, b.laptop)
		}, "deliveries 4/4 duplicates 0 strays 0", true},
		{"one is missing", "", func(b *book) {
			b.post("x")
			b.came("x", b.laptop)
		}, "deliveries 1/2 duplicates 0 strays 0", false},
		{"one came twice", "", func(b *book) {
			b.post("x")
			b.came("x", b.laptop, b.tablet, b.laptop)
		}, "deliveries 2/2 duplicates 1 strays 0", false},
		{"one came to a witness", "", func(b *book) {
			b.post("x")
			b.came("x", b.laptop, b.tablet, b.witness)
		}, "deliveries 2/2 duplicates 0 strays 1", false},
		{"one came that nobody posted", "", func(b *book) {
			b.post("x")
			b.came("x", b.laptop, b.tablet)
			b.came("forged", b.laptop, b.laptop)
		}, "deliveries 2/2 duplicates 0 strays 2", false},
		{"it came before its receipt", "", func(b *book) {
			b.came("x", b.laptop, b.tablet)
			b.post("x")
		}, "deliveries 2/2 duplicates 0 strays 0", true},
		{"a replaced status was missed", "", func(b *book) {
			b.post("old")
			b.mayMiss("old", b.laptop, b.tablet)
			b.post("new")
			b.status("new", b.laptop, b.tablet)
		}, "deliveries 2/2 duplicates 0 strays 0", true},
		{"a replaced status was seen", "", func(b *book) {
			b.post("old")
			b.status("old", b.laptop)
			b.mayMiss("old", b.laptop, b.tablet)
			b.post("new")
			b.status("new", b.laptop, b.tablet)
		}, "deliveries 2/2 duplicates 0 strays 0", true},
		{"a replaced status came twice", "", func(b *book) {
			b.post("old")
			b.status("old", b.laptop, b.laptop)
			b.mayMiss("old", b.laptop, b.tablet)
			b.post("new")
			b.status("new", b.laptop, b.tablet)
		}, "deliveries 2/2 duplicates 1 strays 0", false},
		{"a replaced status came to a witness", "", func(b *book) {
			b.post("old")
			b.mayMiss("old", b.laptop, b.tablet)
			b.status("old", b.witness)
			b.post("new")
			b.status("new", b.laptop, b.tablet)
		}, "deliveries 2/2 duplicates 0 strays 1", false},
		{"-fail lose", failLose, func(b *book) {
			b.post("x")
			b.post("y")
			b.came("x", b.laptop, b.tablet)
			b.came("y", b.laptop, b.tablet)
		}, "deliveries 3/4 duplicates 0 strays 0", false},
		{"-fail repeat", failRepeat, func(b *book) {
			b.post("x")
			b.post("y")
			b.came("x", b.laptop, b.tablet)
			b.came("y", b.laptop, b.tablet)
		}, "deliveries 4/4 duplicates 1 strays 0", false},
		{"-fail lose spares statuses, which may be missed", failLose, func(b *book) {
			b.post("x")
			b.status("x", b.laptop, b.tablet)
		}, "deliveries 2/2 duplicates 0 strays 0", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBook(test.fail)
			test.play(b)
			s := b.sum()
			if line := s.String(); !strings.HasPrefix(line, test.want+" p50 ") {
				t.Errorf("%q, want %q", line, test.want)
			}
			if s.good() != test.good {
				t.Errorf("good is %v, want %v", s.good(), test.good)
			}
		})
	}
}

// What is shown says who, where and how late.
func TestLedgerShowsDeliveries(t *testing.T) {
	b := newBook("")
	b.post("x")
	b.came("x", b.laptop)
	b.came("unknown", b.tablet)
	b.post("s")
	b.status("s", b.tablet)
	want := []delivery{
		{Publisher: "phone", From: "A", Device: "laptop", At: "-", Channel: "main", Sequence: 1, Latency: time.Millisecond},
		{Publisher: "phone", From: "A", Device: "tablet", At: "-", Label: "store", Sequence: 7, Latency: time.Millisecond},
	}
	if !slices.Equal(b.shown, want) {
		t.Errorf("shown %+v, want %+v", b.shown, want)
	}
}

// complete returns as soon as the last delivery came, and not before.
func TestLedgerCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook("")
		b.post("x")
		done := make(chan bool, 1)
		go func() { done <- b.complete(t.Context()) }()
		synctest.Wait()
		b.came("x", b.laptop)
		synctest.Wait()
		if len(done) > 0 {
			t.Fatal("complete while one delivery is missing")
		}
		b.came("x", b.tablet)
		if !<-done {
			t.Error("not complete although all came")
		}
		b.post("y")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if b.complete(ctx) {
			t.Error("complete although nothing came")
		}
	})
}

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for i := range 100 {
		list = append(list, time.Duration(100-i))
	}
	for p, want := range map[int]time.Duration{1: 1, 50: 50, 99: 99, 100: 100} {
		if got := percentile(list, p); got != want {
			t.Errorf("percentile %d of 1 to 100 is %d", p, got)
		}
	}
	if percentile(nil, 50) != 0 || percentile([]time.Duration{7}, 1) != 7 || percentile([]time.Duration{1, 2}, 50) != 1 {
		t.Error("percentile of few")
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1500: "2µs", 1234567: "1.2ms", 2345678901: "2.35s",
	} {
		if got := short(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}
