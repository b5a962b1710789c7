package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/federation"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// door is the one door for facts from other nodes: gossip, forwarded copies and
// anti-entropy all come in here and go through the same Merge in the loop. What a
// method returns is a variable of its own and no named result: after do returned
// false the loop may still write to it.
type door struct{ *Node }

var errStopped = errors.New("asking the node: it stopped or did not answer in time")

// Screen implements federation.Door.
func (d door) Screen(ctx context.Context, facts []*record.Fact) []federation.Verdict {
	verdicts := make([]federation.Verdict, len(facts))
	if !d.do(ctx, func(time.Time) {
		now := d.wall.Now()
		for i, f := range facts {
			verdicts[i] = d.reg.Judge(now, f)
		}
	}) {
		return nil
	}
	return verdicts
}

// Merge implements federation.Door.
func (d door) Merge(ctx context.Context, _ key.Hash, facts []*record.Fact) []federation.Verdict {
	var verdicts []federation.Verdict
	if !d.do(ctx, func(now time.Time) { verdicts = d.mergeFrom(now, facts) }) {
		return nil // the loop may still write verdicts
	}
	return verdicts
}

// mergeFrom merges facts from another node, tells the devices and writes them.
func (n *Node) mergeFrom(now time.Time, facts []*record.Fact) []federation.Verdict {
	verdicts, events := n.mergeAll(facts)
	n.commit(now, false, nil)
	n.tell(now, events)
	return verdicts
}

func (n *Node) mergeAll(facts []*record.Fact) (verdicts []federation.Verdict, events []*record.Fact) {
	today := n.wall.Now()
	verdicts = make([]federation.Verdict, len(facts))
	for i, f := range facts {
		v := n.reg.Merge(today, f, &n.fx)
		verdicts[i] = v
		if v == registry.Fresh && f.Kind == record.KindEvent {
			events = append(events, f)
		}
		if v == registry.Fresh && f.Author.Hash() == n.id {
			n.sweepSoon() // this node said it before it lost its store
		}
	}
	return verdicts, events
}

// Keep implements federation.Door: the answer means synced.
func (d door) Keep(ctx context.Context, _ key.Hash, facts []*record.Fact) []federation.Verdict {
	var verdicts []federation.Verdict
	synced := make(chan error, 1)
	if !d.do(ctx, func(now time.Time) {
		var events []*record.Fact
		verdicts, events = d.mergeAll(facts)
		d.commit(now, false, func(_ time.Time, err error) { synced <- d.synced(facts, err) })
		d.tell(now, events)
	}) {
		return nil
	}
	select {
	case err := <-synced:
		if err == nil {
			return verdicts
		}
	case <-ctx.Done():
	case <-d.stop:
	}
	return nil
}

// Host implements federation.Door: another member proposes this node as a home.
func (d door) Host(ctx context.Context, _, account key.Hash, facts []*record.Fact) ([]*record.Fact, error) {
	var answer []*record.Fact
	refused := mpp.CodeOK
	synced := make(chan error, 1)
	ok := d.do(ctx, func(now time.Time) {
		if !d.reg.Keeps(d.wall.Now(), d.id, account) {
			if refused = d.again(account); refused != mpp.CodeOK {
				return
			}
			d.keep(account)
		}
		d.commit(now, true, nil)
		_, events := d.mergeAll(facts)
		answer = append(answer, d.reg.Current(registry.HostKey(account, d.id)), d.reg.NodeFact(d.id))
		d.commit(now, false, func(_ time.Time, err error) { synced <- d.synced(answer, err) })
		d.tell(now, events)
	})
	if !ok {
		return nil, errStopped
	}
	if refused != mpp.CodeOK {
		return nil, errors.New("keeping another account: " + refused.Sentence())
	}
	select {
	case err := <-synced:
		return answer, err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.stop:
		return nil, errStopped
	}
}

// Sums implements federation.Door.
func (d door) Sums(ctx context.Context) []federation.AccountSum {
	var sums []federation.AccountSum
	if !d.do(ctx, func(time.Time) {
		for _, s := range d.reg.Sums(d.wall.Now()) {
			sums = append(sums, federation.AccountSum{Account: s.Account, Count: s.Count, Sum: s.Total})
		}
	}) {
		return nil
	}
	return sums
}

// Rows implements federation.Door.
func (d door) Rows(ctx context.Context, account, after key.Hash, limit int) []federation.Row {
	var rows []federation.Row
	if !d.do(ctx, func(time.Time) {
		for _, f := range d.reg.Rows(d.wall.Now(), account, after, limit) {
			rows = append(rows, federation.Row{Hash: f.Hash(), Serial: f.Serial, Expires: f.Expires, Key: rowKey(f)})
		}
	}) {
		return nil
	}
	return rows
}

// Facts implements federation.Door.
func (d door) Facts(ctx context.Context, hashes []key.Hash) []*record.Fact {
	var facts []*record.Fact
	if !d.do(ctx, func(time.Time) {
		for _, h := range hashes {
			if f := d.reg.Fact(h); f != nil {
				facts = append(facts, f)
			}
		}
	}) {
		return nil
	}
	return facts
}

// Attached implements federation.Door.
func (d door) Attached(ctx context.Context) []key.Hash {
	var hashes []key.Hash
	if !d.do(ctx, func(now time.Time) {
		for _, sessions := range d.watching {
			for s := range sessions {
				if !s.silent(now) {
					hashes = append(hashes, s.attach.Hash())
				}
			}
		}
	}) {
		return nil
	}
	return hashes
}

// Member implements federation.Door: a peer shows what admits it.
func (d door) Member(ctx context.Context, node key.Hash, shown []*record.Fact) bool {
	var member bool
	if !d.do(ctx, func(now time.Time) {
		d.mergeFrom(now, verified(shown))
		member = d.reg.Member(node)
	}) {
		return false
	}
	return member
}

// verified leaves out facts whose signature does not hold, and puts the others in
// the order of a batch: what admits a node before what the node says.
func verified(facts []*record.Fact) []*record.Fact {
	list := slices.DeleteFunc(slices.Clone(facts), func(f *record.Fact) bool { return f.Verify() != nil })
	slices.SortStableFunc(list, func(a, b *record.Fact) int { return registry.Order(a.Kind) - registry.Order(b.Kind) })
	return list
}

// Show implements federation.Door.
func (d door) Show(ctx context.Context) []*record.Fact {
	var facts []*record.Fact
	if !d.do(ctx, func(time.Time) {
		for _, f := range []*record.Fact{d.reg.MemberFact(d.id), d.reg.NodeFact(d.id)} {
			if f != nil {
				facts = append(facts, f)
			}
		}
	}) {
		return nil
	}
	return facts
}

// rowKey is equal for two facts of an account, or of the realm, exactly when the
// newer replaces the older.
func rowKey(f *record.Fact) string {
	k := f.Key()
	return string(k.Kind) + "\x00" + string(k.Owner[:]) + k.Sub
}
