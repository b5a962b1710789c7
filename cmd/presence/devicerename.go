package main

// deviceRename is presence device rename.
type deviceRename struct {
	keySecret
	Device string `arg:"" help:"The device: its name, its id, or enough of the id's beginning."`
	Name   string `arg:"" help:"Its new name, at most 24 bytes."`
}

// Help is shown by --help.
func (*deviceRename) Help() string {
	return `The account's devices learn the new name when they next meet a node; nodes cannot read it.

Examples:

  presence device rename phone old-phone
  presence device rename gj3dq kitchen --passphrase-file secret.txt`
}

// renamed is the result: presence.device-rename/1.
type renamed struct {
	Schema string  `json:"schema"`
	Device string  `json:"device"`
	Name   string  `json:"name"`
	Was    *string `json:"was"`
}

// Run renames one device.
func (v *deviceRename) Run(a *app) error {
	if err := checkName(v.Name); err != nil {
		return err
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
	if err := l.RenameDevice(l.ctx, d.ID, v.Name, passphrase); err != nil {
		return l.fault(err, exitNoAnswer)
	}
	r := renamed{Schema: "presence.device-rename/1", Device: d.ID, Name: v.Name, Was: textOrNull(d.Name)}
	return a.emit(r, "renamed   "+named(d.Name)+" "+short(d.ID)+" is "+named(v.Name)+" now")
}
