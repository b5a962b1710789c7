package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// One device's whole story on one node, as a script would tell it.
func TestStory(t *testing.T) {
	dir := home(t)
	_, address, _ := startNode(t)

	presence(t, "status").wants(t, exitNotFound, "", "make one with: presence account create")
	presence(t, "publish", "x").wants(t, exitNotFound, "", "there is no device here yet")
	presence(t, "watch").wants(t, exitNotFound, "", "there is no device here yet")

	r := presence(t, "--node", address, "--trust-first", "account", "create", "--name", "phone", "--no-passphrase", "--json")
	r.wants(t, exitOK, `"name":"phone"`, "")
	if got, want := shape(t, r.out), "{schema:presence.account-create/1 account:text device:text name:text profile:text node:text homes:[text] account_key:text encrypted:bool}"; got != want {
		t.Errorf("account create: %s\nwant %s", got, want)
	}
	var made created
	if err := json.Unmarshal([]byte(r.out), &made); err != nil || made.Profile != filepath.Join(dir, ".config", "presence", "default") || made.Encrypted {
		t.Errorf("created: %+v, %v", made, err)
	}
	presence(t, "account", "create", "--no-passphrase").wants(t, exitError, "", "use another profile for another account")

	// The node is pinned now: no flag says where it is.
	presence(t, "publish", "dinner is ready").wants(t, exitOK, "main #1  on disk at 1 node\n", "")
	r = presence(t, "publish", "--label", "door", "--channel", "house", "open", "--json")
	if got, want := shape(t, r.out), "{schema:presence.publish/1 hash:text channel:text label:text sequence:null serial:number sealed:bool copies:number code:number status:text node:text}"; got != want {
		t.Errorf("publish: %s\nwant %s\n%v", got, want, r)
	}
	presenceWith(t, nil, "from a pipe\n", "publish", "--clear", "-").wants(t, exitOK, "main #2", "")

	r = presence(t, "watch", "--count", "3", "--json")
	r.wants(t, exitOK, `"label":"door"`, "watching every channel at mpp://")
	lines := strings.SplitAfter(strings.TrimSpace(r.out), "\n")
	if len(lines) != 3 {
		t.Fatalf("watch: %v", r)
	}
	if got, want := shape(t, lines[0]), "{schema:presence.watch/1 channel:text label:null sequence:number serial:number publisher:text name:text time:text hash:text sealed:bool data:text text:text}"; got != want {
		t.Errorf("watch: %s\nwant %s", got, want)
	}
	var first seen
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.Channel != "main" || *first.Sequence != 1 || *first.Text != "dinner is ready" ||
		first.Data != "ZGlubmVyIGlzIHJlYWR5" || *first.Name != "phone" || !first.Sealed {
		t.Errorf("the first event: %s, %v", lines[0], err)
	}

	r = presence(t, "ping", "--json")
	if got, want := settled(shape(t, r.out)), "{schema:presence.ping/1 number:number node:text endpoint:text rtt_ms:number time:text first:bool "+linkShape+"}"; r.code != exitOK || got != want {
		t.Errorf("ping: %s\nwant %s\n%v", got, want, r)
	}
	r = presence(t, "status", "--json")
	if got, want := settled(shape(t, r.out)), "{schema:presence.status/1 profile:text name:text device:text fingerprint:text account:text account_key:bool node:text endpoint:text rtt_ms:number "+linkShape+" kept:number homes:[text] devices:[{device:text name:text roles:[text] self:bool where:{reason:text sentence:text also:[] node:text since:text heard:text}}] nodes:[] proposals:[]}"; r.code != exitOK || got != want {
		t.Errorf("status: %s\nwant %s\n%v", got, want, r)
	}
	presence(t, "status").wants(t, exitOK, "\noutbox    3 posts kept here too: only one node has them\n", "")
}

// linkShape is how a node is reached.
const linkShape = "connection:{mode:text round_trips:number suite:text key_age_s:number handshakes:number paths:[{node:text in_use:bool rtt_ms:number sent:number lost:number}]}"

