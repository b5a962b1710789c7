package client

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// errSharing is ERROR_SHARING_VIOLATION: another process has the file open.
const errSharing = syscall.Errno(32)

// lockFile takes the profile's lock, waiting for whoever has it, and returns
// what gives it back. A file opened without sharing is the lock: Windows closes
// it with the process, however that ends.
func lockFile(path string) (unlock func(), err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	for {
		h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
			syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
		if err == nil {
			return func() { syscall.CloseHandle(h) }, nil
		}
		if !errors.Is(err, errSharing) {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// syncDir does nothing: NTFS journals a rename, and directories cannot be
// flushed.
func syncDir(string) error { return nil }
