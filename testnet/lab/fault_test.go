package lab

import (
	"slices"
	"testing"
	"time"
)

// draws is what a lot does to n packets, a millisecond apart.
func draws(seed uint64, f Fault, n, size int) (list [][]time.Duration) {
	l := newLot(seed, "test")
	l.fault = f
	for i := range n {
		list = append(list, l.draw(time.Duration(i)*time.Millisecond, size).due)
	}
	return list
}

// "Same seed = same bytes."
func TestSameSeedSameFaults(t *testing.T) {
	f := Fault{Loss: 0.3, Burst: 3, Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond, Reorder: 0.25, Double: 0.1}
	same := func(a, b [][]time.Duration) bool {
		return slices.EqualFunc(a, b, func(x, y []time.Duration) bool { return slices.Equal(x, y) })
	}
	if !same(draws(1, f, 500, 100), draws(1, f, 500, 100)) {
		t.Error("one seed makes two courses of faults")
	}
	if same(draws(1, f, 500, 100), draws(2, f, 500, 100)) {
		t.Error("two seeds make one course of faults")
	}
}

func TestLossInBursts(t *testing.T) {
	for _, f := range []Fault{{Loss: 0.3}, {Loss: 0.3, Burst: 3}, {Loss: 0.05, Burst: 5}} {
		const n = 50_000
		lost, runs, before := 0, 0, false
		for _, d := range draws(7, f, n, 100) {
			gone := len(d) == 0
			if gone {
				lost++
				if !before {
					runs++
				}
			}
			before = gone
		}
		share, burst := float64(lost)/n, float64(lost)/float64(runs)
		if share < f.Loss*0.9 || share > f.Loss*1.1 {
			t.Errorf("%+v loses %.3f", f, share)
		}
		if want := max(f.Burst, 1/(1-f.Loss)); f.Burst > 0 && (burst < want*0.9 || burst > want*1.1) {
			t.Errorf("%+v loses in runs of %.2f", f, burst)
		}
	}
}

func TestVanishing(t *testing.T) {
	for size, copies := range map[int]int{575: 1, 576: 1, 577: 0, 1500: 0} {
		if got := draws(1, Fault{MTU: 576}, 1, size)[0]; len(got) != copies {
			t.Errorf("%d bytes: %d copies, want %d", size, len(got), copies)
		}
	}
}

// Jitter changes when packets come, reordering alone their order.
func TestOrder(t *testing.T) {
	jitter := draws(3, Fault{Delay: 10 * time.Millisecond, Jitter: 50 * time.Millisecond}, 1000, 100)
	if !slices.IsSortedFunc(jitter, func(a, b []time.Duration) int { return int(a[0] - b[0]) }) {
		t.Error("jitter reorders")
	}
	late, doubled := 0, 0
	for i, d := range draws(3, Fault{Reorder: 0.25, Double: 0.1}, 4000, 100) {
		if d[0] > time.Duration(i)*time.Millisecond {
			late++
		}
		doubled += len(d) - 1
	}
	if late < 900 || late > 1100 || doubled < 320 || doubled > 480 {
		t.Errorf("of 4000 packets %d came late and %d twice, want about 1000 and 400", late, doubled)
	}
}

// A leg holds so much and no more, and delivers what is due in order.
func TestLegIsBounded(t *testing.T) {
	got := make(chan byte, 2*maxHeld)
	l := newLeg(1, "test", func(b []byte) { got <- b[0] })
	defer l.close()
	l.set(Fault{Delay: time.Hour})
	for range maxHeld + 10 {
		l.send([]byte{1})
	}
	if l.losses() != 10 {
		t.Errorf("%d of 10 packets too many are lost", l.losses())
	}
	l.mu.Lock()
	if last := l.held[len(l.held)-1]; last.at > time.Since(l.start)+maxWait {
		t.Errorf("a packet is to wait for %v", last.at)
	}
	l.held, l.bytes = nil, 0
	l.lot.last = 0
	l.mu.Unlock()
	l.set(Fault{})
	l.send([]byte{2})
	if b := <-got; b != 2 {
		t.Errorf("%d came, want 2", b)
	}
}