// A device that knows the node asks with its first packet; people read the same as
// programs do.
func TestPingShowsTheConnection(t *testing.T) {
	home(t)
	_, address, fingerprint := startNode(t)
	at := address + "/" + fingerprint
	const path = `(?m)^  path to 127\.0\.0\.1:\d+: round trip (\d+\.\d ms|unknown), \d+ of \d+ packets? lost$`
	r := presence(t, "--node", at, "ping")
	r.wants(t, exitOK, "\n  first contact in 2 round trips, X25519 ", "")
	if !regexp.MustCompile(path).MatchString(r.out) || strings.Contains(r.out, "first packet") {
		t.Errorf("the first time: %v", r)
	}
	presence(t, "--node", at, "account", "create", "--no-passphrase").wants(t, exitOK, "account", "")
	r = presence(t, "ping", "--count", "2")
	r.wants(t, exitOK, "; the first answer's time has the handshake in it\n", "") // deferred: the node just started
	if n := strings.Count(r.out, "path to"); n != 2 {
		t.Errorf("%d paths, want the first and the last: %v", n, r)
	}
	presence(t, "status").wants(t, exitOK, " round trips, X25519 ", "")
}

func TestWatchEndsByCtrlC(t *testing.T) {
	home(t)
	_, address, _ := startNode(t)
	presence(t, "--node", address, "--trust-first", "account", "create", "--no-passphrase").wants(t, exitOK, "account", "")
	ctx, interrupt := context.WithCancel(t.Context())
	out := &safeBuffer{wrote: make(chan struct{}, 1)}
	var errs safeBuffer
	code := make(chan int)
	go func() { code <- run(ctx, []string{"watch", "main", "house"}, console{out: out, err: &errs}) }()
	presence(t, "publish", "--channel", "elsewhere", "not for it").wants(t, exitOK, "elsewhere #1", "")
	presence(t, "publish", "hello").wants(t, exitOK, "main #1", "")
	out.until("main #1  hello\n")
	interrupt()
	if got := <-code; got != exitOK || strings.Contains(out.String(), "not for it") || !strings.Contains(errs.String(), "watching main, house at ") {
		t.Errorf("%v", result{got, out.String(), errs.String()})
	}
}

func TestWatchExec(t *testing.T) {
	sh, err := os.Stat("/bin/sh")
	if err != nil || sh.IsDir() {
		t.Skip("no /bin/sh")
	}
	dir := home(t)
	_, address, _ := startNode(t)
	presence(t, "--node", address, "--trust-first", "account", "create", "--no-passphrase").wants(t, exitOK, "account", "")
	presence(t, "publish", "$(echo no shell)").wants(t, exitOK, "main #1", "")
	log := filepath.Join(dir, "log")
	presence(t, "watch", "--count", "1", "--exec", `/bin/sh -c 'cat > "$0"; echo " $PRESENCE_CHANNEL $PRESENCE_SEQUENCE $PRESENCE_SEALED" >> "$0"' `+log).wants(t, exitOK, "main #1", "watching")
	if b, err := os.ReadFile(log); err != nil || string(b) != "$(echo no shell) main 1 true\n" {
		t.Errorf("the command wrote %q, %v", b, err)
	}
	presence(t, "publish", "again").wants(t, exitOK, "main #2", "")
	presence(t, "watch", "--count", "1", "--exec", `/bin/sh -c 'exit 3'`).wants(t, exitLess, "main #2", "presence: running /bin/sh for main #2: exit status 3\n")
	presence(t, "watch", "--exec", "no-such-program -x").wants(t, exitUsage, "", "give a program that is there")
}

func TestTrustOnATerminal(t *testing.T) {
	home(t)
	_, address, fingerprint := startNode(t)

	presence(t, "--node", address, "ping").wants(t, exitUsage, "", "--trust-first")
	presence(t, "--node", address+"/"+fingerprint, "ping").wants(t, exitOK, "sees 127.0.0.1:", "")

	who := &scripted{answers: []string{"n"}}
	presenceWith(t, who, "", "--node", address, "ping").wants(t, exitError, "", "not confirmed")
	if len(who.asked) != 1 || !strings.Contains(who.asked[0], fingerprint) {
		t.Errorf("asked %q", who.asked)
	}
	if _, err := os.Stat(os.Getenv("HOME") + "/.config"); !os.IsNotExist(err) {
		t.Errorf("a ping left a profile: %v", err)
	}

	who = &scripted{answers: []string{"y", "secret", "secret"}}
	presenceWith(t, who, "", "--node", address, "account", "create").wants(t, exitOK, "account", "")
	if len(who.asked) != 3 || strings.Contains(strings.Join(who.asked, ""), "secret") {
		t.Errorf("asked %q", who.asked)
	}
	// It is pinned now.
	presence(t, "--node", address, "ping").wants(t, exitOK, "sees", "")
	other := "M" + strings.Repeat("AAAA-", 8)[1:34]
	presence(t, "--profile", "none", "--node", address+"/"+other, "ping").wants(t, exitRefused, "", "another key than the pinned one")
}

