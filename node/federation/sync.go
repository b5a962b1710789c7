package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
)

// SyncNow syncs with every connected member, one after another, and returns
// when the last one is done; what went wrong with each is joined.
func (f *Federation) SyncNow(ctx context.Context) error {
	var failed error
	for _, node := range f.links.members() {
		id, ok := f.links.find(node)
		if !ok {
			continue
		}
		if err := f.syncWith(ctx, peerRef{id, node}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("syncing with node %s: %w", node.Short(), err))
		}
	}
	return failed
}

// syncLink is the sync that the loop starts.
func (f *Federation) syncLink(l peerRef) {
	ctx, cancel := context.WithTimeout(f.ctx, syncTimeout)
	defer cancel()
	if err := f.syncWith(ctx, l); err != nil && f.ctx.Err() == nil {
		f.log.Debug("syncing", "node", l.node.Short(), "err", err)
	}
	f.links.synced(l.id, time.Now(), true)
	f.wake()
}

// syncWith compares with one peer and exchanges what differs, both ways.
func (f *Federation) syncWith(ctx context.Context, l peerRef) error {
	stream, err := f.open(ctx, l.id, protocolSync)
	if err != nil {
		return err
	}
	s := &session{f: f, peer: l, stream: stream}
	err = s.run(ctx)
	finish(stream, err)
	f.claims.release(s.claimed)
	if s.left {
		f.links.syncSoon(l.id, time.Now().Add(syncPause))
	}
	if errors.Is(err, errForged) {
		f.barForged(l)
	}
	f.spread(l.id, s.fresh)
	return err
}

// spread passes on what a sync brought: little of it by gossip at once; much of
// it by the other links' own syncs, which then take only what they miss.
func (f *Federation) spread(from peerID, fresh []*record.Fact) {
	f.counters.synced.Add(int64(len(fresh)))
	switch {
	case len(fresh) == 0:
	case len(fresh) <= spreadAtOnce:
		f.outbox.put(fresh)
	default:
		f.links.othersSoon(from)
		f.wake()
	}
}

// session is one sync that we began.
type session struct {
	f      *Federation
	peer   peerRef
	stream network.Stream
	fresh  []*record.Fact // merged, of all accounts
	waits  []*record.Fact // of the present account

	claimed []key.Hash // to be released
	left    bool       // something was left to another sync
}

