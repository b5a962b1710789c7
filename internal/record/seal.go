package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"meshpresence/internal/key"
)

// The info of each use of HPKE (facts.md, Sealing). What the label leaves open
// the additional data binds.
const (
	infoEvent   = "mpp/1 event"
	infoWrap    = "mpp/1 wrap"
	infoOld     = "mpp/1 old"
	infoContact = "mpp/1 contact"
)

// sealTo seals to an epoch by its public half.
func sealTo(epoch [32]byte, info string, aad, plaintext []byte) ([]byte, error) {
	public, err := key.NewAgreement(key.X25519, epoch[:])
	if err != nil {
		return nil, err
	}
	return public.Seal([]byte(info), aad, plaintext)
}

// aadEvent is account | publisher | Serial or Sequence | SHA-256(channel).
func aadEvent(account, publisher key.Hash, number int64, channel string) []byte {
	b := make([]byte, 0, 3*key.HashSize+8)
	b = append(append(b, account[:]...), publisher[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(number))
	sum := sha256.Sum256([]byte(channel))
	return append(b, sum[:]...)
}

// SealEvent seals an encoded Payload to an epoch: enc 32 | ciphertext | tag 16.
// number is the event's Serial when it is a status, its Sequence when queued.
func SealEvent(epoch [32]byte, account, publisher key.Hash, number int64, channel string, payload []byte) ([]byte, error) {
	return sealTo(epoch, infoEvent, aadEvent(account, publisher, number, channel), payload)
}

// OpenEvent returns the encoded Payload of an event sealed to this epoch.
// Errors: ErrEpoch, ErrMalformed when f is no event, key.ErrSeal.
func (k *EpochKey) OpenEvent(f *Fact) ([]byte, error) {
	v, ok := f.Body.(*Event)
	if !ok {
		return nil, malformed("not an event")
	}
	if v.Epoch != k.Public() {
		return nil, ErrEpoch
	}
	number := v.Sequence
	if v.IsStatus() {
		number = f.Serial
	}
	aad := aadEvent(f.Account, f.Author.Hash(), number, v.Channel)
	return k.static.Open([]byte(infoEvent), aad, v.Payload)
}

// aad2 is two hashes one after the other.
func aad2(account key.Hash, other [32]byte) []byte {
	return append(append(make([]byte, 0, 2*key.HashSize), account[:]...), other[:]...)
}

// SealContact seals an encoded capability, at most MaxCapability bytes, for a
// contact fact.
func SealContact(epoch [32]byte, account, capability key.Hash, encoded []byte) ([]byte, error) {
	if len(encoded) > MaxCapability {
		return nil, ErrSize
	}
	return sealTo(epoch, infoContact, aad2(account, capability), encoded)
}

// OpenContact returns the encoded capability of a contact fact sealed to this
// epoch. Errors: ErrEpoch, ErrMalformed when f is no contact, key.ErrSeal.
func (k *EpochKey) OpenContact(f *Fact) ([]byte, error) {
	v, ok := f.Body.(*Contact)
	if !ok {
		return nil, malformed("not a contact")
	}
	if v.Epoch != k.Public() {
		return nil, ErrEpoch
	}
	return k.static.Open([]byte(infoContact), aad2(f.Account, v.Capability), v.Sealed)
}

// Tag returns the label tag of a status: HMAC-SHA-256(l, account | channel | 0 |
// label)[:16], where l is the label secret in the publisher's profile. Nodes
// see the tag and not the label. OURS: the zero byte between channel and label;
// without it channel "a" with label "bc" and channel "ab" with label "c" would
// replace each other.
func Tag(l key.Secret, account key.Hash, channel, label string) (tag [TagSize]byte) {
	mac := hmac.New(sha256.New, l[:])
	mac.Write(account[:])
	mac.Write([]byte(channel))
	mac.Write([]byte{0})
	mac.Write([]byte(label))
	copy(tag[:], mac.Sum(nil))
	return tag
}
