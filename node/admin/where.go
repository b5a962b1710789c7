package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// SocketName is the socket's name in a node's state directory.
const SocketName = "admin.sock"

// StateDir is where the state of a node lies when nobody says: a system's daemon
// run by root has a place of its own, a user's lies with what else that user
// keeps (federation.md, Defaults).
func StateDir(system string, root bool, env func(string) string) (string, error) {
	under := func(variable string, rest ...string) (string, error) {
		dir := env(variable)
		if dir == "" {
			return "", fmt.Errorf("finding a place for the state: %s is not set", variable)
		}
		return filepath.Join(append([]string{dir}, rest...)...), nil
	}
	switch {
	case system == "windows":
		return under("LocalAppData", "presenced")
	case system == "darwin" && root:
		return "/Library/Application Support/presenced", nil
	case system == "darwin":
		return under("HOME", "Library", "Application Support", "presenced")
	case root:
		return "/var/lib/presenced", nil
	}
	// The XDG specification has relative paths ignored.
	if dir := env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "presenced"), nil
	}
	return under("HOME", ".local", "state", "presenced")
}

// UsualSockets are where the daemon of this machine puts its socket, the likely
// one first: what the daemon's own environment variables say, then this user's,
// then root's.
func UsualSockets() []string {
	return usualSockets(runtime.GOOS, os.Geteuid() == 0, os.Getenv)
}

func usualSockets(system string, root bool, env func(string) string) []string {
	if path := env("PRESENCED_ADMIN"); path != "" && path != "none" {
		return []string{path}
	}
	if dir := env("PRESENCED_STATE"); dir != "" {
		return []string{filepath.Join(dir, SocketName)}
	}
	var list []string
	if dir, err := StateDir(system, root, env); err == nil {
		list = append(list, filepath.Join(dir, SocketName))
	}
	if !root && system != "windows" {
		if dir, err := StateDir(system, true, env); err == nil {
			list = append(list, filepath.Join(dir, SocketName))
		}
	}
	return list
}
