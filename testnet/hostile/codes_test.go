package hostile_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
	"meshpresence/testnet/hostile"
)

const joinerName = "grandmothers-tablet"

// crooked is an account at a node whose operator is hostile: both who invites and
// who would join are on it, and it has the node's key.
type crooked struct {
	t      testing.TB
	relay  *hostile.Relay
	phone  *person
	joiner *person
	offer  *client.Offer

	// mallory is what the operator has of its own.
	account *key.Account
	device  *key.Device
	static  *key.Static
}

func newCrooked(t testing.TB, n *site) *crooked {
	t.Helper()
	at, expect := n.devices()
	own := must(key.LoadStatic(filepath.Join(n.cfg.State, "keys", "rud.key")))
	c := &crooked{
		t: t, relay: must(hostile.NewRelay(own, at, expect)),
		account: must(key.NewAccount()), device: must(key.NewDevice()), static: must(key.NewStatic(key.X25519)),
	}
	t.Cleanup(c.relay.Close)
	phone, fresh := profile(t, "phone"), profile(t, joinerName)
	for _, p := range []*client.Profile{phone, fresh} {
		c.relay.Speak(must(key.LoadStatic(filepath.Join(p.Dir(), "agreement.key"))))
	}
	there := n.behind(c.relay.Addr())
	c.phone = dial(t, phone, there)
	check(t, c.phone.CreateAccount(testContext(t), nil, ""))
	c.joiner = dial(t, fresh, there)
	var err error
	c.offer, err = c.phone.InviteDevice(testContext(t), client.RoleWatch|client.RolePublish, nil)
	check(t, err)
	t.Cleanup(func() { c.offer.Close() })
	if node := c.phone.Node(); node != there {
		t.Fatalf("the phone is at %s, want the hostile relay", node)
	}
	return c
}

// outcome is what came of a join.
type outcome struct {
	proved *client.Newcomer // who the inviter's person was shown
	err    error            // of the joiner
}

// join lets both sides go through a join until it ended, or until over says that
// nothing more will come of it. The inviter's person says yes to anybody.
func (c *crooked) join(over <-chan struct{}) (o outcome) {
	c.t.Helper()
	ctx, end := context.WithCancel(testContext(c.t))
	defer end()
	var both sync.WaitGroup
	both.Go(func() {
		defer end()
		o.err = c.joiner.JoinAccount(ctx, c.offer.Code())
	})
	both.Go(func() {
		if who, err := c.offer.Wait(ctx); err == nil {
			o.proved = &who
			c.offer.Accept(ctx)
		}
	})
	select {
	case <-over:
		end()
	case <-ctx.Done():
	}
	both.Wait()
	return o
}

// verdict is what has to be true whatever the relay did: nobody but who has the
// code was shown or let in, and nobody joined anything else.
func (c *crooked) verdict(o outcome, joins bool) {
	c.t.Helper()
	me := c.joiner.Profile()
	if o.proved != nil && (o.proved.ID != me.Device() || o.proved.Fingerprint != me.Fingerprint() || o.proved.Name != joinerName) {
		c.t.Errorf("the inviter's person was shown %+v", *o.proved)
	}
	if joins != (o.err == nil) {
		c.t.Errorf("joining: %v, want that it succeeds: %v", o.err, joins)
	}
	if account := me.Account(); joins != (account != "") || joins && account != c.phone.Profile().Account() {
		c.t.Errorf("the newcomer belongs to %q", account)
	}
	for _, d := range c.phone.Profile().Devices() {
		if d.ID != c.phone.Profile().Device() && (d.ID != me.Device() || o.proved == nil) {
			c.t.Errorf("%+v is a device of the account", d)
		}
	}
	for _, p := range me.Nodes() {
		if !joins && !strings.Contains(p, c.relay.Addr().String()) {
			c.t.Errorf("the newcomer pinned %s", p)
		}
	}
}

// bent is one change to one member of one step.
type bent struct {
	step   int64
	member string
	change func(c *crooked, s *mpp.JoinStep)
}

// flip changes one bit in a copy.
func flip(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) > 0 {
		b[len(b)/2] ^= 1
	}
	return b
}

