package registry

import (
	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// MemberKey is the key of the fact that admits a node to a realm.
func MemberKey(realm, node key.Hash) record.Key {
	return record.Key{Kind: record.KindMember, Owner: realm, Sub: string(node[:])}
}

// NodeKey is the key of a node's fact about itself.
func NodeKey(node key.Hash) record.Key {
	return record.Key{Kind: record.KindNode, Owner: node}
}

// HostKey is the key of a node's word that it keeps an account.
func HostKey(account, node key.Hash) record.Key {
	return record.Key{Kind: record.KindHost, Owner: account, Sub: string(node[:])}
}

// HomeKey is the key of an account's homes.
func HomeKey(account key.Hash) record.Key {
	return record.Key{Kind: record.KindHome, Owner: account}
}

// AttachKey is the key of a device's attachment.
func AttachKey(account, device key.Hash) record.Key {
	return record.Key{Kind: record.KindAttach, Owner: account, Sub: string(device[:])}
}

// DeviceKey is the key of a device's fact.
func DeviceKey(account, device key.Hash) record.Key {
	return record.Key{Kind: record.KindDevice, Owner: account, Sub: string(device[:])}
}
