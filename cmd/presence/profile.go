package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"meshpresence/node/client"
)

// profileName is what may stand as a directory's name everywhere.
var profileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)

// profileDir is the directory of the profile that was asked for.
func (o options) profileDir() (string, error) {
	if o.Profile == "." || o.Profile == ".." || strings.ContainsRune(o.Profile, '/') || strings.ContainsRune(o.Profile, filepath.Separator) {
		return o.Profile, nil
	}
	if !profileName.MatchString(o.Profile) {
		return "", usage("give a name like phone, or a directory with a slash in it, like ./phone", "--profile %q is neither a name nor a directory", o.Profile)
	}
	root, err := configDir(runtime.GOOS, os.Getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "presence", o.Profile), nil
}

// configDir is where a person's programs keep what makes them theirs and does
// not roam (federation.md, Defaults).
func configDir(system string, env func(string) string) (string, error) {
	under := func(variable string, rest ...string) (string, error) {
		root := env(variable)
		if root == "" {
			return "", usage("set it, or give the profile's directory with --profile DIR", "finding the profile: %s is not set", variable)
		}
		return filepath.Join(append([]string{root}, rest...)...), nil
	}
	switch system {
	case "windows":
		return under("LocalAppData")
	case "darwin", "ios":
		return under("HOME", "Library", "Application Support")
	}
	// The XDG specification has relative paths ignored.
	if root := env("XDG_CONFIG_HOME"); filepath.IsAbs(root) {
		return root, nil
	}
	return under("HOME", ".config")
}

// openProfile opens the device that was asked for.
func (a *app) openProfile() (*client.Profile, error) {
	dir, err := a.profileDir()
	if err != nil {
		return nil, err
	}
	return client.OpenProfile(dir)
}

// openMember opens the device that was asked for, which must belong to an account.
func (a *app) openMember() (*client.Profile, error) {
	p, err := a.openProfile()
	if err == nil && p.Account() == "" {
		return nil, client.ErrNoAccount
	}
	return p, err
}

// borrowProfile opens the device that was asked for, or makes one for the
// moment when there is none: what asks for no account needs no device either.
// The function returned gives it back.
func (a *app) borrowProfile() (*client.Profile, func(), error) {
	p, err := a.openProfile()
	if !errors.Is(err, client.ErrNoProfile) {
		return p, func() {}, err
	}
	dir, err := os.MkdirTemp("", "presence-")
	if err != nil {
		return nil, nil, fmt.Errorf("making a device for the moment: %w", err)
	}
	done := func() { os.RemoveAll(dir) }
	if p, err = client.NewProfile(dir, "moment"); err != nil {
		done()
		return nil, nil, err
	}
	return p, done, nil
}
