package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
)

// ErrNotConnected means that the node asked for is no connected living member.
var ErrNotConnected = errors.New("not connected to that node")

// errAnswer means that a peer's answer is not one to what was asked.
var errAnswer = errors.New("answer that does not fit")

// Forward asks a node to keep copies of facts and to sync them before it
// answers (federation.md, Acknowledged). A fact without a result was not
// confirmed. Results that came before an error are returned with it.
func (f *Federation) Forward(ctx context.Context, to key.Hash, facts []*record.Fact) ([]Result, error) {
	id, ok := f.links.find(to)
	if !ok {
		return nil, ErrNotConnected
	}
	s, err := f.open(ctx, id, protocolForward)
	if err != nil {
		return nil, fmt.Errorf("forwarding: %w", err)
	}
	results, err := forwardOver(ctx, s, facts)
	finish(s, err)
	return results, err
}

func forwardOver(ctx context.Context, s network.Stream, facts []*record.Fact) (results []Result, err error) {
	sorted := slices.Clone(facts)
	sortForMerge(sorted)
	for len(sorted) > 0 {
		n := fill(sorted)
		answer, err := ask(ctx, s, &frame{Ask: askKeep, Facts: sorted[:n]})
		if err != nil {
			return results, fmt.Errorf("forwarding: %w", err)
		}
		results = append(results, answer.Results...)
		sorted = sorted[n:]
	}
	return results, nil
}

// fill returns how many of the first facts go in one frame, at least one.
func fill(facts []*record.Fact) int {
	size := 0
	for i, f := range facts {
		size += len(f.Raw) + len(f.Signature) + 128
		if i > 0 && (size > fillFrame || i == maxFrameFacts) {
			return i
		}
	}
	return len(facts)
}

// AskHome asks connected members, one after another, to become homes of an
// account whose facts are given, until enough did or ctx ended. For each that
// did it returns its host and node facts, verified; they are not merged.
func (f *Federation) AskHome(ctx context.Context, account key.Hash, facts []*record.Fact, want int) [][]*record.Fact {
	var answers [][]*record.Fact
	for _, node := range f.links.members() {
		if len(answers) >= want || ctx.Err() != nil {
			break
		}
		answer, err := f.askHome(ctx, node, account, facts)
		if err != nil {
			f.log.Debug("asking a node to be a home", "node", node.Short(), "err", err)
			continue
		}
		answers = append(answers, answer)
	}
	return answers
}

func (f *Federation) askHome(ctx context.Context, node, account key.Hash, facts []*record.Fact) ([]*record.Fact, error) {
	id, ok := f.links.find(node)
	if !ok {
		return nil, ErrNotConnected
	}
	s, err := f.open(ctx, id, protocolForward)
	if err != nil {
		return nil, err
	}
	sorted := slices.Clone(facts)
	sortForMerge(sorted)
	first := fill(sorted)
	answer, err := ask(ctx, s, &frame{Ask: askHost, Account: account, Facts: sorted[:first]})
	if err == nil && answer.Code == mpp.CodeOK && first < len(sorted) {
		_, err = forwardOver(ctx, s, sorted[first:])
	}
	finish(s, err)
	if err != nil {
		return nil, err
	}
	if answer.Code != mpp.CodeOK {
		return nil, fmt.Errorf("answered %s", answer.Code)
	}
	return answer.Facts, f.checkHome(node, account, answer.Facts)
}

// checkHome verifies that facts are a node's own word that it is a home.
func (f *Federation) checkHome(node, account key.Hash, facts []*record.Fact) error {
	hosts := false
	for _, fact := range facts {
		if fact.Author.Hash() != node || fact.Kind != record.KindHost && fact.Kind != record.KindNode {
			return errAnswer
		}
		if err := f.verified.check(fact); err != nil {
			return fmt.Errorf("checking a home's answer: %w", err)
		}
		if host, ok := fact.Body.(*record.Host); ok && fact.Account == account && !host.Ended {
			hosts = true
		}
	}
	if !hosts {
		return errAnswer
	}
	return nil
}

