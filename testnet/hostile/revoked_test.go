package hostile_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/testnet/hostile"
)

// family is an account by hand with a phone, and a laptop that a thief has: its
// keys, its connections to all three nodes, and all that it ever signed.
type family struct {
	t       testing.TB
	x       *trio
	order   [3]string // what each node hears of while they are cut apart
	account *key.Account
	phone   *hostile.Device    // at the first node
	thieves [3]*hostile.Device // one at each node
	thief   key.Hash
	out     [3]bool // seen to be thrown out; since then it is a stranger there

	device, epoch, revoked *record.Fact // the laptop's, and what ends its part
	attached               int64        // how often the thief did
	before, after          *record.EpochKey
	old                    []*record.Fact // the thief's
	secrets                []*record.Fact // sealed by the phone after the revocation
}

// newFamily founds an account at the first node, the laptop a device of it.
func newFamily(x *trio, order [3]string) *family {
	x.t.Helper()
	f := &family{t: x.t, x: x, order: order, account: must(key.NewAccount()), phone: x.device()}
	at, expect := x.nodes[0].devices()
	check(x.t, f.phone.Dial(at, expect))
	check(x.t, f.phone.Found(f.account))
	home := f.phone.Account
	f.thieves[0] = x.device()
	f.thieves[0].Account = home
	for i := range f.thieves[1:] {
		f.thieves[1+i] = x.twin(f.thieves[0])
	}
	f.thief = f.thieves[0].Key.Author().Hash()

	f.before, f.after = record.NewEpochKey(), record.NewEpochKey()
	phone := record.Recipient{Device: f.phone.Key.Author().Hash(), Agreement: f.phone.Static.Public(), Name: "phone"}
	laptop := record.Recipient{Device: f.thief, Agreement: f.thieves[0].Static.Public(), Name: "laptop"}
	f.device = sign(f.account, lasting(home, 1), &record.Device{
		Key: f.thieves[0].Key.Author(), Agreement: laptop.Agreement, Roles: record.Watch | record.Publish})
	both := must(record.SignEpoch(f.account, lasting(home, 2), 2, f.before, []record.Recipient{phone, laptop}, nil))
	check(x.t, f.phone.Bring(both, f.device))
	f.epoch = must(record.SignEpoch(f.account, lasting(home, 3), 3, f.after, []record.Recipient{phone}, []*record.EpochKey{f.before}))
	f.revoked = sign(f.account, lasting(home, 1), &record.Revoked{Hash: f.thief})
	f.old = []*record.Fact{f.device}
	for _, d := range f.thieves {
		d.SealTo(f.before)
	}
	return f
}

func (f *family) String() string { return strings.Join(f.order[:], "|") }

// settleIn attaches the thief at all three nodes and lets it post at the first.
func (f *family) settleIn() {
	f.t.Helper()
	f.enter(0)
	f.speak(0)
}

// attach signs that all three nodes may speak for the thief, above what it signed
// before at any of them.
func (f *family) attach() *record.Fact {
	f.attached++
	base := record.Base{Serial: 1<<50 + f.attached, Time: now(), Expires: now().Add(record.Life(record.KindAttach)), Account: f.phone.Account}
	body := new(record.Attach)
	for _, n := range f.x.nodes {
		body.Nodes = append(body.Nodes, n.name())
	}
	fact := sign(f.thieves[0].Key, base, body)
	f.old = append(f.old, fact)
	return fact
}

// enter connects the thief to a node and attaches it there.
func (f *family) enter(i int) {
	f.t.Helper()
	f.dial(i)
	check(f.t, f.thieves[i].Bring(f.device))
	check(f.t, f.thieves[i].WatchBy(f.attach()))
}

func (f *family) dial(i int) {
	f.t.Helper()
	at, expect := f.x.nodes[i].devices()
	check(f.t, f.thieves[i].Dial(at, expect))
}

// posts are what the thief signs now, in clear and sealed. What it signed at
// another node has the same numbers.
func (f *family) posts(i int) []*record.Fact {
	list := []*record.Fact{
		must(f.thieves[i].Post("main", "mood", []byte("all is well"), true)),
		must(f.thieves[i].Post("main", "", []byte("send money"), false)),
	}
	f.old = append(f.old, list...)
	return list
}

const (
	flood  = 4  // posts that the thief sends at a time, waiting for no answer
	atOnce = 16 // facts that it offers in one message
)

