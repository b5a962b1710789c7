package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

func openDatastore(t testing.TB, path string) *Datastore {
	t.Helper()
	d, err := OpenDatastore(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// value returns what is under key, "absent" or an error.
func value(d *Datastore, key string) string {
	v, err := d.Get(context.Background(), datastore.NewKey(key))
	switch {
	case errors.Is(err, datastore.ErrNotFound):
		return "absent"
	case err != nil:
		return err.Error()
	}
	return string(v)
}

// The subset of go-datastore's own tests that a reader wants at hand: what is
// seen before and after Sync, and who owns the bytes.
func TestDatastore(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), dataName)
	d := openDatastore(t, path)
	a, b := datastore.NewKey("a"), datastore.NewKey("b")
	v := []byte("one")
	if err := errors.Join(d.Put(ctx, a, v), d.Put(ctx, b, nil)); err != nil {
		t.Fatal(err)
	}
	v[0] = 'X'
	if d.db.NoSync || d.db.NoGrowSync {
		t.Error("bbolt was told not to sync its file") // TestSyncSeen sees it where strace may look
	}
	if got := value(d, "a"); got != "one" {
		t.Errorf("before Sync: %q, want what was put", got)
	}
	if ok, err := d.Has(ctx, b); !ok || err != nil {
		t.Errorf("an empty value: %v, %v, want true", ok, err)
	}
	if err := d.Sync(ctx, a); err != nil {
		t.Fatal(err)
	}
	got, _ := d.Get(ctx, a)
	got[0] = 'X'
	if got := value(d, "a"); got != "one" {
		t.Errorf("after a reader wrote to its copy: %q", got)
	}
	if size, err := d.DiskUsage(ctx); size == 0 || err != nil {
		t.Errorf("disk usage: %d, %v", size, err)
	}
	// Close writes what waits.
	if err := errors.Join(d.Delete(ctx, a), d.Delete(ctx, datastore.NewKey("none")), d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(ctx, a, v); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
	if got := value(openDatastore(t, path), "a"); got != "absent" {
		t.Errorf("after delete, close, open: %q", got)
	}
}

func TestBatch(t *testing.T) {
	ctx := t.Context()
	d := openDatastore(t, filepath.Join(t.TempDir(), dataName))
	a, b := datastore.NewKey("a"), datastore.NewKey("b")
	batch, err := d.Batch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(batch.Put(ctx, a, []byte("1")), batch.Put(ctx, b, []byte("1")), batch.Delete(ctx, a))
	if err != nil {
		t.Fatal(err)
	}
	if got := value(d, "b"); got != "absent" {
		t.Errorf("before the batch's commit: %q", got)
	}
	if err := batch.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if got := value(d, "a") + " " + value(d, "b"); got != "absent 1" {
		t.Errorf("after commit: %s, want absent 1", got)
	}
	// One change that is refused refuses the batch.
	err = errors.Join(batch.Put(ctx, b, []byte("2")), batch.Put(ctx, a, make([]byte, maxValue+1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Commit(ctx); !errors.Is(err, errSize) {
		t.Errorf("commit of a value too large: %v", err)
	}
	if got := value(d, "b"); got != "1" {
		t.Errorf("after a refused batch: %s, want 1", got)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.Put(canceled, a, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("put with a context that ended: %v", err)
	}
}

// Somebody who never calls Sync does not fill the memory.
func TestUnsyncedIsBounded(t *testing.T) {
	d := openDatastore(t, filepath.Join(t.TempDir(), dataName))
	big := make([]byte, maxValue)
	for i := range 2 * maxUnsynced / maxValue {
		if err := d.Put(t.Context(), datastore.NewKey(fmt.Sprint(i)), big); err != nil {
			t.Fatal(err)
		}
		if d.unsynced > maxUnsynced {
			t.Fatalf("%d bytes wait for Sync", d.unsynced)
		}
	}
}

// A query goes on while what it walks is written to, page after page, and ends
// with its context.
func TestQueryWhileWriting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := openDatastore(t, filepath.Join(t.TempDir(), dataName))
	const count = 3*pageEntries + 1
	for i := range count {
		if err := d.Put(ctx, datastore.NewKey(fmt.Sprintf("/k/%05d", i)), []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(d.Put(ctx, datastore.NewKey("/kk"), nil), d.Sync(ctx, datastore.Key{})); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for e, err := range datastore.QueryIter(ctx, d, query.Query{Prefix: "/k"}) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if err := errors.Join(d.Delete(ctx, datastore.RawKey(e.Key)), d.Put(ctx, datastore.NewKey("/j"), nil)); err != nil {
			t.Fatal(err)
		}
	}
	if seen != count {
		t.Errorf("saw %d entries, want %d", seen, count)
	}
	results, err := d.Query(ctx, query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if r, ok := results.NextSync(); !ok || !errors.Is(r.Error, context.Canceled) {
		t.Errorf("a query whose context ended: %v, %v", r, ok)
	}
	if _, ok := results.NextSync(); ok {
		t.Error("a query goes on after its error")
	}
}

// A store opened twice under two names for its file is refused by bbolt's own
// lock as well, at once.
func TestDatastoreLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), dataName)
	openDatastore(t, path)
	if _, err := OpenDatastore(path); err == nil {
		t.Error("opened twice")
	}
}
