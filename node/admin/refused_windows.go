package admin

import (
	"errors"
	"io/fs"
	"syscall"
)

// wsaConnectionRefused is what Windows says when nobody listens.
const wsaConnectionRefused = syscall.Errno(10061)

// refused reports whether a dial failed because nobody listens.
func refused(err error) bool {
	return errors.Is(err, wsaConnectionRefused) || errors.Is(err, fs.ErrNotExist)
}
