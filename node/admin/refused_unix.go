//go:build !windows

package admin

import (
	"errors"
	"io/fs"
	"syscall"
)

// refused reports whether a dial failed because nobody listens.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}
