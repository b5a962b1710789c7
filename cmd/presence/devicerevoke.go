package main

import (
	"errors"
	"fmt"

	"meshpresence/node/client"
)

// deviceRevoke is presence device revoke.
type deviceRevoke struct {
	keySecret
	Yes    bool   `help:"Revoke without asking: for scripts."`
	Device string `arg:"" help:"The device: its name, its id, or enough of the id's beginning."`
}

// Help is shown by --help.
func (*deviceRevoke) Help() string {
	return `Ends a device's part in the account for good, as when a phone is lost: every node refuses it, what it posted is void, and what is posted from now on it cannot read. What it could read before, it keeps. To come back it needs a new profile and a new code.

Examples:

  presence device revoke phone
  presence device revoke gj3dq --yes --passphrase-file secret.txt`
}

// revoked is the result: presence.device-revoke/1.
type revoked struct {
	Schema string  `json:"schema"`
	Device string  `json:"device"`
	Name   *string `json:"name"`
}

const keepsWhatItRead = "What it could read before, it keeps."

// Run revokes one device, once somebody said yes.
func (v *deviceRevoke) Run(a *app) error {
	if a.person == nil && !v.Yes {
		return usage("run it in a terminal, or give --yes", "revoking is for good, and nobody is here to be asked")
	}
	l, passphrase, err := v.holder(a)
	if err != nil {
		return err
	}
	defer l.close()
	defer clear(passphrase)
	d, err := l.Profile().FindDevice(v.Device)
	if err != nil {
		return err
	}
	if err := v.asks(a, l, d); err != nil {
		return err
	}
	if err := l.RevokeDevice(l.ctx, d.ID, passphrase); err != nil {
		return l.fault(err, exitNoAnswer)
	}
	r := revoked{Schema: "presence.device-revoke/1", Device: d.ID, Name: textOrNull(d.Name)}
	return a.emit(r, "revoked   "+named(d.Name)+" "+short(d.ID), keepsWhatItRead)
}

// asks is nil when the device is to be revoked.
func (v *deviceRevoke) asks(a *app, l *line, d client.Device) error {
	if v.Yes {
		return nil
	}
	l.wait.stop()
	defer l.wait.begin()
	text := fmt.Sprintf("Revoke %s %s for good?\n", named(d.Name), d.ID)
	if d.ID == l.Profile().Device() {
		text += "This is the device you are using: nobody here can use the account then.\n"
	}
	yes, err := a.person.agrees(l.ctx, text+keepsWhatItRead+" [y/N] ")
	switch {
	case err != nil:
		return err
	case !yes:
		return &fault{err: errors.New("nothing was revoked"), code: exitError}
	}
	return nil
}
