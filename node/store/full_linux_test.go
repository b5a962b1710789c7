package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// fillDisk mounts a disk of 1 MiB over dir, which only this process sees, and
// commits until it is full, makes room, commits again, and opens what it wrote.
func fillDisk(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("skip: %w", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		return fmt.Errorf("skip: %w", err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 300<<10), 0o600); err != nil {
		return err
	}
	dir = filepath.Join(dir, "store")
	s, err := Open(dir)
	if err != nil {
		return err
	}
	d, err := crashKey()
	if err != nil {
		return err
	}
	var acknowledged []*record.Fact
	commit := func() error {
		f, err := record.Sign(d, key.Hash{}, record.Base{Serial: 1, Time: 1, Expires: 2, Account: key.Hash{1}}, &record.Event{
			Channel: "main", Sequence: int64(len(acknowledged)) + 1, Oldest: 1, Payload: make([]byte, 3000),
		})
		if err != nil {
			return err
		}
		if err := s.Commit(context.Background(), batchOf(f)); err != nil {
			return err
		}
		acknowledged = append(acknowledged, f)
		return nil
	}
	for err == nil && len(acknowledged) < 1000 { // three times what fits
		err = commit()
	}
	for range 3 {
		if !errors.Is(err, ErrFull) {
			return fmt.Errorf("commit %d to the full disk: %v, want ErrFull", len(acknowledged), err)
		}
		err = commit()
	}
	fmt.Println(len(acknowledged), "facts fit")
	if err := errors.Join(os.Remove(ballast), commit(), commit(), s.Close()); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if s, err = Open(dir); err != nil {
		return err
	}
	kept := map[key.Hash]bool{}
	err = s.Facts(func(f *record.Fact) error {
		kept[f.Hash()] = true
		return nil
	})
	for _, f := range acknowledged {
		if !kept[f.Hash()] {
			err = errors.Join(err, errors.New("an acknowledged fact is gone"))
		}
	}
	if s.Damage() != (Damage{}) {
		err = errors.Join(err, fmt.Errorf("damage %+v", s.Damage()))
	}
	return errors.Join(err, s.Close())
}

// "1 MiB tmpfs; then free it: a temporary code; recovers; no corruption"
// (assurance.md, P3).
func TestDiskFull(t *testing.T) {
	t.Parallel()
	c := child(t, "full", t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	var exit interface{ ExitCode() int }
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("no name spaces of one's own here: %v", err)
	}
	if strings.Contains(out.String(), "full skip:") {
		t.Skip(out.String())
	}
	t.Log(out.String())
	if err != nil {
		t.Error(err)
	}
}
