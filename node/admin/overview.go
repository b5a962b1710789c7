package admin

import (
	"context"
	"time"
)

// Node is the running node as its operator sees it. Its methods are safe for
// concurrent use, and return soon after their context ended.
type Node interface {
	// Invite makes a code that lets one account in.
	Invite(ctx context.Context) (Invite, error)
	// Overview says what the node is and whom it knows.
	Overview(ctx context.Context) (Overview, error)
	// Health is nil while the node serves devices; its text is the reason.
	Health(ctx context.Context) error
	// Numbers are what the node counts itself.
	Numbers(ctx context.Context) (Numbers, error)
}

// Schemas of the answers.
const (
	SchemaOverview = "presence.node/1"
	SchemaInvite   = "presence.invite/1"
	SchemaHealth   = "presence.health/1"
	SchemaError    = "presence.error/1"
)

// Invite is a code that lets one account in.
type Invite struct {
	Schema  string    `json:"schema"`
	Code    string    `json:"code"` // to type: eight groups of four
	Text    string    `json:"text"` // to paste: mpp-join:CODE@host:port/FINGERPRINT
	Expires time.Time `json:"expires"`
}

// Overview is what a node says of itself and of its realm.
type Overview struct {
	Schema  string    `json:"schema"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Node and Realm are the hashes of their keys, as `presence realm members`
	// prints them; Fingerprint is the one in a node's address.
	Node        string `json:"node"`
	Realm       string `json:"realm"`
	Fingerprint string `json:"fingerprint"`
	// DeviceAddresses are mpp://host:port/FINGERPRINT, at least one;
	// PeerAddresses are multiaddrs that end in /p2p/ID.
	DeviceAddresses []string `json:"device_addresses"`
	PeerAddresses   []string `json:"peer_addresses"`
	State           string   `json:"state"`
	// RealmKey is the file of the realm's key, "" when it is not on this machine.
	RealmKey string `json:"realm_key"`
	// Admission is who may create accounts here: "code" or "open".
	Admission string `json:"admission"`
	// Accounts are those this node keeps; Devices are watching here now.
	Accounts int `json:"accounts"`
	Facts    int `json:"facts"`
	Devices  int `json:"devices"`
	// Members are the nodes of the realm, this one first, expelled ones last.
	Members []Member `json:"members"`
	Clock   Clock    `json:"clock"`
}

// Member is one node of the realm.
type Member struct {
	Node string `json:"node"`
	// Fingerprint and Addresses are empty while its card is not known.
	Fingerprint string   `json:"fingerprint"`
	Addresses   []string `json:"addresses"`
	Self        bool     `json:"self"`
	Connected   bool     `json:"connected"`
	Expelled    bool     `json:"expelled"`
	// LastHeard is nil when it was not heard since this node's start.
	LastHeard *time.Time `json:"last_heard"`
}

// Clock is the node's wall clock and how it compares with the other nodes'.
type Clock struct {
	Now time.Time `json:"now"`
	// Off is how many seconds it is ahead of the others' median, nil when they
	// are too few to tell.
	Off *float64 `json:"off"`
}
