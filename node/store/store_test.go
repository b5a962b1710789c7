package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// author signs the facts of a test.
type author struct {
	device  *key.Device
	account key.Hash
}

// newAuthor makes the n-th author, the same in every run.
func newAuthor(t testing.TB, n byte) *author {
	t.Helper()
	d, err := key.DeviceFromSeed(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &author{device: d, account: key.Hash{1, 2, 3}}
}

// event signs the queued event with this sequence and a payload of size bytes, at least 1.
func (a *author) event(t testing.TB, sequence, serial int64, size int) *record.Fact {
	t.Helper()
	base := record.Base{Serial: serial, Time: wall.Time(1_700_000_000), Expires: wall.Time(1_700_100_000), Account: a.account}
	f, err := record.Sign(a.device, key.Hash{}, base, &record.Event{
		Channel: "main", Sequence: sequence, Oldest: 1, Payload: make([]byte, size),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// batchOf puts facts.
func batchOf(facts ...*record.Fact) Batch { return Batch{Put: facts} }

func openStore(t testing.TB, dir string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// contents lists the facts of a store by key.
func contents(t testing.TB, s *Store) map[record.Key]*record.Fact {
	t.Helper()
	m := map[record.Key]*record.Fact{}
	err := s.Facts(func(f *record.Fact) error {
		if m[f.Key()] != nil {
			return fmt.Errorf("two facts for the key %v", f.Key())
		}
		m[f.Key()] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCommitAndReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "store")
	a := newAuthor(t, 1)
	one, two, two2 := a.event(t, 1, 1, 100), a.event(t, 2, 2, 100), a.event(t, 2, 3, 1)

	s := openStore(t, dir)
	commit := func(b Batch) {
		t.Helper()
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	commit(Batch{Put: []*record.Fact{one, two}, Meta: map[string][]byte{"boot": []byte("7"), "gone": {1}}})
	commit(Batch{Put: []*record.Fact{two2}, Delete: []record.Key{one.Key()}, Meta: map[string][]byte{"gone": nil, "empty": {}}})
	for range 2 {
		got := contents(t, s)
		if f := got[two.Key()]; len(got) != 1 || f == nil || f.Hash() != two2.Hash() {
			t.Fatalf("got %v, want the newer of the second event alone", got)
		}
		for name, want := range map[string]string{"boot": "7", "gone": "nil", "empty": ""} {
			v, err := s.Meta(name)
			got := string(v)
			if v == nil {
				got = "nil"
			}
			if err != nil || got != want {
				t.Errorf("meta %s: got %q, %v, want %q", name, got, err, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, dir)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, %v, want 0700", info.Mode(), err)
	}
}

func TestClosed(t *testing.T) {
	s := openStore(t, t.TempDir())
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), Batch{}); !errors.Is(err, ErrClosed) {
		t.Errorf("commit after close: %v, want ErrClosed", err)
	}
	if _, err := s.Meta("boot"); !errors.Is(err, ErrClosed) {
		t.Errorf("meta after close: %v, want ErrClosed", err)
	}
}

// filled makes the store of a busy node: count facts of about 600 bytes.
func filled(b *testing.B, count int) string {
	b.Helper()
	dir := b.TempDir()
	s := openStore(b, dir)
	a := newAuthor(b, 1)
	for i := 0; i < count; i += 500 {
		var batch Batch
		for j := range 500 {
			batch.Put = append(batch.Put, a.event(b, int64(i+j+1), 1, 300))
		}
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkOpen is a start: the survey of the file, and every fact read.
func BenchmarkOpen(b *testing.B) {
	dir := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		count := 0
		err = s.Facts(func(*record.Fact) error { count++; return nil })
		if err != nil || count != 10_000 {
			b.Fatal(count, err)
		}
		s.Close()
	}
}

// BenchmarkSurvey is Open's own part of a start.
func BenchmarkSurvey(b *testing.B) {
	path := filepath.Join(filled(b, 10_000), dataName)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := surveyFile(path); err != nil {
			b.Fatal(err)
		}
	}
}
