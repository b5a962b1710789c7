package federation

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

// A node that was found on the local network may be of any realm, and is shown
// no fact before it has said that it knows ours. Both sides prove that they know
// the realm's hash, bound to this connection's two keys, and learn nothing from
// the proof otherwise. The hash is no secret of the members, so this admits
// nobody: it keeps neighbours who mean no harm from hearing of each other.

// Roles in the proof: the side that dialled, and the one that answers.
const (
	kinAsks    = "mpp/1 kin asks"
	kinAnswers = "mpp/1 kin answers"
)

// kinProof is HMAC-SHA-256(realm, role 0 nonce | node that dialled | node that
// answers).
func kinProof(realm key.Hash, role string, nonce, from, to key.Hash) (proof key.Hash) {
	m := hmac.New(sha256.New, realm[:])
	m.Write([]byte(role + "\x00"))
	for _, h := range []key.Hash{nonce, from, to} {
		m.Write(h[:])
	}
	m.Sum(proof[:0])
	return proof
}

// askKin proves that we know the realm and checks that the other side does.
func (f *Federation) askKin(ctx context.Context, s network.Stream, l peerRef) error {
	var nonce key.Hash
	rand.Read(nonce[:])
	answer, err := ask(ctx, s, &frame{Ask: askKin, Hashes: []key.Hash{nonce, kinProof(f.cfg.Realm, kinAsks, nonce, f.self, l.node)}})
	if err != nil {
		return err
	}
	want := kinProof(f.cfg.Realm, kinAnswers, nonce, f.self, l.node)
	if answer.Code != mpp.CodeOK || len(answer.Hashes) != 1 || !hmac.Equal(answer.Hashes[0][:], want[:]) {
		return fmt.Errorf("saying hello: the peer is of another realm")
	}
	return nil
}

// answerKin checks the proof of the side that dialled and gives ours.
func (f *Federation) answerKin(s network.Stream, l peerRef, request *frame) error {
	if len(request.Hashes) != 2 {
		return errFrame
	}
	nonce, proof := request.Hashes[0], request.Hashes[1]
	want := kinProof(f.cfg.Realm, kinAsks, nonce, l.node, f.self)
	if !hmac.Equal(proof[:], want[:]) {
		return fmt.Errorf("answering a neighbour: it is of another realm")
	}
	return writeFrame(s, &frame{Code: mpp.CodeOK, Hashes: []key.Hash{kinProof(f.cfg.Realm, kinAnswers, nonce, l.node, f.self)}})
}
