package federation

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"meshpresence/internal/key"
)

// job is something the loop starts when it is due, one at a time.
type job struct {
	due     time.Time
	running bool
}

// jobs are the loop's own, besides what the links ask for.
type jobs struct {
	mu     sync.Mutex
	beacon job
	review job // are the connected peers still members; who else is there
	retry  job // of facts that wait
	list   job // of other nodes' attachments
	lists  map[key.Hash]bool
}

// start takes a job that is due.
func (j *jobs) start(one *job, now time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if one.running || now.Before(one.due) {
		return false
	}
	one.running = true
	one.due = now.Add(longRound)
	return true
}

// end says when a job is due again; an earlier time asked for meanwhile stands.
func (j *jobs) end(one *job, next time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	one.running = false
	if next.Before(one.due) {
		one.due = next
	}
}

// soon brings a job forward.
func (j *jobs) soon(one *job, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if one.due.After(at) {
		one.due = at
	}
}

// next is when the first job that is not running is due.
func (j *jobs) next(limit time.Time) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, one := range []*job{&j.beacon, &j.review, &j.retry, &j.list} {
		if !one.running && one.due.Before(limit) {
			limit = one.due
		}
	}
	return limit
}

// counters count for Stats.
type counters struct {
	received, ignored, rejected, synced, dialed atomic.Int64
}

// Stats are counts since the start.
type Stats struct {
	Received int64 // gossip messages judged
	Ignored  int64 // not judged: too many from one peer
	Rejected int64 // of those judged, what no honest node sends
	Dropped  int64 // facts pushed out of the gossip queue
	Synced   int64 // facts that came by sync
	Dialed   int64 // connections tried
}

// Stats returns the counts for metrics.
func (f *Federation) Stats() Stats {
	return Stats{
		Received: f.counters.received.Load(), Ignored: f.counters.ignored.Load(), Rejected: f.counters.rejected.Load(),
		Dropped: f.outbox.lost(), Synced: f.counters.synced.Load(), Dialed: f.counters.dialed.Load(),
	}
}

// loop starts what is due: dials, hellos, syncs, beacons, reviews, retries. It
// waits for none of them.
func (f *Federation) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-f.wakeup:
		case <-timer.C:
		}
		now := time.Now()
		f.round(now)
		timer.Reset(max(f.nextRound(now).Sub(now), time.Millisecond))
	}
}

func (f *Federation) nextRound(now time.Time) time.Time {
	next := now.Add(longRound)
	next = f.jobs.next(next)
	return f.links.next(next)
}

func (f *Federation) round(now time.Time) {
	for _, t := range f.links.due(now) {
		switch t.what {
		case dialIt:
			f.tasks.Go(func() { f.dial(t.link) })
		case greetIt:
			f.tasks.Go(func() { f.greet(t.link) })
		case syncIt:
			f.tasks.Go(func() { f.syncLink(t.link) })
		case dropIt:
			f.links.bar(t.link.id)
			f.disconnect(t.link.id)
		}
	}
	f.run(&f.jobs.beacon, now, f.beaconJob)
	f.run(&f.jobs.review, now, f.reviewJob)
	f.run(&f.jobs.retry, now, f.retryJob)
	f.run(&f.jobs.list, now, f.listJob)
}

// run starts a job if it is due; the job returns when it is due again.
func (f *Federation) run(one *job, now time.Time, do func(context.Context, time.Time) time.Time) {
	if !f.jobs.start(one, now) {
		return
	}
	f.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(f.ctx, doorTimeout)
		defer cancel()
		next := do(ctx, now)
		f.jobs.end(one, next)
		f.wake()
	})
}

// retryJob offers again what waits, until nothing does.
func (f *Federation) retryJob(ctx context.Context, now time.Time) time.Time {
	f.retry(ctx)
	if f.waiting.empty() {
		return now.Add(longRound)
	}
	return now.Add(retryEvery)
}

// listSoon asks a node for its attachments, soon.
func (f *Federation) listSoon(node key.Hash) {
	f.jobs.mu.Lock()
	if f.jobs.lists == nil {
		f.jobs.lists = make(map[key.Hash]bool)
	}
	f.jobs.lists[node] = true
	f.jobs.mu.Unlock()
	f.jobs.soon(&f.jobs.list, time.Now().Add(beaconDelay))
	f.wake()
}

// listJob asks the nodes whose beacons do not agree with what we know of them.
func (f *Federation) listJob(ctx context.Context, now time.Time) time.Time {
	f.jobs.mu.Lock()
	nodes := f.jobs.lists
	f.jobs.lists = nil
	f.jobs.mu.Unlock()
	for node := range nodes {
		if err := f.list(ctx, node); err != nil && f.ctx.Err() == nil {
			f.log.Debug("asking a node what is attached to it", "node", node.Short(), "err", err)
		}
	}
	return now.Add(longRound)
}

// reviewJob ends connections of nodes that are members no more and reads who
// else there is to connect to.
func (f *Federation) reviewJob(ctx context.Context, now time.Time) time.Time {
	for _, node := range f.links.members() {
		if id, ok := f.links.find(node); ok && !f.door.Member(ctx, node, nil) && ctx.Err() == nil {
			f.log.Info("disconnecting a node that is no member", "node", node.Short())
			f.links.bar(id)
			f.disconnect(id)
		}
	}
	if err := f.readBook(ctx); err != nil && f.ctx.Err() == nil {
		f.log.Warn("reading the realm's nodes", "err", err)
	}
	f.warnClock(now)
	return time.Now().Add(reviewEvery)
}

// standing is how our clock compares with the others'.
type standing byte

const (
	clockFine standing = iota
	clockDoubtful
	clockOff
)

func (c Clocks) standing() standing {
	switch {
	case c.Off():
		return clockOff
	case c.Doubtful():
		return clockDoubtful
	}
	return clockFine
}

// warnClock says once that the clocks of the realm disagree, and once that they
// agree again; at most a line a minute, as nodes come and go.
func (f *Federation) warnClock(now time.Time) {
	clocks := f.Clocks() // only the review job comes here, one at a time
	is := clocks.standing()
	if clocks.Count < 2 || is == f.told || now.Sub(f.warned) < warnEvery && !f.warned.IsZero() {
		return
	}
	f.told, f.warned = is, now
	switch is {
	case clockOff:
		f.log.Error("this node's clock is off: it confirms no copies until it is set right", "seconds", clocks.Offset, "clocks", clocks.Count)
	case clockDoubtful:
		f.log.Warn("this node's clock and the other node's disagree", "seconds", clocks.Offset)
	default:
		f.log.Info("this node's clock agrees with the others", "seconds", clocks.Offset, "clocks", clocks.Count)
	}
}
