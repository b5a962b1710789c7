package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

// signPrefix starts what is signed in a join; no fact begins so.
const signPrefix = "mpp/1 join\x00"

// Who a MAC is of: the inviter's is worth nothing as the joiner's.
const (
	ofJoiner  = "joiner"
	ofInviter = "inviter"
)

// transcript is all that both sides must agree on.
type transcript struct {
	kind         Joining
	signer       []byte   // the account's, realm's or node's key
	inviter      []byte   // the inviter's own key
	keys         [][]byte // all of the joiner's
	name         string
	joinerNonce  []byte
	inviterNonce []byte
}

// sum is T: SHA-256 over the parts in the order of the fields, each after its
// length as 4 bytes, big endian. Their number tells how many keys there are.
func (t *transcript) sum() (sum [sha256.Size]byte) {
	h := sha256.New()
	var size [4]byte
	part := func(b []byte) {
		binary.BigEndian.PutUint32(size[:], uint32(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	part([]byte(t.kind))
	part(t.signer)
	part(t.inviter)
	for _, k := range t.keys {
		part(k)
	}
	part([]byte(t.name))
	part(t.joinerNonce)
	part(t.inviterNonce)
	h.Sum(sum[:0])
	return sum
}

// macOf is MAC = HMAC-SHA-256(K, who | T).
func macOf(k []byte, who string, t [sha256.Size]byte) []byte {
	m := hmac.New(sha256.New, k)
	m.Write([]byte(who))
	m.Write(t[:])
	return m.Sum(nil)
}

// signed is what the signing key signs in step 2.
func signed(t [sha256.Size]byte) []byte { return append([]byte(signPrefix), t[:]...) }

// RegisterText is what a realm's key signs to register the Id of a code at a
// node: SHA-256 of the static key that the node proved in this connection, so
// that it registers nowhere else. Not of its card: a connection that began with an
// Exchange promises none.
//
//	"mpp/1 join" 0x00 "register" 0x00 Id 0x00 node
//
// OURS: facts.md lets an inviter register and does not say who one is. A device
// proves it by its connection; the holder of a realm's key has none to show.
func RegisterText(id [mpp.JoinSize]byte, node key.Hash) []byte {
	b := append([]byte(signPrefix), "register\x00"...)
	b = append(append(b, id[:]...), 0)
	return append(b, node[:]...)
}
