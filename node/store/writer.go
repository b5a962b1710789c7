package store

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/ipfs/go-datastore"
)

// Limits of the writer. All are OURS.
const (
	// queueLength is how many commits may wait without a blocked caller. Past
	// it callers block: the node has one caller, tests have many.
	queueLength = 64
	// maxGroup bounds how many bytes share one Sync, so that a flood of commits
	// takes neither memory without bound nor the first caller's time.
	maxGroup = 4 << 20
	// maxBatch bounds one commit.
	maxBatch = 16 << 20
)

// request is one commit on its way to the writer.
type request struct {
	changes []change
	size    int
	done    chan error // of capacity 1: the writer never waits for a caller
}

// newRequest turns a batch into writes. It works in the caller's goroutine, so
// that encoding is not the writer's work.
func newRequest(b Batch) (*request, error) {
	r := &request{
		changes: make([]change, 0, len(b.Put)+len(b.Delete)+len(b.Meta)),
		done:    make(chan error, 1),
	}
	for _, k := range b.Delete {
		r.remove(factKey(k))
	}
	for _, f := range b.Put {
		k := factKey(f.Key())
		r.put(k, sealed(k.String(), f.Append(make([]byte, checkSize, checkSize+len(f.Raw)+256))))
	}
	for name, v := range b.Meta {
		k, err := metaKey(name)
		if err != nil {
			return nil, err
		}
		if v == nil {
			r.remove(k)
		} else {
			r.put(k, seal(k.String(), v))
		}
	}
	if r.size > maxBatch {
		return nil, fmt.Errorf("committing %d bytes at once: %w", r.size, errSize)
	}
	return r, nil
}

func (r *request) put(k datastore.Key, value []byte) {
	r.changes = append(r.changes, change{key: k, value: value})
	r.size += len(k.String()) + len(value)
}

func (r *request) remove(k datastore.Key) {
	r.changes = append(r.changes, change{key: k, gone: true})
	r.size += len(k.String())
}

// quarantine moves a damaged entry aside, as the n-th.
func (r *request) quarantine(n int, key string, value []byte) {
	if !strings.HasSuffix(key, "/") { // no key of ours, and RawKey would panic
		r.remove(datastore.RawKey(key))
	}
	if n <= maxQuarantined {
		k := quarantineKey(n)
		r.put(k, seal(k.String(), appendQuarantined(nil, key, value)))
	}
}

// do hands r to the writer and waits for its answer.
func (s *Store) do(ctx context.Context, r *request) error {
	if err := s.send(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) send(ctx context.Context, r *request) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return ErrClosed
	}
	select {
	case s.requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run is the writer: the one goroutine of an open store, started by Open and
// ended by Close. While it waits for the disk the next group gathers.
func (s *Store) run() {
	defer close(s.stopped)
	for r := range s.requests {
		group := s.gather(r)
		err := s.write(group)
		for _, r := range group {
			r.done <- err
		}
	}
}

// gather adds to first what waits behind it. Those who were just answered run
// before it looks, so that their next commit need not wait for one more Sync.
func (s *Store) gather(first *request) []*request {
	runtime.Gosched()
	group := []*request{first}
	for size := first.size; size < maxGroup; {
		select {
		case r, ok := <-s.requests:
			if !ok {
				return group
			}
			group = append(group, r)
			size += r.size
		default:
			return group
		}
	}
	return group
}

// write puts a group into one batch and syncs.
func (s *Store) write(group []*request) error {
	ctx := context.Background()
	changes := merged(group)
	if len(changes) == 0 {
		return nil
	}
	fail(beforePut)
	b, err := s.ds.Batch(ctx)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.gone {
			err = b.Delete(ctx, c.key)
		} else {
			err = b.Put(ctx, c.key, c.value)
		}
		if err != nil {
			return err
		}
	}
	if err := b.Commit(ctx); err != nil {
		return err
	}
	fail(afterPut)

	fail(beforeSync)
	if err := s.ds.Sync(ctx, datastore.NewKey("/")); err != nil {
		return err
	}
	fail(afterSync)
	return nil
}

// merged lists the changes of a group with the last one for each key.
func merged(group []*request) []change {
	place := map[datastore.Key]int{}
	var changes []change
	for _, r := range group {
		for _, c := range r.changes {
			if i, ok := place[c.key]; ok {
				changes[i] = c
				continue
			}
			place[c.key] = len(changes)
			changes = append(changes, c)
		}
	}
	return changes
}
