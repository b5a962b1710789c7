package main

import (
	"fmt"
	"strings"

	"meshpresence/node/client"
)

// deviceAdd is presence device add.
type deviceAdd struct {
	keySecret
	consent
	Roles roles `placeholder:"ROLES" default:"watch,publish" help:"What the new device may do: watch, publish or both with a comma; ${default} unless given."`
}

// Help is shown by --help.
func (*deviceAdd) Help() string {
	return `Shows a code for one device, to be typed or pasted there, or read by its camera, and waits until that device used it. Then it shows the newcomer's name and fingerprint and asks: compare them with the newcomer's own screen before you say yes. The code works once, for 15 minutes at most; Ctrl-C withdraws it.

A new device can read what is still kept, and everything later. It needs a node that both devices reach; the node relays the code's steps and learns nothing from them.

Examples:

  presence device add
  presence device add --roles watch
  presence device add --yes --passphrase-file secret.txt --json`
}

// added is the result: presence.device-add/1.
type added struct {
	Schema      string   `json:"schema"`
	Account     string   `json:"account"`
	Device      string   `json:"device"`
	Name        *string  `json:"name"`
	Fingerprint string   `json:"fingerprint"`
	Roles       []string `json:"roles"`
}

// Run lets one device in.
func (v *deviceAdd) Run(a *app) error {
	if err := v.check(a, "device"); err != nil {
		return err
	}
	l, passphrase, err := v.holder(a)
	if err != nil {
		return err
	}
	defer l.close()
	defer clear(passphrase)
	o, err := l.InviteDevice(l.ctx, client.Roles(v.Roles), passphrase)
	if err != nil {
		return l.fault(err, exitNoAnswer)
	}
	who, err := v.welcome(a, l, o, "device", "presence device join CODE")
	if err != nil {
		return err
	}
	r := added{
		Schema: "presence.device-add/1", Account: l.Profile().Account(), Device: who.ID, Name: textOrNull(who.Name),
		Fingerprint: who.Fingerprint, Roles: list(client.Roles(v.Roles).Strings()),
	}
	return a.emit(r, "added     "+named(who.Name)+" "+short(who.ID)+" ("+strings.Join(r.Roles, ", ")+")")
}

// roles is what a device may do, as --roles says it.
type roles client.Roles

// UnmarshalText reads words with commas between.
func (r *roles) UnmarshalText(text []byte) error {
	*r = 0
	for word := range strings.SplitSeq(string(text), ",") {
		switch word {
		case "watch":
			*r |= roles(client.RoleWatch)
		case "publish":
			*r |= roles(client.RolePublish)
		default:
			return fmt.Errorf("%q is no role, give watch, publish or watch,publish", word)
		}
	}
	return nil
}
