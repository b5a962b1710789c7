package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/ipfs/go-datastore"
	"go.etcd.io/bbolt"
)

// bucketName names the one bucket of the file. It stays short so that the
// root of the tree is one page.
var bucketName = []byte("d")

// Limits. Each is OURS.
const (
	// maxKey bounds a key, below the 32,768 bytes that bbolt takes, so that a
	// branch page always holds several keys.
	maxKey = 1024
	// maxValue bounds a value: a fact has at most 7,000 bytes, a meta value is
	// smaller, a fault in a caller must not fill the disk in one call.
	maxValue = 1 << 20
	// maxUnsynced is how many bytes may wait in the open transaction. Past it
	// the write that crossed the line syncs, so memory stays bounded when
	// somebody puts for ever and never calls Sync.
	maxUnsynced = 8 << 20
)

// Datastore is a datastore.Batching over one bbolt file.
//
// A write goes into the open transaction, which is memory and is seen by every
// later read. Sync writes the transaction: the changed pages, a sync of the
// file, the meta page that names the new root, and another sync. A process
// killed or a machine switched off before the last of these has the file as the
// Sync before left it. So everything between two Syncs is kept or lost
// together, and a batch is never kept in part.
//
// When Sync fails, all that was written since the Sync before is dropped, and
// reads show the file again. (If only the very last sync of the file failed,
// the change may be there nevertheless.) The Datastore is therefore meant for
// one writer that can repeat what it wrote: the Store's. All methods may be
// called concurrently.
type Datastore struct {
	mu       sync.Mutex
	db       *bbolt.DB // nil once closed
	tx       *bbolt.Tx // writable; nil when nothing waits for Sync
	unsynced int       // bytes in tx
	broken   error     // the file contradicted itself while open
}

var (
	_ datastore.Batching          = (*Datastore)(nil)
	_ datastore.PersistentFeature = (*Datastore)(nil)
)

// OpenDatastore opens the bbolt file at path, and makes it when it is absent.
// It does not look for damage and takes no lock but bbolt's own, for which it
// does not wait: Open is for that.
func OpenDatastore(path string) (*Datastore, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      1, // OURS: ask once; zero would wait for ever
		FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketName) == nil {
			return datastore.ErrNotFound
		}
		return nil
	})
	if errors.Is(err, datastore.ErrNotFound) {
		err = db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(bucketName)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Datastore{db: db}, nil
}

// Put writes value under key. It is durable after the next Sync.
func (d *Datastore) Put(ctx context.Context, key datastore.Key, value []byte) error {
	return d.apply(ctx, []change{{key: key, value: value}})
}

// Delete removes key, which need not be there. It is durable after the next
// Sync.
func (d *Datastore) Delete(ctx context.Context, key datastore.Key) error {
	return d.apply(ctx, []change{{key: key, gone: true}})
}

// Get returns a copy of the value under key, or datastore.ErrNotFound.
func (d *Datastore) Get(ctx context.Context, key datastore.Key) (value []byte, err error) {
	err = d.read(ctx, func(b *bbolt.Bucket) error {
		v := b.Get(key.Bytes())
		if v == nil {
			return datastore.ErrNotFound
		}
		value = append([]byte{}, v...)
		return nil
	})
	return value, err
}

// Has says whether key has a value.
func (d *Datastore) Has(ctx context.Context, key datastore.Key) (bool, error) {
	size, err := d.GetSize(ctx, key)
	if errors.Is(err, datastore.ErrNotFound) {
		return false, nil
	}
	return size >= 0, err
}

// GetSize returns the length of the value under key in bytes, or -1 and
// datastore.ErrNotFound.
func (d *Datastore) GetSize(ctx context.Context, key datastore.Key) (int, error) {
	size := -1
	err := d.read(ctx, func(b *bbolt.Bucket) error {
		v := b.Get(key.Bytes())
		if v == nil {
			return datastore.ErrNotFound
		}
		size = len(v)
		return nil
	})
	return size, err
}

// Sync makes every write that returned before it durable, whatever its prefix:
// the file has one log. It costs two syncs of the file, and nothing when
// nothing was written.
func (d *Datastore) Sync(ctx context.Context, _ datastore.Key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(ctx); err != nil {
		return err
	}
	return d.flush()
}

