package hostile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/client"
	"meshpresence/testnet/hostile"
)

// estate is an account whose key two devices hold, each at a node of its own.
type estate struct {
	t testing.TB
	x *trio
	// phone and desk hold the key; left and right are two other devices.
	phone, desk, left, right *person
	added                    []*client.Profile
	gone                     []*person
}

// newEstate makes the account; the desk is at the third node.
func newEstate(x *trio) *estate {
	x.t.Helper()
	e := &estate{t: x.t, x: x}
	e.phone = newAccount(x.t, "phone", x.nodes[0].DeviceAddress())
	e.desk = e.phone.invite("desk", x.nodes[2].DeviceAddress())
	e.left = e.phone.invite("left", x.nodes[1].DeviceAddress())
	e.right = e.phone.invite("right", x.nodes[1].DeviceAddress())
	account := must(os.ReadFile(filepath.Join(e.phone.Profile().Dir(), "account.key")))
	check(x.t, os.WriteFile(filepath.Join(e.desk.Profile().Dir(), "account.key"), account, 0o600))
	return e
}

func (e *estate) revokes(by, whom *person) {
	e.t.Helper()
	check(e.t, by.RevokeDevice(testContext(e.t), whom.Profile().Device(), nil))
	if !slices.Contains(e.gone, whom) {
		e.gone = append(e.gone, whom)
	}
}

func (e *estate) adds(by *person, name string) {
	e.t.Helper()
	fresh := profile(e.t, name)
	inv, err := by.AddDevice(testContext(e.t), fresh.Card(), client.RoleWatch|client.RolePublish, nil)
	check(e.t, err)
	check(e.t, fresh.Join(inv))
	e.added = append(e.added, fresh)
}

// stay are the devices that are in the account to the end.
func (e *estate) stay() (list []*person) {
	for _, p := range []*person{e.phone, e.desk, e.left, e.right} {
		if !slices.Contains(e.gone, p) {
			list = append(list, p)
		}
	}
	return list
}

// reopen opens every device that stays, those added too, watching at one node or
// another: at its connect each compares what it knows with that node.
func (e *estate) reopen() (list []*person) {
	e.t.Helper()
	var profiles []*client.Profile
	for _, p := range e.stay() {
		check(e.t, p.Close())
		profiles = append(profiles, must(client.OpenProfile(p.Profile().Dir())))
	}
	for i, p := range append(profiles, e.added...) {
		list = append(list, dial(e.t, p, e.x.nodes[i%3].DeviceAddress()))
		list[i].leftOut = true
		list[i].watch()
	}
	return list
}

// facts reads what a device knows of its account.
func (p *person) facts() (facts []*record.Fact) {
	p.t.Helper()
	for b := must(os.ReadFile(filepath.Join(p.Profile().Dir(), "facts"))); len(b) > 0; {
		r := jsonbcd.NewReader(b)
		facts = append(facts, must(record.Parse(must(r.Raw()))))
		b = b[r.Offset():]
	}
	return facts
}

// counting is the epoch to seal to by these facts: the greatest (number, hash)
// that lists no revoked key, nor does any of a greater number; nil when none is.
func counting(facts []*record.Fact, account key.Hash) (best *record.Fact) {
	var revoked []key.Hash
	for _, f := range facts {
		if r, ok := f.Body.(*record.Revoked); ok && f.Account == account {
			revoked = append(revoked, r.Hash)
		}
	}
	open := int64(0)
	for _, f := range facts {
		if e, ok := f.Body.(*record.Epoch); ok && f.Account == account && slices.ContainsFunc(revoked, e.Lists) {
			open = max(open, e.Number)
		}
	}
	for _, f := range facts {
		e, ok := f.Body.(*record.Epoch)
		if !ok || f.Account != account || e.Number < open || slices.ContainsFunc(revoked, e.Lists) {
			continue
		}
		if best == nil || e.Number > best.Body.(*record.Epoch).Number ||
			e.Number == best.Body.(*record.Epoch).Number && bytes.Compare(hashOf(f), hashOf(best)) > 0 {
			best = f
		}
	}
	return best
}

func hashOf(f *record.Fact) []byte { h := f.Hash(); return h[:] }

// named is an epoch for comparison.
func named(epoch *record.Fact) string {
	if epoch == nil {
		return "none"
	}
	return fmt.Sprintf("%d, %s", epoch.Body.(*record.Epoch).Number, epoch.Hash().Short())
}

// settled checks that all nodes and devices go by one epoch, and that a device
// that it leaves out is not passed over in silence. whole: it leaves none out.
func (e *estate) settled(devices []*person, auditors []*hostile.Member) (whole bool) {
	e.t.Helper()
	e.x.told(auditors)
	account := e.phone.account()
	epoch := counting(auditors[0].Held(), account)
	for i, m := range auditors {
		if got := named(counting(m.Held(), account)); got != named(epoch) {
			e.t.Errorf("node %d goes by epoch %s, node 0 by %s", i, got, named(epoch))
		}
	}
	whole = epoch != nil
	for _, p := range devices {
		whole = whole && epoch.Body.(*record.Epoch).Lists(p.deviceKey().Author().Hash())
	}
	for _, p := range devices {
		if got := named(counting(p.facts(), account)); got != named(epoch) {
			e.t.Errorf("%s goes by epoch %s, the nodes by %s", p.Profile().Name(), got, named(epoch))
		}
		if p.Profile().NeedsRepair() == whole {
			e.t.Errorf("%s is told to repair: %v; the newest epoch lists every device: %v", p.Profile().Name(), !whole, whole)
		}
	}
	return whole
}

