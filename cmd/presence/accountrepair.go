package main

// accountRepair is presence account repair.
type accountRepair struct{ keySecret }

// Help is shown by --help.
func (*accountRepair) Help() string {
	return `Finishes what an act of the account's key left undone, as when this tool was stopped in between: until then posts wait on their devices, unsent. presence status says when it is needed; it does no harm when it is not.

Examples:

  presence account repair
  presence account repair --passphrase-file secret.txt`
}

// repaired is the result: presence.account-repair/1.
type repaired struct {
	Schema  string `json:"schema"`
	Account string `json:"account"`
	Changed bool   `json:"changed"`
}

// Run repairs the account.
func (v *accountRepair) Run(a *app) error {
	l, passphrase, err := v.holder(a)
	if err != nil {
		return err
	}
	defer l.close()
	defer clear(passphrase)
	changed, err := l.Repair(l.ctx, passphrase)
	if err != nil {
		return l.fault(err, exitNoAnswer)
	}
	r := repaired{Schema: "presence.account-repair/1", Account: l.Profile().Account(), Changed: changed}
	if !changed {
		return a.emit(r, "nothing was to be repaired")
	}
	return a.emit(r, "repaired  the account's devices seal and read together again")
}
