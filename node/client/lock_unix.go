//go:build unix

package client

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the profile's lock, waiting for whoever has it, and returns
// what gives it back. It is held for single reads and writes only.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// syncDir makes a directory's entries last: a file renamed is found under its
// new name after a power loss.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
