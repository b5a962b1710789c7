package main

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/node/access"
	"meshpresence/node/admin"
	"meshpresence/node/client"
)

// inviter is the person who has the realm's key, at one of its nodes.
type inviter struct {
	*client.Client
	key *client.RealmKey
}

// patience is how long a test waits for what should take milliseconds.
const patience = time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// invites gives a ready node an inviter.
func invites(t *testing.T, at ready) *inviter {
	t.Helper()
	k, err := client.LoadRealmKey(*at.RealmKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.DialNode(client.Config{Node: at.DeviceAddresses[0], Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &inviter{c, k}
}

func (i *inviter) offer(t *testing.T) *client.Offer {
	t.Helper()
	o, err := i.InviteNode(testContext(t), i.key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// says waits until the daemon has printed a line that holds a text, and returns
// the line after it.
func (d *daemon) says(t *testing.T, text string) string {
	t.Helper()
	for {
		line, err := d.out.ReadString('\n')
		if err != nil {
			t.Fatalf("it did not say %q: %v; exit %d, said\n%s", text, err, <-d.code, d.stderr)
		}
		if strings.Contains(line, text) {
			next, err := d.out.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(next)
		}
	}
}

// drain reads on, so that the daemon is not held up by its own words.
func (d *daemon) drain() <-chan string {
	all := make(chan string, 1)
	go func() {
		var b strings.Builder
		d.out.WriteTo(&b)
		all <- b.String()
	}()
	return all
}

// members asks a daemon's socket until the other node is connected.
func members(t *testing.T, socket string) []admin.Member {
	t.Helper()
	ctx := testContext(t)
	for {
		c, err := admin.Dial(socket)
		if err == nil {
			var v admin.Overview
			if v, err = c.Overview(ctx); err == nil && len(v.Members) == 2 && v.Members[1].Connected {
				return v.Members
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the nodes did not meet: %v", err)
		}
	}
}

// "presence realm invite prints a code, presenced --join CODE is the second
// node's first start; the inviter is shown its fingerprint" (federation.md,
// Coming in).
func TestJoin(t *testing.T) {
	dir := t.TempDir()
	first := start(t, "--state", filepath.Join(dir, "a"), "--json")
	a := first.ready(t)
	offer := invites(t, a).offer(t)

	state := filepath.Join(dir, "b")
	second := start(t, "--state", state, "--join", offer.Text())
	shown := second.says(t, "it must be this node's:")
	newcomer, err := offer.Wait(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if newcomer.Fingerprint != shown {
		t.Errorf("the inviter is shown %s, the newcomer shows %s", newcomer.Fingerprint, shown)
	}
	if err := offer.Accept(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if at := second.says(t, "Ctrl-C stops"); !strings.HasPrefix(at, "device address: mpp://127.0.0.1:") {
		t.Errorf("ready at %s", at)
	}
	second.says(t, "now a member of the realm")
	said := second.drain()
	met := members(t, filepath.Join(state, "admin.sock"))
	if met[0].Node != newcomer.ID || met[1].Addresses[0] != a.DeviceAddresses[0] {
		t.Errorf("members: %+v", met)
	}
	if code := second.end(); code != exitOK {
		t.Errorf("exit %d, said\n%s", code, second.stderr)
	}
	<-said
	for name, mode := range map[string]fs.FileMode{"member": 0o600, "peers": 0o600} {
		if info, err := os.Stat(filepath.Join(state, "keys", name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("keys/%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Stat(filepath.Join(state, "keys", "realm.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a node that joined has a realm key: %v", err)
	}

	// From now on it needs neither the code nor its store to find the realm.
	if err := os.RemoveAll(filepath.Join(state, "store")); err != nil {
		t.Fatal(err)
	}
	second = start(t, "--state", state, "--json")
	if r := second.ready(t); r.Realm != a.Realm || r.Joined || r.FirstStart || r.RealmKey != nil {
		t.Errorf("ready again: %+v", r)
	}
	members(t, filepath.Join(state, "admin.sock"))
	second.end()

	code, _, errs := command(t, "--state", state, "--join", offer.Text())
	if code != exitConfiguration || !strings.Contains(errs, "lives in a realm already") {
		t.Errorf("joining twice: exit %d, said\n%s", code, errs)
	}
	code, _, errs = command(t, "--listen=127.0.0.1:0", "--no-mdns", "--state", filepath.Join(dir, "c"), "--join", offer.Text())
	if code != exitRefused || !strings.Contains(errs, "ask for a new one") || strings.Contains(errs, offer.Code()) {
		t.Errorf("a code that was used: exit %d, said\n%s", code, errs)
	}
	if code := first.end(); code != exitOK {
		t.Errorf("the first node: exit %d, said\n%s", code, first.stderr)
	}
}

// Ctrl-C while it waits leaves nothing half-made: another try works.
func TestJoinInterrupted(t *testing.T) {
	dir := t.TempDir()
	first := start(t, "--state", filepath.Join(dir, "a"), "--json")
	with := invites(t, first.ready(t))
	offer := with.offer(t)
	state := filepath.Join(dir, "b")
	second := start(t, "--state", state, "--join", offer.Text(), "--json")
	said := second.drain()
	if _, err := offer.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if code := second.end(); code != exitOK {
		t.Errorf("Ctrl-C: exit %d, said\n%s", code, second.stderr)
	}
	if out := <-said; out != "" {
		t.Errorf("with --json it printed %q before it was ready", out)
	}
	if !strings.Contains(second.stderr.String(), "it must be this node's:") {
		t.Errorf("it said\n%s", second.stderr)
	}
	for _, name := range []string{"member", "realm.key"} {
		if _, err := os.Stat(filepath.Join(state, "keys", name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("keys/%s after Ctrl-C: %v", name, err)
		}
	}

	offer = with.offer(t)
	second = start(t, "--state", state, "--join", offer.Text(), "--json")
	if _, err := offer.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := offer.Accept(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if r := second.ready(t); !r.Joined || !r.FirstStart || r.RealmKey != nil || r.Realm != with.key.Realm() {
		t.Errorf("ready: %+v", r)
	}
	if code := second.end(); code != exitOK {
		t.Errorf("exit %d, said\n%s", code, second.stderr)
	}
}

// A stranger's code, one withdrawn, and one that the person turned down.
func TestJoinRefused(t *testing.T) {
	dir := t.TempDir()
	first := start(t, "--state", filepath.Join(dir, "a"), "--json")
	a := first.ready(t)
	with := invites(t, a)
	at, err := discovery.ParseAddress(a.DeviceAddresses[0])
	if err != nil {
		t.Fatal(err)
	}
	realm, err := key.NewRealm()
	if err != nil {
		t.Fatal(err)
	}
	withdrawn := with.offer(t)
	if err := withdrawn.Close(); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "b")
	for _, c := range []struct {
		name, join string
		code       int
		hint       string
	}{
		{"a stranger's", access.JoinText(access.NewCode(realm.Author()), at), exitRefused, "presence realm invite"},
		{"an account's", a.Invite.Text, exitUsage, "presence realm invite"},
		{"withdrawn", withdrawn.Text(), exitRefused, "presence realm invite"},
	} {
		code, _, errs := command(t, "--listen=127.0.0.1:0", "--no-mdns", "--state", state, "--join", c.join)
		if code != c.code || !strings.Contains(errs, c.hint) {
			t.Errorf("%s: exit %d, said\n%s", c.name, code, errs)
		}
	}

	offer := with.offer(t)
	second := start(t, "--state", state, "--join", offer.Text(), "--json")
	if _, err := offer.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := offer.Refuse(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if code := <-second.code; code != exitRefused {
		t.Errorf("turned down: exit %d, said\n%s", code, second.stderr)
	}
}

// strangersCode is a code in its long form, of a realm that is nowhere.
func strangersCode(t *testing.T, at netip.AddrPort) string {
	t.Helper()
	realm, err := key.NewRealm()
	if err != nil {
		t.Fatal(err)
	}
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	return access.JoinText(access.NewCode(realm.Author()), discovery.Address{
		Host: at.Addr().String(), Port: at.Port(), Fingerprint: static.Public().UDF(),
	})
}

// Only a first start joins: a node that has a realm, its own too, keeps it.
func TestJoinOfAUsedStateDirectory(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	d := start(t, "--state", state, "--json")
	first := d.ready(t)
	d.end()
	join := strangersCode(t, netip.MustParseAddrPort("127.0.0.1:9"))
	code, out, errs := command(t, "--state", state, "--join", join)
	if code != exitConfiguration || out != "" || !strings.Contains(errs, "lives in a realm already") || !strings.Contains(errs, "without --join") {
		t.Errorf("exit %d, printed %q, said\n%s", code, out, errs)
	}

	// The same where its realm's key was moved away.
	if err := os.Remove(*first.RealmKey); err != nil {
		t.Fatal(err)
	}
	if code, _, errs = command(t, "--state", state, "--join", join); code != exitConfiguration {
		t.Errorf("without its realm key: exit %d, said\n%s", code, errs)
	}
	d = start(t, "--state", state, "--json")
	if again := d.ready(t); again.Realm != first.Realm || again.DeviceAddresses[0] == "" {
		t.Errorf("afterwards: %+v, at first %+v", again, first)
	}
	d.end()
}
