package key

import (
	"bytes"
	"fmt"
)

// Account is the signing key of an account: needed only to add, name or revoke
// devices, homes, contacts and policy (facts.md, The account key).
type Account struct{ signing }

// Device is the signing key of a device: its attach facts and its events.
type Device struct{ signing }

// Node is the libp2p Ed25519 key of a node: its node and host facts.
type Node struct{ signing }

// Realm is the signing key of a realm: who is a member.
type Realm struct{ signing }

// NewAccount makes an Ed25519 account key.
func NewAccount() (*Account, error) {
	s, err := randomSigning(RoleAccount)
	return &Account{s}, err
}

// AccountFromSeed derives an account key: 32 bytes Ed25519, 57 bytes Ed448.
func AccountFromSeed(seed []byte) (*Account, error) {
	s, err := newSigning(RoleAccount, seed)
	if err != nil {
		return nil, err
	}
	return &Account{s}, nil
}

// NewDevice makes an Ed25519 device key.
func NewDevice() (*Device, error) {
	s, err := randomSigning(RoleDevice)
	return &Device{s}, err
}

// DeviceFromSeed derives a device key: 32 bytes Ed25519, 57 bytes Ed448.
func DeviceFromSeed(seed []byte) (*Device, error) {
	s, err := newSigning(RoleDevice, seed)
	if err != nil {
		return nil, err
	}
	return &Device{s}, nil
}

// NewNode makes a node key.
func NewNode() (*Node, error) {
	s, err := randomSigning(RoleNode)
	return &Node{s}, err
}

// NodeFromSeed derives a node key from 32 bytes. libp2p's keys are Ed25519, so
// a seed of Ed448 is refused.
func NodeFromSeed(seed []byte) (*Node, error) {
	s, err := newSigning(RoleNode, seed)
	if err != nil {
		return nil, err
	}
	if !s.author.IsEd25519() {
		return nil, fmt.Errorf("derive node key: libp2p wants Ed25519: %w", ErrKey)
	}
	return &Node{s}, nil
}

// NewRealm makes an Ed25519 realm key.
func NewRealm() (*Realm, error) {
	s, err := randomSigning(RoleRealm)
	return &Realm{s}, err
}

// RealmFromSeed derives a realm key: 32 bytes Ed25519, 57 bytes Ed448.
func RealmFromSeed(seed []byte) (*Realm, error) {
	s, err := newSigning(RoleRealm, seed)
	if err != nil {
		return nil, err
	}
	return &Realm{s}, nil
}

// Seed returns a copy of the 32-byte Ed25519 seed, which libp2p needs to make
// its own form of the key. No other role gives its private bytes away.
func (n *Node) Seed() []byte { return bytes.Clone(n.seed()) }
