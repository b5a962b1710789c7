package hostile

import (
	"bytes"
	"errors"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

var errNoHome = errors.New("a hostile member keeps no accounts")

// Corrupt returns the fact with one bit of its signature flipped: the same hash,
// another signature.
func Corrupt(f *record.Fact) (*record.Fact, error) {
	bent := *f
	bent.Signature = slices.Clone(f.Signature)
	bent.Signature[len(bent.Signature)/2] ^= 0x10
	return record.Parse(bent.Append(nil))
}

// SignFor returns what body says under the name of the author whose public key
// is given, signed by another key: everything about it is right but the
// signature.
func SignFor(author key.Author, by key.Signer, base record.Base, body record.Body) (*record.Fact, error) {
	return record.Sign(impostor{by, author}, key.Hash{}, base, body)
}

// impostor signs with its own key under another's name.
type impostor struct {
	key.Signer
	author key.Author
}

func (i impostor) Author() key.Author { return i.author }

// Rename returns the encoding of a fact of one account as a fact of another,
// signed by the first one's key as if that had a say there. No honest node of
// any version writes such bytes, so they come as a shell that can be sent and
// nothing else.
func Rename(f *record.Fact, by key.Signer, account key.Hash) *record.Fact {
	raw := bytes.ReplaceAll(f.Raw, f.Account[:], account[:])
	signed := append([]byte("mpp/1\x00"+string(f.Kind)+"\x00"), raw...)
	shell := &record.Fact{Kind: f.Kind, Raw: raw, Signature: by.Sign(signed), Base: f.Base}
	shell.Account = account
	return shell
}
