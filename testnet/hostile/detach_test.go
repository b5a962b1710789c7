package hostile_test

import (
	"slices"
	"testing"
	"time"

	"meshpresence/internal/record"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
	"meshpresence/testnet/hostile"
)

// detachments are the attach facts of a device among what a node holds.
func detachments(held []*record.Fact, of *person) (attached, detached int) {
	for _, f := range held {
		a, ok := f.Body.(*record.Attach)
		switch {
		case !ok || f.Author != of.deviceKey().Author():
		case len(a.Nodes) == 0:
			detached++
		default:
			attached++
		}
	}
	return attached, detached
}

// "An unsubscribe, once acknowledged, is never undone by an older copy", whatever
// day its author's clock said it was: ten days ahead or behind, all three nodes
// come to hold the detachment, and offering every older attachment again, by
// gossip, forward and sync, before and after they are started again, brings none
// back.
func TestDetachByAClockTenDaysWrong(t *testing.T) {
	t.Parallel()
	const days = 24 * time.Hour
	for name, skew := range map[string]time.Duration{"ahead": 10 * days, "behind": -10 * days, "right": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTrio(t)
			phone := newAccount(t, "phone", x.nodes[0].DeviceAddress())
			laptop := phone.invite("laptop", x.nodes[1].DeviceAddress())
			agree(t, x.nodes...)
			auditors := x.audit()
			old := laptop.attachAtEach(x)
			agree(t, x.nodes...)
			x.told(auditors)

			// It watches at the second node still, by hand, when it detaches at the third.
			there := must(hostile.Twin(200, laptop.staticKey(), laptop.deviceKey(), laptop.account()))
			t.Cleanup(there.Close)
			at, expect := x.nodes[1].devices()
			check(t, there.Dial(at, expect))
			check(t, there.WatchBy(old[len(old)-1]))
			phone.publish(client.Post{Data: []byte("heard")})
			check(t, there.Until(func() bool { return len(must(there.Delivered())) == 1 }))

			x.cut()
			laptop.detach(x.nodes[2], skew)
			smuggler := x.member(x.nodes[0])
			smuggler.Fed.Gossip(old)
			_, err := smuggler.Forward(testContext(t), x.nodes[0].name(), old...)
			check(t, err)
			check(t, smuggler.Fed.Close())
			check(t, there.Beat()) // or it is closed for its silence
			x.heal()
			check(t, there.Beat())

			smuggler = x.member(x.nodes...)
			smuggler.Offer(old...)
			smuggler.Fed.Gossip(old)
			for i := range x.nodes {
				results, err := smuggler.Forward(testContext(t), x.nodes[i].name(), old...)
				check(t, err)
				for _, r := range results {
					if r.Code != mpp.CodeSerial {
						t.Errorf("node %d answers %s to an older attachment", i, r.Code.Name())
					}
				}
			}
			x.syncs(smuggler)
			phone.publish(client.Post{Data: []byte("not heard")})
			agree(t, x.nodes...)
			x.told(auditors)
			for i, m := range auditors {
				if attached, detached := detachments(m.Held(), laptop); attached != 0 || detached != 1 {
					t.Errorf("node %d holds %d attachments and %d detachments, want the one detachment", i, attached, detached)
				}
			}
			check(t, there.Beat())
			if n := len(must(there.Delivered())); n != 1 {
				t.Errorf("%d posts were delivered, want the one from before it detached", n)
			}
			for i, held := range x.stored() {
				if attached, detached := detachments(held, laptop); attached != 0 || detached != 1 {
					t.Errorf("node %d's store holds %d attachments and %d detachments", i, attached, detached)
				}
			}
		})
	}
}

// attachAtEach lets a device watch at one node after the other, at the second one
// last, and returns the attach facts that it signed.
func (p *person) attachAtEach(x *trio) (signed []*record.Fact) {
	p.t.Helper()
	p.Close()
	for _, n := range []*site{x.nodes[0], x.nodes[2], x.nodes[1]} {
		again := dial(p.t, must(client.OpenProfile(p.Profile().Dir())), n.DeviceAddress())
		again.watch()
		until(p.t, "the device is attached", func() bool {
			facts := again.facts()
			i := slices.IndexFunc(facts, func(f *record.Fact) bool {
				a, ok := f.Body.(*record.Attach)
				return ok && slices.Contains(a.Nodes, n.name())
			})
			if i >= 0 {
				signed = append(signed, facts[i])
			}
			return i >= 0
		})
		check(p.t, again.Close())
	}
	return signed
}

// detach opens the device at a node with a clock that is off by so much, and ends
// delivery.
func (p *person) detach(at *site, skew time.Duration) {
	p.t.Helper()
	c, err := client.Dial(must(client.OpenProfile(p.Profile().Dir())), client.Config{
		Node: at.DeviceAddress(), Heartbeat: time.Second, Listen: "127.0.0.1:0", Log: logTo(p.t, "detaching"),
		Wall: func() time.Time { return time.Now().Add(skew) },
	})
	check(p.t, err)
	defer c.Close()
	if code, err := c.Detach(testContext(p.t)); err != nil || !code.Success() {
		p.t.Fatalf("detaching: %v, %v", code, err)
	}
}
