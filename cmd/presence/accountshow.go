package main

import "fmt"

// accountShow is presence account show.
type accountShow struct{}

// Help is shown by --help.
func (*accountShow) Help() string {
	return `Shows what this device knows of its account: it asks no node.

Examples:

  presence account show
  presence account show --json`
}

// account is the result: presence.account-show/1.
type account struct {
	Schema    string     `json:"schema"`
	Account   string     `json:"account"`
	Device    string     `json:"device"`
	Name      string     `json:"name"`
	Profile   string     `json:"profile"`
	Key       bool       `json:"account_key"`
	Encrypted *bool      `json:"encrypted"` // null without the key
	Devices   int        `json:"devices"`
	Homes     []homeNode `json:"homes"`
	Nodes     []string   `json:"nodes"`
	Repair    bool       `json:"needs_repair"`
}

// Run shows the account.
func (v *accountShow) Run(a *app) error {
	p, err := a.openMember()
	if err != nil {
		return err
	}
	r := account{
		Schema: "presence.account-show/1", Account: p.Account(), Device: p.Device(), Name: p.Name(), Profile: p.Dir(),
		Key: p.HasAccountKey(), Devices: len(p.Devices()), Homes: homesOf(p), Nodes: list(p.Nodes()), Repair: p.NeedsRepair(),
	}
	key := "key       not on this device"
	if r.Key {
		locked := p.AccountKeyLocked()
		r.Encrypted = &locked
		key = "key       on this device, under a passphrase"
		if !locked {
			key = "key       on this device, in clear"
		}
	}
	lines := []string{
		"account   " + r.Account,
		key,
		"device    " + printable(r.Name) + " " + r.Device,
		"profile   " + r.Profile,
		fmt.Sprintf("members   %s, see presence device list", plural(r.Devices, "device")),
	}
	for _, h := range r.Homes {
		lines = append(lines, "kept at   "+h.line())
	}
	if r.Repair {
		lines = append(lines, "repair    an act of the account's key was not finished: presence account repair")
	}
	return a.emit(r, lines...)
}
