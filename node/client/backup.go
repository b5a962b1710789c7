package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/registry"
)

const (
	backupSchema = "presence.backup/1"
	// maxBackup bounds what is read of a backup, so that a wrong path does not
	// fill the memory: a full book, written as text.
	maxBackup = 2 * maxBook
)

// ErrBackup: a file is no backup of an account.
var ErrBackup = errors.New("not a backup of an account")

// backup is the file: the account's key and what finds the account again.
type backup struct {
	Schema  string   `json:"schema"`
	Account key.Hash `json:"account"`
	Key     string   `json:"key"` // as a key file has it
	// Nodes are device addresses with fingerprints.
	Nodes []string `json:"nodes"`
	// Facts are the account's, as encoded: a node that lost its store takes the
	// account in again when it is shown its own word.
	Facts [][]byte `json:"facts"`
}

// Backup writes the account's key, under passphrase (nil: in clear), and what
// finds the account again to one file, 0600. current opens the key here. A file
// that is there is replaced only if it is a backup of this account.
func (p *Profile) Backup(path string, current, passphrase []byte) error {
	account, err := p.loadAccount(current)
	if err != nil {
		return err
	}
	b := backup{Schema: backupSchema, Account: account.Author().Hash()}
	if err := replaceable(path, b.Account); err != nil {
		return fmt.Errorf("backing up the account: %w", err)
	}
	sealed, err := account.Encode(passphrase)
	if err != nil {
		return fmt.Errorf("backing up the account: %w", err)
	}
	b.Key = string(sealed)
	p.mu.Lock()
	for _, h := range p.homeNodes() {
		b.Nodes = append(b.Nodes, p.addressesOf(h)...)
	}
	b.Nodes = uniqueStrings(append(b.Nodes, p.meta.Nodes...))
	b.Facts = p.accountFacts()
	p.mu.Unlock()
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(text, '\n'))
}

// accountFacts are the account's facts as another device needs them, encoded. The
// caller holds p.mu.
func (p *Profile) accountFacts() (facts [][]byte) {
	for _, f := range p.book.sorted() {
		if registry.AccountKeyKind(f.Kind) || f.Kind == record.KindHost || f.Kind == record.KindNode {
			facts = append(facts, f.Append(nil))
		}
	}
	return facts
}

// replaceable refuses to write over anything but a backup of this account: what
// is there may be another account's only key.
func replaceable(path string, account key.Hash) error {
	old, err := readBackup(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || old.Account != account:
		return fmt.Errorf("%s holds something else: %w", path, fs.ErrExist)
	}
	return nil
}

// readBackup reads a file without opening the key in it.
func readBackup(path string) (*backup, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case key.ModesChecked && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("reading %s: %w", path, key.ErrMode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBackup))
	if err != nil {
		return nil, err
	}
	b := new(backup)
	if err := json.Unmarshal(text, b); err != nil || b.Schema != backupSchema {
		return nil, fmt.Errorf("reading %s: %w", path, ErrBackup)
	}
	return b, nil
}

// openBackup reads a file and opens the key in it.
func openBackup(path string, passphrase []byte) (*backup, *key.Account, error) {
	b, err := readBackup(path)
	if err != nil {
		return nil, nil, err
	}
	account, err := key.DecodeAccount([]byte(b.Key), passphrase)
	if err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if account.Author().Hash() != b.Account {
		return nil, nil, fmt.Errorf("opening %s: %w: its key is another account's", path, ErrBackup)
	}
	return b, account, nil
}

// RestoreBackup makes a fresh device in dir, which must hold none yet, that has
// the account's key, under the backup's passphrase. It is none of the account's
// devices until Readmit made it one. After a crash the same call goes on.
//
// The new device reads what is posted from then on. What was posted before it
// reads only if a device that could read it signs the next epoch: any join or
// renaming done there, or presence account repair.
func RestoreBackup(dir, name, path string, passphrase []byte) (*Profile, error) {
	b, account, err := openBackup(path, passphrase)
	if err != nil {
		return nil, fmt.Errorf("restoring the account: %w", err)
	}
	p, err := makeProfile(dir, name)
	if err != nil {
		return nil, err
	}
	if err := account.Save(p.path(accountFile), passphrase); err != nil {
		return nil, fmt.Errorf("restoring the account: %w", err)
	}
	p.meta.Account, p.meta.Nodes = b.Account, b.Nodes[:min(len(b.Nodes), maxPins)]
	if _, err := p.learn(parseFacts(b.Facts)...); err != nil {
		return nil, err
	}
	return p, p.saveMeta()
}

// RestoreKey brings the account's key back to a device of the account, under the
// backup's passphrase.
func (p *Profile) RestoreKey(path string, passphrase []byte) error {
	b, account, err := openBackup(path, passphrase)
	switch {
	case err != nil:
	case p.Account() == "":
		err = ErrNoAccount
	case p.Account() != b.Account.String():
		err = fmt.Errorf("%w: it belongs to %s, the backup is of %s", ErrProfileUsed, p.Account(), b.Account)
	default:
		err = account.Save(p.path(accountFile), passphrase)
	}
	if err != nil {
		return fmt.Errorf("restoring the account's key: %w", err)
	}
	return nil
}
