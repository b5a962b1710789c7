package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meshpresence/node"
)

// household is two nodes of one realm, the first with an admin socket.
type household struct {
	t      *testing.T
	dir    string
	first  *node.Node
	second *node.Node // nil in a house of one node
	socket string
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	h := newHouse(t)
	h.second = startNodeWith(t, node.Config{RealmKey: filepath.Join(h.dir, "first", "keys", "realm.key"), Peers: h.first.PeerAddresses()})
	return h
}

// newHouse is a household of one node.
func newHouse(t *testing.T) *household {
	t.Helper()
	h := &household{t: t, dir: home(t)}
	h.socket = filepath.Join(h.dir, "admin.sock")
	t.Setenv("PRESENCED_ADMIN", h.socket)
	h.first = startNodeWith(t, node.Config{State: filepath.Join(h.dir, "first"), Admin: h.socket})
	return h
}

// under is a command that runs while a test looks at what it wrote.
type under struct {
	t      *testing.T
	out    *safeBuffer
	errs   *safeBuffer
	who    *scripted
	done   chan struct{} // closed when it ended
	code   int
	cancel context.CancelFunc
}

// begin starts a command with somebody there to answer.
func begin(t *testing.T, who *scripted, args ...string) *under {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	u := &under{
		t: t, out: &safeBuffer{wrote: make(chan struct{}, 1)}, errs: &safeBuffer{}, who: who,
		done: make(chan struct{}), cancel: cancel,
	}
	c := console{in: strings.NewReader(""), out: u.out, err: u.errs}
	if who != nil {
		c.person = who
	}
	go func() {
		defer close(u.done)
		u.code = run(ctx, patiently(args), c)
	}()
	t.Cleanup(func() { cancel(); <-u.done })
	return u
}

// shows waits until it wrote what matches, and returns the first group.
func (u *under) shows(what *regexp.Regexp) string {
	u.t.Helper()
	for {
		if m := what.FindStringSubmatch(u.out.String()); m != nil {
			return m[1]
		}
		select {
		case <-u.out.wrote:
		case <-u.done:
			if !what.MatchString(u.out.String()) {
				u.t.Fatalf("it ended without %v: %v", what, u.result())
			}
		}
	}
}

// result waits for its end.
func (u *under) result() result {
	<-u.done
	return result{u.code, u.out.String(), u.errs.String()}
}

var pasted = regexp.MustCompile(`(mpp-join:[^"\s]+)`)

// letIn has a device join by a code, and holds the two screens to each other.
func (h *household) letIn(name string, join ...string) (added, joined result) {
	h.t.Helper()
	add := begin(h.t, &scripted{answers: []string{"y"}}, "device", "add")
	code := add.shows(pasted)
	args := append([]string{"--profile", name}, append(join, "device", "join", "--name", name, code)...)
	joined, added = presence(h.t, args...), add.result()
	added.wants(h.t, exitOK, `added     "`+name+`"`, "waiting for the device")
	joined.wants(h.t, exitOK, "account   ", "waiting for the other device")
	own := fingerprintTold.FindString(joined.err)
	if asked := strings.Join(add.who.asked, ""); own == "" || !strings.Contains(asked, own) || !strings.Contains(asked, `"`+name+`"`) {
		h.t.Errorf("the newcomer shows %q, the other device asked %q", own, asked)
	}
	return added, joined
}

var fingerprintTold = regexp.MustCompile(`M[A-Z2-7]{3}(-[A-Z2-7]{4}){6}`)

// create makes the account, with the code that the node of this machine gives.
func (h *household) create(args ...string) {
	h.t.Helper()
	presence(h.t, append([]string{"account", "create", "--name", "laptop"}, args...)...).wants(h.t, exitOK, "account   ", "")
}

// posted is a publish that a second home may not have confirmed within a second.
func posted(t *testing.T, says string, args ...string) {
	t.Helper()
	if r := presence(t, args...); r.code != exitOK && r.code != exitLess || !strings.Contains(r.out, says) {
		t.Errorf("want a post that says %q, got %v", says, r)
	}
}

