package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs/go-datastore"
)

// The files of a state directory.
const (
	lockName    = "lock"
	dataName    = "facts.db"
	newName     = "facts.new"     // being built; worthless until it is renamed
	damagedName = "facts.damaged" // the last file that had to be rebuilt
)

// Open opens the store in dir, which it makes with mode 0700 when it is absent.
// It reads the whole file first. Entries whose checksum is wrong and pages that
// do not fit are put aside: the rest is copied into a new file, and Damage says
// what was found. Errors: ErrLocked, ErrNewer, ErrCorrupt (nothing could be
// told from the file), ErrFull, or the system's; after any of them the facts in
// dir are as they were.
func Open(dir string, opts ...Option) (*Store, error) {
	o := options{version: Version, migrate: migrations}
	for _, f := range opts {
		f(&o)
	}
	s, err := openDir(dir, o)
	if err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", dir, wrapFull(err))
	}
	return s, nil
}

func openDir(dir string, o options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, dataName)
	if err := probe(path); err != nil {
		return nil, err
	}
	l, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	s, err := openLocked(dir, o)
	if err != nil {
		return nil, errors.Join(err, unlock(l))
	}
	s.lock = l
	go s.run()
	return s, nil
}

// probe refuses a file that is none of ours before anything is written, the
// lock included.
func probe(path string) error {
	err := withFile(path, func(f *os.File, _ int64) error {
		if err := (&pages{r: f}).readMeta(); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func openLocked(dir string, o options) (*Store, error) {
	path := filepath.Join(dir, dataName)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = rebuild(dir, o.version, nil)
	}
	if err != nil {
		return nil, err
	}
	found, err := surveyFile(path)
	if err != nil {
		return nil, err
	}
	if found.version > o.version {
		return nil, fmt.Errorf("%w (format %d, this one knows %d)", ErrNewer, found.version, o.version)
	}
	if found.damage != (Damage{}) {
		err = rebuild(dir, found.version, found)
	} else {
		err = discard(filepath.Join(dir, newName))
	}
	if err != nil {
		return nil, err
	}
	d, err := OpenDatastore(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, ds: d, damage: found.damage,
		requests: make(chan *request, queueLength), stopped: make(chan struct{}),
	}
	s.quarantined.Store(int64(found.quarantined + found.damage.Entries))
	if err := migrate(d, found.version, o); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if o.wrap != nil {
		s.ds = o.wrap(d)
	}
	return s, nil
}

// discard removes the file at path, which may not be there.
func discard(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// migration brings a datastore to the next format. It runs with nobody else
// there and ends in one Sync: it writes at most maxUnsynced bytes, or can run
// twice.
type migration func(datastore.Batching) error

// migrations leads from each older format to the one after it. Format 1 is the
// first.
var migrations = map[int]migration{}

// migrate brings d from the format version to the one of o. The version is
// written last, so a migration that is interrupted runs again.
func migrate(d *Datastore, version int, o options) error {
	for ; version < o.version; version++ {
		step, ok := o.migrate[version]
		if !ok {
			return fmt.Errorf("no way from format %d to %d: %w", version, version+1, ErrCorrupt)
		}
		if err := step(d); err != nil {
			return fmt.Errorf("migrating from format %d: %w", version, err)
		}
		if err := setVersion(d, version+1); err != nil {
			return err
		}
	}
	return nil
}
