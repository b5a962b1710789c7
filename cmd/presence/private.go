package main

import (
	"fmt"
	"os"
	"runtime"
)

// private refuses a file of secrets that others than its owner may read, as the
// key files are refused. Pipes have no such readers; on Windows the mode does
// not tell.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	if runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return usage("make it yours alone: chmod 600 "+f.Name(), "%s may be read by others (mode %04o)", f.Name(), info.Mode().Perm())
	}
	return nil
}
