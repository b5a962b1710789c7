package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-datastore"

	"meshpresence/internal/record"
)

// slow counts Syncs and makes each take as long as delay says.
type slow struct {
	datastore.Batching
	delay func()
	syncs atomic.Int64
}

func (s *slow) Sync(ctx context.Context, k datastore.Key) error {
	s.syncs.Add(1)
	s.delay()
	return s.Batching.Sync(ctx, k)
}

// syncsPerCommit is how often bbolt syncs the file for one transaction: after
// the pages, after the meta page. TestSyncSeen counts them.
const syncsPerCommit = 2

// wrapSlow gives the option that slows a store down, and its counter.
func wrapSlow(delay func()) (Option, *slow) {
	s := &slow{delay: delay}
	return Wrap(func(ds datastore.Batching) datastore.Batching {
		s.Batching = ds
		return s
	}), s
}

// 64 publishers and a sync of 5 ms: at least 1,000 acknowledged a second, at
// most one sync for 4 commits. The clock is the bubble's, so that the disk under
// this test does not count.
func TestCommitsShareSyncs(t *testing.T) {
	const publishers, each = 64, 20
	dir := t.TempDir()
	a := newAuthor(t, 1)
	facts := make([]*record.Fact, publishers*each)
	for i := range facts {
		facts[i] = a.event(t, int64(i+1), 1, 100)
	}
	synctest.Test(t, func(t *testing.T) {
		option, disk := wrapSlow(func() { time.Sleep(syncsPerCommit * 5 * time.Millisecond) })
		s := openStore(t, dir, option)
		start := time.Now()
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				for i := range each {
					if err := s.Commit(t.Context(), Batch{Put: facts[p*each+i : p*each+i+1]}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		took := time.Since(start)
		syncs := syncsPerCommit * disk.syncs.Load()
		rate := float64(len(facts)) / took.Seconds()
		t.Logf("%d commits, %d syncs of the file, %.0f acknowledged a second of the bubble's time", len(facts), syncs, rate)
		if int(syncs)*4 > len(facts) {
			t.Errorf("%d syncs for %d commits, want at most one for 4", syncs, len(facts))
		}
		if rate < 1000 {
			t.Errorf("%.0f acknowledged a second, want 1,000", rate)
		}
		if got := len(contents(t, s)); got != len(facts) {
			t.Errorf("%d facts, want %d", got, len(facts))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// commitOnce commits one fact between two lines of output.
func commitOnce(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	d, err := crashKey()
	if err != nil {
		return err
	}
	b, err := crashBatch(d, 0, 1)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "begin")
	if err := s.Commit(context.Background(), b); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "acknowledged")
	return s.Close()
}

// TestSyncSeen watches the system calls of a commit: its pages, a sync, the meta
// page, a sync, and only then the acknowledgement.
func TestSyncSeen(t *testing.T) {
	t.Parallel()
	needStrace(t)
	dir := t.TempDir()
	openStore(t, dir).Close()
	trace := filepath.Join(t.TempDir(), "trace")
	c := child(t, "once", dir, "strace", "-f", "-qq", "-o", trace, "-e", "trace=pwrite64,fdatasync,fsync,write", "-e", "signal=none")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), `"begin\n"`)
	during, _, ok := strings.Cut(rest, `"acknowledged\n"`)
	if !ok {
		t.Fatalf("the trace does not show the two lines:\n%s", text)
	}
	var calls []string
	for line := range strings.Lines(during) {
		for _, call := range []string{"pwrite64(", "fdatasync(", "fsync("} {
			if strings.Contains(line, call) && (len(calls) == 0 || call != "pwrite64(" || calls[len(calls)-1] != call) {
				calls = append(calls, call)
			}
		}
	}
	if got := strings.Join(calls, " "); got != "pwrite64( fdatasync( pwrite64( fdatasync(" {
		t.Errorf("a commit did %s, want pages, sync, meta page, sync", got)
	}
}

// faulty fails Syncs as fail says, before the backend sees them.
type faulty struct {
	datastore.Batching
	fail func() error
}

func (f *faulty) Sync(ctx context.Context, k datastore.Key) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Batching.Sync(ctx, k)
}

// "EIO 10 % by wrapped datastore: no ack without Sync" (assurance.md, P4).
func TestFailingSync(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(5, 6))
	s := openStore(t, dir, Wrap(func(ds datastore.Batching) datastore.Batching {
		return &faulty{ds, func() error {
			if rng.IntN(10) == 0 {
				return syscall.EIO
			}
			return nil
		}}
	}))
	a := newAuthor(t, 1)
	acknowledged := map[record.Key]*record.Fact{}
	failed := 0
	for i := range 60 {
		f := a.event(t, int64(i+1), 1, 10)
		switch err := s.Commit(t.Context(), Batch{Put: []*record.Fact{f}}); {
		case err == nil:
			acknowledged[f.Key()] = f
		case errors.Is(err, syscall.EIO):
			failed++
		default:
			t.Fatal(err)
		}
	}
	if failed == 0 {
		t.Fatal("no Sync failed")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := contents(t, openStore(t, dir))
	for k, f := range acknowledged {
		if got[k] == nil || got[k].Hash() != f.Hash() {
			t.Errorf("acknowledged and gone: %v", k)
		}
	}
}

// A full disk is ErrFull, and what comes after there is room again is kept.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	full := true
	s := openStore(t, dir, Wrap(func(ds datastore.Batching) datastore.Batching {
		return &faulty{ds, func() error {
			if full {
				return wrapFull(fmt.Errorf("write %s: %w", dataName, fullErrors[0]))
			}
			return nil
		}}
	}))
	f := newAuthor(t, 1).event(t, 1, 1, 10)
	if err := s.Commit(t.Context(), Batch{Put: []*record.Fact{f}}); !errors.Is(err, ErrFull) {
		t.Fatalf("commit to a full disk: %v, want ErrFull", err)
	}
	full = false
	if err := s.Commit(t.Context(), Batch{Put: []*record.Fact{f}}); err != nil {
		t.Fatal(err)
	}
}

