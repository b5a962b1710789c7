package main

import (
	"errors"
	"fmt"
	"strings"

	"meshpresence/node/admin"
)

// realmRemove is presence realm remove.
type realmRemove struct {
	realmKey
	Yes  bool   `help:"Remove without asking: for scripts."`
	Gone string `arg:"" name:"id" help:"The node: its id as presence realm members prints it, or where the daemon runs enough of its beginning."`
}

// Help is shown by --help.
func (*realmRemove) Help() string {
	return `Ends a node's part in the realm for good, as when its machine was lost or given away: the other nodes refuse it, and what it said of itself is void. What it carried before, it keeps; it could not read sealed posts. To come back it needs new keys and a new code.

Examples:

  presence realm remove gj3dq
  presence --node mpp://HOST/FINGERPRINT realm remove --realm-key realm.key ID`
}

// nodeRemoved is the result: presence.realm-remove/1.
type nodeRemoved struct {
	Schema string `json:"schema"`
	Realm  string `json:"realm"`
	Node   string `json:"node"`
}

// Run removes one node, once somebody said yes.
func (v *realmRemove) Run(a *app) error {
	if a.person == nil && !v.Yes {
		return usage("run it in a terminal, or give --yes", "removing a node is for good, and nobody is here to be asked")
	}
	node, err := v.find(a)
	if err != nil {
		return err
	}
	l, key, err := v.open(a)
	if err != nil {
		return err
	}
	defer l.close()
	if err := v.asks(a, l, node); err != nil {
		return err
	}
	if err := l.RemoveNode(l.ctx, key, node); err != nil {
		return l.fault(err, exitNoAnswer)
	}
	r := nodeRemoved{Schema: "presence.realm-remove/1", Realm: key.Realm(), Node: node}
	return a.emit(r, "removed   "+node)
}

// find completes the beginning of an id by what the daemon of this machine
// knows; without a daemon the id stands as it is.
func (v *realmRemove) find(a *app) (string, error) {
	_, view, err := v.overview(a)
	switch {
	case errors.Is(err, admin.ErrNoDaemon) && v.Admin == "":
		return v.Gone, nil
	case err != nil:
		return "", err
	}
	var found []string
	for _, m := range view.Members {
		if v.Gone != "" && !m.Expelled && strings.HasPrefix(strings.ToLower(m.Node), strings.ToLower(v.Gone)) {
			found = append(found, m.Node)
		}
	}
	const hint = "see: presence realm members"
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &fault{err: fmt.Errorf("no node of the realm is %q", v.Gone), code: exitNotFound, hint: hint}
	}
	return "", usage(hint, "several nodes of the realm begin with %q", v.Gone)
}

// asks is nil when the node is to be removed.
func (v *realmRemove) asks(a *app, l *line, node string) error {
	if v.Yes {
		return nil
	}
	l.wait.stop()
	defer l.wait.begin()
	yes, err := a.person.agrees(l.ctx, fmt.Sprintf("Remove the node %s from the realm for good? [y/N] ", printable(node)))
	switch {
	case err != nil:
		return err
	case !yes:
		return &fault{err: errors.New("nothing was removed"), code: exitError}
	}
	return nil
}
