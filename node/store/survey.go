package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ipfs/go-datastore"
)

// found is what a survey of the file says.
type found struct {
	version     int
	quarantined int // entries set aside by earlier starts
	damage      Damage
	// broken are the entries that damage.Entries counts, as they were read, the
	// first maxQuarantined of them.
	broken []entry
}

type entry struct{ key, value []byte }

// survey reads a file without bbolt and holds every entry to its checksum.
func survey(r io.ReaderAt, size int64) (*found, error) {
	s := &found{}
	p, err := readPages(r, size, func(key, value []byte) {
		k := string(key)
		_, err := open(k, value)
		switch {
		case err != nil:
			s.damage.Entries++
			if len(s.broken) < maxQuarantined {
				s.broken = append(s.broken, entry{bytes.Clone(key), bytes.Clone(value)})
			}
		case k == versionKey.String():
			s.version, _ = parseVersion(value)
		case under(k, quarantinePrefix):
			s.quarantined++
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	s.damage.Pages, s.damage.FellBack = p.faults, p.fellBack
	if s.version <= 0 {
		return nil, fmt.Errorf("%w: its format cannot be told", ErrCorrupt)
	}
	return s, nil
}

// surveyFile is survey for the file at path.
func surveyFile(path string) (s *found, err error) {
	err = withFile(path, func(f *os.File, size int64) error {
		s, err = survey(f, size)
		return err
	})
	return s, err
}

// withFile opens the file at path for do, which also gets its length.
func withFile(path string, do func(f *os.File, size int64) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return do(f, info.Size())
}

// rebuild makes a new file from what is sound in the old one and puts it in the
// old one's place, which is kept beside it. Without old it makes an empty
// store. A crash leaves the old file or the new one.
func rebuild(dir string, version int, old *found) error {
	path, fresh := filepath.Join(dir, dataName), filepath.Join(dir, newName)
	if err := discard(fresh); err != nil {
		return err
	}
	if err := fill(fresh, path, version, old); err != nil {
		return errors.Join(err, discard(fresh))
	}
	if old != nil {
		keep(path, filepath.Join(dir, damagedName))
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// keep gives the damaged file a second name, for whoever wants to look. Where
// the file system has no links there is nothing to look at.
func keep(path, as string) {
	if discard(as) == nil {
		_ = os.Link(path, as)
	}
}

// fill writes the file at fresh.
func fill(fresh, path string, version int, old *found) error {
	d, err := OpenDatastore(fresh)
	if err != nil {
		return err
	}
	if old != nil {
		err = salvage(d, path, old)
	}
	if err == nil {
		err = setVersion(d, version)
	}
	return errors.Join(err, d.Close())
}

// salvage copies the sound entries of the file at path to d, and the broken
// ones to where they are kept aside.
func salvage(d *Datastore, path string, old *found) (err error) {
	ctx := context.Background()
	put := func(k datastore.Key, value []byte) {
		if err == nil {
			err = d.Put(ctx, k, value)
		}
	}
	readErr := withFile(path, func(f *os.File, size int64) error {
		_, err := readPages(f, size, func(key, value []byte) {
			k := string(key)
			if _, err := open(k, value); err == nil {
				put(datastore.RawKey(k), value)
			}
		})
		return err
	})
	for i, e := range old.broken {
		if n := old.quarantined + i + 1; n <= maxQuarantined {
			k := quarantineKey(n)
			put(k, seal(k.String(), appendQuarantined(nil, string(e.key), e.value)))
		}
	}
	return errors.Join(readErr, err)
}

// setVersion writes the format and syncs.
func setVersion(d *Datastore, version int) error {
	ctx := context.Background()
	if err := d.Put(ctx, versionKey, versionValue(version)); err != nil {
		return err
	}
	return d.Sync(ctx, versionKey)
}
