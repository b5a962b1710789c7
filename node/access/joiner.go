package access

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"meshpresence/internal/key"
	"meshpresence/internal/udf"
	"meshpresence/node/mpp"
)

// MaxName is the longest name of a joiner in bytes: what fits a line of the
// terminal on which the inviter's person is asked.
const MaxName = 64

// Joiner is the side that was given a code. Not safe for concurrent use.
type Joiner struct {
	kind   Joining
	code   Code
	name   string
	keys   [][]byte
	nonce  []byte
	signer key.Author // once proved
}

// NewJoiner starts to join. keys are the joiner's, as its kind has them: of a
// device its Author and Agreement bytes, of a node the same, of an account the
// account's Author, the device's Author and Agreement. Of the name what a
// terminal cannot show is left out.
func NewJoiner(kind Joining, code Code, name string, keys ...[]byte) *Joiner {
	nonce := make([]byte, mpp.NonceSize)
	rand.Read(nonce)
	return &Joiner{kind: kind, code: code, name: cleanName(name), keys: cloneAll(keys), nonce: nonce}
}

// Begin is step 1; the same each time, so that it may be sent again.
func (j *Joiner) Begin() mpp.JoinStep {
	id := j.code.ID()
	return mpp.JoinStep{Step: mpp.N(1), Id: id[:], Nonce: j.nonce, Name: j.name, Keys: j.keys}
}

// Answer checks step 2 and answers it with step 3: that the code was made for
// the signing key (ErrCode), that the inviter knows the code and saw what this
// side said (ErrMAC), that the key signed it. After an error a right step 2 may
// still come.
func (j *Joiner) Answer(two *mpp.JoinStep) (mpp.JoinStep, error) {
	id := j.code.ID()
	if two.Step.Value != 2 || !bytes.Equal(two.Id, id[:]) || len(two.Nonce) != mpp.NonceSize || len(two.Keys) != 2 {
		return mpp.JoinStep{}, ErrStep
	}
	signer, err := key.ParseAuthor(two.Keys[0])
	if err != nil {
		return mpp.JoinStep{}, fmt.Errorf("reading the inviter's keys: %w", ErrStep)
	}
	if _, err := key.ParseAuthor(two.Keys[1]); err != nil {
		return mpp.JoinStep{}, fmt.Errorf("reading the inviter's keys: %w", ErrStep)
	}
	if !j.code.names(signer) {
		return mpp.JoinStep{}, fmt.Errorf("comparing the inviter's key with the code: %w", ErrCode)
	}
	said := transcript{
		kind: j.kind, signer: two.Keys[0], inviter: two.Keys[1],
		keys: j.keys, name: j.name, joinerNonce: j.nonce, inviterNonce: two.Nonce,
	}
	t, k := said.sum(), j.code.key()
	if !hmac.Equal(two.Mac, macOf(k, ofInviter, t)) || !signer.Verify(signed(t), two.Signature) {
		return mpp.JoinStep{}, ErrMAC
	}
	j.signer = signer
	return mpp.JoinStep{Step: mpp.N(3), Id: id[:], Mac: macOf(k, ofJoiner, t)}, nil
}

// Signer is the key that signed the join: the account's, the realm's, the
// node's. It is empty until Answer accepted a step 2.
func (j *Joiner) Signer() key.Author { return j.signer }

// Fingerprint is what both sides show people of a newcomer: the UDF of all the
// keys of its step 1, each after its length as in T. That of one of them would be
// anyone's to borrow who saw the code.
func Fingerprint(keys ...[]byte) string {
	var b []byte
	for _, k := range keys {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(k))), k...)
	}
	return udf.Digest("application/mpp-join", b).String()
}

// cleanName leaves out of a name what could move a terminal's cursor or turn its
// text around, and what is past MaxName.
func cleanName(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > MaxName {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
