package record

import (
	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
)

// Host is a node's word that it keeps an account, or kept it: the node is the
// author. Member: Ended (bool).
type Host struct {
	Ended bool
}

// Kind returns KindHost.
func (*Host) Kind() Kind { return KindHost }

func (v *Host) append(b []byte) []byte {
	return jsonbcd.AppendBool(jsonbcd.AppendName(b, "Ended"), v.Ended)
}

func (v *Host) read(name string, d *decoder) bool {
	if name != "Ended" {
		return false
	}
	v.Ended = d.bool()
	return true
}

func (*Host) check() error { return nil }

func (*Host) sub(author key.Hash) string { return string(author[:]) }

// Node says how a node is reached. Members: Agreements (list of binaries),
// Addresses, Peers (lists of strings), Accounts (int).
type Node struct {
	Agreements []key.Agreement // its RUD keys, 1 to 4
	Addresses  []string        // mpp://host:port, for devices
	Peers      []string        // multiaddrs, for nodes
	Accounts   int64           // how many accounts it takes; 0: the default
}

// Kind returns KindNode.
func (*Node) Kind() Kind { return KindNode }

func (v *Node) append(b []byte) []byte {
	b = jsonbcd.AppendArray(jsonbcd.AppendName(b, "Agreements"))
	for _, a := range v.Agreements {
		b = jsonbcd.AppendBinary(b, a.Bytes())
	}
	b = jsonbcd.AppendArrayEnd(b)
	b = appendStrings(b, "Addresses", v.Addresses)
	b = appendStrings(b, "Peers", v.Peers)
	return appendCount(b, "Accounts", v.Accounts)
}

func (v *Node) read(name string, d *decoder) bool {
	switch name {
	case "Agreements":
		d.list(maxAgreements, func() { v.Agreements = append(v.Agreements, d.agreement()) })
	case "Addresses":
		v.Addresses = d.texts(maxAddresses, maxAddress)
	case "Peers":
		v.Peers = d.texts(maxPeers, maxAddress)
	case "Accounts":
		v.Accounts = d.count()
	default:
		return false
	}
	return true
}

func (v *Node) check() error {
	if len(v.Agreements) == 0 {
		return missing("Agreements")
	}
	return nil
}

func (*Node) sub(key.Hash) string { return "" }
