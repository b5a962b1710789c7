package record

import (
	"encoding/binary"

	"meshpresence/internal/key"
)

// Key is what a fact is about: of all facts with one Key, one counts. It is
// comparable.
type Key struct {
	Kind Kind
	// Owner is the account; for member, expelled and realm the realm; for node
	// the node itself, which has one node fact whatever realm it names.
	Owner key.Hash
	// Sub tells facts of one kind and owner apart: raw bytes, often a hash.
	Sub string
}

// Key returns the fact's key.
func (f *Fact) Key() Key {
	author := f.Author.Hash()
	k := Key{Kind: f.Kind, Owner: f.Account, Sub: f.Body.sub(author)}
	switch f.Kind {
	case KindNode:
		k.Owner = author
	case KindMember, KindExpelled, KindRealm:
		k.Owner = f.Realm
	}
	return k
}

// The first byte of an event's Sub, so that no tag is ever a channel.
const (
	subStatus = "s" // publisher 32 | tag 16
	subQueued = "q" // publisher 32 | sequence 8 big endian | channel
)

// StatusKey returns the key of a publisher's status with this tag.
func StatusKey(account, publisher key.Hash, tag [TagSize]byte) Key {
	return Key{KindEvent, account, subStatus + string(publisher[:]) + string(tag[:])}
}

// QueuedKey returns the key of a publisher's queued event.
func QueuedKey(account, publisher key.Hash, channel string, sequence int64) Key {
	return Key{KindEvent, account, queuedSub(publisher, channel, sequence)}
}

func queuedSub(publisher key.Hash, channel string, sequence int64) string {
	var buf [1 + key.HashSize + 8 + MaxChannel]byte
	b := append(buf[:0], subQueued...)
	b = append(b, publisher[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(sequence))
	return string(append(b, channel...))
}