// Two nodes, three devices by code, and a phone that gets lost.
func TestHousehold(t *testing.T) {
	h := newHousehold(t)
	h.create("--no-passphrase")
	h.letIn("phone")
	_, joined := h.letIn("tablet")
	if got := presence(t, "--profile", "tablet", "device", "list"); !strings.Contains(joined.out, "tablet") || strings.Count(got.out, "\n") != 3 {
		t.Errorf("the tablet knows %v", got)
	}

	elsewhere := []string{"--profile", "tablet", "--node", h.second.DeviceAddress()}
	tablet := begin(t, nil, append(elsewhere, "watch", "--count", "2")...)
	phone := begin(t, nil, "--profile", "phone", "watch", "--count", "2")
	posted(t, "main #1", "publish", "dinner is ready")
	posted(t, "main #1", "--profile", "phone", "publish", "coming")
	for _, u := range []*under{tablet, phone} {
		if r := u.result(); r.code != exitOK || !strings.Contains(r.out, "laptop  main #1  dinner is ready") || !strings.Contains(r.out, "phone  main #1  coming") {
			t.Errorf("it heard %v", r)
		}
	}

	presence(t, "device", "rename", "tablet", "kitchen").wants(t, exitOK, `"kitchen" now`, "")
	presence(t, "device", "list").wants(t, exitOK, "kitchen", "")
	presence(t, "why", "phone").wants(t, exitOK, "status    ", "")
	r := presence(t, "why", "nobody", "--json")
	r.wants(t, exitNotFound, `"reason":"no-such-device"`, "the account has no such device")

	who := &scripted{answers: []string{"n"}}
	presenceWith(t, who, "", "device", "revoke", "phone").wants(t, exitError, "", "presence: nothing was revoked\n")
	if asked := strings.Join(who.asked, ""); !strings.Contains(asked, keepsWhatItRead) || !strings.Contains(asked, `"phone"`) {
		t.Errorf("asked %q", asked)
	}
	presenceWith(t, &scripted{answers: []string{"y"}}, "", "device", "revoke", "phone").wants(t, exitOK, keepsWhatItRead, "")
	presence(t, "device", "list").wants(t, exitOK, "laptop", "")
	if r := presence(t, "device", "list"); strings.Contains(r.out, "phone") {
		t.Errorf("a revoked device is listed: %v", r)
	}
}

// The form that programs read: one object a line, members in order.
func TestHouseholdForPrograms(t *testing.T) {
	h := newHousehold(t)
	h.create("--no-passphrase")
	add := begin(t, nil, "device", "add", "--yes", "--json")
	code := add.shows(pasted)
	join := presence(t, "--profile", "phone", "device", "join", "--name", "phone", code, "--json")
	list := presence(t, "device", "list", "--json")
	var known devices
	if err := json.Unmarshal([]byte(list.out), &known); err != nil || len(known.Devices) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	i := slices.IndexFunc(known.Devices, func(d listed) bool { return !d.Self })
	for name, c := range map[string]struct{ got, want string }{
		"device join": {join.out, "{schema:presence.device-join/1 account:text device:text name:text fingerprint:text profile:text node:text homes:[text]}"},
		"device list": {list.out, "{schema:presence.device-list/1 account:text devices:[{device:text name:text roles:[text] self:bool}]}"},
		"device rename": {
			presence(t, "device", "rename", known.Devices[i].Device[:6], "pad", "--json").out,
			"{schema:presence.device-rename/1 device:text name:text was:text}",
		},
		"account show": {
			presence(t, "account", "show", "--json").out,
			"{schema:presence.account-show/1 account:text device:text name:text profile:text account_key:bool encrypted:bool devices:number homes:[{node:text addresses:[text] keeps:bool until:text}] nodes:[text] needs_repair:bool}",
		},
		"account home list": {
			presence(t, "account", "home", "list", "--json").out,
			"{schema:presence.account-home-list/1 account:text homes:[{node:text addresses:[text] keeps:bool until:text}]}",
		},
		"account repair": {
			presence(t, "account", "repair", "--json").out, "{schema:presence.account-repair/1 account:text changed:bool}",
		},
		"why": {
			presence(t, "why", known.Devices[i].Device, "--json").out,
			"{schema:presence.why/1 device:text name:text reason:text sentence:text also:[] node:text since:text heard:text asked:text}",
		},
		"device revoke": {
			presence(t, "device", "revoke", "--yes", known.Devices[i].Device, "--json").out,
			"{schema:presence.device-revoke/1 device:text name:text}",
		},
	} {
		if got := settled(shape(t, c.got)); got != c.want {
			t.Errorf("%s: %s\nwant %s", name, got, c.want)
		}
	}
	lines := strings.Split(strings.TrimSpace(add.result().out), "\n")
	want := []string{
		"{schema:presence.code/1 kind:text code:text text:text expires:text}",
		"{schema:presence.device-add/1 account:text device:text name:text fingerprint:text roles:[text]}",
	}
	for i, line := range lines {
		if got := shape(t, line); i >= len(want) || got != want[i] {
			t.Errorf("device add, line %d: %s", i+1, got)
		}
	}
}