// bends are the changes: each member of each step changed by a bit, left out, or
// replaced by what the operator can make itself.
func bends() (list []bent) {
	id := func(_ *crooked, s *mpp.JoinStep) { s.Id = flip(s.Id) }
	nonce := func(_ *crooked, s *mpp.JoinStep) { s.Nonce = flip(s.Nonce) }
	mac := func(_ *crooked, s *mpp.JoinStep) { s.Mac = flip(s.Mac) }
	noMAC := func(_ *crooked, s *mpp.JoinStep) { s.Mac = nil }
	return []bent{
		{1, "Id", id},
		{1, "Nonce", nonce},
		{1, "Nonce, left out", func(_ *crooked, s *mpp.JoinStep) { s.Nonce = nil }},
		{1, "Name", func(_ *crooked, s *mpp.JoinStep) { s.Name = "mallory" }},
		{1, "Keys, the operator's device", func(c *crooked, s *mpp.JoinStep) { s.Keys[0] = c.device.Author().Bytes() }},
		{1, "Keys, the operator's agreement key", func(c *crooked, s *mpp.JoinStep) { s.Keys[1] = c.static.Public().Bytes() }},
		{1, "Keys, all the operator's", func(c *crooked, s *mpp.JoinStep) {
			s.Keys = [][]byte{c.device.Author().Bytes(), c.static.Public().Bytes()}
		}},
		{1, "Keys, one left out", func(_ *crooked, s *mpp.JoinStep) { s.Keys = s.Keys[:1] }},
		{1, "Step, as if it were 3", func(_ *crooked, s *mpp.JoinStep) { s.Step = mpp.N(3) }},
		{2, "Id", id},
		{2, "Nonce", nonce},
		{2, "Keys, the operator's account", func(c *crooked, s *mpp.JoinStep) { s.Keys[0] = c.account.Author().Bytes() }},
		{2, "Keys, the operator as inviter", func(c *crooked, s *mpp.JoinStep) { s.Keys[1] = c.device.Author().Bytes() }},
		{2, "Keys, one left out", func(_ *crooked, s *mpp.JoinStep) { s.Keys = s.Keys[:1] }},
		{2, "Mac", mac},
		{2, "Mac, left out", noMAC},
		{2, "Signature", func(_ *crooked, s *mpp.JoinStep) { s.Signature = flip(s.Signature) }},
		{2, "Signature, the operator's", func(c *crooked, s *mpp.JoinStep) { s.Signature = c.account.Sign([]byte("mpp/1 join\x00")) }},
		{2, "Signature, left out", func(_ *crooked, s *mpp.JoinStep) { s.Signature = nil }},
		{2, "Step, as if it were a grant", func(c *crooked, s *mpp.JoinStep) { s.Step, s.Facts = mpp.N(4), c.adopts() }},
		{3, "Id", id},
		{3, "Mac", mac},
		{3, "Mac, left out", noMAC},
		{4, "Id", id},
		{4, "Facts", func(_ *crooked, s *mpp.JoinStep) {
			for i := range s.Facts {
				s.Facts[i] = flip(s.Facts[i])
			}
		}},
		{4, "Facts, left out", func(_ *crooked, s *mpp.JoinStep) { s.Facts = nil }},
		{4, "Facts, of the operator's account", func(c *crooked, s *mpp.JoinStep) { s.Facts = c.adopts() }},
		{4, "Facts, of both accounts, the operator's last", func(c *crooked, s *mpp.JoinStep) {
			s.Facts = append([][]byte{flip(s.Facts[0])}, c.adopts()...)
		}},
	}
}

// adopts are facts that make the newcomer a device of the operator's own account.
func (c *crooked) adopts() (facts [][]byte) {
	account := c.account.Author().Hash()
	for _, body := range []record.Body{
		&record.Device{Key: c.joiner.deviceKey().Author(), Agreement: c.joiner.staticKey().Public(), Roles: record.Watch | record.Publish},
		&record.Home{Nodes: []record.HomeNode{{Key: must(key.NewNode()).Author(), Agreement: c.static.Public(), Addresses: []string{"mpp://192.0.2.1:6770"}}}},
	} {
		facts = append(facts, sign(c.account, lasting(account, 1), body).Append(nil))
	}
	return facts
}