// speak lets the thief say all that it can at a node, whatever that answers.
func (f *family) speak(i int) {
	f.t.Helper()
	d := f.thieves[i]
	for _, post := range f.posts(i) {
		_, err := d.Publish(post)
		check(f.t, err)
	}
	_, err := d.Offer(f.attach())
	check(f.t, err)
	for n := range flood {
		post := must(d.Post("main", fmt.Sprint(n), []byte("send money"), false))
		f.old = append(f.old, post)
		check(f.t, d.Say(d.Conn(), &mpp.PublishRequest{Event: post.Append(nil)}))
	}
	check(f.t, d.Beat())
	_, err = d.Offer(f.newest()...)
	check(f.t, err)
}

// newest is what the thief signed last.
func (f *family) newest() []*record.Fact { return f.old[max(0, len(f.old)-atOnce):] }

// hear lets a node hear what is its part while the nodes are apart, from a
// hostile member of the realm, while the thief speaks on.
func (f *family) hear(i int, courier *hostile.Member) {
	f.t.Helper()
	f.enter(i)
	f.speak(i)
	for _, what := range f.order[i] {
		fact := f.epoch
		if what == 'r' {
			fact = f.revoked
		}
		f.carry(courier, i, fact)
		if what == 'r' {
			f.shut(i)
		}
		f.speak(i)
		f.carry(courier, i, f.newest()...) // whatever the node makes of it
	}
}

func (f *family) carry(courier *hostile.Member, i int, facts ...*record.Fact) {
	f.t.Helper()
	_, err := courier.Forward(testContext(f.t), f.x.nodes[i].name(), facts...)
	check(f.t, err)
}

// shut checks that a node that knows of the revocation closed the thief's
// connection: what is said on it is not answered, though the same key may
// connect again and say who it is.
func (f *family) shut(i int) {
	f.t.Helper()
	d := f.thieves[i]
	if member := d.Conn(); !f.out[i] {
		f.out[i] = true
		f.dial(i) // what was on its way before has come by now
		heard := d.Heard
		check(f.t, d.Say(member, new(mpp.Heartbeat)))
		f.dial(i)
		if d.Heard != heard {
			f.t.Errorf("%v: node %d still speaks to the revoked device", f, i)
		}
	}
	for offered := range slices.Chunk(append(slices.Clone(f.old), f.attach()), atOnce) {
		answer, err := d.Offer(offered...)
		check(f.t, err)
		for k, r := range answer.Results {
			if r.Code.Code() != mpp.CodeRevoked {
				f.t.Errorf("%v: node %d answers %s to a %s fact of the revoked device", f, i, r.Code.Code().Name(), offered[k].Kind)
			}
		}
	}
	for _, post := range f.posts(i) {
		answer, err := d.Publish(post)
		check(f.t, err)
		if code := answer.Result.Code.Code(); code != mpp.CodeRevoked {
			f.t.Errorf("%v: node %d answers %s to a post of the revoked device", f, i, code.Name())
		}
	}
	f.told(i)
}

// told checks that the thief gets nothing of the account by asking for it.
func (f *family) told(i int) {
	f.t.Helper()
	epoch := f.epoch.Hash()
	for _, m := range []mpp.Request{
		&mpp.FactRequest{Want: []mpp.Want{{All: true}}},
		&mpp.FactRequest{Want: []mpp.Want{{Hash: epoch[:]}}},
		&mpp.FactRequest{Want: []mpp.Want{{Kind: string(record.KindEvent), All: true}}},
		&mpp.FetchRequest{},
	} {
		answer, err := f.thieves[i].Ask(m)
		check(f.t, err)
		if facts, ok := answer.(*mpp.FactResponse); ok && len(facts.Facts) > 0 {
			f.t.Errorf("%v: node %d gives the revoked device %d facts", f, i, len(facts.Facts))
		}
		if facts, ok := answer.(*mpp.FetchResponse); ok && len(facts.Facts) > 0 {
			f.t.Errorf("%v: node %d gives the revoked device %d events", f, i, len(facts.Facts))
		}
	}
}

// whisper lets the phone post what only the family is to read.
func (f *family) whisper() {
	f.t.Helper()
	at, expect := f.x.nodes[0].devices()
	check(f.t, f.phone.Dial(at, expect)) // it was silent for long
	f.phone.SealTo(f.after)
	for _, label := range []string{"", "safe"} {
		post := must(f.phone.Post("main", label, []byte("the new combination"), false))
		answer, err := f.phone.Publish(post)
		check(f.t, err)
		if code := answer.Result.Code.Code(); !code.Success() {
			f.t.Fatalf("%v: the phone's post is answered %s", f, code.Name())
		}
		f.secrets = append(f.secrets, post)
	}
}