// serveForward answers /mpp/forward/1.
func (f *Federation) serveForward(s network.Stream, l peerRef) {
	f.answer(s, l, func(ctx context.Context, request *frame) (*frame, error) {
		switch request.Ask {
		case askKeep:
			return f.serveKeep(ctx, l, request)
		case askHost:
			return f.serveHost(ctx, l, request)
		case askList:
			return f.serveList(ctx, request), nil
		}
		return &frame{Code: mpp.CodeNotOffered}, nil
	})
}

// serveKeep keeps copies. A node whose clock is off takes them in but confirms
// none (federation.md, Promises).
func (f *Federation) serveKeep(ctx context.Context, l peerRef, request *frame) (*frame, error) {
	in, off := onDisk(f.door), f.Clocks().Off()
	if off {
		in = inMemory(f.door)
	}
	verdicts, fresh, err := f.takeFrom(ctx, l, request.Facts, in)
	if err != nil {
		return nil, err
	}
	f.outbox.put(fresh)
	answer := results(request.Facts, verdicts)
	for i := range answer.Results {
		if r := &answer.Results[i]; off && r.Code == mpp.CodeOK {
			r.Code = mpp.CodeDraining
		}
	}
	return answer, nil
}

// results answers for each fact.
func results(facts []*record.Fact, verdicts []Verdict) *frame {
	answer := &frame{Code: mpp.CodeOK}
	for i, v := range verdicts {
		answer.Results = append(answer.Results, Result{facts[i].Hash(), codeOf(v)})
	}
	return answer
}

// takeFrom takes in facts from a stream of a member, sorting them in place. It
// lets wait what waits and bars a member that sends forged ones.
func (f *Federation) takeFrom(ctx context.Context, l peerRef, facts []*record.Fact, in intake) (
	verdicts []Verdict, fresh []*record.Fact, err error,
) {
	sortForMerge(facts)
	verdicts, err = f.takeIn(ctx, l.node, facts, in)
	if errors.Is(err, errForged) {
		f.barForged(l)
	}
	if err != nil {
		return nil, nil, err
	}
	fresh, waits, _ := sortOut(facts, verdicts)
	f.await(l.node, waits)
	f.merged(fresh)
	return verdicts, fresh, nil
}

// barForged ends the connections of a node that sent a forged fact, and keeps
// it away for a while.
func (f *Federation) barForged(l peerRef) {
	if f.rates.allow(f.rates.logs, l.node) {
		f.log.Warn("disconnecting a node that sent a forged fact", "node", l.node.Short())
	}
	f.counters.rejected.Add(1)
	f.links.bar(l.id)
	f.disconnect(l.id)
}

// serveHost asks the Door to become a home.
func (f *Federation) serveHost(ctx context.Context, l peerRef, request *frame) (*frame, error) {
	if request.Account.IsZero() {
		return &frame{Code: mpp.CodeMalformed}, nil
	}
	sortForMerge(request.Facts)
	for _, fact := range request.Facts {
		if err := f.verified.check(fact); err != nil {
			f.barForged(l)
			return nil, errForged
		}
	}
	facts, err := f.door.Host(ctx, l.node, request.Account, request.Facts)
	if err != nil {
		if f.rates.allow(f.rates.logs, l.node) {
			f.log.Info("refusing to be a home", "account", request.Account.Short(), "err", err)
		}
		return &frame{Code: mpp.CodeRefused}, nil
	}
	facts = known(facts)
	f.merged(facts)
	return &frame{Code: mpp.CodeOK, Facts: facts}, nil
}

// serveList lists our attachments in hash order, for a node to which our
// beacon's sum says that it does not know them.
func (f *Federation) serveList(ctx context.Context, request *frame) *frame {
	all := f.door.Attached(ctx)
	slices.SortFunc(all, compare)
	first, found := slices.BinarySearchFunc(all, request.After, compare)
	if found {
		first++
	}
	all = all[first:]
	n := min(len(all), maxFrameHashes)
	return &frame{Code: mpp.CodeOK, Hashes: all[:n], More: n < len(all)}
}
