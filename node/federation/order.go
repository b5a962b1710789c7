package federation

import (
	"bytes"
	"cmp"
	"slices"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// ranks is the order in which the facts of one batch merge: what admits and
// ends nodes, then what vouches, then an account's facts as facts.md lists them.
var ranks = map[record.Kind]int{
	record.KindRealm: 1, record.KindExpelled: 2, record.KindMember: 3,
	record.KindNode: 4, record.KindHost: 5, record.KindDevice: 6,
	record.KindRevoked: 7, record.KindEpoch: 8, record.KindHome: 9,
	record.KindPolicy: 10, record.KindContact: 11, record.KindAttach: 12,
	record.KindEvent: 13,
}

// sortForMerge puts facts in merging order, in place; equal kinds stay as sent.
func sortForMerge(facts []*record.Fact) {
	slices.SortStableFunc(facts, func(a, b *record.Fact) int {
		return cmp.Compare(ranks[a.Kind], ranks[b.Kind])
	})
}

// compare orders hashes as bytes.
func compare(a, b key.Hash) int { return bytes.Compare(a[:], b[:]) }
