package node_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/access"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

func nameIn(t *testing.T, p *client.Profile, id string) string {
	t.Helper()
	d, err := p.FindDevice(id)
	if err != nil {
		t.Fatal(err)
	}
	return d.Name
}

func TestRenameDevice(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	laptop := byCode(t, phone, "laptop", n, bothRoles)
	speaker := byCode(t, phone, "speaker", n, client.RolePublish)
	for id, name := range map[string]string{laptop.Profile().Device(): "desk", speaker.Profile().Device(): "door", phone.Profile().Device(): "pocket"} {
		if err := phone.RenameDevice(testContext(t), id, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	laptop.Close()
	laptop = dial(t, laptop.Profile(), n)
	publish(t, laptop, "asks for the account's facts first")
	again, err := client.OpenProfile(laptop.Profile().Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*client.Profile{phone.Profile(), laptop.Profile(), again} {
		for id, name := range map[string]string{laptop.Profile().Device(): "desk", speaker.Profile().Device(): "door", phone.Profile().Device(): "pocket"} {
			if got := nameIn(t, p, id); got != name {
				t.Errorf("a device is called %q, want %q", got, name)
			}
		}
	}
	if laptop.Profile().Name() != "desk" {
		t.Errorf("the laptop calls itself %q", laptop.Profile().Name())
	}
	for _, bad := range []string{"", strings.Repeat("x", 25), "a\x1b[2J"} {
		if err := phone.RenameDevice(testContext(t), laptop.Profile().Device(), bad, nil); err == nil {
			t.Errorf("a device may be called %q", bad)
		}
	}
	if err := phone.RenameDevice(testContext(t), key.Hash{1}.String(), "ghost", nil); !errors.Is(err, client.ErrNoDevice) {
		t.Errorf("%v, want ErrNoDevice", err)
	}
	if err := laptop.RenameDevice(testContext(t), phone.Profile().Device(), "mine", nil); !errors.Is(err, client.ErrNoAccountKey) {
		t.Errorf("%v, want ErrNoAccountKey", err)
	}
}

func TestFindDevice(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	twin := byCode(t, phone, "phone", n, bothRoles)
	desk := byCode(t, phone, "desk", n, bothRoles)
	p, id := phone.Profile(), desk.Profile().Device()
	for _, s := range []string{id, "desk", id[:20], strings.ToUpper(id[:20])} {
		if d, err := p.FindDevice(s); err != nil || d.ID != id {
			t.Errorf("%q is %v, %v; want the desk", s, d, err)
		}
	}
	if _, err := p.FindDevice("phone"); !errors.Is(err, client.ErrAmbiguous) || !strings.Contains(err.Error(), twin.Profile().Device()) {
		t.Errorf("%v, want ErrAmbiguous with both", err)
	}
	for _, s := range []string{"", "attic", id[:1]} {
		if _, err := p.FindDevice(s); !errors.Is(err, client.ErrNoDevice) {
			t.Errorf("%q: %v, want ErrNoDevice", s, err)
		}
	}
}

// bringAs brings facts on a connection of a profile's device.
func bringAs(t *testing.T, p *client.Profile, n addressed, facts ...*record.Fact) {
	t.Helper()
	_, static := loadKeys(t, p)
	r := newRaw(t, n, static)
	m := new(mpp.FactRequest)
	for _, f := range facts {
		m.Facts = append(m.Facts, f.Append(nil))
	}
	for _, result := range r.ask(m).(*mpp.FactResponse).Results {
		if !result.Code.Code().Success() {
			t.Fatalf("bringing a fact: %v", result.Code.Code())
		}
	}
}

// accountOf is the key of a profile's account, and the base of a first fact by it.
func accountOf(t *testing.T, p *client.Profile) (*key.Account, record.Base) {
	t.Helper()
	k, err := key.LoadAccount(filepath.Join(p.Dir(), "account.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k, record.Base{Serial: 1, Time: wall.Clock(nil).Now(), Account: k.Author().Hash()}
}

// A tool died after the device fact and before the epoch: the device is named and
// can read nothing until the account is repaired.
func TestRepairAfterADeviceWithoutAnEpoch(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	laptop := newProfile(t, "laptop")
	k, base := accountOf(t, phone.Profile())
	card := laptop.Card()
	device, err := record.Sign(k, key.Hash{}, base, &record.Device{Key: card.Key, Agreement: card.Agreement, Roles: bothRoles})
	if err != nil {
		t.Fatal(err)
	}
	bringAs(t, phone.Profile(), n, device)
	repaired(t, phone)
}

// A tool died after the revocation and before the epoch: posts wait, and never go
// clear, until the account is repaired.
func TestRepairAfterARevocationWithoutAnEpoch(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	laptop := byCode(t, phone, "laptop", n, bothRoles)
	tablet := byCode(t, phone, "tablet", n, bothRoles)
	hash, err := key.ParseHash(laptop.Profile().Device())
	if err != nil {
		t.Fatal(err)
	}
	k, base := accountOf(t, phone.Profile())
	revoked, err := record.Sign(k, key.Hash{}, base, &record.Revoked{Hash: hash})
	if err != nil {
		t.Fatal(err)
	}
	bringAs(t, phone.Profile(), n, revoked)
	for _, text := range []string{"waits", "waits too"} {
		if r, err := phone.Publish(testContext(t), client.Post{Data: []byte(text)}); !errors.Is(err, client.ErrWaits) || r.Hash != "" {
			t.Fatalf("posting with nothing to seal to: %+v, %v", r, err)
		}
	}
	// They are not lost where the outbox cannot be written.
	outbox := filepath.Join(phone.Profile().Dir(), "outbox")
	if err := errors.Join(os.RemoveAll(outbox), os.WriteFile(outbox, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	repaired(t, phone)
	if err := os.Remove(outbox); err != nil {
		t.Fatal(err)
	}
	w := watch(t, tablet)
	publish(t, phone, "sealed again")
	w.want("waits", "waits too", "sealed again")
}

// repaired checks that an account wants repair, and that once is enough.
func repaired(t *testing.T, c *client.Client) {
	t.Helper()
	for _, want := range []bool{true, false} {
		changed, err := c.Repair(testContext(t), nil)
		if err != nil || changed != want {
			t.Fatalf("repairing: %v, %v; want %v", changed, err, want)
		}
	}
	if c.Profile().NeedsRepair() {
		t.Error("it still wants repair")
	}
}

// The key comes back to a device that lost it; the wrong passphrase and another
// account's backup change nothing.
func TestBackupBringsTheKeyBack(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	laptop := byCode(t, phone, "laptop", n, bothRoles)
	file := filepath.Join(t.TempDir(), "backup")
	if err := phone.Profile().Backup(file, nil, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup's mode: %v, %v", info.Mode(), err)
	}
	for passphrase, want := range map[string]error{"wrong": client.ErrPassphrase, "": client.ErrLocked} {
		given := []byte(passphrase)
		if passphrase == "" {
			given = nil
		}
		if err := laptop.Profile().RestoreKey(file, given); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if laptop.Profile().HasAccountKey() {
		t.Fatal("a wrong passphrase brought the key")
	}
	other := account(t, "other", n)
	if err := other.Profile().RestoreKey(file, []byte("secret")); !errors.Is(err, client.ErrProfileUsed) {
		t.Errorf("%v, want ErrProfileUsed", err)
	}
	if err := other.Profile().Backup(file, nil, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing over another account's backup: %v, want fs.ErrExist", err)
	}
	if err := laptop.Profile().RestoreKey(file, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := laptop.RenameDevice(testContext(t), phone.Profile().Device(), "old phone", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := laptop.RevokeDevice(testContext(t), phone.Profile().Device(), []byte("secret")); err != nil {
		t.Fatal(err)
	}
}

// All devices are lost: a backup makes a new one, which revokes the old.
func TestBackupOntoAFreshMachine(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	file := filepath.Join(t.TempDir(), "backup")
	if err := phone.Profile().Backup(file, nil, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	publish(t, phone, "before")
	dir := filepath.Join(t.TempDir(), "fresh")
	if _, err := client.RestoreBackup(dir, "fresh", file, []byte("wrong")); !errors.Is(err, client.ErrPassphrase) {
		t.Errorf("%v, want ErrPassphrase", err)
	}
	p, err := client.RestoreBackup(dir, "fresh", file, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := client.Dial(p, client.Config{Listen: "127.0.0.1:0", Log: logTo(t, "fresh")}) // the backup knows a node
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	for range 2 {
		if err := fresh.Readmit(testContext(t), []byte("secret")); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.Devices()) != 2 || p.NeedsRepair() {
		t.Errorf("devices %v, to be repaired: %v", p.Devices(), p.NeedsRepair())
	}
	// A device that could read what was posted before hands that on.
	if err := phone.RenameDevice(testContext(t), p.Device(), "new phone", nil); err != nil {
		t.Fatal(err)
	}
	w := watch(t, fresh)
	w.want("before")
	publish(t, phone, "after")
	w.want("after")
	if err := fresh.RevokeDevice(testContext(t), phone.Profile().Device(), []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if p.NeedsRepair() || len(p.Devices()) != 1 {
		t.Errorf("devices %v, to be repaired: %v", p.Devices(), p.NeedsRepair())
	}
	if _, err := client.RestoreBackup(dir, "fresh", file, []byte("secret")); !errors.Is(err, client.ErrProfileUsed) {
		t.Errorf("%v, want ErrProfileUsed", err)
	}
}

// "A 33rd device gets no wrap": the tool refuses it with what to do, and one that
// another tool made is the one of the greatest hash that is left out.
func TestThirtyThirdDevice(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	k, base := accountOf(t, phone.Profile())
	add := func() {
		t.Helper()
		d, err := key.NewDevice()
		if err != nil {
			t.Fatal(err)
		}
		f, err := record.Sign(k, key.Hash{}, base, &record.Device{Key: d.Author(), Agreement: newStatic(t).Public(), Roles: client.RoleWatch})
		if err != nil {
			t.Fatal(err)
		}
		bringAs(t, phone.Profile(), n, f)
	}
	for range record.MaxWraps - 1 {
		add()
	}
	repaired(t, phone)
	if _, err := phone.InviteDevice(testContext(t), client.RoleWatch, nil); !errors.Is(err, client.ErrTooManyDevices) {
		t.Errorf("inviting one more: %v, want ErrTooManyDevices", err)
	}
	if _, err := phone.AddDevice(testContext(t), newProfile(t, "late").Card(), client.RoleWatch, nil); !errors.Is(err, client.ErrTooManyDevices) {
		t.Errorf("adding one more: %v, want ErrTooManyDevices", err)
	}
	speaker := byCode(t, phone, "speaker", n, client.RolePublish)
	publish(t, speaker, "needs no wrap")
	add()
	if _, err := phone.Repair(testContext(t), nil); err != nil {
		t.Fatal(err)
	}
	if phone.Profile().NeedsRepair() {
		t.Error("an epoch for the 32 lowest hashes wants repair")
	}
}

// A node joins a realm by code and leaves it by the realm's key.
func TestNodeJoinsByCode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := loopback(t, filepath.Join(dir, "a"))
	n := start(t, cfg)
	realm := realmKeyOf(t, cfg)
	o := offerNode(t, n, realm)
	keys := nodeKeys(t, "b")
	var m client.Membership
	end := joining(t, func(ctx context.Context) (err error) {
		m, err = client.JoinRealm(ctx, client.Config{Listen: "127.0.0.1:0", Log: logTo(t, "b")}, keys, o.Text())
		return err
	})
	who, err := o.Wait(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if who.ID != keys.Node.Author().Hash().String() || who.Fingerprint != access.Fingerprint(keys.Node.Author().Bytes(), keys.Agreement.Public().Bytes()) || who.Name != "b" {
		t.Errorf("%+v came", who)
	}
	if err := o.Accept(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	member, err := record.Parse(m.Member)
	if err != nil || member.Verify() != nil || m.Realm != realm.Realm() || len(m.Cards) != 1 {
		t.Fatalf("membership %+v, %v", m, err)
	}
	c := dialNode(t, n)
	if err := c.RemoveNode(testContext(t), realm, who.ID); err != nil {
		t.Error(err)
	}
	card, err := record.Parse(m.Cards[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveNode(testContext(t), realm, card.Author.Hash().String()); err == nil || !strings.Contains(err.Error(), "node in use") {
		t.Errorf("removing the node in use: %v", err)
	}
	strange, err := client.CreateRealmKey(filepath.Join(dir, "strange.key"), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.InviteNode(testContext(t), strange); !errors.Is(err, client.ErrRealm) {
		t.Errorf("inviting with another realm's key: %v, want ErrRealm", err)
	}
	if err := c.RemoveNode(testContext(t), strange, who.ID); !errors.Is(err, client.ErrRealm) {
		t.Errorf("removing with another realm's key: %v, want ErrRealm", err)
	}
	if _, err := client.CreateRealmKey(filepath.Join(dir, "strange.key"), nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("making a key where one is: %v, want fs.ErrExist", err)
	}
	if _, err := client.LoadRealmKey(filepath.Join(dir, "strange.key"), []byte("wrong")); !errors.Is(err, client.ErrPassphrase) {
		t.Errorf("%v, want ErrPassphrase", err)
	}
}
