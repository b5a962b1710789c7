package main

import (
	"fmt"
	"time"
)

// built is before every build of this program: a clock that says less was never
// set, as on a machine whose battery is flat.
var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// checkClock refuses to sign anything by a clock that cannot be right: nodes
// would take it for expired, and so would the account's own devices.
func (a *app) checkClock() error {
	now := time.Now
	if a.now != nil {
		now = a.now
	}
	at := now()
	if !at.Before(built) {
		return nil
	}
	return &fault{
		err:  fmt.Errorf("this machine's clock says %s, which cannot be: what it signs would be void", at.UTC().Format(stamp)),
		code: exitError,
		hint: "set the clock, as with: timedatectl set-ntp true; then run the command again",
	}
}
