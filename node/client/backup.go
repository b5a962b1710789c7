package client

import "context"

// Backup writes the account's key, and what finds the account again, to one
// file. current opens the key here, passphrase seals the file.
func (p *Profile) Backup(path string, current, passphrase []byte) error { return errNotYet }

// RestoreBackup makes a fresh device in dir that holds the account's key;
// Readmit makes it one of the account.
func RestoreBackup(dir, name, path string, passphrase []byte) (*Profile, error) {
	return nil, errNotYet
}

// Readmit makes this device one of the account whose key it holds.
func (c *Client) Readmit(ctx context.Context, passphrase []byte) error { return errNotYet }

// RestoreKey brings the account's key back to a device of the account.
func (p *Profile) RestoreKey(path string, passphrase []byte) error { return errNotYet }
