package main

import (
	"fmt"

	"meshpresence/discovery"
	"meshpresence/node/client"
)

// reachNode goes to a node for acts of a realm: no device is shown, and nothing
// is kept.
func (a *app) reachNode() (*line, error) {
	if err := a.settleNode(false); err != nil {
		return nil, err
	}
	at, err := discovery.ParseAddress(a.Node)
	if err != nil {
		return nil, fmt.Errorf("reading --node %q: %w", a.Node, err)
	}
	if at.Fingerprint == "" && !a.TrustFirst && a.person == nil {
		return nil, noFingerprint(a.Node)
	}
	l := &line{wait: newPatience(a.ctx, a.Timeout)}
	l.ctx = l.wait.ctx
	cfg := client.Config{Node: a.Node, TrustFirst: a.TrustFirst} // its heartbeat is its own: somebody looks at a code
	if a.person != nil {
		cfg.Confirm = (&question{person: a.person, wait: l.wait, node: a.Node}).confirm
	}
	if l.Client, err = client.DialNode(cfg); err != nil {
		l.wait.end()
		return nil, err
	}
	if err := l.Attached(l.ctx); err != nil {
		err = l.fault(err, exitUnreachable)
		l.close()
		return nil, err
	}
	return l, nil
}

// noFingerprint refuses an address when nobody could vouch for the key there.
func noFingerprint(node string) error {
	return usage("add it to the address as the node prints it, mpp://host:port/FINGERPRINT,\nor take the key found there with --trust-first", "--node %s has no fingerprint, and nobody is here to be asked", node)
}
