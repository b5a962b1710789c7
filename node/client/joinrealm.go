package client

import (
	"context"
	"errors"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
)

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

// JoinRealm makes a node a member of the inviting realm: the code in either form,
// at cfg.Node or at the node that the pasted form names. It waits until the
// inviter's person said yes; ctx bounds how long.
func JoinRealm(ctx context.Context, cfg Config, keys NodeKeys, code string) (Membership, error) {
	secret, at, err := access.ParseJoin(code)
	if err != nil {
		return Membership{}, err
	}
	if cfg.Node == "" && at.Host != "" {
		cfg.Node = at.String()
	}
	c, err := dialAs(keys.Agreement, keys.Name, cfg)
	if err != nil {
		return Membership{}, fmt.Errorf("joining a realm: %w", err)
	}
	defer c.Close()
	realm, facts, err := c.comeIn(ctx, access.JoinNode, secret, keys.Name, keys.Node.Author().Bytes(), keys.Agreement.Public().Bytes())
	if err != nil {
		return Membership{}, fmt.Errorf("joining a realm: %w", err)
	}
	m, err := membership(realm.Hash(), keys.Node.Author().Hash(), facts)
	if err != nil {
		return Membership{}, fmt.Errorf("joining a realm: %w", err)
	}
	return m, nil
}

// membership takes from what was granted what the realm's key signed of this
// node, and what nodes of that realm signed of themselves.
func membership(realm, node key.Hash, facts []*record.Fact) (Membership, error) {
	m := Membership{Realm: realm.String()}
	for _, f := range facts {
		switch b := f.Body.(type) {
		case *record.Member:
			if f.Realm == realm && b.Node == node {
				m.Member = f.Append(nil)
			}
		case *record.Node:
			if f.Realm == realm && f.Author.Hash() != node {
				m.Cards = append(m.Cards, f.Append(nil))
			}
		}
	}
	if m.Member == nil {
		return Membership{}, errors.New("the other side granted something else than membership")
	}
	return m, nil
}
