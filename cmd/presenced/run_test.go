package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
	"meshpresence/node/store"
)

// daemon is a presenced that runs inside the test.
type daemon struct {
	out    *bufio.Reader
	stop   context.CancelFunc
	code   chan int
	stderr *bytes.Buffer // to be read after the end
}

// start runs presenced on loopback ports of the system's choice.
func start(t *testing.T, args ...string) *daemon {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	d := &daemon{bufio.NewReader(r), cancel, make(chan int, 1), new(bytes.Buffer)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.code <- run(ctx, append([]string{"--listen=127.0.0.1:0", "--peer-listen=/ip4/127.0.0.1/tcp/0", "--no-mdns"}, args...), w, d.stderr)
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		r.Close()
		<-done // its directory goes next
	})
	return d
}

// end stops it as Ctrl-C does and returns its exit code.
func (d *daemon) end() int {
	d.stop()
	return <-d.code
}

func (d *daemon) ready(t *testing.T) (r ready) {
	t.Helper()
	line, err := d.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the node did not become ready: %v; exit %d, said\n%s", err, <-d.code, d.stderr)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return r
}

func TestRunsAndStops(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	d := start(t, "--state", state, "--json")
	first := d.ready(t)
	if code := d.end(); code != exitOK {
		t.Errorf("exit %d, said\n%s", code, d.stderr)
	}
	if first.Admin == nil || *first.Admin != filepath.Join(state, "admin.sock") || first.Joined || first.Accounts != "code" {
		t.Errorf("ready: %+v", first)
	}
	if i := first.Invite; i == nil || !strings.HasPrefix(i.Text, "mpp-join:"+i.Code+"@127.0.0.1:") || i.Expires.IsZero() {
		t.Errorf("the first account's code: %+v", i)
	}
	if first.Schema != "presenced.ready/1" || !first.FirstStart || first.RealmKey == nil || *first.RealmKey != filepath.Join(state, "keys", "realm.key") ||
		!regexp.MustCompile(`^mpp://127\.0\.0\.1:\d+/M[-A-Z2-7]+$`).MatchString(first.DeviceAddresses[0]) ||
		!regexp.MustCompile(`^/ip4/127\.0\.0\.1/tcp/\d+/p2p/\w+$`).MatchString(first.PeerAddresses[0]) {
		t.Errorf("ready: %+v", first)
	}

	// The realm's key moved off the node, as it was told.
	if err := os.Remove(*first.RealmKey); err != nil {
		t.Fatal(err)
	}
	d = start(t, "--state", state, "--json")
	second := d.ready(t)
	d.end()
	if second.FirstStart || second.RealmKey != nil || second.Realm != first.Realm {
		t.Errorf("ready again: %+v, at first %+v", second, first)
	}
}

// Why a join failed, as scripts see it.
func TestExitCodes(t *testing.T) {
	for err, want := range map[error]int{
		nil:                                  exitOK,
		errors.New("any"):                    exitError,
		client.ErrNoAnswer:                   exitNoAnswer,
		client.ErrFingerprint:                exitRefused,
		&client.Refusal{Code: mpp.CodeQuota}: exitRefused,
		access.ErrCode:                       exitUsage,
		client.ErrOtherCode:                  exitUsage,
		node.ErrNoRelay:                      exitUsage,
		node.ErrInRealm:                      exitConfiguration,
	} {
		var b strings.Builder
		if got := report(&b, wrapStart(err)); got != want {
			t.Errorf("%v: exit %d, want %d", err, got, want)
		}
	}
}