// void checks that among all that a node holds is nothing of the thief's, that
// the phone reads what it posted, and that the thief does not.
func (f *family) void(where string, held []*record.Fact) {
	f.t.Helper()
	for _, fact := range signedBy(held, f.thief) {
		f.t.Errorf("%v: %s holds a %s fact of the revoked device", f, where, fact.Kind)
	}
	thief := hostile.NewLoot(f.thief, f.thieves[0].Static)
	phone := hostile.NewLoot(f.phone.Key.Author().Hash(), f.phone.Static)
	for range 2 { // whatever the order of the epochs
		thief.Take(held...)
		phone.Take(held...)
	}
	if thief.Len() == 0 || thief.Has(f.epoch) || !phone.Has(f.epoch) {
		f.t.Errorf("%v: %s: the thief has %d private halves, the newest: %v; the phone has it: %v",
			f, where, thief.Len(), thief.Has(f.epoch), phone.Has(f.epoch))
	}
	for _, secret := range f.secrets {
		if !slices.ContainsFunc(held, func(h *record.Fact) bool { return h.Hash() == secret.Hash() }) {
			f.t.Errorf("%v: %s lacks a post of the phone", f, where)
		}
		if text, ok := thief.Read(secret); ok {
			f.t.Errorf("%v: the thief reads %q, sealed after it was revoked", f, text.Data)
		}
		if _, ok := phone.Read(secret); !ok {
			f.t.Errorf("%v: the phone cannot read its own post", f)
		}
	}
}

// orders are what the three nodes may hear of while they are apart, e for the new
// epoch and r for the revocation, each of them somewhere: one of each mirror
// image, which of the nodes is which turned round from one to the next.
func orders() (list [][3]string) {
	at := []string{"", "e", "r", "er", "re"}
	for i := range at {
		for j := range i + 1 {
			for k := range j + 1 {
				o := [3]string{at[i], at[j], at[k]}
				all := strings.Join(o[:], "")
				if !strings.Contains(all, "e") || !strings.Contains(all, "r") {
					continue
				}
				n := len(list) % 3
				list = append(list, [3]string{o[n], o[(n+1)%3], o[(n+2)%3]})
			}
		}
	}
	return list
}

// "A revoked phone, online and hostile, in any order of arrival at three nodes:
// within two sync intervals all three agree, all it signed is void, its
// connections are closed, and it can read no event sealed after."
func TestRevokedDeviceOnlineAtThreeNodes(t *testing.T) {
	if os.Getenv("MESHPRESENCE_KILLS") == "" {
		t.Skip("takes a while, as the killing tests do: set MESHPRESENCE_KILLS=10 to run it")
	}
	t.Parallel()
	x := newTrio(t)
	var families []*family
	for _, o := range orders() {
		f := newFamily(x, o)
		families = append(families, f)
	}
	agree(t, x.nodes...)
	for _, f := range families {
		f.settleIn()
	}
	agree(t, x.nodes...)
	t.Logf("%d orders", len(families))

	x.cut()
	for i, n := range x.nodes {
		courier := x.member(n)
		for _, f := range families {
			f.hear(i, courier)
		}
		check(t, courier.Fed.Close())
	}
	x.heal()
	for _, f := range families {
		f.whisper()
		for i := range x.nodes {
			f.shut(i)
		}
	}
	agree(t, x.nodes...)
	x.again() // gossip repeats for a while what it passed on before the revocation

	auditors := x.audit()
	smuggler := x.member(x.nodes...)
	for _, f := range families {
		smuggler.Offer(f.old...)
		smuggler.Fed.Gossip(f.old)
		for i := range x.nodes {
			f.carry(smuggler, i, f.old...)
		}
	}
	x.syncs(smuggler)
	agree(t, x.nodes...)
	x.told(auditors)
	for _, f := range families {
		for i, m := range auditors {
			f.void(fmt.Sprintf("node %d", i), m.Held())
			for _, fact := range signedBy(m.Heard(), f.thief) {
				t.Errorf("%v: node %d passed on a %s fact of the revoked device", f, i, fact.Kind)
			}
		}
	}
	for i, held := range x.stored() {
		for _, f := range families {
			f.void(fmt.Sprintf("node %d's store", i), held)
		}
	}
}