func TestPassphrase(t *testing.T) {
	dir := home(t)
	_, address, _ := startNode(t)
	create := []string{"--node", address, "--trust-first", "account", "create"}
	file := filepath.Join(dir, "secret")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		os.Remove(file)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	fromFile := append(create, "--passphrase-file", file)

	presence(t, create...).wants(t, exitUsage, "", "give --passphrase-file FILE, or --no-passphrase")
	presence(t, append(fromFile, "--no-passphrase")...).wants(t, exitUsage, "", "can't be used together")
	presence(t, fromFile...).wants(t, exitError, "", "no such file")
	write("hunter2\n", 0o644)
	presence(t, fromFile...).wants(t, exitUsage, "", "chmod 600")
	write("\n", 0o600)
	presence(t, fromFile...).wants(t, exitUsage, "", "is empty")
	write(strings.Repeat("x", maxPassphrase+1), 0o600)
	presence(t, fromFile...).wants(t, exitUsage, "", "too long")
	presenceWith(t, &scripted{answers: []string{"one", "two"}}, "", create...).wants(t, exitUsage, "", "the two passphrases differ")
	presenceWith(t, &scripted{answers: []string{""}}, "", create...).wants(t, exitUsage, "", "the passphrase is empty")
	if _, err := os.Stat(filepath.Join(dir, ".config", "presence", "default")); !os.IsNotExist(err) {
		t.Errorf("what did not become an account left a profile: %v", err)
	}

	write("hunter2\r\nand more\n", 0o600)
	r := presence(t, fromFile...)
	r.wants(t, exitOK, "Nobody can make the account's key again", "")
	key, err := os.ReadFile(filepath.Join(dir, ".config", "presence", "default", "account.key"))
	if err != nil || !bytes.Contains(key, []byte("argon2id")) || strings.Contains(r.String(), "hunter2") {
		t.Errorf("the account's key: %q, %v", key, err)
	}
	if got, err := readPassphrase("-", strings.NewReader("piped\nrest")); err != nil || string(got) != "piped" {
		t.Errorf("from a pipe: %q, %v", got, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	home(t)
	n, address, _ := startNode(t)
	quick := []string{"--timeout", "300ms", "--node", address, "--trust-first"}

	// The node dies while a person thinks of a passphrase.
	who := &scripted{answers: []string{"secret", "secret", "secret"}, before: func() { n.Close() }}
	presenceWith(t, who, "", append(quick, "account", "create")...).wants(t, exitNoAnswer, "", "no node answered in time")
	presence(t, append(quick, "ping")...).wants(t, exitUnreachable, "", "check that the node runs")
	presence(t, append(quick, "status")...).wants(t, exitUnreachable, "node      none serves this device\n", "no node answered")
	// The key made first is asked for, once, by its own name.
	presenceWith(t, who, "", append(quick, "account", "create", "--name", "other")...).wants(t, exitUsage, "", "leave --name out")
}

// A phone that was let in by a code, and lost: the node refuses it.
func TestRevokedDevice(t *testing.T) {
	h := newHouse(t)
	h.create("--no-passphrase")
	h.letIn("phone")
	presence(t, "--profile", "phone", "publish", "hello").wants(t, exitOK, "main #1", "")
	presence(t, "device", "revoke", "--yes", "phone").wants(t, exitOK, keepsWhatItRead, "")
	presence(t, "--profile", "phone", "publish", "still me").wants(t, exitRefused, "", "the node says 4")
}
