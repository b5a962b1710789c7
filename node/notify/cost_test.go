package notify

import (
	"testing"
	"unsafe"
)

func TestIdleMemory(t *testing.T) {
	size := unsafe.Sizeof(Device{}) + keepEntries*unsafe.Sizeof(entry{}) + keepFlights*unsafe.Sizeof(flight{})
	if size > 400 {
		t.Errorf("an idle device takes %d bytes", size)
	}
	s := newScript(t)
	for i := range int64(MaxQueued) {
		e := event('m', i)
		s.offer(Queued, e)
		if i < MaxInFlight {
			s.send(e)
		}
	}
	for s.d.Len() > 0 {
		s.d.Due(s.now, today, budget, &s.b)
		s.d.Sent(s.now, s.b.Serial)
		for serial := range s.d.Serial {
			s.d.Acknowledge(s.now, serial+1, nil)
		}
	}
	if cap(s.d.entries) > keepEntries || cap(s.d.flights) > keepFlights {
		t.Errorf("keeps %d entries and %d flights after a burst", cap(s.d.entries), cap(s.d.flights))
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	cycle := steady()
	cycle()
	if n := testing.AllocsPerRun(100, cycle); n != 0 {
		t.Errorf("telling one status allocates %v times", n)
	}
	var d Device
	var b Batch
	if n := testing.AllocsPerRun(100, func() {
		d.Due(start, today, budget, &b)
		d.Deadline()
		d.WantsMore()
	}); n != 0 {
		t.Errorf("an idle device allocates %v times", n)
	}
}

// steady gives a function that delivers one status.
func steady() func() {
	var d Device
	var b Batch
	item := status('a', 1)
	delivered := make([]*Item, 0, 4)
	return func() {
		d.Offer(start, item)
		d.Due(start, today, budget, &b)
		d.Sent(start, b.Serial)
		delivered = d.Acknowledge(start, b.Serial, delivered[:0])
	}
}

func BenchmarkOneStatus(b *testing.B) {
	b.ReportAllocs()
	for cycle := steady(); b.Loop(); {
		cycle()
	}
}

func BenchmarkSupersede(b *testing.B) {
	b.ReportAllocs()
	var d Device
	item := *status('a', 1)
	d.Offer(start, status('a', 0))
	for b.Loop() {
		item.Serial++
		d.Offer(start, &item)
	}
}

func BenchmarkFullQueue(b *testing.B) {
	b.ReportAllocs()
	var d Device
	var batch Batch
	var items []*Item
	for i := range int64(MaxQueued) {
		items = append(items, event('m', i))
	}
	delivered := make([]*Item, 0, MaxQueued)
	for b.Loop() {
		for _, item := range items {
			d.Offer(start, item)
		}
		d.Due(start, today, budget, &batch)
		d.Sent(start, batch.Serial)
		delivered = d.Acknowledge(start, batch.Serial, delivered[:0])
	}
}

func BenchmarkIdleDue(b *testing.B) {
	b.ReportAllocs()
	var d Device
	var batch Batch
	for b.Loop() {
		d.Due(start, today, budget, &batch)
	}
}
