package federation

import (
	"crypto/sha256"
	"sync"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// verified remembers good signatures, by SHA-256 of the hash of the signed
// bytes and the signature. Bad ones are not remembered: they cost their sender
// its connection. It holds at most maxVerified in two halves; when the younger
// is full the older is forgotten, so what is used stays.
type verified struct {
	mu         sync.Mutex
	young, old map[key.Hash]struct{}
}

func (v *verified) has(id key.Hash) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.young[id]; ok {
		return true
	}
	_, ok := v.old[id]
	if ok {
		v.put(id)
	}
	return ok
}

func (v *verified) add(id key.Hash) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(id)
}

func (v *verified) put(id key.Hash) {
	if len(v.young) >= maxVerified/2 {
		v.young, v.old = v.old, v.young
		clear(v.young)
	}
	if v.young == nil {
		v.young = make(map[key.Hash]struct{})
	}
	v.young[id] = struct{}{}
}

// check verifies a fact's signature, or remembers that it was good.
func (v *verified) check(f *record.Fact) error {
	id := signedID(f)
	if v.has(id) {
		return nil
	}
	if err := f.Verify(); err != nil {
		return err
	}
	v.add(id)
	return nil
}

// signedID names signed bytes together with one signature over them.
func signedID(f *record.Fact) key.Hash {
	var buf [key.HashSize + key.MaxSignature]byte
	hash := f.Hash()
	n := copy(buf[:], hash[:])
	n += copy(buf[n:], f.Signature)
	return sha256.Sum256(buf[:n])
}
