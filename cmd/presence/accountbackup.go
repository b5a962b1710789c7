package main

import (
	"fmt"

	"meshpresence/node/client"
)

// accountBackup is presence account backup.
type accountBackup struct {
	keySecret
	NewPassphraseFile string `placeholder:"FILE" help:"Put the copy under another passphrase: that on FILE's first line."`
	NoPassphrase      bool   `help:"Leave the copy of a key in clear in clear too."`
	File              string `arg:"" help:"The file to write; one that is there is replaced only if it is a backup of this account."`
}

// Help is shown by --help.
func (*accountBackup) Help() string {
	return `Writes the account's key, and what finds the account again, to one file. It stays under the passphrase of the account's key unless another is given. Whoever has the file and the passphrase has the account: keep it off this machine, on paper or on a stick in a drawer. It holds no posts and no device's keys.

Examples:

  presence account backup /media/stick/account.backup
  presence account backup --passphrase-file secret.txt account.backup`
}

// backup is the result: presence.account-backup/1.
type backup struct {
	Schema    string `json:"schema"`
	Account   string `json:"account"`
	File      string `json:"file"`
	Encrypted bool   `json:"encrypted"`
}

// Run writes the file; it needs no node.
func (v *accountBackup) Run(a *app) error {
	p, err := a.openProfile()
	if err != nil {
		return err
	}
	current, err := v.given(a, p)
	if err != nil {
		return err
	}
	defer clear(current)
	if current == nil && p.AccountKeyLocked() {
		if current, err = a.person.secret(a.ctx, keyPrompt); err != nil {
			return err
		}
	}
	next, err := v.next(a, p, current)
	if err != nil {
		return err
	}
	defer clear(next)
	if err := p.Backup(v.File, current, next); err != nil {
		return err
	}
	r := backup{Schema: "presence.account-backup/1", Account: p.Account(), File: v.File, Encrypted: next != nil}
	advice := "Nobody can open it without its passphrase: keep both, apart, and off this machine."
	if !r.Encrypted {
		advice = "It is in clear: whoever reads it has the account. Keep it off this machine."
	}
	return a.emit(r, "account   "+r.Account, "backup    "+printable(r.File), advice)
}

// next is the passphrase that the copy gets: another one, that of the key, or
// for a key in clear one that a person thinks of now.
func (v *accountBackup) next(a *app, p *client.Profile, current []byte) ([]byte, error) {
	switch {
	case v.NewPassphraseFile != "" && v.NewPassphraseFile == v.PassphraseFile:
		return nil, usage("leave one of them out", "--passphrase-file and --new-passphrase-file are the same")
	case v.NewPassphraseFile != "":
		return readPassphrase(v.NewPassphraseFile, a.in)
	case p.AccountKeyLocked():
		return current, nil
	case v.NoPassphrase:
		return nil, nil
	case a.person == nil:
		return nil, usage("give --new-passphrase-file FILE, or --no-passphrase to leave the copy in clear too", "the account's key is in clear, and nobody is here to think of a passphrase for the copy")
	}
	next, err := askNew(a.ctx, a.person, "Passphrase for the backup: ")
	if err != nil {
		return nil, fmt.Errorf("asking for the backup's passphrase: %w", err)
	}
	return next, nil
}
