package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"meshpresence/node"
)

// bareCode has the form of a code, and is nobody's.
const bareCode = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567"

// command runs presenced with arguments that must not start a node.
func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestRefusesEarly(t *testing.T) {
	private := filepath.Join(t.TempDir(), "realm.key")
	if err := os.WriteFile(private, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string // the first line, and what to do next
		hint string
	}{
		{[]string{"--frob"}, exitUsage, "presenced: unknown flag --frob", "see: presenced --help"},
		{[]string{"serve"}, exitUsage, "presenced: unexpected argument serve", "--help"},
		{[]string{"--listen", "6770"}, exitUsage, `--listen "6770": it is not HOST:PORT`, "like :6770"},
		{[]string{"--listen", "example.com:6770"}, exitUsage, "its host is not an IP address", "like :6770"},
		{[]string{"--listen", ":70000"}, exitUsage, "a number from 0 to 65535", "like :6770"},
		{[]string{"--peer-listen", "6771"}, exitUsage, `--peer-listen "6771"`, "multiaddr"},
		{[]string{"--announce", "here"}, exitUsage, `--announce "here"`, "multiaddr"},
		{[]string{"--peer", "192.0.2.7:6771"}, exitUsage, "no multiaddr that ends in /p2p/ID", "as the other node prints it"},
		{[]string{"--accounts", "all"}, exitUsage, `one of "code","open"`, "--help"},
		{[]string{"--join", "let me in"}, exitUsage, "--join: that is no code", "mpp-join:CODE@host:port/FINGERPRINT"},
		{[]string{"--join", bareCode, "--no-mdns"}, exitUsage, "--join: the code names no node", "or leave out --no-mdns"},
		{[]string{"--join", bareCode, "--realm-key", private}, exitUsage, "--join and --realm-key", "leave one of them out"},
		{[]string{"--sync-every", "10ms"}, exitUsage, "too short", "at least 1s"},
		{[]string{"--log-level", "loud"}, exitUsage, "--log-level", "--help"},
		{[]string{"--realm-key", "/no/such/file"}, exitConfiguration, "there is no such file", "keys/realm.key"},
		{[]string{"--realm-key", private}, exitConfiguration, "may be read by others", "chmod 600"},
	} {
		code, out, errs := command(t, append(c.args, "--state", filepath.Join(t.TempDir(), "state"))...)
		first, rest, _ := strings.Cut(errs, "\n")
		if code != c.code || out != "" || !strings.Contains(first, c.says) || !strings.Contains(rest, c.hint) {
			t.Errorf("presenced %q: exit %d, printed %q, said\n%s", c.args, code, out, errs)
		}
		if strings.Contains(errs, bareCode) {
			t.Errorf("presenced %q says the code again", c.args)
		}
	}
}

func TestConfig(t *testing.T) {
	o := options{
		State: "/s", Listen: "127.0.0.1:0", PeerListen: []string{":6771", "/ip4/10.0.0.1/tcp/1"}, Announce: []string{"none"},
		Peer: []string{"/ip4/10.0.0.2/tcp/6771/p2p/ID"}, Accounts: "open", Quiet: true, SyncEvery: minSyncEvery,
		MDNS: true, Admin: "/run/presenced.sock",
	}
	got, err := o.config()
	if err != nil {
		t.Fatal(err)
	}
	want := node.Config{
		State: "/s", Listen: "127.0.0.1:0", Announce: []string{}, Peers: o.Peer, OpenAccounts: true, Quiet: true, SyncEvery: minSyncEvery,
		MDNS: true, Admin: "/run/presenced.sock",
		PeerListen: []string{
			"/ip4/0.0.0.0/udp/6771/quic-v1", "/ip6/::/udp/6771/quic-v1", "/ip4/0.0.0.0/tcp/6771", "/ip6/::/tcp/6771",
			"/ip4/10.0.0.1/tcp/1",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("config: %+v\nwant    %+v", got, want)
	}
	o = options{Listen: ":6770", SyncEvery: minSyncEvery, State: "/s"}
	if got, err = o.config(); err != nil || got.PeerListen != nil || got.Announce != nil || got.OpenAccounts {
		t.Errorf("what is not given is left to the node: %+v, %v", got, err)
	}
	if want := filepath.Join("/s", "admin.sock"); got.Admin != want {
		t.Errorf("the admin socket is %s, want %s", got.Admin, want)
	}
	o.Admin = "none"
	if got, err = o.config(); err != nil || got.Admin != "" {
		t.Errorf("--admin none: %q, %v", got.Admin, err)
	}
}

func TestListenAddresses(t *testing.T) {
	for given, want := range map[string][]string{
		"192.0.2.7:1":      {"/ip4/192.0.2.7/udp/1/quic-v1", "/ip4/192.0.2.7/tcp/1"},
		"[::1]:0":          {"/ip6/::1/udp/0/quic-v1", "/ip6/::1/tcp/0"},
		"[fe80::1%eth0]:1": {"/ip6zone/eth0/ip6/fe80::1/udp/1/quic-v1", "/ip6zone/eth0/ip6/fe80::1/tcp/1"},
		"localhost:7":      {"/ip4/127.0.0.1/udp/7/quic-v1", "/ip4/127.0.0.1/tcp/7"},
		"/dns/a.example":   {"/dns/a.example"},
	} {
		if got, err := listenAddresses("--x", []string{given}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v, want %q", given, got, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "200")
	code, out, errs := command(t, "--help")
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d, said %s", code, errs)
	}
	for line := range strings.Lines(out) {
		if len(line) > helpWidth+1 {
			t.Errorf("wider than %d: %s", helpWidth, line)
		}
	}
	for _, want := range []string{"Examples:\n", "Exit codes:\n", "$PRESENCED_STATE", "$PRESENCED_PEER", "--join=CODE", "--[no-]mdns", "--admin=PATH", "  78  "} {
		if !strings.Contains(out, want) {
			t.Errorf("help lacks %q", want)
		}
	}
	// "Not offered yet and therefore absent."
	if strings.Contains(out, "--http") {
		t.Error("help offers --http")
	}
	if code, out, _ := command(t, "--version"); code != exitOK || !strings.HasPrefix(out, "presenced ") {
		t.Errorf("--version: exit %d, %q", code, out)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("PRESENCED_PEER", "/ip4/10.0.0.2/tcp/1/p2p/A,nonsense")
	code, _, errs := command(t)
	if code != exitUsage || !strings.Contains(errs, `"nonsense"`) {
		t.Errorf("exit %d, said %s", code, errs)
	}
}
