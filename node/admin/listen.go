package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"
)

// stillThere is how long a daemon may take to accept on a socket that is in the
// way before it counts as dead.
const stillThere = 2 * time.Second

// Listen makes the socket, for its owner alone. One that a killed daemon left is
// replaced; one that answers is ErrBusy. What asks before Serve waits.
func Listen(path string) (*Server, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("making the admin socket: %w: %s has %d bytes and this system takes %d; give a shorter path with --admin PATH, or --admin none",
			ErrPath, path, len(path), maxPath)
	}
	if err := makeRoom(path); err != nil {
		return nil, fmt.Errorf("making the admin socket: %w", err)
	}
	config := net.ListenConfig{Control: private}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("making the admin socket %s (--admin): %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("making the admin socket %s its owner's alone: %w", path, err), l.Close())
	}
	return &Server{listener: &gate{Listener: l, owner: os.Geteuid(), free: maxConns}}, nil
}

// makeRoom takes a dead socket away. Anything else in its place stays.
func makeRoom(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrPath, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w: %s is there and is no socket; remove it, or give another path with --admin", ErrPath, path)
	}
	conn, err := net.DialTimeout("unix", path, stillThere)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("%w: %s; stop it, or give another path with --admin", ErrBusy, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %s is another user's; give another path with --admin", ErrPath, path)
	case !refused(err): // too busy to accept, but there
		return fmt.Errorf("%w: %s: %w; stop it, or give another path with --admin", ErrBusy, path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: taking the place of a dead daemon's: %w", ErrPath, err)
	}
	return nil
}
