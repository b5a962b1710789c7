package node

import (
	"path/filepath"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
	"meshpresence/transport/rud/wire"
)

// family is a node with one account, whose facts a test makes and merges by
// hand: nothing runs, so nothing has to be waited for.
type family struct {
	t       testing.TB
	node    *Node
	realm   *key.Realm
	account *key.Account
	serial  int64
	now     time.Time
}

func newFamily(t testing.TB) *family {
	n, err := assemble(Config{
		State: filepath.Join(t.TempDir(), "node"), Listen: "127.0.0.1:0", PeerListen: []string{"/ip4/127.0.0.1/tcp/0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	account, err := key.NewAccount()
	if err != nil {
		t.Fatal(err)
	}
	f := &family{t: t, node: n, realm: n.keys.realm, account: account, now: time.Now()}
	n.keep(f.id())
	return f
}

func (f *family) id() key.Hash { return f.account.Author().Hash() }

// say signs a fact and merges it.
func (f *family) say(by key.Signer, life time.Duration, body record.Body) *record.Fact {
	f.t.Helper()
	f.serial++
	var realm key.Hash
	base := record.Base{Serial: f.serial, Time: f.node.wall.Now()}
	switch body.(type) {
	case *record.Expelled, *record.Member:
		realm = f.node.realm
	default:
		base.Account = f.id()
	}
	if life != 0 {
		base.Expires = base.Time.Add(life)
	}
	fact, err := record.Sign(by, realm, base, body)
	if err != nil {
		f.t.Fatal(err)
	}
	if v := f.node.reg.Merge(base.Time, fact, &f.node.fx); v != registry.Fresh {
		f.t.Fatalf("merging a %s fact: %v", fact.Kind, v)
	}
	return fact
}

// device adds a device and returns its key.
func (f *family) device(roles record.Roles) (*key.Device, *key.Static) {
	f.t.Helper()
	d, err := key.NewDevice()
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := key.NewStatic(key.X25519)
	if err != nil {
		f.t.Fatal(err)
	}
	f.say(f.account, 0, &record.Device{Key: d.Author(), Agreement: s.Public(), Roles: roles})
	return d, s
}

// want asks where a device is and checks the reason and what holds besides.
func (f *family) want(d *key.Device, status, comment mpp.Reason) mpp.DeviceStatus {
	f.t.Helper()
	id := d.Author().Hash().String()
	for _, got := range f.node.whereabouts(f.now, f.id(), mpp.MaxDevices) {
		if got.Id != id {
			continue
		}
		if got.Status != string(status) || got.Comment != string(comment) {
			f.t.Errorf("the device is %q with %q, want %q with %q", got.Status, got.Comment, status, comment)
		}
		if r := mpp.Reason(got.Status); !r.Known() {
			f.t.Errorf("%q is in no table", r)
		}
		return got
	}
	f.t.Errorf("the device is not in the list, want %q", status)
	return mpp.DeviceStatus{}
}

const both = record.Watch | record.Publish

// Each reason that a node can give of a device which is not connected.
func TestWhyNot(t *testing.T) {
	f := newFamily(t)
	silent, _ := f.device(both)
	f.want(silent, mpp.ReasonNeverAttached, "")

	publisher, _ := f.device(record.Publish)
	f.want(publisher, mpp.ReasonMayNotWatch, "")

	f.say(silent, time.Hour, &record.Attach{Nodes: []key.Hash{f.node.id}})
	f.want(silent, mpp.ReasonUnknown, "")
	attach := f.say(silent, 2*time.Hour, &record.Attach{})
	if got := f.want(silent, mpp.ReasonDetached, ""); got.Since != attach.Time || got.Node != nil {
		t.Errorf("detached since %v at %x, want since %v at no node", got.Since, got.Node, attach.Time)
	}

	other, err := key.NewNode()
	if err != nil {
		t.Fatal(err)
	}
	there := other.Author().Hash()
	f.say(silent, 3*time.Hour, &record.Attach{Nodes: []key.Hash{there}})
	f.want(silent, mpp.ReasonNodeUnknown, "")
	f.say(f.realm, 0, &record.Member{Node: there})
	if got := f.want(silent, mpp.ReasonUnconfirmed, ""); key.Hash(got.Node) != there {
		t.Errorf("unconfirmed at %x, want %x", got.Node, there)
	}
	f.say(f.realm, 0, &record.Expelled{Node: there})
	f.want(silent, mpp.ReasonNodeExpelled, "")

	f.say(f.account, 0, &record.Revoked{Hash: silent.Author().Hash()})
	f.want(silent, mpp.ReasonRevoked, "")
}

// An attachment that nobody renewed is told from one that never was.
func TestWhyAttachmentExpired(t *testing.T) {
	f := newFamily(t)
	d, _ := f.device(both)
	attach := f.say(d, time.Hour, &record.Attach{Nodes: []key.Hash{f.node.id}})
	f.node.fx.Reset()
	f.node.reg.Expire(attach.Expires, &f.node.fx)
	f.node.expiredAttach(f.node.fx.Delete)
	f.want(d, mpp.ReasonExpired, "")
}

// facts.md, Sealing: "people are told ... so too when the newest misses a device."
func TestWhyNotListed(t *testing.T) {
	f := newFamily(t)
	listed, static := f.device(both)
	missed, _ := f.device(both)
	f.want(missed, mpp.ReasonNeverAttached, "") // no epoch at all is no device's fault
	to := []record.Recipient{{Device: listed.Author().Hash(), Agreement: static.Public(), Name: "listed"}}
	base := record.Base{Serial: 100, Time: f.node.wall.Now(), Account: f.id()}
	epoch, err := record.SignEpoch(f.account, base, 1, record.NewEpochKey(), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.node.reg.Merge(base.Time, epoch, &f.node.fx)
	f.want(missed, mpp.ReasonNeverAttached, mpp.ReasonUnlisted)
	f.want(listed, mpp.ReasonNeverAttached, "")
}

func TestWhyAccountNotKept(t *testing.T) {
	f := newFamily(t)
	d, _ := f.device(both)
	base := f.node.base(record.Life(record.KindHost), f.node.reg.Current(registry.HostKey(f.id(), f.node.id)))
	base.Account = f.id()
	if err := f.node.sign(base, &record.Host{Ended: true}); err != nil {
		t.Fatal(err)
	}
	f.want(d, mpp.ReasonNotKept, "")
}

// mpp.md, Semantics: "Silence for three heartbeats is `unknown`, never offline."
func TestSilenceIsUnknown(t *testing.T) {
	f := newFamily(t)
	d, static := f.device(both)
	attach := f.say(d, time.Hour, &record.Attach{Nodes: []key.Hash{f.node.id}})
	s := &session{opened: f.now, heard: f.now, timeout: 3 * time.Second}
	s.bound = registry.DeviceRef{Account: f.id(), Device: d.Author().Hash()}
	f.node.peers[static.Public()] = []*session{s}
	f.want(d, mpp.ReasonConnected, mpp.ReasonUnknown)
	f.node.watch(f.now, s, attach)
	began := f.node.wall.Now()
	if got := f.want(d, mpp.ReasonHere, ""); key.Hash(got.Node) != f.node.id || !near(got.Since, began) || !near(got.LastConnected, began) {
		t.Errorf("watching at %x since %v, heard %v", got.Node, got.Since, got.LastConnected)
	}
	f.now = f.now.Add(3 * time.Second)
	f.want(d, mpp.ReasonHere, "")
	f.now = f.now.Add(time.Second)
	got := f.want(d, mpp.ReasonUnknown, "")
	if got.Since != got.LastConnected {
		t.Errorf("silent since %v, though it was heard at %v", got.Since, got.LastConnected)
	}

	// It comes back: having been away is what `since` says then.
	s.heard = f.now
	f.node.unwatch(s)
	f.node.remember(s)
	f.now = f.now.Add(time.Minute)
	s.heard = f.now
	f.node.watch(f.now, s, attach)
	if since := f.node.devices[s.bound].since; !since.Equal(f.now) {
		t.Errorf("watching since %v ago, want since now", f.now.Sub(since))
	}
	f.node.unwatch(s)
}

// near allows for the second that a wall clock may turn in between.
func near(a, b wall.Time) bool { return max(a-b, b-a) <= 60 }

// facts.md: 32 devices of an account; mpp.md: 16 packets hold 8,048 bytes at 548.
func TestThirtyTwoDevicesFitSmallPackets(t *testing.T) {
	reasons := []string{string(mpp.ReasonExpired), string(mpp.ReasonUnlisted), string(mpp.ReasonClock)}
	now := wall.Of(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	var list []mpp.DeviceStatus
	for i := range record.MaxWraps {
		h := key.Hash{byte(i)}
		list = append(list, mpp.DeviceStatus{
			Id: h.String(), Status: reasons[0], Comment: reasons[1], LastConnected: now, Node: hashBytes(h), Since: now,
		})
	}
	const room = wire.MaxPieces*503 - whyOverhead
	if size := sizeOfDevices(list); size > room {
		t.Errorf("32 devices take %d bytes, and 16 packets of 548 have room for %d", size, room)
	} else {
		t.Logf("32 devices take %d of %d bytes", size, room)
	}
}

// More devices than a message may name are cut, always to the same, and it says so.
func TestTooManyDevicesAreCut(t *testing.T) {
	b := newBench(t)
	for len(b.node.sessions) == 0 {
		b.step() // the first Data opens the session at the node
	}
	all := make([]mpp.DeviceStatus, mpp.MaxDevices+3)
	for _, s := range b.node.sessions {
		list, more := b.node.fit(s, all)
		if len(list) != mpp.MaxDevices || !more {
			t.Errorf("cut to %d, more %v", len(list), more)
		}
		if list, more = b.node.fit(s, all[:3]); len(list) != 3 || more {
			t.Errorf("three were cut to %d, more %v", len(list), more)
		}
	}
}
