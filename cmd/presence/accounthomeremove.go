package main

import (
	"fmt"
	"slices"
	"strings"

	"meshpresence/node/client"
)

// accountHomeRemove is presence account home remove.
type accountHomeRemove struct {
	keySecret
	Home string `arg:"" name:"node" help:"The node: its address, its id, or enough of the id's beginning, as presence account home list shows them."`
}

// Help is shown by --help.
func (*accountHomeRemove) Help() string {
	return `Ends a node's part in keeping the account, as when it is lost or given away. It hands what it has to the other homes before it forgets the account; one that is lost for good is simply no longer counted on.

Examples:

  presence account home remove gj3dq
  presence account home remove mpp://192.0.2.7:6770/FINGERPRINT`
}

// Run removes one node.
func (v *accountHomeRemove) Run(a *app) error {
	l, passphrase, err := v.holder(a)
	if err != nil {
		return err
	}
	defer l.close()
	defer clear(passphrase)
	node, err := findHome(l.Profile(), v.Home)
	if err != nil {
		return err
	}
	if err := l.RemoveHome(l.ctx, node, passphrase); err != nil {
		return l.fault(err, exitNoAnswer)
	}
	return tellHomes(a, l.Profile(), "presence.account-home-remove/1")
}

// findHome returns the id of the home that an address or the beginning of an id
// names.
func findHome(p *client.Profile, given string) (string, error) {
	var found []string
	for _, h := range p.HomeNodes() {
		if given != "" && strings.HasPrefix(strings.ToLower(h.Node), strings.ToLower(given)) || slices.Contains(h.Addresses, given) {
			found = append(found, h.Node)
		}
	}
	const hint = "see: presence account home list"
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &fault{err: fmt.Errorf("no home of the account is %q", given), code: exitNotFound, hint: hint}
	}
	return "", usage(hint, "several homes begin with %q", given)
}
