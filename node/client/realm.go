package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/internal/wall"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// RealmKey is the key that admits nodes to a realm and removes them. It never
// prints.
type RealmKey struct{ key *key.Realm }

// LoadRealmKey reads a realm's key; a nil passphrase opens only a file in clear.
// Errors: fs.ErrNotExist, ErrLocked, ErrPassphrase, and those of damaged files.
func LoadRealmKey(path string, passphrase []byte) (*RealmKey, error) {
	k, err := key.LoadRealm(path, passphrase)
	if err != nil {
		return nil, err
	}
	return &RealmKey{k}, nil
}

// CreateRealmKey makes a realm's key at path, which must hold nothing; a nil
// passphrase leaves it in clear, 0600.
func CreateRealmKey(path string, passphrase []byte) (*RealmKey, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("making a realm's key in %s: %w", path, fs.ErrExist)
	}
	k, err := key.NewRealm()
	if err == nil {
		err = k.Save(path, passphrase)
	}
	if err != nil {
		return nil, err
	}
	return &RealmKey{k}, nil
}

// Realm is the realm's name: the hash of its key.
func (k *RealmKey) Realm() string { return k.hash().String() }

func (k *RealmKey) hash() key.Hash { return k.key.Author().Hash() }

// sign makes a fact of the realm. Facts of one node's key are ordered by time,
// as the realm's first node orders its own.
func (k *RealmKey) sign(now wall.Time, body record.Body) (*record.Fact, error) {
	return record.Sign(k.key, k.hash(), record.Base{Serial: int64(now), Time: now}, body)
}

// InviteNode makes a code that lets one node join the realm, at the node that
// this client uses, within 15 minutes.
//
// A tool that dies in Accept may leave a node that the realm knows and that was
// not told: it joins with a new code.
func (c *Client) InviteNode(ctx context.Context, k *RealmKey) (*Offer, error) {
	o, err := c.offer(ctx, terms{
		kind: access.JoinNode, signer: k.key, own: k.key.Author(),
		enter: k.enter,
		admit: func(ctx context.Context, who access.Newcomer) ([][]byte, error) { return c.admitNode(ctx, k, who) },
	})
	if err != nil {
		return nil, fmt.Errorf("inviting a node: %w", realmError(err))
	}
	return o, nil
}

// enter signs that the realm's key wants this code relayed, at this node only.
func (k *RealmKey) enter(_ context.Context, l *link, id joinID) (mpp.JoinStep, error) {
	return mpp.JoinStep{
		Keys:      [][]byte{k.key.Author().Bytes()},
		Signature: k.key.Sign(access.RegisterText(id, l.conn.Peer().Hash())),
	}, nil
}

// admitNode makes who came by a code a member: the node here knows it first, so
// that the realm lets the newcomer in when it knocks.
func (c *Client) admitNode(ctx context.Context, k *RealmKey, who access.Newcomer) ([][]byte, error) {
	author, _, err := newcomerKeys(who)
	if err != nil {
		return nil, err
	}
	if !author.IsEd25519() {
		return nil, errors.New("its key is none that a node can have")
	}
	member, err := k.sign(c.wall.Now(), &record.Member{Node: author.Hash()})
	if err != nil {
		return nil, err
	}
	return call(ctx, c, func(l *link) ([][]byte, error) {
		if err := c.tellRealm(ctx, l, member); err != nil {
			return nil, err
		}
		return append([][]byte{member.Append(nil)}, c.cardOf(l)...), nil
	})
}

// tellRealm brings a fact of the realm to the node of a link.
func (c *Client) tellRealm(ctx context.Context, l *link, f *record.Fact) error {
	answer, err := c.bring(ctx, l, []*record.Fact{f}, nil)
	if err != nil {
		return err
	}
	if code := worst(answer.Results); !code.Success() {
		return realmError(&Refusal{code})
	}
	return nil
}

// cardOf is the card of the node in use, by which the newcomer finds the realm.
func (c *Client) cardOf(l *link) [][]byte {
	c.profile.mu.Lock()
	defer c.profile.mu.Unlock()
	if f := c.profile.book.facts[registry.NodeKey(l.node)]; f != nil {
		return [][]byte{f.Append(nil)}
	}
	return nil
}

// RemoveNode ends a node's part in the realm, for good: its key can never join
// again. node is its hash, as presence realm members prints it.
func (c *Client) RemoveNode(ctx context.Context, k *RealmKey, node string) error {
	hash, err := key.ParseHash(node)
	if err != nil {
		return fmt.Errorf("removing a node: %w", err)
	}
	f, err := k.sign(c.wall.Now(), &record.Expelled{Node: hash})
	if err != nil {
		return fmt.Errorf("removing a node: %w", err)
	}
	_, err = call(ctx, c, func(l *link) (struct{}, error) {
		if l.node == hash {
			return struct{}{}, errors.New("it is the node in use, which would be the last to tell the others: use another one of the realm with --node")
		}
		return struct{}{}, c.tellRealm(ctx, l, f)
	})
	if err != nil {
		return fmt.Errorf("removing a node: %w", err)
	}
	return nil
}

// ErrRealm: the node in use is of another realm than the key.
var ErrRealm = errors.New("the node in use belongs to another realm than this key")

// realmError says what a node's no to a realm's key means.
func realmError(err error) error {
	if isCode(err, mpp.CodeRefused) {
		return fmt.Errorf("%w: %w", ErrRealm, err)
	}
	return err
}
