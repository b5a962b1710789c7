package client

import (
	"context"
	"errors"
)

// Errors of FindDevice.
var (
	// ErrNoDevice: the account has no such device.
	ErrNoDevice = errors.New("the account has no such device")
	// ErrAmbiguous: several devices go by that.
	ErrAmbiguous = errors.New("several devices go by that")
)

// FindDevice returns the device of the account with this name, hash or unique
// beginning of a hash. Errors: ErrNoDevice, ErrAmbiguous.
func (p *Profile) FindDevice(s string) (Device, error) { return Device{}, ErrNoDevice }

// RenameDevice gives a device another name: names are sealed in the epoch, so
// it is the next epoch that says it.
func (c *Client) RenameDevice(ctx context.Context, id, name string, passphrase []byte) error {
	return errNotYet
}

// NeedsRepair reports whether no epoch counts or the newest misses a device.
func (p *Profile) NeedsRepair() bool { return false }

// Repair signs what a tool that died left undone.
func (c *Client) Repair(ctx context.Context, passphrase []byte) (changed bool, err error) {
	return false, errNotYet
}
