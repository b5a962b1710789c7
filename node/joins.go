package node

import (
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// Bounds of the table of codes. An entry holds at most two messages.
const (
	// maxJoins is how many codes of others a node relays for at once: what a
	// flood of Ids may cost in memory.
	maxJoins = 256
	// maxJoinsPerKey and maxJoinsPerOwner are how many of them one device, and
	// one account or realm, may have: no session and no account, however many
	// devices it names, keeps the others from inviting.
	maxJoinsPerKey   = 4
	maxJoinsPerOwner = 16
	// maxInvitations bounds this node's own codes: a script that asks for them in
	// a loop.
	maxInvitations = 64
	// costJoin is what a step costs: some twenty a second, so that trying out Ids
	// or MACs is slow besides being hopeless.
	costJoin = 50
)

// joinID is the name of a code on the wire.
type joinID [mpp.JoinSize]byte

// side is one end of a join: who it is, and where it was heard last. The session
// may be over.
type side struct {
	key     key.Agreement
	session *session
}

// relayed is a code of somebody else's.
//
//	registered --1--> asked --2--> answered --3--> proving --4--> granted
//
// What the steps say only the two ends can judge. The node knows who may send
// each, and keeps the newest one that may have been lost with a session.
type relayed struct {
	id      joinID
	owner   key.Hash // the account, or the realm, that invites
	realm   bool
	ends    time.Time
	inviter side
	asked   side // who sent the newest step 1
	joiner  side // who was sent the newest step 2

	proving bool          // a step 3 went to the inviter
	waiting *mpp.JoinStep // the joiner's newest step while it is not answered
	four    *mpp.JoinStep // once granted: the code is used up
}

// invitation is a code of this node's, for an account.
type invitation struct {
	inviter *access.Inviter
	joiner  side
}

// joins are the codes that a node knows of. The loop owns them.
type joins struct {
	relayed map[joinID]*relayed
	own     map[joinID]*invitation
	// fresh are accounts taken in whose first facts have not come yet: when they
	// come, other members are asked to keep the account too.
	fresh map[key.Hash]struct{}
}

func newJoins() joins {
	return joins{
		relayed: make(map[joinID]*relayed), own: make(map[joinID]*invitation),
		fresh: make(map[key.Hash]struct{}),
	}
}

// open counts this node's own codes that may still be used.
func (j *joins) open(now time.Time) (open int) {
	for _, i := range j.own {
		if !i.inviter.Over(now) {
			open++
		}
	}
	return open
}

// find returns the code of an Id while it lives.
func (j *joins) find(now time.Time, id joinID) *relayed {
	r := j.relayed[id]
	if r == nil || !now.Before(r.ends) {
		return nil
	}
	return r
}

// invited returns this node's own code of an Id, until its life is over: also
// when it was used, since step 4 may have been lost.
func (j *joins) invited(now time.Time, id joinID) *invitation {
	i := j.own[id]
	if i == nil || !now.Before(i.inviter.Expires()) {
		return nil
	}
	return i
}

// register enters a code, or says why there is no room. Codes that were used make
// room first: they are kept only for a joiner that lost its connection.
func (j *joins) register(id joinID, owner key.Hash, realm bool, inviter side, ends time.Time) mpp.Code {
	var perKey, perOwner int
	for _, r := range j.relayed {
		if r.owner == owner {
			perOwner++
		}
		if r.inviter.key == inviter.key && r.four == nil {
			perKey++
		}
	}
	switch {
	case j.own[id] != nil:
		return mpp.CodeRefused
	case perKey >= maxJoinsPerKey,
		perOwner >= maxJoinsPerOwner && !j.evict(func(r *relayed) bool { return r.owner == owner }),
		len(j.relayed) >= maxJoins && !j.evict(func(*relayed) bool { return true }):
		return mpp.CodeQuota
	}
	j.relayed[id] = &relayed{id: id, owner: owner, realm: realm, ends: ends, inviter: inviter}
	return mpp.CodeOK
}

// invites reports whether an inviter is the one that registered the code: the
// same device, or whoever speaks for the realm.
func (r *relayed) invites(owner key.Hash, realm bool, peer key.Agreement) bool {
	return r.owner == owner && r.realm == realm && (realm || r.inviter.key == peer)
}

// answered notes that step 2 goes to a joiner: what another one proved no longer
// counts.
func (r *relayed) answered(to side) {
	if r.joiner.key != to.key {
		r.proving = false
	}
	if r.waiting != nil && r.waiting.Step.Value == 1 {
		r.waiting = nil
	}
	r.joiner = to
}

// evict forgets the oldest of the used codes that it may.
func (j *joins) evict(may func(*relayed) bool) bool {
	var oldest *relayed
	for _, r := range j.relayed {
		if r.four != nil && may(r) && (oldest == nil || r.ends.Before(oldest.ends)) {
			oldest = r
		}
	}
	if oldest == nil {
		return false
	}
	delete(j.relayed, oldest.id)
	return true
}

// expire forgets what is over and returns it: its joiners wait for nothing.
func (j *joins) expire(now time.Time) (over []*relayed) {
	for id, r := range j.relayed {
		if !now.Before(r.ends) {
			delete(j.relayed, id)
			over = append(over, r)
		}
	}
	for id, i := range j.own {
		if !now.Before(i.inviter.Expires()) {
			delete(j.own, id)
		}
	}
	return over
}

// holds reports whether a session has a part in a join under way.
func (j *joins) holds(now time.Time, s *session) bool {
	for _, r := range j.relayed {
		if now.Before(r.ends) && (r.inviter.session == s || r.asked.session == s || r.joiner.session == s) {
			return true
		}
	}
	for _, i := range j.own {
		if now.Before(i.inviter.Expires()) && i.joiner.session == s {
			return true
		}
	}
	return false
}
