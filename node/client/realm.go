package client

import (
	"context"

	"meshpresence/internal/key"
)

// RealmKey is the key that admits nodes to a realm and removes them.
type RealmKey struct{ key *key.Realm }

// LoadRealmKey reads a realm's key; a nil passphrase opens only a file in clear.
func LoadRealmKey(path string, passphrase []byte) (*RealmKey, error) { return nil, errNotYet }

// CreateRealmKey makes a realm's key at path, which must hold none.
func CreateRealmKey(path string, passphrase []byte) (*RealmKey, error) { return nil, errNotYet }

// Realm is the realm's name: the hash of its key.
func (k *RealmKey) Realm() string { return k.key.Author().Hash().String() }

// DialNode opens the way to cfg.Node for acts of a realm: with a key made for
// this connection, and nothing kept.
func DialNode(cfg Config) (*Client, error) { return nil, errNotYet }

// InviteNode makes a code that lets one node join the realm.
func (c *Client) InviteNode(ctx context.Context, k *RealmKey) (*Offer, error) { return nil, errNotYet }

// RemoveNode ends a node's part in the realm, for good. node is its hash.
func (c *Client) RemoveNode(ctx context.Context, k *RealmKey, node string) error { return errNotYet }

// NodeKeys are what a node joins a realm with.
type NodeKeys struct {
	Node      *key.Node
	Agreement *key.Static
	// Name is what its operator calls it, shown to the inviter's person.
	Name string
}

// Membership is what a node holds once a realm took it in.
type Membership struct {
	Realm  string   // the hash of the realm's key
	Member []byte   // the signed fact that admits the node
	Cards  [][]byte // signed node facts of members to reach
}

// JoinRealm makes a node a member of the inviting realm.
func JoinRealm(ctx context.Context, cfg Config, keys NodeKeys, code string) (Membership, error) {
	return Membership{}, errNotYet
}
