package key

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ModesChecked is false where a file's mode does not say who may read it
// (Windows): there Load accepts any file and commands print a warning.
const ModesChecked = runtime.GOOS != "windows"

// Our limits.
const (
	// maxFile bounds what is read of a key file, so that a wrong or hostile path
	// does not fill the memory. The longest honest one is under 500 bytes.
	maxFile = 4096
)

// ErrMode means that others than its owner may read or write a key file.
var ErrMode = errors.New("key file may be read by others: make it 0600")

// readPrivate reads a small regular file that belongs to its owner alone.
func readPrivate(path string) ([]byte, error) {
	// Before opening: opening a pipe would wait for its writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if ModesChecked && info.Mode().Perm()&0o077 != 0 {
		return nil, ErrMode
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrFile, maxFile)
	}
	return b, nil
}

// WriteFile replaces path atomically by a file of mode 0600: after a crash either
// the old bytes or the new ones are there, whole, and once it returned, the new.
func WriteFile(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // made 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename durable. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// exists reports whether anything is at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
