package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// Invitation is a code by which one account may come to this node. It is for the
// eyes of a person; no log line holds it.
type Invitation struct {
	Code    string    // eight groups of four, to type
	Text    string    // mpp-join:CODE@host:port/FINGERPRINT, to paste or scan
	Expires time.Time // wall time
}

// ErrInvitations: this node's codes that still live are as many as it makes.
var ErrInvitations = fmt.Errorf("making a code: %d are open already; wait until some are used or %v old", maxInvitations, access.CodeLife)

// Invite makes a code for one account. It works once, within 15 minutes.
func (n *Node) Invite(ctx context.Context) (Invitation, error) {
	at, err := discovery.ParseAddress(n.DeviceAddress())
	if err != nil {
		return Invitation{}, fmt.Errorf("making a code: %w", err)
	}
	code := access.NewCode(n.keys.node.Author())
	full := false
	if !n.do(ctx, func(now time.Time) {
		n.expireJoins(now)
		if full = n.joins.open(now) >= maxInvitations; !full {
			n.joins.own[code.ID()] = &invitation{
				inviter: access.NewInviter(access.JoinAccount, code, n.keys.node, n.keys.node.Author(), now),
			}
		}
	}) {
		return Invitation{}, errStopped
	}
	if full {
		return Invitation{}, ErrInvitations
	}
	return Invitation{
		Code: code.String(), Text: access.JoinText(code, at),
		Expires: n.wall.Now().Add(access.CodeLife).Std(),
	}, nil
}

// joinInvited takes a step of an account that joins by this node's own code.
func (n *Node) joinInvited(req request, own *invitation, step *mpp.JoinStep) (mpp.Code, func()) {
	from := side{req.session.conn.Peer(), req.session}
	switch step.Step.Value {
	case 1:
		two, err := own.inviter.Answer(req.now, step)
		if err != nil {
			return mpp.CodeRefused, nil
		}
		own.joiner = from
		return mpp.CodeOK, func() { n.relay(req.now, from, &two) }
	case 3:
		if own.joiner.session == nil || own.joiner.key != from.key {
			return mpp.CodeRefused, nil
		}
		own.joiner = from
		return n.joinProve(req, own, step)
	}
	return mpp.CodeRefused, nil
}

// joinProve takes step 3: the account is kept here, and told so once that is on
// disk.
func (n *Node) joinProve(req request, own *invitation, three *mpp.JoinStep) (mpp.Code, func()) {
	if four, ok := own.inviter.Repeat(req.now, three); ok {
		return mpp.CodeOK, func() { n.relay(req.now, own.joiner, &four) }
	}
	newcomer, err := own.inviter.Prove(req.now, three)
	if err != nil {
		return mpp.CodeRefused, nil
	}
	account, _, err := accountKeys(newcomer.Keys)
	if err != nil {
		return mpp.CodeRefused, nil
	}
	if code := n.room(account); code != mpp.CodeOK {
		return code, nil
	}
	id := own.inviter.Code().ID()
	return mpp.CodeOK, func() {
		n.takeAccount(req.now, account, func(now time.Time, facts [][]byte, err error) {
			switch four, again := own.inviter.Repeat(now, three); {
			case err != nil:
				n.tellJoin(now, own.joiner, &mpp.JoinStep{Step: mpp.N(4), Id: id[:]}, diskCode(err))
			case again:
				n.relay(now, own.joiner, &four)
			default:
				four = own.inviter.Grant(facts...)
				n.log.Info("an account joined by code", "account", account.String())
				n.relay(now, own.joiner, &four)
			}
		})
	}
}

// joinUninvited takes the step 1 of an account that has no code: at a node that
// is open, or from a device of an account that a member of this realm keeps, so
// that homes are added within a realm without one.
func (n *Node) joinUninvited(req request, step *mpp.JoinStep) (mpp.Code, func()) {
	if step.Step.Value != 1 {
		return mpp.CodeMalformed, nil
	}
	account, agreement, err := accountKeys(step.Keys)
	if err != nil {
		return mpp.CodeMalformed, nil
	}
	s := req.session
	if agreement != s.conn.Peer() {
		return mpp.CodeNotAdmitted, nil
	}
	vouched := n.device(s) != nil && s.bound.Account == account && n.reg.Carried(n.wall.Now(), account)
	if code := n.admit(account, vouched); code != mpp.CodeOK {
		return code, nil
	}
	to := side{s.conn.Peer(), s}
	return mpp.CodeOK, func() {
		n.takeAccount(req.now, account, func(now time.Time, facts [][]byte, err error) {
			code := mpp.CodeOK
			if err != nil {
				facts, code = nil, diskCode(err)
			}
			n.tellJoin(now, to, &mpp.JoinStep{Step: mpp.N(4), Facts: facts}, code)
		})
	}
}

// admit decides whether an account that brings no code may be kept here.
func (n *Node) admit(account key.Hash, vouched bool) mpp.Code {
	if code := n.rules.Admit(vouched); code != mpp.CodeOK {
		return code
	}
	return n.again(account)
}

// room decides whether an account may be kept here beside the others.
func (n *Node) room(account key.Hash) mpp.Code {
	if n.reg.Keeps(n.wall.Now(), n.id, account) {
		return mpp.CodeOK
	}
	return n.rules.Room(n.reg.Vouched(n.id))
}

// takeAccount keeps an account and, once that is synced, gives this node's word
// for it and its card: step 4.
func (n *Node) takeAccount(now time.Time, account key.Hash, then func(now time.Time, facts [][]byte, err error)) {
	today := n.wall.Now()
	n.takeBack(account)
	if !n.reg.Carried(today, account) {
		n.joins.fresh[account] = struct{}{}
	}
	if !n.reg.Keeps(today, n.id, account) {
		n.keep(account)
	}
	n.commit(now, true, func(now time.Time, err error) {
		word := []*record.Fact{n.reg.Current(registry.HostKey(account, n.id)), n.reg.NodeFact(n.id)}
		if word[0] == nil || word[1] == nil {
			err = errors.Join(err, errDiskBusy)
			then(now, nil, err)
			return
		}
		var facts [][]byte
		for _, f := range word {
			facts = append(facts, f.Append(nil))
		}
		then(now, facts, n.synced(word, err))
	})
}

// accountKeys reads the keys of an account's step 1: the account, and the
// agreement key of the device that speaks for it.
func accountKeys(keys [][]byte) (account key.Hash, agreement key.Agreement, err error) {
	if len(keys) != 3 {
		return key.Hash{}, "", key.ErrKey
	}
	author, err := key.ParseAuthor(keys[0])
	if err != nil {
		return key.Hash{}, "", err
	}
	if _, err := key.ParseAuthor(keys[1]); err != nil {
		return key.Hash{}, "", err
	}
	agreement, err = key.ParseAgreement(keys[2])
	return author.Hash(), agreement, err
}
