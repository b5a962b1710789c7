package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"meshpresence/internal/record"
)

// Store is an open state directory. Its methods are safe for concurrent use.
type Store struct {
	dir  string
	lock *os.File
	ds   datastore.Batching

	gate     sync.RWMutex // held for reading while sending to requests
	closed   bool         // guarded by gate
	requests chan *request
	stopped  chan struct{} // closed when the writer has ended

	redeeming sync.Mutex // one ticket at a time

	damage      Damage
	quarantined atomic.Int64
}

// Batch is what one Commit writes, all or nothing. Deletes come before Puts.
type Batch struct {
	Put    []*record.Fact
	Delete []record.Key
	// Meta values replace those of the same name; nil removes. Names are 1 to
	// 64 of a-z, 0-9 and -.
	Meta map[string][]byte
}

// Damage says what Open found and put right. Whatever is missing comes back
// from peers and devices, who have it and compare.
type Damage struct {
	// Entries whose checksum was wrong: they were set aside.
	Entries int
	// Pages that did not fit into the file's tree: what they held is gone.
	Pages int
	// FellBack: one of the two records of the file's newest state was damaged,
	// so the last commit before the damage may be missing.
	FellBack bool
}

// Option changes how Open works. None is needed.
type Option func(*options)

type options struct {
	wrap    func(datastore.Batching) datastore.Batching
	version int
	migrate map[int]migration
}

// Wrap puts a layer between the store and its backend. It is how faults are
// injected: a slow Sync, a failing one.
func Wrap(layer func(datastore.Batching) datastore.Batching) Option {
	return func(o *options) { o.wrap = layer }
}

// Damage returns what Open found.
func (s *Store) Damage() Damage { return s.damage }

// Quarantined returns how many damaged entries are kept aside, those of earlier
// starts included. None of them is served.
func (s *Store) Quarantined() int { return int(s.quarantined.Load()) }

// Commit writes b. When it returns nil, b is on the disk, whole, and stays
// there through kill -9 and a power cut. Calls that wait at the same time share
// one Sync. ErrFull: there was no room, nothing was written, later calls may
// succeed. After any other error, and when ctx ends first, b may be there,
// whole, or not: repeating it is harmless. It blocks while the disk does.
func (s *Store) Commit(ctx context.Context, b Batch) error {
	r, err := newRequest(b)
	if err != nil {
		return err
	}
	if err := s.do(ctx, r); err != nil {
		return fmt.Errorf("committing %d facts to the store: %w", len(b.Put), err)
	}
	return nil
}

// Facts calls f with every fact, in no promised order, and stops at its first
// error, which it returns. Signatures are not checked: each was on its way in.
// A fact that cannot be read is set aside and counted.
func (s *Store) Facts(f func(*record.Fact) error) error {
	ctx := context.Background()
	r := &request{done: make(chan error, 1)}
	for e, err := range datastore.QueryIter(ctx, s.ds, query.Query{Prefix: factPrefix}) {
		if err != nil {
			return fmt.Errorf("reading facts: %w", err)
		}
		fact, err := parseFact(e.Key, e.Value)
		if err != nil {
			r.quarantine(int(s.quarantined.Add(1)), e.Key, e.Value)
			continue
		}
		if err := f(fact); err != nil {
			return err
		}
	}
	if len(r.changes) == 0 {
		return nil
	}
	if err := s.do(ctx, r); err != nil {
		return fmt.Errorf("setting damaged facts aside: %w", err)
	}
	return nil
}

// Meta returns the value called name, nil when there is none or it was damaged.
func (s *Store) Meta(name string) ([]byte, error) {
	k, err := metaKey(name)
	if err != nil {
		return nil, err
	}
	v, err := s.ds.Get(context.Background(), k)
	if errors.Is(err, datastore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading meta value %s: %w", name, err)
	}
	p, err := open(k.String(), v)
	if err != nil {
		return nil, nil // Open sets such entries aside; this one rotted since
	}
	return p, nil
}

// Close writes what waits, answers it, and lets the directory go. Later calls
// return ErrClosed. Closing twice is harmless.
func (s *Store) Close() error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return nil
	}
	s.closed = true
	close(s.requests)
	s.gate.Unlock()
	<-s.stopped
	err := errors.Join(s.ds.Close(), unlock(s.lock))
	if err != nil {
		return fmt.Errorf("closing the store in %s: %w", s.dir, err)
	}
	return nil
}
