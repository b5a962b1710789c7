package node_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"meshpresence/node"
	"meshpresence/node/access"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// middle runs the node that a newcomer uses: it has the newcomer's steps by
// registering the code's Id there, and the inviter's by asking at the inviter's
// node. What it passes on is up to the test.
type middle struct {
	t        *testing.T
	trap     *raw // an inviter, to the newcomer
	mask     *raw // a newcomer, to the inviter
	own      *party
	code     access.Code // of which it knows the Id only, unless the test says more
	offer    *client.Offer
	newcomer *client.Client
	ended    func() error // of the newcomer's join
	met      func() error // of the inviter's wait, which leave ends
	leave    context.CancelFunc
}

// between puts somebody between a phone that invites at one node and a laptop
// that uses the code at another.
func between(t *testing.T, home, evil *node.Node) *middle {
	t.Helper()
	phone := account(t, "phone", home)
	m := &middle{t: t, own: newParty(t), offer: offerDevice(t, phone, bothRoles)}
	var err error
	if m.code, err = access.ParseCode(m.offer.Code()); err != nil {
		t.Fatal(err)
	}
	m.trap, m.mask = m.own.bound(t, evil), newParty(t).dial(t, home)
	m.trap.wantStep("registering the Id", zero(m.code), mpp.CodeOK)
	m.newcomer = dial(t, newProfile(t, "laptop"), evil)
	waiting, leave := context.WithCancel(testContext(t))
	m.leave = leave
	m.met = joining(t, func(context.Context) error { _, err := m.offer.Wait(waiting); return err })
	m.ended = joining(t, func(ctx context.Context) error { return m.newcomer.JoinAccount(ctx, m.offer.Code()) })
	return m
}

// busy starts a node at which many connections begin at once.
func busy(t *testing.T, name string) *node.Node {
	t.Helper()
	cfg := loopback(t, filepath.Join(t.TempDir(), name))
	cfg.HandshakeRate = 10_000
	return start(t, cfg)
}

// hears waits for a step at one of its ends; others were repeated.
func (m *middle) hears(at *raw, number int64) mpp.JoinStep {
	m.t.Helper()
	for {
		if j := at.joined(); j.Step == mpp.N(number) && j.Code() == mpp.CodeOK {
			return j.JoinStep
		}
	}
}

// nobodyJoins ends the join: the newcomer was not let in, and the inviter's person
// was asked nothing.
func (m *middle) nobodyJoins() {
	m.t.Helper()
	if err := m.ended(); err == nil || m.newcomer.Profile().Account() != "" {
		m.t.Errorf("the newcomer joined: %v", err)
	}
	m.leave()
	if err := m.met(); err == nil {
		m.t.Error("the inviter's person is asked about somebody")
	}
}

// Whoever passes everything on as it is lets the newcomer in, and nobody else.
func TestRelayThatPassesEverythingOn(t *testing.T) {
	t.Parallel()
	home, evil := busy(t, "home"), busy(t, "evil")
	m := between(t, home, evil)
	m.mask.wantStep("step 1", m.hears(m.trap, 1), mpp.CodeOK)
	m.trap.wantStep("step 2", m.hears(m.mask, 2), mpp.CodeOK)
	m.mask.wantStep("step 3", m.hears(m.trap, 3), mpp.CodeOK)
	if err := m.met(); err != nil {
		t.Fatal(err)
	}
	accepted := joining(t, m.offer.Accept)
	m.trap.wantStep("step 4", m.hears(m.mask, 4), mpp.CodeOK)
	if err := m.ended(); err != nil {
		t.Error(err)
	}
	if err := accepted(); err != nil {
		t.Error(err)
	}
}

// Whoever runs the relaying node changes what it passes on: one thing each that
// MAC, pin and signature alone stop. Package access bends every byte.
func TestWhoRunsTheRelayingNodeCannotJoin(t *testing.T) {
	t.Parallel()
	home, evil := busy(t, "home"), busy(t, "evil")
	for _, attack := range []struct {
		name     string
		one, two func(m *middle, s *mpp.JoinStep)
	}{
		{name: "its own keys for the newcomer's", one: func(m *middle, s *mpp.JoinStep) { s.Keys = m.own.keys()[1:] }},
		{name: "its own account for the inviter's", two: func(m *middle, s *mpp.JoinStep) { s.Keys[0] = m.own.keys()[0] }},
		{name: "its own signature", two: func(m *middle, s *mpp.JoinStep) { s.Signature = m.own.account.Sign(s.Mac) }},
	} {
		t.Run(attack.name, func(t *testing.T) {
			t.Parallel()
			m := between(t, home, evil)
			one := m.hears(m.trap, 1)
			if attack.one != nil {
				attack.one(m, &one)
			}
			m.mask.wantStep("step 1", one, mpp.CodeOK)
			two := m.hears(m.mask, 2)
			reflected := bytes.Clone(two.Mac)
			if attack.two != nil {
				attack.two(m, &two)
			}
			m.trap.wantStep("step 2", two, mpp.CodeOK)
			// No step 3 comes of it. The inviter's own MAC is none either.
			m.mask.wantStep("the inviter's MAC as step 3", mpp.JoinStep{Step: mpp.N(3), Id: one.Id, Mac: reflected}, mpp.CodeOK)
			m.nobodyJoins()
		})
	}
}

// It grants what nobody proved, of an account of its own: the newcomer believes
// only the account that signed step 2.
func TestWhoRunsTheRelayingNodeCannotPlayTheInviter(t *testing.T) {
	t.Parallel()
	home, evil := busy(t, "home"), busy(t, "evil")
	m := between(t, home, evil)
	m.mask.wantStep("step 1", m.hears(m.trap, 1), mpp.CodeOK)
	m.trap.wantStep("step 2", m.hears(m.mask, 2), mpp.CodeOK)
	three := m.hears(m.trap, 3)
	m.trap.wantStep("step 4", mpp.JoinStep{Step: mpp.N(4), Id: three.Id, Facts: [][]byte{m.own.fact(t).Append(nil)}}, mpp.CodeOK)
	m.nobodyJoins()
}
