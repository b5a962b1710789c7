package hostile_test

import (
	"slices"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/client"
	"meshpresence/testnet/hostile"
)

// loot is what a thief of a person's device reads of all that these members of
// the realm ever heard.
func loot(of *person, heard ...*hostile.Member) *hostile.Loot {
	l := hostile.NewLoot(of.deviceKey().Author().Hash(), of.staticKey())
	for range 2 { // whatever the order of the epochs
		for _, m := range heard {
			l.Take(m.Heard()...)
			l.Take(m.Held()...)
		}
	}
	return l
}

// event finds what a receipt is for among all that members heard.
func event(t testing.TB, r client.Receipt, heard ...*hostile.Member) *record.Fact {
	t.Helper()
	name := must(key.ParseHash(r.Hash))
	for _, m := range heard {
		all := append(m.Heard(), m.Held()...)
		if i := slices.IndexFunc(all, func(f *record.Fact) bool { return f.Hash() == name }); i >= 0 {
			return all[i]
		}
	}
	t.Fatalf("nobody heard of the event %s", r.Hash)
	return nil
}

// "It can read no event sealed after": not even one of a device that asked for
// the account's facts a moment before the revocation, and would not ask again for
// a minute.
func TestPostAfterARevocationIsSealedAnew(t *testing.T) {
	t.Parallel()
	x := newTrio(t)
	phone := newAccount(t, "phone", x.nodes[0].DeviceAddress())
	laptop := phone.invite("laptop", x.nodes[1].DeviceAddress())
	lost := phone.invite("lost", x.nodes[2].DeviceAddress())
	phone.watch()
	agree(t, x.nodes...)
	auditors := x.audit()
	before := laptop.publish(client.Post{Data: []byte("before")})
	phone.want("before")
	if text, ok := loot(lost, auditors...).Read(event(t, before, auditors...)); !ok || string(text.Data) != "before" {
		t.Fatal("the device that is not lost yet cannot read: this test shows nothing")
	}

	check(t, phone.RevokeDevice(testContext(t), lost.Profile().Device(), nil))
	agree(t, x.nodes...)
	for _, post := range []client.Post{{Data: []byte("after")}, {Label: "safe", Data: []byte("shut")}} {
		r := laptop.publish(post)
		phone.want(string(post.Data))
		x.told(auditors)
		if text, ok := loot(lost, auditors...).Read(event(t, r, auditors...)); ok {
			t.Errorf("the revoked device reads %q, posted after its revocation", text.Data)
		}
		if r.Sequence > 0 && r.Sequence != before.Sequence+1 {
			t.Errorf("the post has sequence %d, after %d: there is a hole", r.Sequence, before.Sequence)
		}
	}
}
