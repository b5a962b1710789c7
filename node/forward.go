package node

import (
	"context"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
)

const (
	// ForwardWorkers is how many second homes are asked at once.
	ForwardWorkers = 4
	// CopyWait is how long a publisher waits for a second home before it is
	// told that there are fewer copies (architecture.md).
	CopyWait = time.Second
	// forwardQueue bounds the copies that wait; past it a publisher is told of
	// fewer copies at once, and anti-entropy brings them later.
	forwardQueue = 1024
	// forwardGather is how many facts for one home go in one request.
	forwardGather = 64
)

// forward asks one home to keep copies, or runs an errand of its own among the
// other nodes; then is run in the loop afterwards.
type forward struct {
	to    key.Hash
	facts []*record.Fact
	until time.Time // nobody waits for the answer any more; zero: somebody does
	ask   func(ctx context.Context)
	then  func(now time.Time, kept bool)
}

// copyTo asks a second home of the account for a copy and calls then, in the
// loop, with how many homes have the facts synced: at once when this is the
// only home, else when one confirmed or all that are in reach said no, at the
// latest after CopyWait for each of them. Delivery never waits for it. A node
// whose clock is off counts for none itself (federation.md, promise 5).
func (n *Node) copyTo(now time.Time, account key.Hash, facts []*record.Fact, then func(now time.Time, copies int, code mpp.Code)) {
	mine := 0
	if n.reg.Keeps(n.wall.Now(), n.id, account) && !n.fed.Clocks().Off() {
		mine = 1
	}
	var others []key.Hash
	for _, home := range n.reg.Homes(n.wall.Now(), account) {
		if home != n.id {
			others = append(others, home)
		}
	}
	if mine == 1 && len(others) == 0 {
		then(now, 1, mpp.CodeOK)
		return
	}
	until := now.Add(time.Duration(len(others)) * CopyWait)
	n.askHomes(now, until, others, facts, mine, then)
}

// askHomes tries the other homes one after another, connected ones first.
func (n *Node) askHomes(now, until time.Time, homes []key.Hash, facts []*record.Fact, copies int, then func(time.Time, int, mpp.Code)) {
	homes = n.fed.ConnectedFirst(homes)
	if len(homes) == 0 || !now.Before(until) {
		then(now, copies, mpp.CodeFewerCopies)
		return
	}
	f := forward{to: homes[0], facts: facts, until: until, then: func(now time.Time, kept bool) {
		switch {
		case !kept:
			n.askHomes(now, until, homes[1:], facts, copies, then)
		case copies == 0 && len(homes) > 1:
			n.askHomes(now, until, homes[1:], facts, 1, then)
		case copies == 0:
			then(now, 1, mpp.CodeFewerCopies)
		default:
			then(now, copies+1, mpp.CodeOK)
		}
	}}
	select {
	case n.forwards <- f:
	default:
		then(now, copies, mpp.CodeFewerCopies)
	}
}

// forward asks homes for copies, those for one home together.
func (n *Node) forward() {
	defer n.workers.Done()
	var held *forward // taken from the queue for another home
	for {
		first, ok := n.nextForward(held)
		if !ok {
			return
		}
		if held = nil; first.ask != nil {
			n.runErrand(first)
			continue
		}
		var group []forward
		group, held = n.gather(first)
		n.forwardGroup(group)
	}
}

func (n *Node) nextForward(held *forward) (forward, bool) {
	if held != nil {
		return *held, true
	}
	f, ok := <-n.forwards
	return f, ok
}

// gather takes what else waits for the same home; the first for another one is
// handed back.
func (n *Node) gather(first forward) (group []forward, other *forward) {
	group = []forward{first}
	for count := len(first.facts); count < forwardGather; {
		select {
		case f, ok := <-n.forwards:
			if !ok {
				return group, nil
			}
			if f.to != first.to || f.ask != nil {
				return group, &f
			}
			group = append(group, f)
			count += len(f.facts)
		default:
			return group, nil
		}
	}
	return group, nil
}

func (n *Node) runErrand(f forward) {
	ctx, cancel := context.WithTimeout(context.Background(), CopyWait)
	defer cancel()
	f.ask(ctx)
	n.post(func(now time.Time) { f.then(now, true) })
}

// forwardGroup asks one home for copies. What waited too long behind a home that
// does not answer is not asked for: anti-entropy brings it.
func (n *Node) forwardGroup(group []forward) {
	began := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), began.Add(CopyWait))
	defer cancel()
	var facts []*record.Fact
	for _, f := range group {
		if f.until.IsZero() || began.Before(f.until) {
			facts = append(facts, f.facts...)
		}
	}
	kept := make(map[key.Hash]bool, len(facts))
	if len(facts) > 0 {
		results, err := n.fed.Forward(ctx, group[0].to, facts)
		if err != nil {
			n.log.Debug("asking a home for copies", "node", group[0].to.Short(), "err", err)
		}
		for _, r := range results {
			kept[r.Hash] = r.Code == mpp.CodeOK
		}
	}
	n.post(func(now time.Time) {
		for _, f := range group {
			all := true
			for _, fact := range f.facts {
				all = all && kept[fact.Hash()]
			}
			f.then(now, all)
		}
	})
}
