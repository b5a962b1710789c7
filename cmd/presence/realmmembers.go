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
	wide := 0
	for _, m := range view.Members {
		wide = max(wide, width(nodeState(m)))
	}
	for _, m := range view.Members {
		lines = append(lines, "node      "+memberLine(m, wide))
	}
	return a.emit(r, lines...)
}

// memberLine is a node of the realm for people, its state in a column of a
// width.
func memberLine(m admin.Member, wide int) string {
	return strings.TrimRight(printable(short(m.Node)+"  "+pad(nodeState(m), wide)+"  "+strings.Join(oneEach(m.Addresses), " ")), " ")
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
