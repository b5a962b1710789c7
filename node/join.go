package node

import (
	"bytes"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// serveJoin takes one step of a join by code. Each is answered at once with a
// bare code; what it brings about reaches the other side as a PresenceJoin. A
// code that is unknown, used, over or somebody else's is refused in one way.
func (n *Node) serveJoin(req request, m *mpp.JoinRequest) {
	step := &m.JoinStep
	code, after := mpp.CodeQuota, (func())(nil)
	if n.spend(req, costJoin) {
		code, after = n.joinStep(req, step)
	}
	n.answerJoin(req, step, code)
	if after != nil {
		after()
	}
}

// answerJoin repeats the step's number and Id with the code.
func (n *Node) answerJoin(req request, step *mpp.JoinStep, code mpp.Code) {
	answer := mpp.JoinResponse{JoinStep: mpp.JoinStep{Step: step.Step, Id: step.Id}}
	n.stamp(&answer.FromService, req, code)
	n.reply(req.now, req.session, &answer)
}

// joinStep decides about a step; after is what it brings about, once the step
// is answered.
func (n *Node) joinStep(req request, step *mpp.JoinStep) (code mpp.Code, after func()) {
	if !step.Step.Set {
		return mpp.CodeMalformed, nil
	}
	if len(step.Id) == 0 {
		return n.joinUninvited(req, step)
	}
	id := joinID(step.Id)
	if own := n.joins.invited(req.now, id); own != nil {
		return n.joinInvited(req, own, step)
	}
	switch step.Step.Value {
	case 0:
		return n.joinRegister(req, id, step)
	case 1, 3:
		return n.joinForward(req, n.joins.find(req.now, id), step)
	case 2, 4:
		return n.joinBack(req, n.joins.find(req.now, id), step)
	}
	return mpp.CodeMalformed, nil
}

// joinRegister enters, moves or withdraws a code of an inviter.
func (n *Node) joinRegister(req request, id joinID, step *mpp.JoinStep) (mpp.Code, func()) {
	n.expireJoins(req.now)
	s, over := req.session, withdraws(step)
	r := n.joins.relayed[id]
	if r == nil || r.inviter.session != s || !over {
		owner, realm, ok := n.inviterOf(s, step)
		if !ok || r == nil && over || r != nil && !r.invites(owner, realm, s.conn.Peer()) {
			return mpp.CodeRefused, nil
		}
		if r == nil {
			return n.joins.register(id, owner, realm, side{s.conn.Peer(), s}, req.now.Add(access.CodeLife)), nil
		}
	}
	r.inviter = side{s.conn.Peer(), s} // it may have roamed
	switch {
	case over && r.four == nil:
		delete(n.joins.relayed, id)
		return mpp.CodeOK, func() { n.refuseJoiner(req.now, r) }
	case r.waiting != nil:
		return mpp.CodeOK, func() { n.relay(req.now, r.inviter, r.waiting) }
	}
	return mpp.CodeOK, nil
}

// withdraws reports whether a step 0 ends its code: it carries a Mac of zeros.
func withdraws(step *mpp.JoinStep) bool { return bytes.Equal(step.Mac, make([]byte, mpp.MACSize)) }

// inviterOf decides whether a session may have a code relayed: as a device of an
// account that is carried here, or with the word of this realm's key, given for
// this Id and this very node.
func (n *Node) inviterOf(s *session, step *mpp.JoinStep) (owner key.Hash, realm, ok bool) {
	if len(step.Keys) == 0 {
		ok = n.device(s) != nil && n.reg.Carried(n.wall.Now(), s.bound.Account)
		return s.bound.Account, false, ok
	}
	signer, err := key.ParseAuthor(step.Keys[0])
	if err != nil || len(step.Keys) != 1 || signer.Hash() != n.realm {
		return key.Hash{}, false, false
	}
	text := access.RegisterText([mpp.JoinSize]byte(step.Id), s.conn.Mine().Hash())
	return n.realm, true, signer.Verify(text, step.Signature)
}

// joinForward relays a joiner's step to the inviter.
func (n *Node) joinForward(req request, r *relayed, step *mpp.JoinStep) (mpp.Code, func()) {
	if r == nil {
		return mpp.CodeRefused, nil
	}
	from := side{req.session.conn.Peer(), req.session}
	switch {
	case step.Step.Value == 1 && r.four == nil:
		r.asked = from
	case step.Step.Value == 3 && (r.joiner.session == nil || r.joiner.key == from.key):
		// With nobody sent step 2 here: a node that started anew does not know
		// who was, and the inviter knows the MAC.
		r.joiner = from
		r.proving = true
	default:
		return mpp.CodeRefused, nil
	}
	if r.four != nil {
		return mpp.CodeOK, func() { n.relay(req.now, r.joiner, r.four) }
	}
	r.waiting = cloneStep(step)
	return mpp.CodeOK, func() { n.relay(req.now, r.inviter, r.waiting) }
}

// joinBack relays an inviter's step to the joiner: step 2 to who asked last,
// step 4 to who proved. So whoever asks while the inviter's person looks at a
// newcomer takes nothing from it.
func (n *Node) joinBack(req request, r *relayed, step *mpp.JoinStep) (mpp.Code, func()) {
	if r == nil || r.inviter.session != req.session || !r.realm && n.device(req.session) == nil {
		return mpp.CodeRefused, nil
	}
	step = cloneStep(step)
	to, grants := r.asked, step.Step.Value == 4
	if grants {
		to = r.joiner
	}
	switch {
	case to.session == nil, grants && !r.proving, !grants && r.four != nil:
		return mpp.CodeRefused, nil
	case n.tooLarge(to.session, step):
		return mpp.CodeTooLarge, nil
	case !grants:
		r.answered(to)
	case r.four == nil:
		r.four, r.waiting = step, nil
	}
	if grants {
		step = r.four // a second step 4 changes nothing
	}
	return mpp.CodeOK, func() { n.relay(req.now, to, step) }
}

// tooLarge reports whether a step does not fit the joiner's path.
func (n *Node) tooLarge(s *session, step *mpp.JoinStep) bool {
	msg := mpp.Join{JoinStep: *step}
	return n.sessions[s.conn] == s && len(msg.Append(nil))+relayOverhead > s.conn.MaxPayload()
}

// relayOverhead is above what a PresenceJoin has besides its step.
const relayOverhead = 128

// relay sends a step to the other side, if it is here. If not it asks again, or
// registers again, when it is back.
func (n *Node) relay(now time.Time, to side, step *mpp.JoinStep) {
	n.tellJoin(now, to, step, mpp.CodeOK)
}

// refuseJoiner tells who waits that nothing will come: a step 4 without facts.
func (n *Node) refuseJoiner(now time.Time, r *relayed) {
	if r.four != nil {
		return
	}
	none := &mpp.JoinStep{Step: mpp.N(4), Id: r.id[:]}
	n.tellJoin(now, r.joiner, none, mpp.CodeRefused)
	if r.asked.session != r.joiner.session {
		n.tellJoin(now, r.asked, none, mpp.CodeRefused)
	}
}

func (n *Node) tellJoin(now time.Time, to side, step *mpp.JoinStep, code mpp.Code) {
	if to.session == nil || n.sessions[to.session.conn] != to.session {
		return
	}
	msg := mpp.Join{JoinStep: *step}
	n.stamp(&msg.FromService, request{session: to.session}, code)
	n.reply(now, to.session, &msg)
}

// expireJoins forgets codes whose life is over.
func (n *Node) expireJoins(now time.Time) {
	for _, r := range n.joins.expire(now) {
		n.refuseJoiner(now, r)
	}
}

// cloneStep copies a step out of the decoder's memory.
func cloneStep(s *mpp.JoinStep) *mpp.JoinStep {
	c := *s
	c.Id, c.Nonce, c.Mac, c.Signature = slices.Clone(s.Id), slices.Clone(s.Nonce), slices.Clone(s.Mac), slices.Clone(s.Signature)
	c.Keys, c.Facts = cloneBytes(s.Keys), cloneBytes(s.Facts)
	return &c
}

func cloneBytes(list [][]byte) [][]byte {
	if list == nil {
		return nil
	}
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = slices.Clone(list[i])
	}
	return out
}
