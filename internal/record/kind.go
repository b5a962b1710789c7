package record

import (
	"time"

	"meshpresence/internal/key"
)

// Kind names what a fact says.
type Kind string

// The kinds (facts.md, The record), in the order in which a batch is merged:
// what vouches before what it vouches for.
const (
	KindRealm    Kind = "realm"
	KindExpelled Kind = "expelled"
	KindMember   Kind = "member"
	KindNode     Kind = "node"
	KindHost     Kind = "host"
	KindDevice   Kind = "device"
	KindRevoked  Kind = "revoked"
	KindEpoch    Kind = "epoch"
	KindHome     Kind = "home"
	KindPolicy   Kind = "policy"
	KindContact  Kind = "contact"
	KindAttach   Kind = "attach"
	KindEvent    Kind = "event"
)

const day = 24 * time.Hour

// class says whose key must sign a kind.
type class byte

const (
	byAccount class = iota // the key whose hash is Account
	byDevice               // any key; that the account has that device is for the registry to say
	byNode                 // a libp2p key, so Ed25519
	byRealm                // the key whose hash is Realm
)

// rule is what the table of facts.md says about the form of a kind.
type rule struct {
	author  class
	life    time.Duration
	realm   bool // Realm is part of the fact
	account bool // Account is part of the body
	empty   func() Body
}

var rules = map[Kind]rule{
	KindDevice:   {author: byAccount, account: true, empty: func() Body { return new(Device) }},
	KindRevoked:  {author: byAccount, account: true, empty: func() Body { return new(Revoked) }},
	KindEpoch:    {author: byAccount, account: true, empty: func() Body { return new(Epoch) }},
	KindHome:     {author: byAccount, account: true, empty: func() Body { return new(Home) }},
	KindPolicy:   {author: byAccount, account: true, empty: func() Body { return new(Policy) }},
	KindContact:  {author: byAccount, account: true, empty: func() Body { return new(Contact) }},
	KindAttach:   {author: byDevice, account: true, life: 2 * day, empty: func() Body { return new(Attach) }},
	KindEvent:    {author: byDevice, account: true, life: 7 * day, empty: func() Body { return new(Event) }},
	KindHost:     {author: byNode, account: true, realm: true, life: 30 * day, empty: func() Body { return new(Host) }},
	KindNode:     {author: byNode, realm: true, life: 2 * day, empty: func() Body { return new(Node) }},
	KindMember:   {author: byRealm, realm: true, empty: func() Body { return new(Member) }},
	KindExpelled: {author: byRealm, realm: true, empty: func() Body { return new(Expelled) }},
	KindRealm:    {author: byRealm, realm: true, empty: func() Body { return new(Realm) }},
}

// Life returns how far ahead a fact of the kind may expire; 0 when facts of the
// kind, or an unknown kind, carry no Expires.
func Life(kind Kind) time.Duration { return rules[kind].life }

// allows reports whether the author of base may sign a fact of this rule, as
// far as the fact alone can tell.
func (r rule) allows(base *Base, realm key.Hash) bool {
	switch r.author {
	case byAccount:
		return base.Author.Hash() == base.Account
	case byRealm:
		return base.Author.Hash() == realm
	case byNode:
		return base.Author.IsEd25519()
	}
	return true
}
