package node

import (
	"context"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// serveFacts stores the facts a device brings, answers each after Sync, notes
// what the device holds and gives what it wants.
func (n *Node) serveFacts(req request, m *mpp.FactRequest) {
	s := req.session
	if !n.spend(req, costOf(m)) {
		n.refuse(req, mpp.CodeQuota)
		return
	}
	b := &brought{req: req, facts: make([]*record.Fact, len(m.Facts)), results: make([]mpp.Result, len(m.Facts))}
	b.parse(m.Facts)
	if code := n.welcome(b); code != mpp.CodeOK {
		b.refuseAll(code)
		n.answerFacts(req, b.results, nil, false)
		return
	}
	n.takeIn(b)
	n.bindTo(s, b.facts)
	n.hold(s, m.Since)
	b.want = slices.Clone(m.Want) // the decoder's memory ends with this call
	for i := range b.want {
		b.want[i].Hash, b.want[i].After = slices.Clone(b.want[i].Hash), slices.Clone(b.want[i].After)
	}
	n.ownWanted(b)
	n.commit(req.now, true, func(now time.Time, err error) {
		b.req.now = now
		n.stored(b, n.synced(b.kept, err))
	})
}

// costOf is what a fact request costs: a signature each, a list for each want
// that is no hash.
func costOf(m *mpp.FactRequest) int {
	cost := len(m.Facts) * costVerify
	for _, w := range m.Want {
		switch {
		case len(w.Hash) > 0:
		case w.Kind == string(record.KindNode):
			cost++ // this node's card
		default:
			cost += costList
		}
	}
	return cost
}

// brought is one fact request under way.
type brought struct {
	req     request
	facts   []*record.Fact // as in the request; nil what could not be read
	results []mpp.Result
	kept    []*record.Fact // here now, merged or held before: to be synced and copied
	newer   []*record.Fact // what is kept in the place of facts that were old
	want    []mpp.Want
	created key.Hash // the account made by this request
}

// parse reads the facts and starts their results.
func (b *brought) parse(raw [][]byte) {
	for i, one := range raw {
		f, err := record.Parse(one)
		if err != nil {
			b.results[i] = mpp.Result{Code: mpp.N(int64(mpp.CodeMalformed))}
			continue
		}
		b.facts[i] = f
		b.results[i] = mpp.Result{Hash: hashBytes(f.Hash())}
	}
}

func (b *brought) refuseAll(code mpp.Code) {
	for i, f := range b.facts {
		if f != nil {
			b.results[i].Code = mpp.N(int64(code))
		}
	}
}

// ownWanted adds a result for each post of the device's own that it asks about
// by hash and that is held here: the answer then says how many homes have it.
// No result means that it is not here, so the device puts it back.
func (n *Node) ownWanted(b *brought) {
	bound := b.req.session.bound
	for _, w := range b.want {
		h, ok := hashFrom(w.Hash)
		if !ok {
			continue
		}
		f := n.reg.Fact(h)
		if f == nil || f.Kind != record.KindEvent || f.Account != bound.Account || f.Author.Hash() != bound.Device {
			continue
		}
		b.kept = append(b.kept, f)
		b.results = append(b.results, mpp.Result{Hash: hashBytes(h), Code: mpp.N(int64(mpp.CodeOK))})
	}
}

// hold notes the floors, ranges and statuses that a device of the account told
// (Since), of publishers that are the account's devices.
func (n *Node) hold(s *session, since []mpp.Since) {
	if n.device(s) == nil {
		return
	}
	for _, one := range since {
		publisher, ok := hashFrom(one.Publisher)
		if !ok || n.reg.Device(s.bound.Account, publisher) == nil {
			continue
		}
		if len(one.Tag) > 0 {
			s.held.Status(publisher, string(one.Tag), one.Serial)
			continue
		}
		if len(one.Channel) > record.MaxChannel {
			continue
		}
		above := make([]registry.Range, 0, len(one.Ranges))
		for _, r := range one.Ranges {
			above = append(above, registry.Range{From: r.From, To: r.To})
		}
		s.held.Queued(publisher, one.Channel, one.Floor, above)
	}
}

// welcome decides whether the account that the facts speak of may be kept here.
// One that came by code is kept already. A new one is created when the rules
// allow, or when the device shows this node's own host fact for it: this node
// kept it before it lost its store (federation.md, The devices' part). Being an
// account proves itself; being welcome does not.
func (n *Node) welcome(b *brought) mpp.Code {
	var account key.Hash
	for _, f := range b.facts {
		if f == nil || f.Account == (key.Hash{}) {
			continue
		}
		if account != (key.Hash{}) && f.Account != account {
			return mpp.CodeRefused // one account a request
		}
		account = f.Account
	}
	s := b.req.session
	if account == (key.Hash{}) || n.reg.Carried(n.wall.Now(), account) {
		if _, fresh := n.joins.fresh[account]; fresh && namesDevice(b.facts, s) {
			delete(n.joins.fresh, account)
			b.created = account
		}
		return mpp.CodeOK
	}
	if !namesDevice(b.facts, s) {
		return mpp.CodeRefused
	}
	old := n.shown(b.facts, account)
	if old != nil {
		if code := n.again(account); code != mpp.CodeOK {
			return code
		}
		n.keepAbove(account, old)
		return mpp.CodeOK
	}
	if code := n.admit(account, false); code != mpp.CodeOK {
		return code
	}
	n.keep(account)
	b.created = account
	return mpp.CodeOK
}

// shown is this node's own word that it keeps the account, if the facts hold it.
func (n *Node) shown(facts []*record.Fact, account key.Hash) *record.Fact {
	for _, f := range facts {
		if f != nil && f.Kind == record.KindHost && f.Account == account && f.Author.Hash() == n.id &&
			f.Realm == n.realm && !f.Body.(*record.Host).Ended && f.Verify() == nil {
			return f
		}
	}
	return nil
}

// namesDevice reports whether the facts bring a device fact of this very
// connection: a stranger cannot create accounts with facts it overheard.
func namesDevice(facts []*record.Fact, s *session) bool {
	return slices.ContainsFunc(facts, func(f *record.Fact) bool {
		if f == nil {
			return false
		}
		d, ok := f.Body.(*record.Device)
		return ok && d.Agreement == s.conn.Peer() && f.Verify() == nil
	})
}

// takeIn merges the facts in the order that lets each find its author, and fills
// the results.
func (n *Node) takeIn(b *brought) {
	order := make([]int, 0, len(b.facts))
	for i, f := range b.facts {
		if f != nil {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return registry.Order(b.facts[x].Kind) - registry.Order(b.facts[y].Kind)
	})
	now := n.wall.Now()
	for _, i := range order {
		b.results[i].Code = mpp.N(int64(n.takeOne(now, b, b.facts[i])))
	}
}

// takeOne merges one fact. Its signature is checked once it would count: what is
// old or refused costs no curve work.
func (n *Node) takeOne(now wall.Time, b *brought, f *record.Fact) mpp.Code {
	if code := n.mayBring(now, f); code != mpp.CodeOK {
		return code
	}
	v := n.reg.Judge(now, f)
	if v == registry.Fresh {
		if f.Verify() != nil {
			return mpp.CodeMalformed
		}
		v = n.reg.Merge(now, f, &n.fx)
	}
	switch v {
	case registry.Fresh, registry.Held:
		// Not the copy brought: that of a held fact was not verified, and a
		// second home would take this node for its forger.
		b.kept = append(b.kept, n.reg.Fact(f.Hash()))
	case registry.Old:
		if kept := n.reg.Current(f.Key()); kept != nil {
			b.newer = append(b.newer, kept) // facts.md, Backups restored
		}
	case registry.Refused:
		if n.reg.Revoked(f.Account, speaksFor(f)) {
			return mpp.CodeRevoked
		}
	}
	return codeOf(v)
}

// speaksFor is the key that a fact is about: a device's own, or its author's.
func speaksFor(f *record.Fact) key.Hash {
	if d, ok := f.Body.(*record.Device); ok {
		return d.Key.Hash()
	}
	return f.Author.Hash()
}

// mayBring decides whether its author's rights allow a fact. Of an author who is
// no device here the registry judges.
func (n *Node) mayBring(now wall.Time, f *record.Fact) mpp.Code {
	device := n.reg.Device(f.Account, f.Author.Hash())
	switch {
	case device == nil:
	case f.Kind == record.KindEvent:
		return access.Publish(now, device, f)
	case f.Kind == record.KindAttach:
		return access.Attach(device, f)
	}
	return mpp.CodeOK
}

// bindTo links the session to the device its facts speak of.
func (n *Node) bindTo(s *session, facts []*record.Fact) {
	for _, f := range facts {
		if f == nil {
			continue
		}
		switch b := f.Body.(type) {
		case *record.Device:
			if b.Agreement == s.conn.Peer() {
				n.bind(s, f.Account, b.Key.Hash())
			}
		case *record.Attach:
			n.bind(s, f.Account, f.Author.Hash())
		}
	}
}

// stored goes on once the facts are on disk here, gossiped and told: copies at a
// second home, then the answer.
func (n *Node) stored(b *brought, err error) {
	if err != nil {
		for i := range b.results {
			if b.results[i].Code.Value == int64(mpp.CodeOK) {
				b.results[i].Code = mpp.N(int64(diskCode(err)))
			}
		}
		n.answerFacts(b.req, b.results, nil, false)
		return
	}
	finish := func(now time.Time, copies int, code mpp.Code) {
		b.req.now = now
		n.copied(b.results, copies, code)
		facts, more := n.wanted(b)
		n.answerFacts(b.req, b.results, facts, more)
	}
	kept := slices.DeleteFunc(slices.Clone(b.kept), func(f *record.Fact) bool { return f.Account == (key.Hash{}) })
	switch {
	case b.created != (key.Hash{}):
		n.proposeHome(b.req.now, b.created, func(now time.Time) { finish(now, 1, mpp.CodeOK) })
	case len(kept) > 0:
		n.copyTo(b.req.now, kept[0].Account, kept, finish)
	default:
		finish(b.req.now, 0, mpp.CodeOK)
	}
}

// copied puts how many homes have the facts into the results.
func (n *Node) copied(results []mpp.Result, copies int, code mpp.Code) {
	for i := range results {
		if results[i].Code.Value == int64(mpp.CodeOK) {
			results[i].Code = mpp.N(int64(code))
			if copies > 0 {
				results[i].Copies = mpp.N(int64(copies))
			}
		}
	}
}

// proposeHome asks two more members to keep a new account, so that its home
// fact can name them from the start (federation.md, Defaults).
func (n *Node) proposeHome(now time.Time, account key.Hash, then func(now time.Time)) {
	facts := n.reg.AccountFacts(account)
	ask := func(ctx context.Context) {
		for _, answer := range n.fed.AskHome(ctx, account, facts, moreHomes) {
			n.do(ctx, func(now time.Time) { n.mergeFrom(now, answer) })
		}
	}
	f := forward{ask: ask, then: func(now time.Time, _ bool) { then(now) }}
	select {
	case n.forwards <- f:
	default:
		then(now)
	}
}

// moreHomes is how many members besides the first are asked to keep an account.
const moreHomes = 2
