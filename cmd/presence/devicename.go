package main

import (
	"errors"
	"os"
	"strings"
	"unicode/utf8"

	"meshpresence/node/client"
)

// maxName is the longest name of a device, in bytes (facts.md, epoch).
const maxName = 24

// deviceName is what every verb takes that makes a device.
type deviceName struct {
	Name string `placeholder:"NAME" help:"What the account's other devices call this one; the host's name unless given."`
}

// checkName refuses what cannot be a device's name.
func checkName(name string) error {
	if name == "" || len(name) > maxName || printable(name) != name {
		return usage("give another: 1 to 24 bytes, and nothing that does not print", "%q cannot be a device's name", name)
	}
	return nil
}

// openOrMake opens the profile that was asked for, or makes it; undo takes back
// what was made, as long as nothing outside knows of it.
func (n *deviceName) openOrMake(a *app) (p *client.Profile, undo func(), err error) {
	dir, err := a.profileDir()
	if err != nil {
		return nil, nil, err
	}
	p, err = client.OpenProfile(dir)
	switch {
	case errors.Is(err, client.ErrNoProfile):
		return n.make(dir)
	case err != nil:
		return nil, nil, err
	}
	return p, func() {}, nil
}

// matches refuses another name for a device that was made before.
func (n *deviceName) matches(p *client.Profile) error {
	if n.Name != "" && n.Name != p.Name() {
		return usage("leave --name out, or use another profile", "--name %s: this device is called %s already", n.Name, p.Name())
	}
	return nil
}

func (n *deviceName) make(dir string) (*client.Profile, func(), error) {
	name := n.Name
	if name == "" {
		name = hostName()
	}
	if err := checkName(name); err != nil {
		return nil, nil, err
	}
	undo := unmake(dir)
	p, err := client.NewProfile(dir, name)
	return p, undo, err
}

// unmake returns what removes a directory that is not there yet, unless another
// process went on with the device meanwhile: it may hold an account's only key.
func unmake(dir string) func() {
	_, before := os.Stat(dir)
	return func() {
		p, err := client.OpenProfile(dir)
		used := err == nil && (p.Account() != "" || p.HasAccountKey())
		if os.IsNotExist(before) && !used {
			os.RemoveAll(dir)
		}
	}
}

// hostName is the host's name up to its first dot, cut to what a name may hold.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "device"
	}
	name, _, _ = strings.Cut(name, ".")
	name = printable(name)
	for len(name) > maxName {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	return name
}
