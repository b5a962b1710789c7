package main

import (
	"os"
	"path/filepath"
	"runtime"

	"meshpresence/node"
	"meshpresence/node/admin"
)

// stateDir is where a node's state lies when nobody says.
func stateDir() (string, error) {
	dir, err := admin.StateDir(runtime.GOOS, os.Geteuid() == 0, os.Getenv)
	if err != nil {
		return "", &fault{err: err, code: exitConfiguration, hint: "set it, or give a directory with --state DIR"}
	}
	return dir, nil
}

// usualState is the default as --help shows it.
func usualState() string {
	dir, err := stateDir()
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