// DiskUsage returns the size of the file in bytes.
func (d *Datastore) DiskUsage(ctx context.Context) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(ctx); err != nil {
		return 0, err
	}
	info, err := os.Stat(d.db.Path())
	if err != nil {
		return 0, err
	}
	return uint64(info.Size()), nil
}

// Close syncs what was written and closes the file. Closing twice is harmless.
func (d *Datastore) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.db == nil {
		return nil
	}
	db := d.db
	if d.broken != nil {
		// A lock inside bbolt may be held for ever: leave the file to the end
		// of the process.
		d.db = nil
		return d.broken
	}
	err := d.flush()
	d.db = nil
	return errors.Join(err, db.Close())
}

// change is one write: a value, or gone.
type change struct {
	key   datastore.Key
	value []byte
	gone  bool
}

// apply writes all changes into the open transaction, or none.
func (d *Datastore) apply(ctx context.Context, changes []change) error {
	size := 0
	for _, c := range changes {
		if n := len(c.key.String()); n > maxKey || len(c.value) > maxValue {
			return fmt.Errorf("writing a key of %d and a value of %d bytes: %w", n, len(c.value), errSize)
		}
		size += len(c.key.String()) + len(c.value)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(ctx); err != nil {
		return err
	}
	err := d.guard(func() error { return d.write(changes) })
	if err != nil {
		d.drop()
		return err
	}
	if d.unsynced += size; d.unsynced > maxUnsynced {
		return d.flush()
	}
	return nil
}

func (d *Datastore) write(changes []change) (err error) {
	if d.tx == nil {
		if d.tx, err = d.db.Begin(true); err != nil {
			return err
		}
	}
	b := d.tx.Bucket(bucketName)
	for _, c := range changes {
		if c.gone {
			err = b.Delete(c.key.Bytes())
		} else {
			// A copy: bbolt keeps the slice until the commit, and takes nil for
			// an absent value.
			err = b.Put(c.key.Bytes(), append([]byte{}, c.value...))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flush commits the open transaction. The caller holds mu.
func (d *Datastore) flush() error {
	if d.tx == nil {
		return nil
	}
	err := d.guard(d.tx.Commit)
	if err != nil {
		d.drop()
	}
	d.tx, d.unsynced = nil, 0
	return wrapFull(err)
}

// drop forgets what was written since the last Sync.
func (d *Datastore) drop() {
	if d.tx != nil && d.broken == nil {
		// bbolt has done this where its Commit failed: the error says only that.
		_ = d.guard(d.tx.Rollback)
	}
	d.tx, d.unsynced = nil, 0
}

// read shows f the bucket with what waits for Sync. What f keeps, it copies.
func (d *Datastore) read(ctx context.Context, f func(*bbolt.Bucket) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(ctx); err != nil {
		return err
	}
	return d.guard(func() error {
		if d.tx != nil {
			return f(d.tx.Bucket(bucketName))
		}
		return d.db.View(func(tx *bbolt.Tx) error { return f(tx.Bucket(bucketName)) })
	})
}

func (d *Datastore) ready(ctx context.Context) error {
	if d.db == nil {
		return ErrClosed
	}
	if d.broken != nil {
		return d.broken
	}
	return ctx.Err()
}

// batch gathers changes for one apply. It is not for concurrent use.
type batch struct {
	d       *Datastore
	changes []change
}

// Batch returns a batch whose Commit writes all of it or nothing.
func (d *Datastore) Batch(context.Context) (datastore.Batch, error) {
	return &batch{d: d}, nil
}

// Put keeps value until Commit: the caller must not change it before.
func (b *batch) Put(_ context.Context, key datastore.Key, value []byte) error {
	b.changes = append(b.changes, change{key: key, value: value})
	return nil
}

func (b *batch) Delete(_ context.Context, key datastore.Key) error {
	b.changes = append(b.changes, change{key: key, gone: true})
	return nil
}

// Commit writes the batch, in the order of its calls. It is durable after the
// next Sync, whole. The batch is empty and ready for use again afterwards.
func (b *batch) Commit(ctx context.Context) error {
	changes := b.changes
	b.changes = nil
	return b.d.apply(ctx, changes)
}
