package store

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"meshpresence/internal/record"
)

// idle loads every fact, as a node does, and prints its resident memory.
func idle(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	all := map[record.Key]*record.Fact{}
	err = s.Facts(func(f *record.Fact) error {
		all[f.Key()] = f
		return nil
	})
	if err != nil {
		return err
	}
	runtime.GC()
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	defer status.Close()
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		if rss, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			fmt.Println(len(all), strings.Fields(rss)[0])
		}
	}
	return s.Close()
}

// A process with 10,000 facts idles within 96 MiB. The final check is on
// presenced; this one says what the store's part is.
func TestIdleMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("resident memory is read from /proc")
	}
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	const count, limit = 10_000, 96 << 10 // facts, KiB
	dir := t.TempDir()
	s := openStore(t, dir)
	a := newAuthor(t, 1)
	for i := 0; i < count; i += 1000 {
		var b Batch
		for j := range 1000 {
			b.Put = append(b.Put, a.event(t, int64(i+j+1), 1, 350))
		}
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	one := len(a.event(t, 1, 1, 350).Append(nil))
	s.Close()
	c := child(t, "idle", dir)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var facts, rss int
	if _, err := fmt.Sscan(string(out), &facts, &rss); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d facts of %d bytes: resident %d KiB", facts, one, rss)
	if facts != count || rss > limit {
		t.Errorf("%d facts, %d KiB, want %d and at most %d", facts, rss, count, limit)
	}
}
