package main

import (
	"context"
	"errors"
	"fmt"

	"meshpresence/node/client"
)

// accountRestore is presence account restore.
type accountRestore struct {
	deviceName
	PassphraseFile string `placeholder:"FILE" help:"Read the backup's passphrase from FILE's first line; - is standard input."`
	File           string `arg:"" help:"The file that presence account backup wrote."`
}

// Help is shown by --help.
func (*accountRestore) Help() string {
	return `Brings the account's key back from a backup. In a profile that is a device of the account already, the key is put beside its keys. In a fresh one a new device is made, and let into the account by the key: for when every device is lost. It reads what is posted from then on; what was posted before only once a device that could read it lets another one in or renames one.

The nodes that the backup names are tried; when they have new addresses, give one with --node.

Examples:

  presence account restore account.backup
  presence --profile new account restore --name laptop account.backup`
}

// restored is the result: presence.account-restore/1.
type restored struct {
	Schema    string  `json:"schema"`
	Account   string  `json:"account"`
	Device    string  `json:"device"`
	Name      string  `json:"name"`
	Profile   string  `json:"profile"`
	NewDevice bool    `json:"new_device"`
	Node      *string `json:"node"` // null when none was asked
}

// Run restores the key, and the device's place in the account when it has none.
func (v *accountRestore) Run(a *app) error {
	if err := a.checkClock(); err != nil {
		return err
	}
	dir, err := a.profileDir()
	if err != nil {
		return err
	}
	passphrase, err := readPassphrase(v.PassphraseFile, a.in)
	if err != nil {
		return err
	}
	defer func() { clear(passphrase) }()
	p, err := client.OpenProfile(dir)
	switch {
	case errors.Is(err, client.ErrNoProfile), err == nil && p.Account() == "" && !p.HasAccountKey():
		passphrase, err = v.unlock(a, passphrase, func(secret []byte) error {
			p, err = v.make(dir, secret)
			return err
		})
	case err != nil:
		return err
	case p.HasAccountKey() && isMember(p):
		return fmt.Errorf("restoring an account's key in %s: %w: it holds the key of %s", dir, client.ErrProfileUsed, p.Account())
	case !p.HasAccountKey():
		passphrase, err = v.unlock(a, passphrase, func(secret []byte) error { return p.RestoreKey(v.File, secret) })
	case passphrase == nil && p.AccountKeyLocked(): // an earlier try made it
		passphrase, err = v.askFor(a.ctx, a.person)
	}
	if err != nil {
		return err
	}
	r := restored{
		Schema: "presence.account-restore/1", Account: p.Account(), Device: p.Device(), Name: p.Name(), Profile: p.Dir(),
		NewDevice: !isMember(p),
	}
	if r.NewDevice {
		if err := v.readmit(a, p, passphrase, &r); err != nil {
			return err
		}
	}
	return a.emit(r, "account   "+r.Account, "device    "+printable(r.Name)+" "+r.Device, "profile   "+r.Profile,
		"The account's key is on this device again, under the backup's passphrase.")
}

func (v *accountRestore) make(dir string, passphrase []byte) (*client.Profile, error) {
	name := v.Name
	if name == "" {
		name = hostName()
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	undo := unmake(dir)
	p, err := client.RestoreBackup(dir, name, v.File, passphrase)
	if err != nil {
		undo()
	}
	return p, err
}

// readmit brings the new device into the account.
func (v *accountRestore) readmit(a *app, p *client.Profile, passphrase []byte, r *restored) error {
	l, err := a.reach(p)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.Readmit(l.ctx, passphrase); err != nil {
		return l.fault(admission(err), exitNoAnswer)
	}
	r.Node = textOrNull(l.Node())
	return nil
}

// unlock opens the backup with the passphrase given, with none when it is in
// clear, else with what a person says.
func (v *accountRestore) unlock(a *app, passphrase []byte, open func([]byte) error) ([]byte, error) {
	err := open(passphrase)
	if !errors.Is(err, client.ErrLocked) {
		return passphrase, err
	}
	if passphrase, err = v.askFor(a.ctx, a.person); err != nil {
		return nil, err
	}
	return passphrase, open(passphrase)
}

func (v *accountRestore) askFor(ctx context.Context, who person) ([]byte, error) {
	if who == nil {
		return nil, usage("give --passphrase-file FILE", "the backup wants its passphrase, and nobody is here to be asked")
	}
	return who.secret(ctx, "Passphrase of the backup: ")
}

// isMember reports whether the account knows this device.
func isMember(p *client.Profile) bool {
	for _, d := range p.Devices() {
		if d.ID == p.Device() {
			return true
		}
	}
	return false
}
