package node_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// offerDevice makes a code for a device.
func offerDevice(t *testing.T, by *client.Client, roles client.Roles) *client.Offer {
	t.Helper()
	o, err := by.InviteDevice(testContext(t), roles, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// joining runs f beside the test and returns how to wait for its end.
func joining(t *testing.T, f func(ctx context.Context) error) (end func() error) {
	t.Helper()
	ctx, done := testContext(t), make(chan error, 1)
	go func() { done <- f(ctx) }()
	return func() error {
		t.Helper()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			t.Fatal("the join did not end")
			return nil
		}
	}
}

// byCode joins a new device by a code and returns its client.
func byCode(t *testing.T, by *client.Client, name string, n addressed, roles client.Roles) *client.Client {
	t.Helper()
	o := offerDevice(t, by, roles)
	c := dial(t, newProfile(t, name), n)
	end := joining(t, func(ctx context.Context) error { return c.JoinAccount(ctx, o.Text()) })
	admit(t, o, c.Profile())
	if err := end(); err != nil {
		t.Fatal(err)
	}
	return c
}

// admit waits for a newcomer, compares and lets it in.
func admit(t *testing.T, o *client.Offer, p *client.Profile) {
	t.Helper()
	who, err := o.Wait(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if who.Fingerprint != p.Fingerprint() || who.ID != p.Device() || who.Name != p.Name() {
		t.Fatalf("%+v came, want %s, %s, %s", who, p.Name(), p.Fingerprint(), p.Device())
	}
	if err := o.Accept(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

const bothRoles = client.RoleWatch | client.RolePublish

// Two nodes of a realm and three devices: the account is made at the one, devices
// join by code at both, read what was posted before and hear each other.
func TestDevicesJoinByCode(t *testing.T) {
	t.Parallel()
	nodes, _ := realmOf(t, "a", "b")
	phone := account(t, "phone", nodes[0])
	publish(t, phone, "before")
	laptop := byCode(t, phone, "laptop", nodes[0], bothRoles)
	there := dial(t, phone.Profile(), nodes[1])
	tablet := byCode(t, there, "tablet", nodes[1], bothRoles)
	hears, alsoHears := watch(t, laptop), watch(t, tablet)
	hears.want("before")
	alsoHears.want("before")
	publish(t, tablet, "after")
	hears.want("after")
	alsoHears.want("after")
	names := []string{}
	for _, d := range laptop.Profile().Devices() {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); !strings.Contains(got, "laptop") || !strings.Contains(got, "phone") {
		t.Errorf("devices %q, want phone and laptop at least", got)
	}
	if phone.Profile().NeedsRepair() || tablet.Profile().NeedsRepair() {
		t.Error("the newest epoch leaves a device out")
	}
	agree(t, nodes...)
}

// "Pins after a join come only from facts signed by the account": the homes, with
// the fingerprints in them.
func TestPinsAfterAJoin(t *testing.T) {
	t.Parallel()
	nodes, _ := realmOf(t, "a", "b")
	phone := account(t, "phone", nodes[0])
	laptop := byCode(t, phone, "laptop", nodes[0], client.RoleWatch)
	homes := phone.Profile().Homes()
	pins := laptop.Profile().Nodes()
	if len(pins) == 0 {
		t.Fatal("nothing is pinned")
	}
	for _, pin := range pins {
		if !slices.Contains(homes, pin) {
			t.Errorf("pinned %s, which is none of the homes %v", pin, homes)
		}
	}
}

// Attack: who saw the code names one of the newcomer's keys beside one of its own,
// to come in under the fingerprint on the newcomer's screen.
func TestBorrowedFingerprint(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone, thief := account(t, "phone", n), newParty(t)
	laptop := newProfile(t, "laptop")
	for what, keys := range map[string][][]byte{
		"agreement key": {thief.device.Author().Bytes(), laptop.Card().Agreement.Bytes()},
		"signing key":   {laptop.Card().Key.Bytes(), thief.static.Public().Bytes()},
	} {
		o := offerDevice(t, phone, bothRoles)
		code, err := access.ParseCode(o.Code())
		if err != nil {
			t.Fatal(err)
		}
		r := thief.dial(t, n)
		end := joining(t, func(ctx context.Context) error {
			_, err := o.Wait(ctx)
			return err
		})
		r.wantStep("step 3", r.begin(access.NewJoiner(access.JoinDevice, code, "laptop", keys...)), mpp.CodeOK)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if who, err := o.Wait(testContext(t)); err != nil || who.Fingerprint == laptop.Fingerprint() {
			t.Errorf("a borrowed %s is shown as the newcomer's own: %v", what, err)
		}
	}
}

// The node that relays a join is started anew while the inviter's person looks
// at the fingerprints: the newcomer that proved itself is let in all the same.
func TestRelayStartsAnewBeforeTheYes(t *testing.T) {
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	n := start(t, cfg)
	at, err := discovery.ParseAddress(n.DeviceAddress())
	if err != nil {
		t.Fatal(err)
	}
	phone := account(t, "phone", n)
	o, c := offerDevice(t, phone, bothRoles), dial(t, newProfile(t, "laptop"), n)
	end := joining(t, func(ctx context.Context) error { return c.JoinAccount(ctx, o.Text()) })
	if _, err := o.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Listen = at.HostPort()
	start(t, cfg)
	if err := o.Accept(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

// The relay of a join that does not keep the account is not pinned by it.
func TestRelayIsNotPinned(t *testing.T) {
	t.Parallel()
	nodes, _ := realmOf(t, "a", "b", "c", "d")
	phone := account(t, "phone", nodes[0])
	threeHomes(t, phone, nodes)
	homes := phone.Profile().HomeNodes()
	var relay *node.Node
	for _, n := range nodes {
		if !slices.ContainsFunc(homes, func(h client.Home) bool { return slices.Contains(h.Addresses, n.DeviceAddress()) }) {
			relay = n
		}
	}
	if relay == nil {
		t.Fatalf("no node is beside the homes %v", homes)
	}
	there := dial(t, phone.Profile(), relay)
	laptop := byCode(t, there, "laptop", relay, client.RoleWatch)
	if slices.Contains(laptop.Profile().Nodes(), relay.DeviceAddress()) {
		t.Error("the relay is pinned")
	}
	for _, pin := range laptop.Profile().Nodes() {
		if !slices.ContainsFunc(homes, func(h client.Home) bool { return slices.Contains(h.Addresses, pin) }) {
			t.Errorf("pinned %s, which is none of the homes", pin)
		}
	}
}

// An inviter that moves to another socket keeps its code.
func TestOfferSurvivesARebind(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	o := offerDevice(t, phone, bothRoles)
	if err := phone.Rebind(testContext(t)); err != nil {
		t.Fatal(err)
	}
	c := dial(t, newProfile(t, "laptop"), n)
	end := joining(t, func(ctx context.Context) error { return c.JoinAccount(ctx, o.Text()) })
	admit(t, o, c.Profile())
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedDeviceIsTold(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	o := offerDevice(t, phone, bothRoles)
	c := dial(t, newProfile(t, "laptop"), n)
	end := joining(t, func(ctx context.Context) error { return c.JoinAccount(ctx, o.Code()) })
	if _, err := o.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := o.Refuse(testContext(t)); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, end(), mpp.CodeRefused)
	if c.Profile().Account() != "" || len(phone.Profile().Devices()) != 1 {
		t.Error("the newcomer got in")
	}
	if err := o.Accept(testContext(t)); !errors.Is(err, client.ErrCodeOver) {
		t.Errorf("letting in whom it refused: %v, want ErrCodeOver", err)
	}
}

// Interrupted while it lets somebody in, the inviter's tool may go on.
func TestAcceptAgain(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	o := offerDevice(t, phone, bothRoles)
	if err := o.Accept(testContext(t)); err == nil {
		t.Error("nobody was let in")
	}
	c := dial(t, newProfile(t, "laptop"), n)
	end := joining(t, func(ctx context.Context) error { return c.JoinAccount(ctx, o.Text()) })
	if _, err := o.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if err := o.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's end", err)
	}
	admit(t, o, c.Profile())
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if got := len(phone.Profile().Devices()); got != 2 {
		t.Errorf("%d devices, want two", got)
	}
}

// A code works once, and a withdrawn one never: the answer is one sentence and
// does not say why.
func TestUsedAndWithdrawnCodes(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	used := offerDevice(t, phone, bothRoles)
	first := dial(t, newProfile(t, "first"), n)
	end := joining(t, func(ctx context.Context) error { return first.JoinAccount(ctx, used.Text()) })
	admit(t, used, first.Profile())
	if err := end(); err != nil {
		t.Fatal(err)
	}
	withdrawn := offerDevice(t, phone, bothRoles)
	if err := withdrawn.Close(); err != nil {
		t.Fatal(err)
	}
	said := make(map[string]bool)
	for _, o := range []*client.Offer{used, withdrawn} {
		c := dial(t, newProfile(t, "late"), n)
		err := c.JoinAccount(testContext(t), o.Code())
		wantRefusal(t, err, mpp.CodeRefused)
		said[err.Error()] = true
	}
	if len(said) != 1 {
		t.Errorf("the answers tell codes apart: %v", said)
	}
}

// Whoever proves first is asked about; both codes let their device in, and the
// newest epoch lists both.
func TestTwoOffersAtOnce(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	var ends []func() error
	for _, name := range []string{"laptop", "tablet"} {
		o := offerDevice(t, phone, bothRoles)
		c := dial(t, newProfile(t, name), n)
		ends = append(ends, joining(t, func(ctx context.Context) error { return c.JoinAccount(ctx, o.Text()) }))
		ends = append(ends, joining(t, func(ctx context.Context) error {
			if _, err := o.Wait(ctx); err != nil {
				return err
			}
			return o.Accept(ctx)
		}))
	}
	for _, end := range ends {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if got := len(phone.Profile().Devices()); got != 3 || phone.Profile().NeedsRepair() {
		t.Errorf("%d devices, to be repaired: %v; want three and none left out", got, phone.Profile().NeedsRepair())
	}
}

// Two devices that hold the account's key let somebody in at once: whatever each
// signs first, the newest epoch lists everybody in the end.
func TestTwoInvitersAtOnce(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	phone := account(t, "phone", n)
	laptop := byCode(t, phone, "laptop", n, bothRoles)
	file := filepath.Join(t.TempDir(), "backup")
	if err := phone.Profile().Backup(file, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := laptop.Profile().RestoreKey(file, nil); err != nil {
		t.Fatal(err)
	}
	var ends []func() error
	for _, by := range []*client.Client{phone, laptop} {
		p := newProfile(t, "new")
		ends = append(ends, joining(t, func(ctx context.Context) error {
			_, err := by.AddDevice(ctx, p.Card(), bothRoles, nil)
			return err
		}))
	}
	for _, end := range ends {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if _, err := phone.Repair(testContext(t), nil); err != nil {
		t.Fatal(err)
	}
	if got := len(phone.Profile().Devices()); got != 4 || phone.Profile().NeedsRepair() {
		t.Errorf("%d devices, to be repaired: %v; want four and none left out", got, phone.Profile().NeedsRepair())
	}
}

// A code for one thing says so when it is used for another.
func TestCodeForSomethingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := loopback(t, filepath.Join(dir, "a"))
	n := start(t, cfg)
	phone := account(t, "phone", n)
	ofAccount, err := n.Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	realm := realmKeyOf(t, cfg)
	ofNode := offerNode(t, n, realm)
	answering(t, ofNode)
	ofDevice := offerDevice(t, phone, bothRoles)
	answering(t, ofDevice)
	laptop := dial(t, newProfile(t, "laptop"), n)
	for _, row := range []struct{ code, use string }{
		{ofAccount.Text, "account create"},
		{ofNode.Code(), "presenced --join"},
	} {
		err := laptop.JoinAccount(testContext(t), row.code)
		if !errors.Is(err, client.ErrOtherCode) || !strings.Contains(err.Error(), row.use) {
			t.Errorf("joining an account: %v, want to be sent to %q", err, row.use)
		}
	}
	_, err = client.JoinRealm(testContext(t), client.Config{Node: n.DeviceAddress(), Listen: "127.0.0.1:0"}, nodeKeys(t, "b"), ofDevice.Code())
	if !errors.Is(err, client.ErrOtherCode) || !strings.Contains(err.Error(), "device join") {
		t.Errorf("joining a realm: %v, want to be sent to device join", err)
	}
}

// answering serves an offer until the test ends; nobody is let in.
func answering(t *testing.T, o *client.Offer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := o.Wait(ctx)
		if ctx.Err() == nil {
			t.Errorf("waiting for nobody: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// A device's code given to account create is found out too.
func TestDeviceCodeAtAccountCreate(t *testing.T) {
	t.Parallel()
	cfg := loopback(t, filepath.Join(t.TempDir(), "a"))
	cfg.OpenAccounts = false
	n := start(t, cfg)
	invitation, err := n.Invite(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	phone := dial(t, newProfile(t, "phone"), n)
	if err := phone.CreateAccount(testContext(t), nil, invitation.Code); err != nil {
		t.Fatal(err)
	}
	o := offerDevice(t, phone, bothRoles)
	answering(t, o)
	other := dial(t, newProfile(t, "other"), n)
	if err := other.CreateAccount(testContext(t), nil, o.Code()); !errors.Is(err, client.ErrOtherCode) {
		t.Errorf("creating an account with a device's code: %v, want ErrOtherCode", err)
	}
}

func TestWrongCodes(t *testing.T) {
	t.Parallel()
	n := start(t, loopback(t, filepath.Join(t.TempDir(), "a")))
	c := dial(t, newProfile(t, "phone"), n)
	if err := c.JoinAccount(testContext(t), "no code"); !errors.Is(err, client.ErrCode) {
		t.Errorf("%v, want ErrCode", err)
	}
	wantRefusal(t, c.JoinAccount(testContext(t), strings.Repeat("A", 32)), mpp.CodeRefused)
	if c.Profile().Account() != "" {
		t.Error("the profile belongs to an account")
	}
	phone := account(t, "used", n)
	if err := phone.JoinAccount(testContext(t), strings.Repeat("A", 32)); !errors.Is(err, client.ErrProfileUsed) {
		t.Errorf("%v, want ErrProfileUsed", err)
	}
}

// nodeKeys are a new node's.
func nodeKeys(t *testing.T, name string) client.NodeKeys {
	t.Helper()
	k, err := key.NewNode()
	if err != nil {
		t.Fatal(err)
	}
	return client.NodeKeys{Node: k, Agreement: newStatic(t), Name: name}
}

func realmKeyOf(t *testing.T, cfg node.Config) *client.RealmKey {
	t.Helper()
	k, err := client.LoadRealmKey(filepath.Join(cfg.State, "keys", "realm.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// offerNode makes a code for a node.
func offerNode(t *testing.T, n addressed, k *client.RealmKey) *client.Offer {
	t.Helper()
	c := dialNode(t, n)
	o, err := c.InviteNode(testContext(t), k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func dialNode(t *testing.T, n addressed) *client.Client {
	t.Helper()
	c, err := client.DialNode(client.Config{Node: n.DeviceAddress(), Listen: "127.0.0.1:0", Log: logTo(t, "realm")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
