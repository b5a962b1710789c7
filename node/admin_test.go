package node_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/admin"
	"meshpresence/node/client"
)

// socketPath is a path short enough for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "adm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, admin.SocketName)
}

func operate(t *testing.T, path string) *admin.Client {
	t.Helper()
	c, err := admin.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until asks again until what it says holds.
func until(t *testing.T, what string, holds func(ctx context.Context) bool) {
	t.Helper()
	ctx := testContext(t)
	for !holds(ctx) {
		if ctx.Err() != nil {
			t.Fatalf("gave up waiting until %s", what)
		}
		wait(t, ctx)
	}
}

func TestOperatorSeesTheRealm(t *testing.T) {
	dir := t.TempDir()
	first := loopback(t, filepath.Join(dir, "a"))
	first.Admin = socketPath(t)
	a := start(t, first)
	second := loopback(t, filepath.Join(dir, "b"))
	second.RealmKey = filepath.Join(dir, "a", "keys", "realm.key")
	second.Peers = a.PeerAddresses()
	b := start(t, second)
	watch(t, account(t, "phone", a))

	ops := operate(t, first.Admin)
	var v admin.Overview
	until(t, "the nodes met and the phone is watching", func(ctx context.Context) (holds bool) {
		var err error
		if v, err = ops.Overview(ctx); err != nil {
			t.Fatal(err)
		}
		return v.Devices == 1 && len(v.Members) == 2 && v.Members[1].Connected && v.Members[1].Fingerprint != ""
	})
	if v.Schema != admin.SchemaOverview || v.Version != node.Version() || v.Admission != "open" || v.Accounts != 1 || v.Facts == 0 ||
		v.Realm != a.Realm() || v.State != first.State || v.RealmKey != second.RealmKey || v.Started.IsZero() || v.Clock.Now.Before(v.Started) {
		t.Errorf("overview: %+v", v)
	}
	if v.DeviceAddresses[0] != a.DeviceAddress() || !strings.HasSuffix(a.DeviceAddress(), "/"+v.Fingerprint) || len(v.PeerAddresses) != len(a.PeerAddresses()) {
		t.Errorf("addresses: %q %q %s", v.DeviceAddresses, v.PeerAddresses, v.Fingerprint)
	}
	self, other := v.Members[0], v.Members[1]
	if !self.Self || self.Node != v.Node || self.Fingerprint != v.Fingerprint || self.Expelled {
		t.Errorf("this node: %+v", self)
	}
	if other.Self || other.Expelled || other.Addresses[0] != b.DeviceAddress() {
		t.Errorf("the other node: %+v, want %s", other, b.DeviceAddress())
	}

	// A node that was removed is shown as such, after those that were not.
	with, err := client.DialNode(client.Config{Node: a.DeviceAddress(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer with.Close()
	realm, err := client.LoadRealmKey(v.RealmKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := with.RemoveNode(testContext(t), realm, other.Node); err != nil {
		t.Fatal(err)
	}
	until(t, "the removed node is gone", func(ctx context.Context) bool {
		if v, err = ops.Overview(ctx); err != nil {
			t.Fatal(err)
		}
		last := v.Members[len(v.Members)-1]
		return last.Node == other.Node && last.Expelled && !last.Connected
	})

	// "Without realm.key on the node": it was moved off while the node runs.
	if err := os.Rename(v.RealmKey, filepath.Join(dir, "drawer.key")); err != nil {
		t.Fatal(err)
	}
	if v, err := ops.Overview(testContext(t)); err != nil || v.RealmKey != "" {
		t.Errorf("the realm key after it moved: %q, %v", v.RealmKey, err)
	}
	if err := ops.Health(testContext(t)); err != nil {
		t.Errorf("health: %v", err)
	}
}

func TestOperatorInvites(t *testing.T) {
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	cfg.Admin, cfg.OpenAccounts = socketPath(t), false
	n := start(t, cfg)
	invite, err := operate(t, cfg.Admin).Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, at, err := access.ParseJoin(invite.Text); err != nil || at.String() != n.DeviceAddress() || !strings.Contains(invite.Text, invite.Code) || invite.Expires.IsZero() {
		t.Errorf("invite: %s, expires %v: at %q, %v", invite.Text, invite.Expires, at.String(), err)
	}
	if v, err := operate(t, cfg.Admin).Overview(testContext(t)); err != nil || v.Admission != "code" {
		t.Errorf("admission: %q, %v", v.Admission, err)
	}
}

// What a node counts is told, and names nobody.
func TestMetrics(t *testing.T) {
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	cfg.Admin = socketPath(t)
	n := start(t, cfg)
	phone := account(t, "phone", n)
	w := watch(t, phone)
	publish(t, phone, "one")
	w.want("one")
	ops := operate(t, cfg.Admin)
	var text string
	until(t, "the phone acknowledged", func(ctx context.Context) bool {
		var err error
		if text, err = ops.Metrics(ctx); err != nil {
			t.Fatal(err)
		}
		return value(text, `notifications_total{outcome="acknowledged"}`) == 1
	})
	for name, least := range map[string]float64{
		`connections`: 1, `sessions_watching`: 1, `devices{reason="watching"}`: 1, `devices{reason="revoked"}`: 0, `facts`: 4, `accounts`: 1, `members`: 1, `healthy`: 1,
		`notifications_total{outcome="sent"}`: 1, `store_commits_total{outcome="ok"}`: 2, `store_commit_seconds_count`: 2,
		`datagrams_total{outcome="received"}`: 4, `handshakes_total{outcome="completed"}`: 1, `start_time_seconds`: 1,
	} {
		if got := value(text, name); got < least {
			t.Errorf("%s is %v, want at least %v", name, got, least)
		}
	}
	secrets := []string{n.Realm(), phone.Profile().Account(), phone.Profile().Device(), strings.SplitAfter(n.DeviceAddress(), "/")[3]}
	for _, s := range secrets {
		if s == "" || strings.Contains(text, s) {
			t.Errorf("the metrics name %q", s)
		}
	}
}

// value is a metric's, -1 when it is not there.
func value(text, name string) float64 {
	m := regexp.MustCompile(`(?m)^meshpresence_` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		return -1
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return -1
	}
	return v
}
