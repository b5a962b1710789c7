package main

import (
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/node"
)

// A node of another realm keeps the account too, by a code of its own; then the
// first one is lost.
func TestHomes(t *testing.T) {
	h := newHouse(t)
	h.create("--no-passphrase")
	socket := filepath.Join(h.dir, "other.sock")
	other := startNodeWith(t, node.Config{Admin: socket})
	presence(t, "account", "home", "add", other.DeviceAddress()).says(t, exitRefused,
		"presence: the node lets no account in without a code\nrun this on the node's own machine, where the daemon gives one by itself,\n"+
			"or get one there with: presence admin invite, and give it with --code CODE\n")
	code := pasted.FindString(presence(t, "admin", "invite", "--admin", socket).out)
	presence(t, "account", "home", "add", code).wants(t, exitOK, other.DeviceAddress()+"\n", "")
	r := presence(t, "account", "home", "list", "--json")
	if got, want := shape(t, r.out), "{schema:presence.account-home-list/1 account:text homes:[{node:text addresses:[text] keeps:bool until:text}]}"; got != want {
		t.Errorf("account home list: %s\nwant %s", got, want)
	}
	posted(t, "main #1", "publish", "hello")

	first := h.first.DeviceAddress()
	presence(t, "account", "home", "remove", "zzzz").says(t, exitNotFound, "presence: no home of the account is \"zzzz\"\nsee: presence account home list\n")
	presence(t, "account", "home", "remove", first, "--json").wants(t, exitOK, `"schema":"presence.account-home-remove/1"`, "")
	if r := presence(t, "account", "home", "list"); strings.Count(r.out, "\n") != 1 || !strings.Contains(r.out, other.DeviceAddress()) {
		t.Errorf("the homes are %v", r)
	}
	presence(t, "account", "home", "remove", other.DeviceAddress()).says(t, exitError,
		"presence: removing a home: it is the account's only home\nadd another one first: presence account home add\n")
}

// The only node is gone with its keys: a new one takes the account in by a code,
// and each device is told once where it is.
func TestOnlyNodeIsLost(t *testing.T) {
	h := newHouse(t)
	h.create("--no-passphrase")
	h.letIn("phone")
	h.first.Close()
	socket := filepath.Join(h.dir, "new.sock")
	n := startNodeWith(t, node.Config{Admin: socket})
	code := pasted.FindString(presence(t, "admin", "invite", "--admin", socket).out)
	presence(t, "--node", n.DeviceAddress(), "account", "home", "add", code).wants(t, exitOK, n.DeviceAddress()+"\n", "")
	posted(t, "main #1", "publish", "we moved")
	presence(t, "--profile", "phone", "--node", n.DeviceAddress(), "watch", "--count", "1").wants(t, exitOK, "we moved", "watching")
}
