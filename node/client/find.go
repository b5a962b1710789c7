package client

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of FindDevice.
var (
	// ErrNoDevice: the account has no such device.
	ErrNoDevice = errors.New("the account has no such device")
	// ErrAmbiguous: several devices go by that.
	ErrAmbiguous = errors.New("several devices go by that")
)

// minPrefix is the shortest beginning of a hash that is taken for one: shorter
// ones are mistyped names.
const minPrefix = 4

// FindDevice returns the device of the account with this hash, this name, or the
// only one whose hash begins so, in this order. Errors: ErrNoDevice,
// ErrAmbiguous.
func (p *Profile) FindDevice(s string) (Device, error) {
	var named, begin []Device
	for _, d := range p.Devices() {
		if d.ID == s {
			return d, nil
		}
		if d.Name == s && s != "" {
			named = append(named, d)
		}
		if len(s) >= minPrefix && strings.HasPrefix(d.ID, strings.ToLower(s)) {
			begin = append(begin, d)
		}
	}
	for _, found := range [][]Device{named, begin} {
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return Device{}, ambiguous(found)
		}
	}
	return Device{}, ErrNoDevice
}

func ambiguous(found []Device) error {
	var ids []string
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	return fmt.Errorf("%w; give one of %s", ErrAmbiguous, strings.Join(ids, ", "))
}
