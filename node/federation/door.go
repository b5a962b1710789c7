package federation

import (
	"context"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// Verdict says what a node makes of one offered fact; of Screen, Fresh means that
// it may be merged.
type Verdict = registry.Verdict

// The verdicts.
const (
	Fresh   = registry.Fresh
	Held    = registry.Held
	Old     = registry.Old
	Waits   = registry.Waits
	Refused = registry.Refused
	Expired = registry.Expired
	Full    = registry.Full
)

// codeOf is how a verdict is told to a peer.
func codeOf(v Verdict) mpp.Code {
	switch v {
	case Fresh, Held:
		return mpp.CodeOK
	case Old:
		return mpp.CodeSerial
	case Waits:
		return mpp.CodeNotAdmitted
	case Expired:
		return mpp.CodeExpired
	case Full:
		return mpp.CodeQuota
	}
	return mpp.CodeRefused
}

// Door is how facts from other nodes get into this one and out again. The node
// implements it. Its methods are called from many goroutines at once and never
// under a lock of this package; they may take milliseconds and heed ctx. One
// verdict is returned for each fact, in order; when ctx ended or the node stops
// there may be none, or zero ones, and then none of them is used.
type Door interface {
	// Screen judges facts before any signature is checked: by serial, author
	// and expiry. It changes nothing. Fresh means worth a signature check.
	Screen(ctx context.Context, facts []*record.Fact) []Verdict
	// Merge takes in verified facts from a node, in memory: they are persisted
	// later and local devices are told.
	Merge(ctx context.Context, from key.Hash, facts []*record.Fact) []Verdict
	// Keep is Merge that returns only after the store's Sync.
	Keep(ctx context.Context, from key.Hash, facts []*record.Fact) []Verdict
	// Host is asked to make this node a home of the account, of which facts
	// are the verified ones. It answers with this node's host and node facts.
	Host(ctx context.Context, from, account key.Hash, facts []*record.Fact) ([]*record.Fact, error)
	// Sums digests what is held, an entry an account, in any order; the zero
	// Account stands for the realm's own facts.
	Sums(ctx context.Context) []AccountSum
	// Rows lists up to limit facts of an account in the order of their hashes,
	// from the first one after a hash.
	Rows(ctx context.Context, account, after key.Hash, limit int) []Row
	// Facts returns those of the named facts that are held, in any order.
	Facts(ctx context.Context, hashes []key.Hash) []*record.Fact
	// Attached names the attach facts of the devices connected here.
	Attached(ctx context.Context) []key.Hash
	// Member reports whether a node is a living member of our realm. It
	// verifies and merges the member and node facts shown; nil means: from
	// what is held.
	Member(ctx context.Context, node key.Hash, show []*record.Fact) bool
	// Show returns the member and node facts that prove this node a member.
	Show(ctx context.Context) []*record.Fact
}

// AccountSum digests the facts of one account: how many they are and the sum of
// their hashes modulo 2^256, big endian. Equal sums mean equal sets.
type AccountSum struct {
	Account key.Hash
	Count   int64
	Sum     [32]byte
}

// Row is one line of an account's content.
type Row struct {
	Hash    key.Hash
	Serial  int64
	Expires wall.Time // 0: never
	// Key is equal for two facts exactly when the newer replaces the older;
	// at most 256 bytes.
	Key string
}

// newer reports whether r replaces o, which has the same key.
func (r Row) newer(o Row) bool {
	if r.Serial != o.Serial {
		return r.Serial > o.Serial
	}
	return compare(r.Hash, o.Hash) > 0
}

// Result answers for one forwarded fact: CodeOK means kept and synced there.
type Result struct {
	Hash key.Hash
	Code mpp.Code
}
