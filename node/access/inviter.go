package access

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

// Signer is a key that can sign.
type Signer = key.Signer

// Inviter is one code at the side that made it.
//
//	waiting --step 1--> asked --step 3, right MAC--> proved --Grant--> granted
//	   |                 | ^                           |                  |
//	   |           step 1| |step 3, wrong MAC          |                  |
//	   +-- CodeLife -----+-+-- or the fifth wrong MAC -+-- CodeLife ------+--> over
//
// A second step 1 replaces the first until one is proved; the same one again is
// answered with the same step 2, since the wire repeats. Not safe for concurrent
// use.
type Inviter struct {
	kind   Joining
	code   Code
	signer Signer
	own    key.Author
	k      []byte
	ends   time.Time // monotonic

	state inviterState
	bad   int           // wrong MACs
	said  transcript    // of the newest step 1
	two   mpp.JoinStep  // its answer
	want  []byte        // the MAC that proves it
	four  *mpp.JoinStep // once granted
}

type inviterState byte

const (
	stateWaiting inviterState = iota
	stateAsked
	stateProved
	stateGranted
	stateOver
)

// NewInviter starts the life of a code. signer signs T: the account's key for a
// device, the realm's for a node, the node's for an account. own is the
// inviter's own key: the device's, else the signer's.
func NewInviter(kind Joining, code Code, signer Signer, own key.Author, now time.Time) *Inviter {
	return &Inviter{kind: kind, code: code, signer: signer, own: own, k: code.key(), ends: now.Add(CodeLife)}
}

// Code returns the code.
func (i *Inviter) Code() Code { return i.code }

// Expires is when the code's life ends, on the clock that NewInviter was given.
func (i *Inviter) Expires() time.Time { return i.ends }

// Over reports whether nobody can join with the code any more.
func (i *Inviter) Over(now time.Time) bool {
	return i.state == stateOver || i.state == stateGranted || !now.Before(i.ends)
}

// End ends the code: its person refused the newcomer, or wants no more of it.
func (i *Inviter) End() { i.state = stateOver }

// Answer answers step 1 with step 2.
func (i *Inviter) Answer(now time.Time, one *mpp.JoinStep) (mpp.JoinStep, error) {
	if i.Over(now) {
		return mpp.JoinStep{}, ErrCodeOver
	}
	if err := i.wellFormed(one); err != nil {
		return mpp.JoinStep{}, err
	}
	same := i.state >= stateAsked && i.said.sameJoiner(one)
	switch {
	case same:
		return i.two, nil
	case i.state == stateProved:
		return mpp.JoinStep{}, ErrStep // someone else proved it first
	}
	nonce := make([]byte, mpp.NonceSize)
	rand.Read(nonce)
	i.answer(one, nonce)
	return i.two, nil
}

// answer takes a step 1 for the one to be proved.
func (i *Inviter) answer(one *mpp.JoinStep, nonce []byte) {
	i.said = transcript{
		kind: i.kind, signer: i.signer.Author().Bytes(), inviter: i.own.Bytes(),
		keys: cloneAll(one.Keys), name: one.Name,
		joinerNonce: bytes.Clone(one.Nonce), inviterNonce: nonce,
	}
	t, id := i.said.sum(), i.code.ID()
	i.two = mpp.JoinStep{
		Step: mpp.N(2), Id: id[:], Nonce: nonce,
		Keys:      [][]byte{i.said.signer, i.said.inviter},
		Mac:       macOf(i.k, ofInviter, t),
		Signature: i.signer.Sign(signed(t)),
	}
	i.want = macOf(i.k, ofJoiner, t)
	i.state = stateAsked
}

// wellFormed checks what a joiner says of itself: the keys that its kind has, a
// name that a terminal can show.
func (i *Inviter) wellFormed(one *mpp.JoinStep) error {
	id := i.code.ID()
	switch {
	case one.Step.Value != 1, !bytes.Equal(one.Id, id[:]), len(one.Nonce) != mpp.NonceSize:
		return ErrStep
	case one.Name != cleanName(one.Name):
		return fmt.Errorf("reading a joiner's name: %w", ErrStep)
	}
	return wellFormedKeys(i.kind, one.Keys)
}

// wellFormedKeys checks the keys of step 1: signing keys, the agreement key last.
func wellFormedKeys(kind Joining, keys [][]byte) error {
	if len(keys) == 0 || len(keys) != kind.keys() {
		return fmt.Errorf("reading a joiner's keys: %w", ErrStep)
	}
	last := len(keys) - 1
	for _, k := range keys[:last] {
		if _, err := key.ParseAuthor(k); err != nil {
			return fmt.Errorf("reading a joiner's keys: %w", ErrStep)
		}
	}
	if _, err := key.ParseAgreement(keys[last]); err != nil {
		return fmt.Errorf("reading a joiner's keys: %w", ErrStep)
	}
	return nil
}

// Prove checks step 3. A wrong MAC is ErrMAC, the fifth ErrCodeOver. The same
// step 3 again proves the same newcomer again.
func (i *Inviter) Prove(now time.Time, three *mpp.JoinStep) (Newcomer, error) {
	switch {
	case i.Over(now):
		return Newcomer{}, ErrCodeOver
	case three.Step.Value != 3, i.state < stateAsked:
		return Newcomer{}, ErrStep
	}
	if !hmac.Equal(three.Mac, i.want) {
		if i.bad++; i.bad >= MaxBadMACs {
			i.state = stateOver
			return Newcomer{}, ErrCodeOver
		}
		return Newcomer{}, ErrMAC
	}
	i.state = stateProved
	return Newcomer{Name: i.said.name, Keys: cloneAll(i.said.keys)}, nil
}

// Grant is step 4, for the newcomer that Prove returned last. The code is used up.
func (i *Inviter) Grant(facts ...[]byte) mpp.JoinStep {
	id := i.code.ID()
	i.four = &mpp.JoinStep{Step: mpp.N(4), Id: id[:], Facts: facts}
	i.state = stateGranted
	return *i.four
}

// Repeat is step 4 again, for the newcomer whose connection was lost: its step 3
// proves that it is the one. False once the code's life is over.
func (i *Inviter) Repeat(now time.Time, three *mpp.JoinStep) (mpp.JoinStep, bool) {
	if i.state != stateGranted || !now.Before(i.ends) || !hmac.Equal(three.Mac, i.want) {
		return mpp.JoinStep{}, false
	}
	return *i.four, true
}

// Newcomer is who proved to know a code: the name it gives itself, and its keys
// as in step 1.
type Newcomer struct {
	Name string
	Keys [][]byte
}

// sameJoiner reports whether a step 1 repeats the one of this transcript.
func (t *transcript) sameJoiner(one *mpp.JoinStep) bool {
	return t.name == one.Name && bytes.Equal(t.joinerNonce, one.Nonce) && slices.EqualFunc(t.keys, one.Keys, bytes.Equal)
}

// cloneAll copies what a decoder may write over.
func cloneAll(list [][]byte) [][]byte {
	out := make([][]byte, len(list))
	for i, b := range list {
		out[i] = bytes.Clone(b)
	}
	return out
}
