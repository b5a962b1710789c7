package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-datastore"
)

// snapshot lists every file under dir with its bytes.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %q\n", path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// refused opens dir, which must fail with want, name dir, and write nothing.
func refused(t *testing.T, dir string, want error) {
	t.Helper()
	before := snapshot(t, dir)
	s, err := Open(dir)
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), dir) {
		t.Errorf("open: %v, want %v and the directory's name", err, want)
	}
	if after := snapshot(t, dir); after != before {
		t.Error("the refusal changed the directory")
	}
}

// hold opens a store and keeps it until its input ends.
func hold(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "open")
	_, err = io.ReadAll(os.Stdin)
	return errors.Join(err, s.Close())
}

func TestLocked(t *testing.T) {
	t.Parallel()
	t.Run("same process", func(t *testing.T) {
		dir := t.TempDir()
		s := openStore(t, dir)
		refused(t, dir, ErrLocked)
		s.Close()
		openStore(t, dir)
	})
	t.Run("another process", func(t *testing.T) {
		dir := t.TempDir()
		c := child(t, "hold", dir)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, ErrLocked)
		if err := errors.Join(in.Close(), c.Wait()); err != nil {
			t.Fatal(err)
		}
		openStore(t, dir)
	})
}

// "N+1 refused with a clear line; no write on refusal" (assurance.md, P7).
func TestNewer(t *testing.T) {
	dir := t.TempDir()
	later := func(o *options) { o.version = Version + 1 }
	openStore(t, dir, later).Close()
	if err := os.WriteFile(filepath.Join(dir, newName), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, ErrNewer)
	openStore(t, dir, later)
}

// "N-1 migrates" (assurance.md, P7).
func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	f := newAuthor(t, 1).event(t, 1, 1, 10)
	s := openStore(t, dir)
	if err := s.Commit(t.Context(), batchOf(f)); err != nil {
		t.Fatal(err)
	}
	s.Close()

	moved := datastore.NewKey("/moved")
	interrupted := errors.New("interrupted")
	steps := func(err error) Option {
		return func(o *options) {
			o.version = Version + 2
			o.migrate = map[int]migration{
				Version: func(d datastore.Batching) error {
					return d.Put(context.Background(), moved, seal(moved.String(), []byte("1")))
				},
				Version + 1: func(datastore.Batching) error { return err },
			}
		}
	}
	if _, err := Open(dir, steps(interrupted)); !errors.Is(err, interrupted) {
		t.Fatalf("open: %v, want the second step's error", err)
	}
	s = openStore(t, dir, steps(nil))
	if v, err := s.ds.Get(t.Context(), moved); err != nil || string(v[checkSize:]) != "1" {
		t.Errorf("after migration: %q, %v", v, err)
	}
	if s.Damage() != (Damage{}) {
		t.Errorf("after migration: damage %+v", s.Damage())
	}
	if got := contents(t, s); got[f.Key()] == nil {
		t.Error("the migration lost a fact")
	}
	s.Close()
	refused(t, dir, ErrNewer)
	if _, err := Open(dir, func(o *options) { o.version = Version + 3 }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a format without a migration: %v, want ErrCorrupt", err)
	}
}

func TestNotAStore(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "short": "x", "text": strings.Repeat("not a store\n", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, dataName), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, ErrCorrupt)
		})
	}
	t.Run("a file instead of a directory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("open: %v", err)
		}
	})
	t.Run("a bbolt file of somebody else", func(t *testing.T) {
		dir := t.TempDir()
		d, err := OpenDatastore(filepath.Join(dir, dataName))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Put(t.Context(), datastore.NewKey("x"), []byte("y")), d.Close()); err != nil {
			t.Fatal(err)
		}
		openStore(t, t.TempDir()).Close()
		if _, err := Open(dir); !errors.Is(err, ErrCorrupt) {
			t.Errorf("open: %v, want ErrCorrupt", err)
		}
	})
}

// A first start killed at any point leaves a directory that opens.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, newName), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a new store, one that is there
		s := openStore(t, dir)
		if _, err := os.Stat(filepath.Join(dir, newName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the unfinished file is still there: %v", err)
		}
		s.Close()
		if err := os.WriteFile(filepath.Join(dir, newName), []byte("half a file"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBuilds builds the package for every kind of machine that a node runs on.
// It takes minutes where nothing is cached, so it is part of the long run.
func TestBuilds(t *testing.T) {
	if os.Getenv(longEnv) == "" {
		t.Skip("set " + longEnv + " to build for other systems")
	}
	for _, target := range []string{"linux/arm", "linux/arm64", "darwin/arm64", "windows/amd64"} {
		system, machine, _ := strings.Cut(target, "/")
		c := exec.CommandContext(t.Context(), "go", "build", ".")
		c.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+machine, "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", target, err, out)
		}
	}
}
