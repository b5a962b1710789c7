package node_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// "Bad input gets a clear error and changes nothing."

// unchanged returns a check that the node still holds what it holds now.
func unchanged(t *testing.T, n *node.Node) (check func()) {
	t.Helper()
	before, err := n.Digest(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if after, err := n.Digest(testContext(t)); err != nil || after != before {
			t.Errorf("what was refused changed what the node holds (%v)", err)
		}
	}
}

// clearPost signs a clear event of a device.
func clearPost(t *testing.T, d *key.Device, account key.Hash, sequence int64, at, expires wall.Time) []byte {
	t.Helper()
	payload := record.Payload{Data: []byte("x")}
	f, err := record.Sign(d, key.Hash{}, record.Base{Serial: sequence, Time: at, Expires: expires, Account: account},
		&record.Event{Channel: "main", Sequence: sequence, Oldest: 1, Payload: payload.Append(nil)})
	if err != nil {
		t.Fatal(err)
	}
	return f.Append(nil)
}

// wantCodes posts an event in both ways that a device has, and checks that
// each is answered with the code.
func wantCodes(t *testing.T, r *raw, event []byte, code mpp.Code) {
	t.Helper()
	posted := r.ask(&mpp.PublishRequest{Event: event}).(*mpp.PublishResponse)
	if got := posted.Result.Code.Code(); got != code {
		t.Errorf("publishing it: %v, want %v", got, code)
	}
	brought := r.ask(&mpp.FactRequest{Facts: [][]byte{event}}).(*mpp.FactResponse)
	if len(brought.Results) != 1 || brought.Results[0].Code.Code() != code {
		t.Errorf("bringing it: %v, want %v", brought.Results, code)
	}
}

func TestUnknownAccountIsRefused(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	check := unchanged(t, n)
	device, err := key.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	now := wall.Clock(nil).Now()
	wantCodes(t, newRaw(t, n, newStatic(t)), clearPost(t, device, key.Hash{1}, 1, now, now.Add(time.Hour)), mpp.CodeRefused)
	check()
}

// Without a code no account comes in, from the node's own machine neither: its
// device is told that the node does not know it.
func TestAccountWithoutACodeIsNotAdmitted(t *testing.T) {
	t.Parallel()
	home := start(t, loopback(t, filepath.Join(t.TempDir(), "home")))
	cfg := loopback(t, filepath.Join(t.TempDir(), "abroad"))
	cfg.OpenAccounts = false
	abroad := start(t, cfg)
	check := unchanged(t, abroad)

	phone := account(t, "phone", home)
	phone.Close()
	away := dial(t, phone.Profile(), abroad)
	home.Close() // or the phone would find its way back
	_, err := away.Publish(testContext(t), client.Post{Data: []byte("x")})
	wantRefusal(t, err, mpp.CodeNotAdmitted)

	other := dial(t, newProfile(t, "other"), abroad)
	wantRefusal(t, other.CreateAccount(testContext(t), nil, ""), mpp.CodeNotAdmitted)
	check()
}

func TestMissingRightIsRefused(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	listener := invited(t, phone, "listener", client.RoleWatch)
	speaker := invited(t, phone, "speaker", client.RolePublish)
	check := unchanged(t, n)

	_, err := dial(t, listener, n).Publish(testContext(t), client.Post{Data: []byte("x")})
	wantRefusal(t, err, mpp.CodeRefused)
	check()
	device, static := loadKeys(t, listener)
	r := newRaw(t, n, static)
	now := wall.Clock(nil).Now()
	hash, err := key.ParseHash(listener.Account())
	if err != nil {
		t.Fatal(err)
	}
	wantCodes(t, r, clearPost(t, device, hash, 1, now, now.Add(time.Hour)), mpp.CodeRefused)
	check()

	wantRefusal(t, watchUntilRefused(testContext(t), dial(t, speaker, n)), mpp.CodeRefused)
	check()
	device, static = loadKeys(t, speaker)
	attach, err := record.Sign(device, key.Hash{}, record.Base{Serial: 1, Time: now, Expires: now.Add(time.Hour), Account: hash},
		&record.Attach{Nodes: []key.Hash{{1}}})
	if err != nil {
		t.Fatal(err)
	}
	brought := newRaw(t, n, static).ask(&mpp.FactRequest{Facts: [][]byte{attach.Append(nil)}}).(*mpp.FactResponse)
	if code := brought.Results[0].Code.Code(); code != mpp.CodeRefused {
		t.Errorf("bringing an attach fact without the right to watch: %v, want %v", code, mpp.CodeRefused)
	}
	check()
	publish(t, phone, "goes on")
}

