package replay

import (
	"math/rand/v2"
	"testing"
)

// model is the window as the specification says it: a set of numbers.
type model struct {
	newest uint32
	seen   map[uint32]bool
}

func (m *model) inRange(n uint32) bool {
	return n != 0 && int64(n) >= int64(m.newest)-2047 && int64(n) <= int64(m.newest)+65535
}

func (m *model) check(n uint32) bool { return m.inRange(n) && !m.seen[n] }

func (m *model) commit(n uint32) bool {
	if !m.check(n) {
		return false
	}
	m.seen[n] = true
	m.newest = max(m.newest, n)
	return true
}

func agree(t testing.TB, w *Window, m *model, n uint32) {
	t.Helper()
	if got, want := w.InRange(n), m.inRange(n); got != want {
		t.Fatalf("newest %d: InRange(%d) = %v", m.newest, n, got)
	}
	if got, want := w.Check(n), m.check(n); got != want {
		t.Fatalf("newest %d: Check(%d) = %v", m.newest, n, got)
	}
}

// TestWindowIsTheSet runs random numbers near the newest through both.
func TestWindowIsTheSet(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		var w Window
		m := &model{seen: map[uint32]bool{}}
		for range 3000 {
			span := []int{4, 64, 200, 3000, 70000}[rnd.IntN(5)]
			n := uint32(int(m.newest) + rnd.IntN(2*span) - span)
			agree(t, &w, m, n)
			if got, want := w.Commit(n), m.commit(n); got != want {
				t.Fatalf("Commit(%d) = %v", n, got)
			}
			if w.Newest() != m.newest {
				t.Fatalf("newest %d, want %d", w.Newest(), m.newest)
			}
		}
	}
}

// "a number outside newest - 2047 to newest + 65535 (from 1; newest is 0 at
// first)"
func TestBounds(t *testing.T) {
	var w Window
	for n, want := range map[uint32]bool{0: false, 1: true, 65535: true, 65536: false, 1<<32 - 1: false} {
		if w.Check(n) != want {
			t.Errorf("empty window: Check(%d) = %v", n, !want)
		}
	}
	w.Commit(5000)
	for n, want := range map[uint32]bool{2952: false, 2953: true, 4999: true, 5000: false, 5001: true, 70535: true, 70536: false} {
		if w.Check(n) != want {
			t.Errorf("newest 5000: Check(%d) = %v", n, !want)
		}
	}
}

// The end of the space neither wraps nor opens it again.
func TestEndOfSpace(t *testing.T) {
	const last = 1<<32 - 1
	w := Window{newest: last - 10}
	if !w.Commit(last) || w.Commit(last) || w.Check(1) || w.Check(0) || !w.Check(last-1) || w.Check(last-2048) {
		t.Error("the window does not end at 2^32 - 1")
	}
}

// A packet replayed at any distance is refused, one late within 2048 is not.
func TestReplayEachNumber(t *testing.T) {
	var w Window
	for n := uint32(1); n <= 3*Size; n += 2 {
		if !w.Commit(n) {
			t.Fatalf("%d refused", n)
		}
	}
	for n := uint32(1); n <= 3*Size; n++ {
		late := n%2 == 0 && n+Size > w.Newest()
		if w.Check(n) != late && n <= w.Newest() {
			t.Errorf("Check(%d) = %v", n, !late)
		}
	}
}

// Looking changes nothing.
func TestCheckIsReadOnly(t *testing.T) {
	var w Window
	w.Commit(10)
	before := w
	for n := range uint32(70000) {
		w.Check(n)
		w.InRange(n)
	}
	if w != before {
		t.Error("Check changed the window")
	}
}

func FuzzWindow(f *testing.F) {
	f.Add([]byte{1, 2, 3, 255, 0, 128})
	f.Add([]byte{0x40, 0xff, 0x40, 0x01, 0xc0, 0xff})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var w Window
		m := &model{seen: map[uint32]bool{}}
		for _, s := range steps {
			d := int64(s & 0x3f)
			if s&0x40 != 0 {
				d <<= 10
			}
			if s&0x80 != 0 {
				d = -d
			}
			n := uint32(int64(m.newest) + d)
			agree(t, &w, m, n)
			if w.Commit(n) != m.commit(n) {
				t.Fatalf("Commit(%d)", n)
			}
		}
	})
}

func TestNoAllocation(t *testing.T) {
	var w Window
	n := uint32(0)
	if a := testing.AllocsPerRun(1000, func() { n += 3; w.Check(n); w.Commit(n) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkCommit(b *testing.B) {
	var w Window
	for n := uint32(1); b.Loop(); n++ {
		w.Commit(n)
	}
}