// enough is how often a changed step reached who it was for before no more is
// expected of it: the sides repeat what is not answered.
const enough = 2

// TestRelayThatRunsTheNodeLetsNobodyIn: "someone ... who runs the relaying node
// cannot join", nor have the newcomer join something else. It holds the node's
// key, reads every step in clear and changes each member of each of them.
func TestRelayThatRunsTheNodeLetsNobodyIn(t *testing.T) {
	t.Parallel()
	n := startNode(t, nil)
	var all sync.WaitGroup
	defer all.Wait()
	for _, b := range bends() {
		all.Go(func() { // side by side: they wait most of the time
			t.Run(fmt.Sprintf("step %d, %s", b.step, b.member), func(t *testing.T) {
				c := newCrooked(t, n)
				var seen atomic.Int32
				over := make(chan struct{})
				c.relay.Bend(func(toNode bool, m mpp.Message) []mpp.Message {
					j, ok := m.(*mpp.Join)
					if !ok || toNode || j.Step != mpp.N(b.step) {
						return []mpp.Message{m}
					}
					b.change(c, &j.JoinStep)
					if seen.Add(1) == enough {
						close(over)
					}
					return []mpp.Message{j}
				})
				o := c.join(over)
				if seen.Load() == 0 {
					t.Error("the step never came by: this shows nothing")
				}
				c.verdict(o, false)
			})
		})
	}
}

// The control: a relay that changes nothing, and one that says every step twice
// and the last one before it again, let the join happen; and of what it read in
// clear nothing is the code.
func TestRelayThatReadsEveryStepHasNoCode(t *testing.T) {
	t.Parallel()
	n := startNode(t, nil)
	for name, twice := range map[string]bool{"as they are": false, "each one again": true} {
		t.Run(name, func(t *testing.T) {
			c := newCrooked(t, n)
			var last mpp.Message
			c.relay.Bend(func(_ bool, m mpp.Message) []mpp.Message {
				if _, ok := m.(*mpp.Join); !ok || !twice {
					return []mpp.Message{m}
				}
				again := []mpp.Message{m, m}
				if last != nil {
					again = append(again, last)
				}
				last = m
				return again
			})
			c.verdict(c.join(nil), true)
			read := hostile.Packet{Data: bytes.Join(c.relay.Heard(), nil)}
			for _, s := range hostile.Find([]hostile.Packet{read}, codeSecrets(c.offer.Code())) {
				t.Errorf("the relay read: %s", s)
			}
			if len(hostile.Find([]hostile.Packet{read}, hostile.Text("name", joinerName)[:1])) == 0 {
				t.Error("the relay did not even read the newcomer's name: this shows nothing")
			}
		})
	}
}

// codeSecrets are a code in every form that it might be written in.
func codeSecrets(code string) []hostile.Secret {
	plain := strings.ReplaceAll(code, "-", "")
	raw := must(base32.StdEncoding.DecodeString(plain))
	return []hostile.Secret{
		{Name: "the code as it is typed", Bytes: []byte(code)},
		{Name: "the code without dashes", Bytes: []byte(plain)},
		{Name: "the code in lower case", Bytes: []byte(strings.ToLower(code))},
		{Name: "half of the code", Bytes: []byte(plain[:len(plain)/2])},
		{Name: "the code's secret", Bytes: raw[:len(raw)/2]},
	}
}

