package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/node"
)

func TestRealmCreate(t *testing.T) {
	dir := home(t)
	file := filepath.Join(dir, "realm.key")
	presence(t, "realm", "create", file).says(t, exitUsage, "presence: the key wants a passphrase, and nobody is here to be asked\n"+
		"give --passphrase-file FILE, or --no-passphrase to keep the key in clear\n")
	presenceWith(t, &scripted{answers: []string{"a", "b"}}, "", "realm", "create", file).wants(t, exitUsage, "", "the two passphrases differ")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("it was made all the same: %v", err)
	}
	r := presenceWith(t, &scripted{answers: []string{"a", "a"}}, "", "realm", "create", "--json", file)
	if got, want := shape(t, r.out), "{schema:presence.realm-create/1 realm:text file:text encrypted:bool}"; got != want {
		t.Errorf("realm create: %s\nwant %s", got, want)
	}
	presence(t, "realm", "create", "--no-passphrase", file).says(t, exitUsage, "presence: making a realm's key: "+file+" is there already\ngive another name\n")
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), "argon2id") {
		t.Errorf("the key: %q, %v", b, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
}

// The realm's key lies in a drawer, under a passphrase, and not on the node.
func TestRealmKeyInADrawer(t *testing.T) {
	dir := home(t)
	file, clearly := filepath.Join(dir, "drawer.key"), filepath.Join(dir, "clear.key")
	n := startNodeWith(t, node.Config{})
	invite := []string{"--node", n.DeviceAddress(), "realm", "invite", "--yes"}
	presence(t, invite...).says(t, exitUnreachable, "presence: no daemon answers here that could say where the realm's key is\n"+
		"start one with: presenced; one with another --state is named with --admin\nSTATE/admin.sock; or give the key with --realm-key FILE, and a node with --node\n")
	presence(t, append(invite, "--realm-key", file)...).wants(t, exitError, "", "no such file")
	presenceWith(t, &scripted{answers: []string{"a", "a"}}, "", "realm", "create", file).wants(t, exitOK, "realm     ", "")
	presence(t, append(invite, "--realm-key", file)...).says(t, exitUsage,
		"presence: the realm's key wants its passphrase, and nobody is here to be asked\ngive --passphrase-file FILE\n")
	presenceWith(t, &scripted{answers: []string{"b"}}, "", append(invite, "--realm-key", file)...).wants(t, exitError, "", "wrong passphrase\n")
	presenceWith(t, &scripted{answers: []string{"a"}}, "", append(invite, "--realm-key", file)...).says(t, exitRefused,
		"presence: the node is of another realm than the key\ngive a node of the key's realm with --node, or that realm's key with --realm-key\n")
	presence(t, "realm", "create", "--no-passphrase", clearly).wants(t, exitOK, "realm     ", "")
}

// A node comes in by a code, is listed, and is removed.
func TestRealmInvite(t *testing.T) {
	h := newHouse(t)
	invite := begin(t, nil, "realm", "invite", "--yes", "--json")
	code := invite.shows(pasted)
	cfg := node.Config{State: filepath.Join(h.dir, "second")}
	if err := node.JoinRealm(t.Context(), cfg, code); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(invite.result().out), "\n")
	if got, want := shape(t, lines[len(lines)-1]), "{schema:presence.realm-invite/1 realm:text node:text name:text fingerprint:text}"; got != want {
		t.Errorf("realm invite: %s\nwant %s", got, want)
	}
	var added nodeAdded
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &added); err != nil {
		t.Fatal(err)
	}
	presence(t, "realm", "members").wants(t, exitOK, "node      "+short(added.Node)+"  ", "")
	who := &scripted{answers: []string{"n", "y"}}
	presenceWith(t, who, "", "realm", "remove", added.Node[:6]).says(t, exitError, "presence: nothing was removed\n")
	presenceWith(t, who, "", "realm", "remove", added.Node[:6]).wants(t, exitOK, "removed   "+added.Node+"\n", "")
	presence(t, "realm", "members").wants(t, exitOK, "node      "+short(added.Node)+"  removed", "")
	presence(t, "realm", "remove", "--yes", h.own(t)).wants(t, exitError, "", "it is the node in use")
}

// own is the id of the household's first node.
func (h *household) own(t *testing.T) string {
	t.Helper()
	var view struct {
		Node string `json:"node"`
	}
	if err := json.Unmarshal([]byte(presence(t, "admin", "status", "--json").out), &view); err != nil {
		t.Fatal(err)
	}
	return view.Node
}
