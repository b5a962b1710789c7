package main

import (
	"fmt"
	"math"
	"strings"

	"meshpresence/node/admin"
)

// adminStatus is presence admin status.
type adminStatus struct{ socket }

// Help is shown by --help.
func (*adminStatus) Help() string {
	return `Asks the daemon of this machine what it is and whom it knows. With --json it is the daemon's own answer, presence.node/1.

Examples:

  presence admin status
  presence admin status --admin /var/lib/presenced/admin.sock --json`
}

// Run shows the overview.
func (v *adminStatus) Run(a *app) error {
	_, view, err := v.overview(a)
	if err != nil {
		return err
	}
	return a.emit(view, overviewLines(view)...)
}

// warnClock is how far from the other nodes' median a clock is worth a word, in
// seconds (federation.md, Promises 5).
const warnClock = 60

func overviewLines(o admin.Overview) []string {
	var lines []string
	add := func(label, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%-10s", label)+printable(fmt.Sprintf(format, args...)))
	}
	add("node", "%s, %s", o.Node, o.Version)
	add("realm", "%s", o.Realm)
	add("started", "%s", o.Started.Local().Format(stamp))
	add("state", "%s", o.State)
	for _, d := range o.DeviceAddresses {
		add("device", "%s", d)
	}
	for _, p := range o.PeerAddresses {
		add("peer", "%s", p)
	}
	if o.RealmKey != "" {
		add("realm key", "%s", o.RealmKey)
	}
	add("accounts", "%d kept, admission by %s", o.Accounts, o.Admission)
	add("devices", "%d watching here", o.Devices)
	add("facts", "%d", o.Facts)
	for _, m := range o.Members {
		add("member", "%s  %s  %s", short(m.Node), nodeState(m), strings.Join(oneEach(m.Addresses), " "))
	}
	if o.Clock.Off != nil && math.Abs(*o.Clock.Off) > warnClock {
		add("clock", "%.0f seconds off the other nodes': set it right", *o.Clock.Off)
	}
	return lines
}
