package node

import (
	"path/filepath"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// Renewals, well within the lives of facts.md: node facts live two days, host
// facts thirty. They are judged by the wall clock at each sweep: timers stand
// still while a machine sleeps.
const (
	renewNodeAfter = 24 * time.Hour
	renewHostAfter = 7 * 24 * time.Hour
	// steadyAfter is how long a node runs before it believes that its clock was
	// ahead when it signed, and is right now: a whole house whose clocks begin in
	// the past after a power cut agrees, too, until they are set.
	steadyAfter = time.Hour
)

// introduce makes the node a member of its realm, where it holds the key, and
// signs its card, unless the one it has still says the same.
func (n *Node) introduce() error {
	if err := n.admitSelf(); err != nil {
		return err
	}
	if n.cardHolds() {
		n.showCard()
	} else if err := n.signNode(); err != nil {
		return err
	}
	n.log.Info("node ready", "realm", n.realm.String(), "node", n.id.String(), "facts", n.reg.Len())
	return nil
}

// admitSelf signs this node's member fact with the realm's key.
func (n *Node) admitSelf() error {
	if n.keys.realm == nil || n.reg.MemberFact(n.id) != nil {
		return nil
	}
	f, err := record.Sign(n.keys.realm, n.realm, n.base(0, nil), &record.Member{Node: n.id})
	if err != nil {
		return err
	}
	n.reg.Merge(n.wall.Now(), f, &n.fx)
	n.keys.member = f
	return saveFact(filepath.Join(n.cfg.State, "keys", "member"), f)
}

// base starts a fact of this node's: the Serial is above that of the fact it
// replaces, and its Expires does not fall, unless it is so far off that others
// ignore all that covers it, as an end may be: this node's clock was ahead when it
// signed.
func (n *Node) base(life time.Duration, replaced *record.Fact) record.Base {
	now := n.wall.Now()
	b := record.Base{Serial: int64(now), Time: now}
	if life > 0 {
		b.Expires = now.Add(life)
	}
	if replaced != nil {
		b.Serial = max(b.Serial, replaced.Serial+1)
		if !replaced.TooFar(now) && !replaced.Ends() {
			b = b.Covering(replaced)
		}
	}
	return b
}

// signNode signs this node's card: its keys and addresses. Every Challenge then
// confirms it by its hash (facts.md, Words).
func (n *Node) signNode() error {
	err := n.sign(n.base(record.Life(record.KindNode), n.reg.NodeFact(n.id)), n.card())
	n.showCard()
	return err
}

func (n *Node) showCard() {
	if f := n.reg.NodeFact(n.id); f != nil {
		n.ep.SetCard(f.Hash())
	}
}

// card is what this node's own fact has to say now.
func (n *Node) card() *record.Node {
	body := &record.Node{Agreements: []key.Agreement{n.keys.rud.Public(), n.keys.rud448.Public()}, Peers: n.fed.Addrs()}
	for _, a := range reachable(n.port.LocalAddr()) {
		body.Addresses = append(body.Addresses, "mpp://"+a.String())
	}
	if len(body.Peers) > maxNodePeers {
		body.Peers = body.Peers[:maxNodePeers]
	}
	return body
}

// cardHolds reports whether the card signed before is young and still true: a
// node that starts again where it was is the same to the realm, digest and all.
func (n *Node) cardHolds() bool {
	f := n.reg.NodeFact(n.id)
	if f == nil || f.Time.Add(renewNodeAfter) <= n.wall.Now() {
		return false
	}
	old, now := f.Body.(*record.Node), n.card()
	return slices.Equal(old.Agreements, now.Agreements) && sameSet(old.Addresses, now.Addresses) && sameSet(old.Peers, now.Peers)
}

// sameSet compares addresses, whatever order the system tells them in.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// maxNodePeers bounds the multiaddrs on a node's card.
const maxNodePeers = 8

// keep signs this node's word that it keeps an account.
func (n *Node) keep(account key.Hash) {
	n.keepAbove(account, n.reg.Current(registry.HostKey(account, n.id)))
}

// keepAbove does so above an older word, which may be one that a device showed.
func (n *Node) keepAbove(account key.Hash, old *record.Fact) {
	base := n.base(record.Life(record.KindHost), old)
	base.Account = account
	if err := n.sign(base, &record.Host{}); err != nil {
		n.log.Error("signing a host fact", "err", err)
	}
}

// sign signs a fact with the node's key and merges it; commit follows.
func (n *Node) sign(base record.Base, body record.Body) error {
	f, err := record.Sign(n.keys.node, n.realm, base, body)
	if err != nil {
		return err
	}
	n.reg.Merge(n.wall.Now(), f, &n.fx)
	return nil
}

// renew signs again what would die otherwise. The caller commits, and drops what
// died only then: what this node says lives on while it can still say it.
func (n *Node) renew(now time.Time) {
	far := n.steady(now)
	if f := n.reg.NodeFact(n.id); !n.cardHolds() || far && f.TooFar(n.wall.Now()) {
		if err := n.signNode(); err != nil {
			n.log.Error("signing the node's card", "err", err)
		}
	}
	n.showCard() // a newer one of ours may have come from the realm
	today := n.wall.Now()
	for _, account := range n.reg.VouchedBy(n.id) {
		f := n.reg.Current(registry.HostKey(account, n.id))
		if !f.Expired(today) && (f.Time.Add(renewHostAfter) <= today || far && f.TooFar(today)) {
			n.keep(account)
		}
	}
}

// steady reports whether this node's clock may be believed to be right: it has
// run for a while and another node's agrees.
func (n *Node) steady(now time.Time) bool {
	if n.began.IsZero() {
		n.began = now
	}
	if now.Sub(n.began) < steadyAfter {
		return false
	}
	c := n.fed.Clocks()
	return c.Count >= 2 && !c.Off() && !c.Doubtful()
}

// lapse ends delivery on sessions whose attach fact is over, and tells the devices
// so: they attach again by themselves.
func (n *Node) lapse(now time.Time) {
	today := n.wall.Now()
	for _, sessions := range n.watching {
		for s := range sessions {
			if !s.attach.Expired(today) {
				continue
			}
			n.unwatch(s)
			s.lapsed = true
			n.refuse(request{now: now, session: s}, mpp.CodeExpired)
		}
	}
}
