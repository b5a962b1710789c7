package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/node"
	"meshpresence/node/admin"
)

// "port 0 takes any": the node of this machine is known by its fingerprint, or
// by its port at a host that is this machine.
func TestLocally(t *testing.T) {
	const here, there = "MDAB-RUUQ-L74N-JLVK-2JRA-J6UX-2QFI", "MDAJ-R6TM-IKUX-TQUK-LRCN-PCX2-3LDQ"
	view := admin.Overview{Fingerprint: here, DeviceAddresses: []string{"mpp://192.0.2.7:6770/" + here, "mpp://[2001:db8::7]:6770/" + here}}
	for given, want := range map[string]string{
		"":                              "mpp://192.0.2.7:6770/" + here,
		"mpp://127.0.0.1":               "mpp://127.0.0.1:6770/" + here,
		"mpp://localhost:6770":          "mpp://localhost:6770/" + here,
		"mpp://[::1]":                   "mpp://[::1]:6770/" + here,
		"mpp://192.0.2.7":               "mpp://192.0.2.7:6770/" + here,
		"mpp://[2001:db8::7]":           "mpp://[2001:db8::7]:6770/" + here,
		"mpp://home.example/" + here:    "mpp://home.example/" + here,
		"mpp://127.0.0.1:6771":          "",
		"mpp://192.0.2.8":               "",
		"mpp://127.0.0.1:6770/" + there: "",
		"nonsense":                      "",
	} {
		if at, same := locally(given, view); same != (want != "") || same && at != want {
			t.Errorf("%q: %q, %v, want %q", given, at, same, want)
		}
	}
}

func TestAdmin(t *testing.T) {
	dir := home(t)
	socket := filepath.Join(dir, "admin.sock")
	gone := "presence: asking the node of this machine at " + socket + ": no daemon answers\n" +
		"start one with: presenced; one with another --state is named with --admin\nSTATE/admin.sock\n"
	for _, verb := range [][]string{{"admin", "invite"}, {"admin", "status"}, {"realm", "members"}} {
		r := presence(t, append(verb, "--admin", socket)...)
		if r.code != exitUnreachable || r.out != "" || r.err != gone {
			t.Errorf("%v without a daemon: %v\nwant %s", verb, r, gone)
		}
	}
	presence(t, "admin", "health", "--admin", socket).wants(t, exitError, "asking the node of this machine at "+socket+": no daemon answers\n", "")
	if r := presence(t, "admin", "health", "--quiet", "--admin", socket); r != (result{code: exitError}) {
		t.Errorf("a quiet health check: %v", r)
	}

	n := startNodeWith(t, node.Config{Admin: socket})
	t.Setenv("PRESENCED_ADMIN", socket)
	presence(t, "admin", "health").wants(t, exitOK, "healthy\n", "")
	if r := presence(t, "admin", "health", "--quiet"); r != (result{}) {
		t.Errorf("a quiet health check: %v", r)
	}
	r := presence(t, "admin", "health", "--json")
	if got, want := shape(t, r.out), "{schema:presence.admin-health/1 healthy:bool reason:null}"; got != want {
		t.Errorf("admin health: %s\nwant %s", got, want)
	}
	presence(t, "admin", "status").wants(t, exitOK, "device    "+n.DeviceAddress()+"\n", "")
	presence(t, "admin", "status", "--json").wants(t, exitOK, `{"schema":"presence.node/1"`, "")
	presence(t, "realm", "members").wants(t, exitOK, "this node", "")
	r = presence(t, "realm", "members", "--json")
	if got, want := shape(t, r.out), "{schema:presence.realm-members/1 realm:text members:[{node:text fingerprint:text addresses:[text] self:bool connected:bool expelled:bool last_heard:"; !strings.HasPrefix(got, want) {
		t.Errorf("realm members: %s\nwant %s", got, want)
	}
	presence(t, "admin", "invite").wants(t, exitOK, "  presence account create --code mpp-join:", "")
	r = presence(t, "admin", "invite", "--json")
	if got, want := shape(t, r.out), "{schema:presence.code/1 kind:text code:text text:text expires:text}"; got != want {
		t.Errorf("admin invite: %s\nwant %s", got, want)
	}
	var code shown
	if err := json.Unmarshal([]byte(r.out), &code); err != nil || code.Kind != "account" || !strings.HasPrefix(code.Text, "mpp-join:"+code.Code+"@127.0.0.1:") {
		t.Errorf("admin invite: %+v, %v", code, err)
	}
	presence(t, "realm", "remove", "--yes", "zzzz").wants(t, exitNotFound, "", "no node of the realm is \"zzzz\"\nsee: presence realm members\n")
}

// A socket that belongs to somebody else is told as such.
func TestAdminOfAnother(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may use every socket")
	}
	dir := home(t)
	socket := filepath.Join(dir, "admin.sock")
	startNodeWith(t, node.Config{Admin: socket})
	if err := os.Chmod(socket, 0); err != nil {
		t.Fatal(err)
	}
	presence(t, "admin", "status", "--admin", socket).wants(t, exitError, "", "it belongs to another user")
}