func TestReadyLines(t *testing.T) {
	t.Setenv("PRESENCED_ADMIN", "/usual/admin.sock")
	key, usual, own := "/s/keys/realm.key", "/usual/admin.sock", "/s/admin.sock"
	plain := ready{
		DeviceAddresses: []string{"mpp://192.0.2.7:6770/MAAA", "mpp://[2001:db8::1]:6770/MAAA"},
		PeerAddresses:   []string{"/ip4/127.0.0.1/tcp/6771/p2p/ID", "/ip4/192.0.2.7/tcp/6771/p2p/ID", "/ip6/::1/tcp/6771/p2p/ID"}, Realm: "realm", State: "/s", Accounts: "code",
		Admin: &usual,
	}
	first := plain
	first.FirstStart, first.RealmKey = true, &key
	code := first
	code.Invite = &invite{"ABCD-EFGH", "mpp-join:ABCD-EFGH@192.0.2.7:6770/MAAA", time.Date(2026, 7, 1, 12, 0, 0, 0, time.Local)}
	joined := code
	joined.Joined, joined.RealmKey, joined.Admin = true, nil, &own
	open := first
	open.Accounts, open.Admin, open.here = "open", nil, loopback(":6770", first.DeviceAddresses[0])

	address := `device address: mpp://192.0.2.7:6770/MAAA
device address: mpp://[2001:db8::1]:6770/MAAA
peer address: /ip4/192.0.2.7/tcp/6771/p2p/ID
realm: realm
state: /s
`
	made := `
This is the first start. The realm's key was made, and lies in
  /s/keys/realm.key
Whoever has it can let nodes into the realm. Move it off this machine to a
safe place once every node is in; the node runs on without it.
`
	for _, c := range []struct {
		name string
		r    ready
		want string
	}{
		{"later", plain, address},
		{"first", code, address + made + `
To begin, on this machine:
  presence account create

On another machine, once and before 12:00:
  presence account create --code mpp-join:ABCD-EFGH@192.0.2.7:6770/MAAA
The code alone:
  ABCD-EFGH
Another code, on this machine:
  presence admin invite
`},
		{"open to all, without a socket", open, address + made + `
To begin, on this machine:
  presence --node mpp://127.0.0.1:6770 account create
`},
		{"joined, and its socket is where nobody looks", joined, address + `
This node is now a member of the realm. Start it without --join from now on.

To begin, on this machine:
  presence account create --admin /s/admin.sock

On another machine, once and before 12:00:
  presence account create --code mpp-join:ABCD-EFGH@192.0.2.7:6770/MAAA
The code alone:
  ABCD-EFGH
Another code, on this machine:
  presence admin invite --admin /s/admin.sock
`},
	} {
		var b strings.Builder
		if err := c.r.print(&b, false); err != nil || b.String() != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, &b, c.want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for listen, want := range map[string]string{
		":0": "mpp://127.0.0.1:4000", "127.0.0.1:0": "mpp://127.0.0.1:4000", "[::]:0": "mpp://[::1]:4000", "[::1]:0": "mpp://[::1]:4000",
		"192.0.2.7:0": "", "nonsense": "",
	} {
		if got := loopback(listen, "mpp://192.0.2.7:4000/MAAA"); got != want {
			t.Errorf("%s: %q, want %q", listen, got, want)
		}
	}
}

// The object's members are a promise: they are only ever added.
func TestReadyJSON(t *testing.T) {
	r := ready{Schema: "presenced.ready/1", Version: "v", DeviceAddresses: []string{"d"}, PeerAddresses: []string{}, Realm: "r", State: "s", Accounts: "open"}
	var b strings.Builder
	if err := r.print(&b, true); err != nil {
		t.Fatal(err)
	}
	if want := `{"schema":"presenced.ready/1","version":"v","device_addresses":["d"],"peer_addresses":[],"realm":"r","state":"s","realm_key":null,"first_start":false,"accounts":"open","admin":null,"joined":false,"invite":null}` + "\n"; b.String() != want {
		t.Errorf("got  %swant %s", &b, want)
	}
	path := "/a"
	r.Admin, r.Invite = &path, &invite{"C", "T", time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	b.Reset()
	if err := r.print(&b, true); err != nil || !strings.HasSuffix(b.String(), `"admin":"/a","joined":false,"invite":{"code":"C","text":"T","expires":"2026-07-01T12:00:00Z"}}`+"\n") {
		t.Errorf("with an invitation: %s", &b)
	}
}

func TestDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mpp-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"busy device port", []string{"--listen", socket.LocalAddr().String()}, exitError, "--listen"},
		{"busy peer port", []string{"--peer-listen", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", listener.Addr().(*net.TCPAddr).Port)}, exitError, "--peer-listen"},
		{"state is a file", []string{"--state", file}, exitError, file},
		{"no place for the socket", []string{"--admin", file}, exitConfiguration, "--admin"},
		{"a long way to the socket", []string{"--admin", filepath.Join(dir, strings.Repeat("x", 200))}, exitConfiguration, "--admin"},
		{"not a realm key", []string{"--realm-key", file}, exitConfiguration, "realm key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"--listen=127.0.0.1:0", "--peer-listen=/ip4/127.0.0.1/tcp/0", "--no-mdns", "--state", filepath.Join(t.TempDir(), "state")}, c.args...)
			code, out, errs := command(t, args...)
			if code != c.code || out != "" || !strings.HasPrefix(errs, "presenced: ") || !strings.Contains(errs, c.says) {
				t.Errorf("exit %d, printed %q, said\n%s", code, out, errs)
			}
		})
	}
}

func TestStateDirectoryInUse(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	d := start(t, "--state", state, "--json")
	d.ready(t)
	code, _, errs := command(t, "--listen=127.0.0.1:0", "--peer-listen=/ip4/127.0.0.1/tcp/0", "--no-mdns", "--state", state)
	if code != exitError || !strings.Contains(errs, "in use by another process") || !strings.Contains(errs, "--state") {
		t.Errorf("exit %d, said\n%s", code, errs)
	}
	if code := d.end(); code != exitOK {
		t.Errorf("the first one: exit %d, said\n%s", code, d.stderr)
	}
}

// "The daemon 78 for configuration or a newer state" (mpp.md, Status codes).
func TestNewerState(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	d := start(t, "--state", state, "--json")
	d.ready(t)
	d.end()
	path := filepath.Join(state, "store", "facts.db")
	raiseVersion(t, path)
	before, _ := os.ReadFile(path)

	code, _, errs := command(t, "--listen=127.0.0.1:0", "--peer-listen=/ip4/127.0.0.1/tcp/0", "--no-mdns", "--state", state)
	if code != exitConfiguration || !strings.Contains(errs, store.ErrNewer.Error()) {
		t.Errorf("exit %d, said\n%s", code, errs)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(after, before) {
		t.Error("the newer store was written to")
	}
}

// raiseVersion makes the store's file one of the next format: the version's key
// and its value, a CRC-64 of both and the number, lie side by side.
func raiseVersion(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("/version")
	table := crc64.MakeTable(crc64.ECMA)
	entry := func(number string) []byte {
		crc := crc64.Checksum(append(append(bytes.Clone(key), 0), number...), table)
		return append(binary.BigEndian.AppendUint64(bytes.Clone(key), crc), number...)
	}
	old, next := entry(fmt.Sprint(store.Version)), entry(fmt.Sprint(store.Version+1))
	if !bytes.Contains(b, old) {
		t.Fatal("the store's version is not where it was")
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(b, old, next), 0o600); err != nil {
		t.Fatal(err)
	}
}
