package federation

import (
	"context"
	"errors"
	"slices"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// errForged means that a peer sent a bad signature, as no honest node does.
var errForged = errors.New("forged fact")

// validate judges one gossip message: size, topic (by registration), kind,
// serial, author, signature; then it merges. A message is passed on exactly
// when each of its facts was Fresh or Held and one was Fresh, so every node that
// gets it from us can do the same with it. Of any other the facts that were
// merged are gossiped again by us, without the rest.
func (f *Federation) validate(ctx context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	if from == f.host.ID() {
		return pubsub.ValidationAccept
	}
	node, ok := nodeOf(from)
	if !ok || !f.links.isMember(from) || !f.enter() {
		return pubsub.ValidationIgnore
	}
	defer f.tasks.Done()
	if !f.rates.allow(f.rates.messages, node) {
		f.counters.ignored.Add(1)
		return pubsub.ValidationIgnore
	}
	f.counters.received.Add(1)
	result := f.judge(ctx, node, m.GetData())
	if result == pubsub.ValidationReject && f.rates.allow(f.rates.logs, node) {
		f.log.Warn("rejecting gossip that no honest node sends", "node", node.Short())
	}
	return result
}

// judge is validate without libp2p.
func (f *Federation) judge(ctx context.Context, from key.Hash, data []byte) pubsub.ValidationResult {
	if len(data) > maxGossip {
		return f.reject()
	}
	m, err := parseMessage(data)
	if err != nil {
		return f.reject()
	}
	if m.beacon != nil {
		return f.judgeBeacon(ctx, m.beacon)
	}
	sortForMerge(m.facts)
	verdicts, err := f.takeIn(ctx, from, m.facts, inMemory(f.door))
	switch {
	case errors.Is(err, errForged):
		return f.reject()
	case err != nil:
		return pubsub.ValidationIgnore
	}
	fresh, waits, whole := sortOut(m.facts, verdicts)
	f.await(from, waits)
	f.merged(fresh)
	if len(fresh) > 0 && whole && m.strange == 0 {
		return pubsub.ValidationAccept
	}
	f.outbox.put(fresh)
	return pubsub.ValidationIgnore
}

func (f *Federation) reject() pubsub.ValidationResult {
	f.counters.rejected.Add(1)
	return pubsub.ValidationReject
}

// sortOut splits judged facts: what is new, what waits, and whether there was
// nothing but new and held ones.
func sortOut(facts []*record.Fact, verdicts []Verdict) (fresh, waits []*record.Fact, whole bool) {
	whole = true
	for i, v := range verdicts {
		switch v {
		case Fresh:
			fresh = append(fresh, facts[i])
		case Held:
		case Waits:
			waits = append(waits, facts[i])
			whole = false
		default:
			whole = false
		}
	}
	return fresh, waits, whole
}

// intake is how verified facts enter.
type intake struct {
	merge func(context.Context, key.Hash, []*record.Fact) []Verdict
	held  bool // facts that are held go there too: are they on disk?
}

func inMemory(d Door) intake { return intake{merge: d.Merge} }
func onDisk(d Door) intake   { return intake{merge: d.Keep, held: true} }

func (in intake) takes(v Verdict) bool { return v == Fresh || v == Waits || v == Held && in.held }

// takeIn is the one way for facts of other nodes into this one: screened,
// verified, then merged. The facts must be sorted for merging. It returns a
// verdict for each, or errForged, and then nothing was merged.
//
// A fact that waits at the screen may find its author in the same batch, so it
// goes on to the merge, whose verdict counts. A held one is verified too when
// others go on: its hash does not cover its signature, and we answer for the
// message we pass on.
func (f *Federation) takeIn(ctx context.Context, from key.Hash, facts []*record.Fact, in intake) ([]Verdict, error) {
	verdicts := f.door.Screen(ctx, facts)
	if len(verdicts) != len(facts) || slices.Contains(verdicts, 0) {
		return nil, doorError(ctx)
	}
	open := make([]*record.Fact, 0, len(facts))
	for i, v := range verdicts {
		if in.takes(v) {
			open = append(open, facts[i])
		}
	}
	if len(open) == 0 {
		return verdicts, nil
	}
	for i, v := range verdicts {
		if in.takes(v) || v == Held {
			if err := f.verified.check(facts[i]); err != nil {
				return nil, errForged
			}
		}
	}
	merged := in.merge(ctx, from, open)
	if len(merged) != len(open) || slices.Contains(merged, 0) {
		return nil, doorError(ctx)
	}
	for i, v := range verdicts {
		if in.takes(v) {
			verdicts[i], merged = merged[0], merged[1:]
		}
	}
	return verdicts, nil
}

// errDoor means that the node did not answer, as when it stops.
var errDoor = errors.New("the node did not answer")

func doorError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return errDoor
}

// merged follows up facts that were just merged, here or by the node: where
// nodes are, who is no member any more, what waited for them.
func (f *Federation) merged(facts []*record.Fact) {
	if len(facts) == 0 {
		return
	}
	awaited := false
	for _, fact := range facts {
		switch body := fact.Body.(type) {
		case *record.Node:
			f.learn(fact.Author, body.Peers)
		case *record.Member:
			f.links.unbar(body.Node)
		case *record.Expelled:
			f.jobs.soon(&f.jobs.review, time.Now())
		case *record.Revoked:
			// What its posts took the place of counts again (registry, Bounds).
			f.declined.forget()
		}
		awaited = awaited || ranks[fact.Kind] <= ranks[record.KindDevice]
	}
	if awaited && !f.waiting.empty() {
		f.jobs.soon(&f.jobs.retry, time.Now().Add(retryPause))
	}
	f.wake()
}

// await keeps facts for WaitFor and sees that they are tried again.
func (f *Federation) await(from key.Hash, waits []*record.Fact) {
	if len(waits) == 0 {
		return
	}
	f.waiting.add(time.Now(), from, waits)
	f.jobs.soon(&f.jobs.retry, time.Now().Add(retryEvery))
	f.wake()
}

// retry offers again what waits, because facts were merged or time passed.
func (f *Federation) retry(ctx context.Context) {
	for from, facts := range f.waiting.live(time.Now()) {
		sortForMerge(facts)
		verdicts, err := f.takeIn(ctx, from, facts, inMemory(f.door))
		if err != nil {
			continue
		}
		for i, v := range verdicts {
			if v != Waits {
				f.waiting.done(from, facts[i])
			}
		}
		fresh, _, _ := sortOut(facts, verdicts)
		f.outbox.put(fresh)
		f.merged(fresh)
	}
}