// The account's key wants its passphrase for every act, and a backup brings it
// back: beside a device's keys, and with a new device when all are lost.
func TestBackup(t *testing.T) {
	h := newHousehold(t)
	secret := filepath.Join(h.dir, "secret")
	wrong := filepath.Join(h.dir, "wrong")
	for file, text := range map[string]string{secret: "correct horse\n", wrong: "battery\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.create("--passphrase-file", secret)
	file := filepath.Join(h.dir, "account.backup")
	presence(t, "account", "backup", file).wants(t, exitUsage, "", "the account's key wants its passphrase, and nobody is here to be asked")
	presence(t, "account", "backup", "--passphrase-file", wrong, file).wants(t, exitError, "", "wrong passphrase\nnothing was changed; run the command again\n")
	presenceWith(t, &scripted{answers: []string{"correct horse"}}, "", "account", "backup", file).wants(t, exitOK, "backup    "+file, "")
	presence(t, "account", "backup", "--passphrase-file", secret, file).wants(t, exitOK, "backup    "+file, "")
	presence(t, "account", "backup", "--passphrase-file", secret, secret).wants(t, exitError, "", secret+" holds something else")
	presence(t, "account", "restore", file).wants(t, exitError, "", "there is a device here already")
	if b, err := os.ReadFile(file); err != nil || strings.Contains(string(b), "private") {
		t.Errorf("the backup: %q, %v", b, err)
	}

	profile := filepath.Join(h.dir, ".config", "presence", "default")
	if err := os.Remove(filepath.Join(profile, "account.key")); err != nil {
		t.Fatal(err)
	}
	presence(t, "device", "add", "--yes").wants(t, exitError, "", "this device does not hold the account's key\nrun it on a device that does, or bring the key here: presence account restore\nFILE\n")
	presence(t, "account", "restore", file).wants(t, exitUsage, "", "the backup wants its passphrase, and nobody is here to be asked")
	presence(t, "account", "restore", "--passphrase-file", wrong, file).wants(t, exitError, "", "wrong passphrase\n")
	presence(t, "account", "restore", "--passphrase-file", secret, file).wants(t, exitOK, "The account's key is on this device again", "")

	// All devices are gone, the nodes are there.
	posted(t, "main #1", "publish", "before")
	if err := os.RemoveAll(profile); err != nil {
		t.Fatal(err)
	}
	presence(t, "account", "restore", "--passphrase-file", wrong, file).wants(t, exitError, "", "wrong passphrase\n")
	if _, err := os.Stat(profile); !os.IsNotExist(err) {
		t.Errorf("a backup that did not open left a profile: %v", err)
	}
	presenceWith(t, &scripted{answers: []string{"correct horse"}}, "", "account", "restore", "--name", "new", file).wants(t, exitOK, "device    new ", "")
	posted(t, "main #1", "publish", "after")
	presence(t, "device", "list").wants(t, exitOK, "new", "")
}
