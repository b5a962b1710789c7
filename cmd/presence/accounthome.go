package main

import (
	"strings"

	"meshpresence/node/client"
)

// homeNode is a node that keeps the account.
type homeNode struct {
	Node      string   `json:"node"`
	Addresses []string `json:"addresses"`
	Keeps     bool     `json:"keeps"`
	Until     *string  `json:"until"` // null when it does not say so
}

func homesOf(p *client.Profile) []homeNode {
	homes := []homeNode{}
	for _, h := range p.HomeNodes() {
		one := homeNode{Node: h.Node, Addresses: list(h.Addresses), Keeps: h.Keeps}
		if h.Keeps {
			one.Until = timeOrNull(h.Expires)
		}
		homes = append(homes, one)
	}
	return homes
}

// line is a home for people.
func (h homeNode) line() string {
	text := printable(strings.Join(oneEach(h.Addresses), " "))
	if text == "" {
		text = h.Node
	}
	if !h.Keeps {
		return text + " (it does not say so itself)"
	}
	return text
}

// accountHomeList is presence account home list.
type accountHomeList struct{}

// Help is shown by --help.
func (*accountHomeList) Help() string {
	return `Shows the nodes that keep the account, as this device knows them. A post is safe once two of them have it on disk.

Examples:

  presence account home list
  presence account home list --json`
}

// homes is the result: presence.account-home-list/1, and of the acts that
// change them presence.account-home-add/1 and presence.account-home-remove/1.
type homes struct {
	Schema  string     `json:"schema"`
	Account string     `json:"account"`
	Homes   []homeNode `json:"homes"`
}

// Run lists them.
func (v *accountHomeList) Run(a *app) error {
	p, err := a.openMember()
	if err != nil {
		return err
	}
	return tellHomes(a, p, "presence.account-home-list/1")
}

func tellHomes(a *app, p *client.Profile, schema string) error {
	r := homes{Schema: schema, Account: p.Account(), Homes: homesOf(p)}
	var lines []string
	for _, h := range r.Homes {
		lines = append(lines, short(h.Node)+"  "+h.line())
	}
	if len(lines) == 0 {
		lines = []string{"no node keeps the account"}
	}
	return a.emit(r, lines...)
}
