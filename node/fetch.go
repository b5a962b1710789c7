package node

import (
	"bytes"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// answerOverhead is what an answer adds to the facts in it.
const answerOverhead = 512

// maxResultBytes is what one result takes in an answer at most.
const maxResultBytes = 80

func (n *Node) answerFacts(req request, results []mpp.Result, facts [][]byte, more bool) {
	if n.sessions[req.session.conn] != req.session {
		return
	}
	var answer mpp.FactResponse
	n.stamp(&answer.FromService, req, mpp.CodeOK)
	answer.Results, answer.Facts, answer.More = results, facts, more
	n.reply(req.now, req.session, &answer)
}

// page encodes facts while they fit one answer; more says that some did not.
func (s *session) page(facts []*record.Fact, used int) (page [][]byte, more bool) {
	room := s.conn.MaxPayload() - answerOverhead - used
	for _, f := range facts {
		b := f.Append(nil)
		if len(b) > room {
			return page, true
		}
		room -= len(b)
		page = append(page, b)
	}
	return page, false
}

// wanted gathers what a device asked for, of its own account only, and what is
// kept in the place of its old facts. Whoever just created an account is given
// the host facts of the nodes that keep it. One list is gathered a request.
func (n *Node) wanted(b *brought) ([][]byte, bool) {
	s := b.req.session
	facts := b.newer
	if b.created != (key.Hash{}) {
		facts = append(facts, n.introductions(b.created)...)
	}
	listed := false
	for _, w := range b.want {
		switch {
		case w.Kind == string(record.KindNode):
			if card := n.reg.NodeFact(n.id); card != nil {
				facts = append(facts, card) // a node's card is for anyone
			}
		case n.device(s) == nil || len(w.Hash) == 0 && listed:
		default:
			listed = listed || len(w.Hash) == 0
			facts = append(facts, n.wantedFacts(s, w)...)
		}
	}
	return s.page(facts, len(b.results)*maxResultBytes)
}

// introductions are the host facts of an account with their nodes' own facts:
// what a home fact is made from.
func (n *Node) introductions(account key.Hash) []*record.Fact {
	var facts []*record.Fact
	for _, host := range n.reg.Hosts(n.wall.Now(), account) {
		if node := n.reg.NodeFact(host.Author.Hash()); node != nil {
			facts = append(facts, host, node)
		}
	}
	return facts
}

func (n *Node) wantedFacts(s *session, w mpp.Want) []*record.Fact {
	account := s.bound.Account
	if h, ok := hashFrom(w.Hash); ok {
		if f := n.reg.Fact(h); f != nil && f.Account == account && f.Author.Hash() != s.bound.Device {
			return []*record.Fact{f}
		}
		return nil
	}
	if w.Kind == string(record.KindHost) {
		return n.introductions(account)
	}
	if w.Kind == string(record.KindEvent) {
		return n.newestOf(account, s.bound.Device)
	}
	if !w.All && w.Kind == "" {
		return nil
	}
	return n.accountFacts(s, w)
}

// accountFacts are the facts of the account that are not events, in the order
// of their hashes, after one.
func (n *Node) accountFacts(s *session, w mpp.Want) []*record.Fact {
	var facts []*record.Fact
	for _, f := range n.reg.AccountFacts(s.bound.Account) {
		h := f.Hash()
		if w.Kind != "" && w.Kind != string(f.Kind) || bytes.Compare(h[:], w.After) <= 0 && len(w.After) > 0 {
			continue
		}
		facts = append(facts, f)
	}
	slices.SortFunc(facts, byHash)
	return facts
}

// newestOf are the device's own newest posts, one a channel and one a tag: what
// it must continue from after it lost its own record.
func (n *Node) newestOf(account, device key.Hash) []*record.Fact {
	var newest []*record.Fact
	last := map[string]int{}
	n.reg.Events(account, func(f *record.Fact) bool {
		e := f.Body.(*record.Event)
		if f.Author.Hash() != device {
			return true
		}
		if i, seen := last[e.Channel]; seen && e.Tag == nil {
			newest[i] = f
			return true
		}
		if e.Tag == nil {
			last[e.Channel] = len(newest)
		}
		newest = append(newest, f)
		return true
	})
	return newest
}

// serveFetch gives the events or statuses that did not fit a notification.
func (n *Node) serveFetch(req request, m *mpp.FetchRequest) {
	s := req.session
	if f := n.device(s); f == nil || !f.Body.(*record.Device).Roles.Has(record.Watch) {
		n.refuse(req, mpp.CodeRefused)
		return
	}
	if !n.spend(req, costList) {
		n.refuse(req, mpp.CodeQuota)
		return
	}
	var facts []*record.Fact
	n.reg.Events(s.bound.Account, func(f *record.Fact) bool {
		if fetches(m, f) && (!m.Statuses || s.lacks(f)) {
			facts = append(facts, f)
		}
		return true
	})
	if !m.Sequence.Set { // those are asked for again by sequence, the others After a hash
		slices.SortFunc(facts, byHash)
	}
	var answer mpp.FetchResponse
	n.stamp(&answer.FromService, req, mpp.CodeOK)
	answer.Facts, answer.More = s.page(facts, 0)
	n.reply(req.now, s, &answer)
}

// lacks reports whether a device did not say that it holds an event of a channel
// that it watches.
func (s *session) lacks(f *record.Fact) bool {
	return !s.held.Has(f) && (s.attach == nil || access.Watches(s.attach, f.Body.(*record.Event).Channel))
}

// fetches reports whether a fetch request asks for this event: of a channel,
// of a publisher, from a sequence on; of a store; statuses; or after a hash.
func fetches(m *mpp.FetchRequest, f *record.Fact) bool {
	e := f.Body.(*record.Event)
	publisher, h := f.Author.Hash(), f.Hash()
	switch {
	case len(m.Publisher) > 0 && !bytes.Equal(m.Publisher, publisher[:]):
		return false
	case m.Channel != "" && m.Channel != e.Channel:
		return false
	case m.Sequence.Set:
		return e.Tag == nil && e.Sequence >= m.Sequence.Value
	case len(m.After) > 0 && bytes.Compare(h[:], m.After) <= 0:
		return false
	case m.Store != "":
		return e.Tag != nil && storeName(e.Tag) == m.Store
	case m.Statuses:
		return e.Tag != nil
	}
	return true
}

// byHash orders facts as they are paged.
func byHash(x, y *record.Fact) int {
	hx, hy := x.Hash(), y.Hash()
	return bytes.Compare(hx[:], hy[:])
}