// Every packet of a join, and of one that never ended, is sent to the node again,
// from where it came and from elsewhere, before and after the codes were used:
// nobody is let in, nothing changes.
func TestReplayedJoinChangesNothing(t *testing.T) {
	t.Parallel()
	n := startNode(t, nil)
	device, _ := n.devices()
	tap := must(hostile.NewUDPTap("127.0.0.1:0", device))
	t.Cleanup(tap.Close)
	phone := newAccount(t, "phone", n.behind(tap.Addr()))
	joiner, refused := dial(t, profile(t, joinerName), n.behind(tap.Addr())), dial(t, profile(t, "refused"), n.behind(tap.Addr()))
	joinBy(t, phone, joiner, true)
	joinBy(t, phone, refused, false)
	recorded := tap.Packets()
	before, devices := digest(t, n), len(phone.Profile().Devices())
	stranger := must(hostile.NewStranger(device))
	t.Cleanup(stranger.Close)
	for chunk := range slices.Chunk(recorded, inOneGo) {
		for _, p := range chunk {
			if p.To != device {
				continue
			}
			check(t, tap.Inject(p.From, p.Data))
			check(t, stranger.Send(p.Data))
		}
		answers, err := stranger.Settle()
		check(t, err)
		for _, a := range answers {
			if !hostile.IsChallenge(a) {
				t.Errorf("a replayed packet of a join got %d bytes from elsewhere", len(a))
			}
		}
	}
	if digest(t, n) != before {
		t.Error("the replay changed what the node holds")
	}
	phone.watch() // the connections live on
	phone.publish(client.Post{Data: []byte("still here")})
	phone.want("still here")
	if got := len(phone.Profile().Devices()); got != devices {
		t.Errorf("the account has %d devices, it had %d", got, devices)
	}
}

// joinBy joins a device by code; the inviter's person says yes, or no.
func joinBy(t testing.TB, by, newcomer *person, yes bool) (code string) {
	t.Helper()
	offer, err := by.InviteDevice(testContext(t), client.RoleWatch|client.RolePublish, nil)
	check(t, err)
	defer offer.Close()
	ended := make(chan error, 1)
	go func() { ended <- newcomer.JoinAccount(testContext(t), offer.Code()) }()
	_, err = offer.Wait(testContext(t))
	check(t, err)
	if yes {
		err = offer.Accept(testContext(t))
	} else {
		err = offer.Refuse(testContext(t))
	}
	check(t, err)
	if err := <-ended; yes != (err == nil) {
		t.Fatalf("joining: %v, want that it succeeds: %v", err, yes)
	}
	return offer.Code()
}

// "A captured join contains neither names nor keys nor codes in clear": a device's
// by the code of an account, and an account's by the code of a node.
func TestCapturedJoinShowsNothing(t *testing.T) {
	n := startNode(t, nil)
	check(t, n.Close())
	n.cfg.OpenAccounts = false
	n.run(t)
	device, _ := n.devices()
	tap := must(hostile.NewUDPTap("127.0.0.1:0", device))
	t.Cleanup(tap.Close)

	invitation, err := n.Invite(testContext(t))
	check(t, err)
	phone := dial(t, profile(t, "phone-of-the-house"), n.behind(tap.Addr()))
	check(t, phone.CreateAccount(testContext(t), nil, invitation.Code))
	joiner := dial(t, profile(t, joinerName), n.behind(tap.Addr()))
	code := joinBy(t, phone, joiner, true)

	secrets := append(codeSecrets(code), codeSecrets(invitation.Code)...)
	for _, p := range []*person{phone, joiner} {
		name := p.Profile().Name()
		secrets = append(secrets, hostile.Text(name, name)...)
		secrets = append(secrets, hostile.Text(name+"'s fingerprint", p.Profile().Fingerprint())...)
		secrets = append(secrets,
			hostile.Secret{Name: name + "'s key", Bytes: p.deviceKey().Author().Raw()},
			hostile.Secret{Name: name + "'s agreement key", Bytes: p.staticKey().Public().Raw()},
		)
	}
	account := phone.account()
	secrets = append(secrets,
		hostile.Secret{Name: "account's key", Bytes: phone.accountKey().Author().Raw()},
		hostile.Secret{Name: "account", Bytes: account[:]},
		hostile.Secret{Name: "a message's name", Bytes: []byte("PresenceJoin")},
	)
	for _, name := range hostile.Find(tap.Packets(), secrets) {
		t.Errorf("the capture shows: %s", name)
	}
	if size := hostile.Bytes(tap.Packets()); size < 8000 {
		t.Errorf("the capture has %d bytes: too little to judge by", size)
	}
	// The control: the same search finds all of it where it is said in clear.
	var text []byte
	for _, s := range secrets {
		text = append(append(text, s.Bytes...), ' ')
	}
	teller := must(hostile.NewStranger(tap.Addr()))
	t.Cleanup(teller.Close)
	check(t, teller.Send(text))
	until(t, "the clear datagram is seen", func() bool { return len(hostile.Find(tap.Packets(), secrets)) == len(secrets) })
}
