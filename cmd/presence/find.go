package main

import (
	"errors"
	"fmt"
	"strings"

	"meshpresence/discovery"
	"meshpresence/node/client"
)

// settleNode settles which node is asked when none was named and the device
// knows none.
func (a *app) settleNode(known bool) (err error) {
	if a.Node == "" && !known {
		a.Node, err = a.findNode()
	}
	return err
}

// findNode looks for a node on the local network and has a person confirm the
// one that is found. What is found is anyone's word: the fingerprint shown is
// the key that the connection then insists on.
func (a *app) findNode() (string, error) {
	if a.find == nil {
		return "", client.ErrNoNode
	}
	if a.person != nil {
		fmt.Fprintln(a.err, "Looking for a node on this network ...")
	}
	candidates, err := a.find.Resolve(a.ctx, "")
	if a.ctx.Err() != nil {
		return "", errInterrupted
	}
	nodes := onePerNode(candidates)
	switch {
	case len(nodes) == 0 && err != nil:
		return "", usage(waysToANode, "no node is known, and none could be looked for on this network: %v", err)
	case len(nodes) == 0:
		return "", usage(waysToANode, "no node is known, and none was found on this network")
	case len(nodes) > 1:
		return "", usage("give one of them with --node:\n"+strings.Join(nodes, "\n"), "%d nodes were found on this network", len(nodes))
	}
	return nodes[0], a.agree(nodes[0])
}

// agree asks whether the one node found is to be used; --trust-first is the only
// silent way (federation.md, Defaults).
func (a *app) agree(node string) error {
	if a.TrustFirst {
		return nil
	}
	if a.person == nil {
		return usage("if its fingerprint is the one that your node prints, give it:\n--node "+node+"\nor take it as it is with --trust-first", "one node was found on this network, and nobody is here to be asked about it")
	}
	at, err := discovery.ParseAddress(node)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("One node was found, at %s. Its fingerprint is\n  %s\nCompare it with the device address that your node printed.\nIs it the same? [y/N] ", at.HostPort(), at.Fingerprint)
	yes, err := a.person.agrees(a.ctx, question)
	if err == nil && !yes {
		err = &fault{err: errors.New("the node found was not confirmed"), code: exitError, hint: waysToANode}
	}
	return err
}

// onePerNode is the best address of each node found.
func onePerNode(candidates []discovery.Candidate) []string {
	var list []string
	seen := make(map[string]bool)
	for _, c := range candidates {
		if c.Fingerprint == "" || seen[c.Fingerprint] {
			continue
		}
		seen[c.Fingerprint] = true
		list = append(list, discovery.Address{Host: c.Addr.Addr().String(), Port: c.Addr.Port(), Fingerprint: c.Fingerprint}.String())
	}
	return list
}
