package main

import (
	"os"
	"path/filepath"
	"runtime"

	"meshpresence/node"
)

// stateDir is where a node's state lies when nobody says (federation.md,
// Defaults).
func stateDir(system string, root bool, env func(string) string) (string, error) {
	under := func(variable string, rest ...string) (string, error) {
		dir := env(variable)
		if dir == "" {
			return "", configuration("set it, or give a directory with --state DIR", "finding a place for the state: %s is not set", variable)
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

// usualState is the default as --help shows it.
func usualState() string {
	dir, err := stateDir(runtime.GOOS, os.Geteuid() == 0, os.Getenv)
	if err != nil {
		return "the user's own state directory"
	}
	return dir
}

// realmKeyPath is where the first start of a lone node makes the realm's key.
func realmKeyPath(cfg node.Config) string {
	return filepath.Join(cfg.State, "keys", "realm.key")
}

// hasRealmKey reports whether the realm's key lies in the state directory.
func hasRealmKey(cfg node.Config) bool {
	_, err := os.Stat(realmKeyPath(cfg))
	return err == nil
}
