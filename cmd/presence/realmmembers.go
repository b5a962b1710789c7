package main

import (
	"strings"

	"meshpresence/node/admin"
)

// realmMembers is presence realm members.
type realmMembers struct{ socket }

// Help is shown by --help.
func (*realmMembers) Help() string {
	return `Asks the daemon of this machine for the nodes of its realm.

Examples:

  presence realm members
  presence realm members --admin /var/lib/presenced/admin.sock --json`
}

// members is the result: presence.realm-members/1.
type members struct {
	Schema  string         `json:"schema"`
	Realm   string         `json:"realm"`
	Members []admin.Member `json:"members"`
}

// Run lists them.
func (v *realmMembers) Run(a *app) error {
	_, view, err := v.overview(a)
	if err != nil {
		return err
	}
	r := members{Schema: "presence.realm-members/1", Realm: view.Realm, Members: list(view.Members)}
	lines := []string{"realm     " + printable(view.Realm)}
	for _, m := range view.Members {
		lines = append(lines, "node      "+memberLine(m))
	}
	return a.emit(r, lines...)
}

// memberLine is a node of the realm for people.
func memberLine(m admin.Member) string {
	return printable(short(m.Node) + "  " + nodeState(m) + "  " + strings.Join(oneEach(m.Addresses), " "))
}

// nodeState says how a node of the realm is known to be.
func nodeState(m admin.Member) string {
	switch {
	case m.Expelled:
		return "removed"
	case m.Self:
		return "this node"
	case m.Connected:
		return "connected"
	case m.LastHeard != nil:
		return "last heard " + m.LastHeard.Local().Format(stamp)
	}
	return "not heard yet"
}