// A device that is given the right to watch later learns that from any node.
func TestRightGivenLater(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	p := invited(t, phone, "button", client.RolePublish)
	if _, err := phone.AddDevice(testContext(t), p.Card(), client.RoleWatch|client.RolePublish, nil); err != nil {
		t.Fatal(err)
	}
	w := watch(t, dial(t, p, n))
	publish(t, phone, "now you may")
	w.want("now you may")
}

func TestExpiredFactIsRefused(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	device, static := loadKeys(t, phone.Profile())
	hash, err := key.ParseHash(phone.Profile().Account())
	if err != nil {
		t.Fatal(err)
	}
	r := newRaw(t, n, static)
	check := unchanged(t, n)
	now := wall.Clock(nil).Now()
	wantCodes(t, r, clearPost(t, device, hash, 1, now.Add(-2*time.Hour), now.Add(-time.Hour)), mpp.CodeExpired)
	// "Expires over now + life + 1 h: ignored" (facts.md, Expired).
	wantCodes(t, r, clearPost(t, device, hash, 1, now, now.Add(8*24*time.Hour)), mpp.CodeExpired)
	attach, err := record.Sign(device, key.Hash{}, record.Base{Serial: 1, Time: now.Add(-2 * time.Hour), Expires: now.Add(-time.Hour), Account: hash},
		&record.Attach{Nodes: []key.Hash{{1}}})
	if err != nil {
		t.Fatal(err)
	}
	brought := r.ask(&mpp.FactRequest{Facts: [][]byte{attach.Append(nil)}}).(*mpp.FactResponse)
	if code := brought.Results[0].Code.Code(); code != mpp.CodeExpired {
		t.Errorf("bringing an expired attach fact: %v, want %v", code, mpp.CodeExpired)
	}
	check()

	// A device whose clock is eight days behind is told so.
	behind, err := client.Dial(phone.Profile(), client.Config{
		Node: n.DeviceAddress(), Wall: func() time.Time { return time.Now().Add(-8 * 24 * time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	_, err = behind.Publish(testContext(t), client.Post{Data: []byte("x")})
	wantRefusal(t, err, mpp.CodeExpired)
	check()
}

// The verbs of later steps are answered 501, and so is one that no version
// knows; a request past the limits or unreadable has its own code.
func TestVerbsNotOffered(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	check := unchanged(t, n)
	r := newRaw(t, n, newStatic(t))
	for _, m := range []mpp.Request{
		new(mpp.ResolveRequest), new(mpp.InviteRequest),
		new(mpp.AcceptRequest), new(mpp.DataRequest), new(mpp.PermissionRequest),
	} {
		if code := r.ask(m).Base().Code(); code != mpp.CodeNotOffered {
			t.Errorf("%s is answered %v, want %v", m.Tag(), code, mpp.CodeNotOffered)
		}
	}
	for said, code := range map[string]mpp.Code{
		`{"PresenceTeleportRequest":{"Serial":1}}`: mpp.CodeNotOffered,
		`{"PresenceHeartbeat":{"Serial":"one"}}`:   mpp.CodeMalformed,
		`rubbish`:                                  mpp.CodeMalformed,
	} {
		if got := r.say([]byte(said), mpp.Int{}).Base().Code(); got != code {
			t.Errorf("%s is answered %v, want %v", said, got, code)
		}
	}
	check()
}

// notStarted starts a node, which must fail with an error that is want (when
// not nil), says every word, and changes no file under dir.
func notStarted(t *testing.T, cfg node.Config, dir string, want error, words ...string) {
	t.Helper()
	before := contents(t, dir)
	n, err := node.Start(testContext(t), cfg)
	if err == nil {
		n.Close()
		t.Fatalf("the node started, want an error that says %q", words)
	}
	if want != nil && !errors.Is(err, want) {
		t.Errorf("starting: %v, want %v", err, want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("starting: %v, want it to say %q", err, word)
		}
	}
	if string(contents(t, dir)) != string(before) {
		t.Errorf("a node that did not start changed its directory")
	}
}

// used is a state directory that a node ran on, and its configuration.
func used(t *testing.T) (cfg node.Config, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "node")
	cfg = loopback(t, dir)
	n, err := node.Start(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	account(t, "phone", n).Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return cfg, dir
}

func TestBusyPorts(t *testing.T) {
	t.Parallel()
	holder := start(t, loopback(t, filepath.Join(t.TempDir(), "holder")))
	cfg, dir := used(t)
	busy := cfg
	busy.Listen = hostPort(holder.DeviceAddress())
	notStarted(t, busy, dir, nil, "--listen", busy.Listen)
	busy = cfg
	busy.PeerListen = listened(holder.PeerAddresses())
	notStarted(t, busy, dir, nil, "--peer-listen", busy.PeerListen[0])
	quic := loopback(t, filepath.Join(t.TempDir(), "quic"))
	quic.PeerListen = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	busy.PeerListen = listened(start(t, quic).PeerAddresses())
	notStarted(t, busy, dir, nil, "--peer-listen", busy.PeerListen[0])
	start(t, cfg)
}

func TestTwoNodesOnOneDirectory(t *testing.T) {
	t.Parallel()
	cfg, dir := used(t)
	n := start(t, cfg)
	check := unchanged(t, n)
	notStarted(t, cfg, filepath.Join(dir, "keys"), node.ErrLocked, dir)
	check()
	publish(t, account(t, "phone", n), "goes on")
}

func TestStateDirectoryCannotBeUsed(t *testing.T) {
	t.Parallel()
	t.Run("a file in its place", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "node")
		write(t, path, "not a directory")
		notStarted(t, loopback(t, path), dir, nil, path)
		notStarted(t, loopback(t, filepath.Join(path, "below")), dir, nil, path)
	})
	t.Run("read only", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may write everywhere")
		}
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		notStarted(t, loopback(t, filepath.Join(dir, "node")), dir, os.ErrPermission, dir)
	})
	t.Run("a store that is none", func(t *testing.T) {
		cfg, dir := used(t)
		write(t, factsFile(dir), strings.Repeat("not a store\n", 10_000))
		notStarted(t, cfg, dir, node.ErrCorrupt, dir)
	})
	t.Run("a newer store", func(t *testing.T) {
		cfg, dir := used(t)
		raiseVersion(t, factsFile(dir))
		notStarted(t, cfg, dir, node.ErrNewer, dir, "newer")
	})
	for _, name := range []string{"node.key", "rud.key", "reset.key", "member", "realm.key"} {
		t.Run("a damaged "+name, func(t *testing.T) {
			cfg, dir := used(t)
			write(t, filepath.Join(dir, "keys", name), "not a key")
			notStarted(t, cfg, dir, nil, name)
		})
	}
	t.Run("a key that others may read", func(t *testing.T) {
		cfg, dir := used(t)
		if err := os.Chmod(filepath.Join(dir, "keys", "node.key"), 0o644); err != nil {
			t.Fatal(err)
		}
		notStarted(t, cfg, dir, key.ErrMode, "node.key")
	})
	t.Run("no such realm key", func(t *testing.T) {
		cfg, dir := used(t)
		cfg.RealmKey = filepath.Join(dir, "elsewhere.key")
		notStarted(t, cfg, dir, os.ErrNotExist, cfg.RealmKey)
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func factsFile(dir string) string { return filepath.Join(dir, "store", "facts.db") }

// raiseVersion makes a store's file one that the next version wrote.
func raiseVersion(t *testing.T, path string) {
	t.Helper()
	// As node/store keeps it: a CRC-64 of key, 0 and payload before the payload.
	entry := func(payload string) []byte {
		sum := crc64.Checksum([]byte("/version\x00"+payload), crc64.MakeTable(crc64.ECMA))
		return append(binary.BigEndian.AppendUint64([]byte("/version"), sum), payload...)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, entry("1")) {
		t.Fatal("the file does not say that it is of version 1")
	}
	write(t, path, string(bytes.ReplaceAll(b, entry("1"), entry("2"))))
}

// A device that connects in a loop has the node look through its account's events
// each time: it is told 429 like who fetches in a loop.
func TestConnectingCosts(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	r := newRaw(t, n, newStatic(t))
	connect := func() mpp.Code {
		return r.ask(&mpp.ConnectRequest{Attach: make([]byte, mpp.HashSize)}).(*mpp.Status).Status.Code()
	}
	if code := connect(); code != mpp.CodeRefused {
		t.Fatalf("answered %v, want refused", code)
	}
	n.SpendAllowances(testContext(t))
	if code := connect(); code != mpp.CodeQuota {
		t.Errorf("answered %v, want quota", code)
	}
}