func (s *session) run(ctx context.Context) error {
	theirs, err := s.sums(ctx)
	if err != nil {
		return err
	}
	for _, account := range differing(s.f.door.Sums(ctx), theirs) {
		if err := s.account(ctx, account); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// sums asks for the peer's digests, in the order of the accounts.
func (s *session) sums(ctx context.Context) (all []AccountSum, err error) {
	var after key.Hash
	for {
		answer, err := s.ask(ctx, &frame{Ask: askSums, After: after})
		if err != nil {
			return nil, err
		}
		for i, sum := range answer.Sums {
			if (i > 0 || len(all) > 0) && compare(sum.Account, after) <= 0 {
				return nil, fmt.Errorf("reading a peer's sums out of order: %w", errAnswer)
			}
			after = sum.Account
		}
		all = append(all, answer.Sums...)
		switch {
		case !answer.More:
			return all, nil
		case len(answer.Sums) == 0, len(all) > maxAccounts:
			return nil, fmt.Errorf("reading a peer's sums: %w", errAnswer)
		}
	}
}

// ask asks and requires success.
func (s *session) ask(ctx context.Context, request *frame) (*frame, error) {
	answer, err := ask(ctx, s.stream, request)
	if err == nil && answer.Code != mpp.CodeOK {
		err = fmt.Errorf("asking %s: answered %s", request.Ask, answer.Code)
	}
	return answer, err
}

// differing lists the accounts whose digests are not equal, the realm's own
// facts first: they say whom else to believe.
func differing(mine, theirs []AccountSum) []key.Hash {
	ours := make(map[key.Hash]AccountSum, len(mine))
	for _, sum := range mine {
		ours[sum.Account] = sum
	}
	var list []key.Hash
	for _, sum := range theirs {
		if ours[sum.Account] != sum {
			list = append(list, sum.Account)
		}
		delete(ours, sum.Account)
	}
	for account, sum := range ours {
		if sum.Count > 0 {
			list = append(list, account)
		}
	}
	slices.SortFunc(list, compare)
	return list
}

// account exchanges what differs of one account.
func (s *session) account(ctx context.Context, account key.Hash) error {
	want, give, err := s.f.reconciler.Differ(ctx, s.f.cfg.Wall.Now(), s.f.rows(account), s.rows(account))
	if err != nil {
		return err
	}
	now := time.Now()
	want = slices.DeleteFunc(want, func(h key.Hash) bool { return s.f.declined.has(now, h) })
	mine := s.f.claims.take(now, want, true)
	s.claimed = append(s.claimed, mine...)
	s.left = s.left || len(mine) < len(want)
	if err := s.fetch(ctx, mine); err != nil {
		return err
	}
	return s.give(ctx, give)
}

// rows pages through our own rows.
func (f *Federation) rows(account key.Hash) Pager {
	return func(ctx context.Context, after key.Hash) ([]Row, bool, error) {
		rows := f.door.Rows(ctx, account, after, RowPage)
		return rows, len(rows) == RowPage, ctx.Err()
	}
}

// rows pages through the peer's rows.
func (s *session) rows(account key.Hash) Pager {
	return func(ctx context.Context, after key.Hash) ([]Row, bool, error) {
		answer, err := s.ask(ctx, &frame{Ask: askRows, Account: account, After: after})
		if err != nil {
			return nil, false, err
		}
		return answer.Rows, answer.More, nil
	}
}

// fetch asks for facts and takes them in as they come. Those whose author comes
// later in the same account are tried once more at the end.
func (s *session) fetch(ctx context.Context, want []key.Hash) error {
	s.waits = nil
	for len(want) > 0 {
		n := min(len(want), maxFrameFacts)
		answer, err := s.ask(ctx, &frame{Ask: askWant, Hashes: want[:n]})
		if err != nil {
			return err
		}
		if err := s.takeIn(ctx, answer.Facts); err != nil {
			return err
		}
		rest := want[n:]
		if answer.More && len(answer.Facts) > 0 {
			rest = append(without(want[:n], answer.Facts), rest...)
		}
		want = rest
	}
	waits := s.waits
	s.waits = nil
	if err := s.takeIn(ctx, waits); err != nil {
		return err
	}
	s.f.await(s.peer.node, s.waits)
	return nil
}

// without returns the hashes that are not those of facts.
func without(hashes []key.Hash, facts []*record.Fact) []key.Hash {
	got := make(map[key.Hash]bool, len(facts))
	for _, f := range facts {
		got[f.Hash()] = true
	}
	var rest []key.Hash
	for _, h := range hashes {
		if !got[h] {
			rest = append(rest, h)
		}
	}
	return rest
}

func (s *session) takeIn(ctx context.Context, facts []*record.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	sortForMerge(facts)
	verdicts, err := s.f.takeIn(ctx, s.peer.node, facts, inMemory(s.f.door))
	if err != nil {
		return fmt.Errorf("taking in facts: %w", err)
	}
	fresh, waits, _ := sortOut(facts, verdicts)
	s.fresh = append(s.fresh, fresh...)
	if len(s.waits)+len(waits) <= maxSessionWaits {
		s.waits = append(s.waits, waits...)
	}
	s.f.decline(facts, verdicts)
	s.f.merged(fresh)
	return nil
}

// give offers facts that the peer has not, and sends those that it asks for in
// merging order.
func (s *session) give(ctx context.Context, give []key.Hash) error {
	var facts []*record.Fact
	for chunk := range slices.Chunk(give, maxFrameFacts) {
		answer, err := s.ask(ctx, &frame{Ask: askOffer, Hashes: chunk})
		if err != nil {
			return err
		}
		if len(answer.Hashes) > len(chunk) {
			return fmt.Errorf("offering facts: %w", errAnswer)
		}
		facts = append(facts, s.f.door.Facts(ctx, answer.Hashes)...)
	}
	sortForMerge(facts)
	for len(facts) > 0 {
		n := fill(facts)
		if _, err := s.ask(ctx, &frame{Ask: askGive, Facts: facts[:n]}); err != nil {
			return err
		}
		facts = facts[n:]
	}
	return nil
}

// serveSync answers /mpp/sync/1.
func (f *Federation) serveSync(s network.Stream, l peerRef) {
	served := &session{f: f, peer: l, stream: s}
	f.answer(s, l, served.serve)
	f.claims.release(served.claimed)
	f.links.synced(l.id, time.Now(), false)
	f.spread(l.id, served.fresh)
}

// serve answers one request of the side that began.
func (s *session) serve(ctx context.Context, request *frame) (*frame, error) {
	switch request.Ask {
	case askSums:
		return s.f.serveSums(ctx, request), nil
	case askRows:
		rows := s.f.door.Rows(ctx, request.Account, request.After, RowPage)
		return &frame{Code: mpp.CodeOK, Rows: rows, More: len(rows) == RowPage}, ctx.Err()
	case askWant:
		return s.f.serveWant(ctx, request), ctx.Err()
	case askOffer:
		return s.serveOffer(ctx, request), ctx.Err()
	case askGive:
		verdicts, merged, err := s.f.takeFrom(ctx, s.peer, request.Facts, inMemory(s.f.door))
		if err != nil {
			return nil, err
		}
		s.f.decline(request.Facts, verdicts)
		s.fresh = append(s.fresh, merged...)
		return results(request.Facts, verdicts), nil
	}
	return &frame{Code: mpp.CodeNotOffered}, nil
}

// serveOffer asks for what it lacks of an offer.
func (s *session) serveOffer(ctx context.Context, request *frame) *frame {
	now := time.Now()
	lacking := without(request.Hashes, s.f.door.Facts(ctx, request.Hashes))
	lacking = slices.DeleteFunc(lacking, func(h key.Hash) bool { return s.f.declined.has(now, h) })
	lacking = s.f.claims.take(now, lacking, false)
	s.claimed = append(s.claimed, lacking...)
	return &frame{Code: mpp.CodeOK, Hashes: lacking}
}

// decline remembers what was not taken in and will not be soon.
func (f *Federation) decline(facts []*record.Fact, verdicts []Verdict) {
	now := time.Now()
	for i, v := range verdicts {
		if v != Fresh && v != Held && v != Waits {
			f.declined.add(now, facts[i].Hash())
		}
	}
}

func (f *Federation) serveSums(ctx context.Context, request *frame) *frame {
	all := f.door.Sums(ctx)
	slices.SortFunc(all, func(a, b AccountSum) int { return compare(a.Account, b.Account) })
	if !request.After.IsZero() {
		all = slices.DeleteFunc(all, func(s AccountSum) bool { return compare(s.Account, request.After) <= 0 })
	}
	n := min(len(all), maxFrameSums)
	return &frame{Code: mpp.CodeOK, Sums: all[:n], More: n < len(all)}
}

// serveWant gives the facts asked for, as many as go in one frame; More says
// that there are others.
func (f *Federation) serveWant(ctx context.Context, request *frame) *frame {
	hashes := request.Hashes[:min(len(request.Hashes), maxFrameFacts)]
	facts := f.door.Facts(ctx, hashes)
	sortForMerge(facts)
	n := fill(facts)
	return &frame{Code: mpp.CodeOK, Facts: facts[:n], More: n < len(facts)}
}
