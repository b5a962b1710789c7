package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/node/access"
)

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
