package client

import (
	"errors"

	"meshpresence/internal/key"
)

// Errors of key files and backups under a passphrase.
var (
	// ErrLocked: the file is under a passphrase and none was given.
	ErrLocked = key.ErrEncrypted
	// ErrPassphrase: the file does not open with this passphrase.
	ErrPassphrase = key.ErrPassphrase
)

// AccountKeyLocked reports whether the account's key here wants a passphrase.
func (p *Profile) AccountKeyLocked() bool {
	_, err := key.LoadAccount(p.path(accountFile), nil)
	return errors.Is(err, ErrLocked)
}
