package client

import (
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
)

// standing is a profile whose facts a test signs by hand.
type standing struct {
	t       *testing.T
	p       *Profile
	account *key.Account
	serial  int64
	now     wall.Time
}

func newStanding(t *testing.T) *standing {
	account, err := key.NewAccount()
	if err != nil {
		t.Fatal(err)
	}
	p := &Profile{book: newBook(), meta: meta{Account: account.Author().Hash()}}
	return &standing{t: t, p: p, account: account, now: wall.Of(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))}
}

func (s *standing) put(by key.Signer, realm key.Hash, body record.Body) {
	s.t.Helper()
	s.serial++
	base := record.Base{Serial: s.serial, Time: s.now}
	if _, node := body.(*record.Node); !node {
		base.Account = s.p.meta.Account
	}
	if life := record.Life(body.Kind()); life > 0 {
		base.Expires = s.now.Add(life)
	}
	f, err := record.Sign(by, realm, base, body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.p.book.facts[f.Key()] = f
}

// epoch signs the next epoch for these devices.
func (s *standing) epoch(to ...record.Recipient) {
	s.t.Helper()
	s.serial++
	base := record.Base{Serial: s.serial, Time: s.now, Account: s.p.meta.Account}
	f, err := record.SignEpoch(s.account, base, s.serial, record.NewEpochKey(), to, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.p.book.facts[f.Key()] = f
}

// want checks which commands are proposed, in order.
func (s *standing) want(what string, others bool, commands ...string) {
	s.t.Helper()
	got := s.p.proposals(others, s.now)
	if len(got) != len(commands) {
		s.t.Errorf("%s: %d proposals, want %d: %q", what, len(got), len(commands), got)
		return
	}
	for i, c := range commands {
		if !strings.Contains(got[i], c) || !strings.HasSuffix(got[i], ".") {
			s.t.Errorf("%s: %q does not say %q", what, got[i], c)
		}
	}
}

// federation.md, Defaults: "`account home add|remove`, which `presence status`
// proposes"; facts.md, Sealing: "people are told: `presence account repair`; so too
// when the newest misses a device".
func TestProposals(t *testing.T) {
	s := newStanding(t)
	s.want("no epoch", false, "presence account repair")

	device, err := key.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	s.put(s.account, key.Hash{}, &record.Device{Key: device.Author(), Agreement: static.Public(), Roles: record.Watch})
	s.epoch()
	s.want("a device is missed", false, device.Author().Hash().Short())
	s.epoch(record.Recipient{Device: device.Author().Hash(), Agreement: static.Public(), Name: "phone"})
	s.want("all is well", false)

	realm := key.Hash{7}
	var nodes []*key.Node
	var homes []record.HomeNode
	for range 2 {
		n, err := key.NewNode()
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
		homes = append(homes, record.HomeNode{Key: n.Author(), Agreement: static.Public(), Addresses: []string{"mpp://192.0.2.1:6770"}})
		s.put(n, realm, &record.Host{})
		s.put(n, realm, &record.Node{Agreements: []key.Agreement{static.Public()}, Addresses: []string{"mpp://192.0.2.1:6770"}})
	}
	s.put(s.account, key.Hash{}, &record.Home{Nodes: homes})
	s.want("two homes", true)
	second := nodes[1].Author().Hash()
	s.put(nodes[1], realm, &record.Host{Ended: true})
	s.want("one says that it ended", true, "presence account home remove "+second.String())
	s.put(nodes[1], realm, &record.Host{})
	for k := range s.p.book.facts {
		if k.Kind == record.KindNode && k.Owner == second {
			delete(s.p.book.facts, k) // as prune does with a card that nobody renewed
		}
	}
	s.want("one has been silent", true, "two days")
	s.put(s.account, key.Hash{}, &record.Home{Nodes: homes[:1]})
	s.want("one home, and no other node", false)
	s.want("one home of two nodes", true, "presence account home add")
}