// A caller that gives up gets its context's error; the writer goes on.
func TestCommitGivesUp(t *testing.T) {
	dir := t.TempDir()
	f := newAuthor(t, 1).event(t, 1, 1, 10)
	synctest.Test(t, func(t *testing.T) {
		option, _ := wrapSlow(func() { time.Sleep(time.Minute) })
		s := openStore(t, dir, option)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Commit(ctx, Batch{Put: []*record.Fact{f}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("commit: %v, want its deadline", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if got := len(contents(t, openStore(t, dir))); got != 1 {
		t.Errorf("%d facts, want the one that the writer went on with", got)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, sync := range []time.Duration{0, 5 * time.Millisecond} {
		for _, publishers := range []int{1, 64} {
			name := fmt.Sprintf("publishers=%d/sync=+%v", publishers, sync)
			b.Run(name, func(b *testing.B) { benchmarkCommit(b, publishers, sync) })
		}
	}
}

func benchmarkCommit(b *testing.B, publishers int, delay time.Duration) {
	option, disk := wrapSlow(func() {
		if delay > 0 {
			<-time.After(syncsPerCommit * delay)
		}
	})
	s := openStore(b, b.TempDir(), option)
	a := newAuthor(b, 1)
	facts := make([]*record.Fact, 1000)
	for i := range facts {
		facts[i] = a.event(b, int64(i+1), 1, 300)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				f := facts[n%int64(len(facts))]
				if err := s.Commit(b.Context(), Batch{Put: []*record.Fact{f}, Meta: map[string][]byte{"n": strconv.AppendInt(nil, n, 10)}}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acks/s")
	b.ReportMetric(float64(syncsPerCommit*disk.syncs.Load())/float64(b.N), "syncs/ack")
}
