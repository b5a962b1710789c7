package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

// Why a store does not open or does not take a write. Callers branch on these
// with errors.Is; the text around them names the directory.
var (
	// ErrLocked: another process has the directory open.
	ErrLocked = errors.New("it is in use by another process")
	// ErrNewer: a later version of this program wrote it.
	ErrNewer = errors.New("a newer version of this program wrote it")
	// ErrCorrupt: what is there is not a store, or is past saving.
	ErrCorrupt = errors.New("it is damaged")
	// ErrFull: the disk or the quota has no room. What was to be written was
	// not; once there is room a later write can succeed.
	ErrFull = errors.New("no space left for the store")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// errSize: a key or a value past maxKey, maxValue.
	errSize = errors.New("too large for the store")
)

// wrapFull adds ErrFull to an error that says the disk is full.
func wrapFull(err error) error {
	if err == nil || errors.Is(err, ErrFull) {
		return err
	}
	for _, full := range fullErrors {
		// bbolt flattens the error of a file it could not grow into text.
		if errors.Is(err, full) || strings.Contains(err.Error(), full.Error()) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}

// guard runs f, which calls bbolt. bbolt trusts its file and reads it through
// memory: a page that rots while the file is open ends in a panic or a fault.
// Either becomes ErrCorrupt, and the datastore does nothing more.
func (d *Datastore) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			d.broken = fmt.Errorf("using the store: %w: %v", ErrCorrupt, p)
			err = d.broken
		}
	}()
	return f()
}