// post lets every device post, sealed, and returns what was taken. A device that
// has nothing to seal to says how to mend that.
func (e *estate) post(devices []*person, when string) (receipts []client.Receipt, payloads []string) {
	e.t.Helper()
	for _, p := range devices {
		text := when + ", from " + p.Profile().Name()
		r, err := p.Publish(testContext(e.t), client.Post{Data: []byte(text)})
		if err != nil {
			if !strings.Contains(err.Error(), "account repair") {
				e.t.Errorf("posting from %s: %v", p.Profile().Name(), err)
			}
			continue
		}
		receipts, payloads = append(receipts, r), append(payloads, text)
	}
	return receipts, payloads
}

// unread checks that posts are sealed, and that nobody who is gone reads them with
// the real keys that it has.
func (e *estate) unread(receipts []client.Receipt, auditors []*hostile.Member) {
	e.t.Helper()
	e.x.told(auditors)
	for _, r := range receipts {
		f := event(e.t, r, auditors...)
		if f.Body.(*record.Event).IsClear() {
			e.t.Error("a post that was to be sealed is in clear")
		}
		for _, p := range e.gone {
			if text, ok := loot(p, auditors...).Read(f); ok {
				e.t.Errorf("%s reads %q, which was sealed after it was revoked", p.Profile().Name(), text.Data)
			}
		}
	}
}

// got waits until a device has these, in any order; what else comes is passed over.
func (p *person) got(payloads []string) {
	p.t.Helper()
	missing := slices.Clone(payloads)
	for ctx := testContext(p.t); len(missing) > 0; {
		select {
		case e := <-p.events:
			missing = slices.DeleteFunc(missing, func(text string) bool { return text == string(e.Data) })
		case <-ctx.Done():
			p.t.Fatalf("%s never got %q", p.Profile().Name(), missing)
		}
	}
}

// "The same with two holders of the account key making epochs at once": while they
// are cut apart each signs without the other.
func TestTwoHoldersSignAtOnce(t *testing.T) {
	if os.Getenv("MESHPRESENCE_KILLS") == "" {
		t.Skip("takes a while, as the killing tests do: set MESHPRESENCE_KILLS=10 to run it")
	}
	t.Parallel()
	x := newTrio(t)
	auditors := x.audit()
	for _, c := range []struct {
		name  string
		act   func(e *estate)
		whole bool // the epoch that counts after the heal lists every device
	}{
		{"each revokes another device", func(e *estate) { e.revokes(e.phone, e.left); e.revokes(e.desk, e.right) }, false},
		{"each adds another device", func(e *estate) { e.adds(e.phone, "new left"); e.adds(e.desk, "new right") }, false},
		{"one revokes, the other adds", func(e *estate) { e.revokes(e.phone, e.left); e.adds(e.desk, "new right") }, false},
		{"both revoke the same device", func(e *estate) { e.revokes(e.phone, e.left); e.revokes(e.desk, e.left) }, true},
		{"one revokes the other, which adds", func(e *estate) { e.revokes(e.phone, e.desk); e.adds(e.desk, "new right") }, false},
		{"one revokes often, the other once", func(e *estate) {
			e.revokes(e.desk, e.right)
			e.adds(e.phone, "first")
			e.adds(e.phone, "second")
			e.revokes(e.phone, e.left)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func(t testing.TB) { x.t = t }(x.t)
			x.t = t
			e := newEstate(x)
			agree(t, x.nodes...)
			x.cut()
			c.act(e)
			x.heal()
			devices := e.reopen()
			agree(t, x.nodes...)
			if whole := e.settled(devices, auditors); whole != c.whole {
				t.Errorf("the epoch that counts lists every device: %v, want %v", whole, c.whole)
			}
			receipts, _ := e.post(devices, "before the repair")
			agree(t, x.nodes...)
			e.unread(receipts, auditors)

			changed, err := devices[0].Repair(testContext(t), nil)
			check(t, err)
			if changed == c.whole {
				t.Errorf("the repair changed something: %v, want %v", changed, !c.whole)
			}
			agree(t, x.nodes...) // each device asks the node where it is
			receipts, payloads := e.post(devices, "after the repair")
			if len(payloads) != len(devices) {
				t.Errorf("%d of %d devices could post after the repair", len(payloads), len(devices))
			}
			for _, p := range devices {
				p.got(payloads)
			}
			agree(t, x.nodes...)
			if !e.settled(devices, auditors) {
				t.Error("the newest epoch leaves a device out after the repair")
			}
			e.unread(receipts, auditors)
		})
	}
}
