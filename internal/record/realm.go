package record

import "meshpresence/internal/key"

// Member admits a node to a realm. Member: Node (binary 32).
type Member struct {
	Node key.Hash
}

// Kind returns KindMember.
func (*Member) Kind() Kind { return KindMember }

func (v *Member) append(b []byte) []byte            { return appendBinary(b, "Node", v.Node[:]) }
func (v *Member) read(name string, d *decoder) bool { return readNode(&v.Node, name, d) }
func (v *Member) check() error                      { return checkNode(v.Node) }
func (v *Member) sub(key.Hash) string               { return string(v.Node[:]) }

// Expelled ends a membership, and voids that key's node and host facts for
// good. Member: Node (binary 32).
type Expelled struct {
	Node key.Hash
}

// Kind returns KindExpelled.
func (*Expelled) Kind() Kind { return KindExpelled }

func (v *Expelled) append(b []byte) []byte            { return appendBinary(b, "Node", v.Node[:]) }
func (v *Expelled) read(name string, d *decoder) bool { return readNode(&v.Node, name, d) }
func (v *Expelled) check() error                      { return checkNode(v.Node) }
func (v *Expelled) sub(key.Hash) string               { return string(v.Node[:]) }

func readNode(node *key.Hash, name string, d *decoder) bool {
	if name != "Node" {
		return false
	}
	*node = d.hash()
	return true
}

func checkNode(node key.Hash) error {
	if node.IsZero() {
		return missing("Node")
	}
	return nil
}

// Realm holds what the nodes of a realm agree on. Members, all ints and absent
// when 0, which for all but Bits means the default: Bits, Accounts, Events,
// Bytes, Sync, Beacon.
type Realm struct {
	Bits     int64 // first bits of Account in a topic's name, 0 to 16
	Accounts int64 // accounts that one member may vouch for
	Events   int64 // quota of an account: events
	Bytes    int64 // quota of an account: bytes
	Sync     int64 // seconds between syncs
	Beacon   int64 // seconds between beacons
}

// Kind returns KindRealm.
func (*Realm) Kind() Kind { return KindRealm }

func (v *Realm) append(b []byte) []byte {
	b = appendCount(b, "Bits", v.Bits)
	b = appendCount(b, "Accounts", v.Accounts)
	b = appendCount(b, "Events", v.Events)
	b = appendCount(b, "Bytes", v.Bytes)
	b = appendCount(b, "Sync", v.Sync)
	return appendCount(b, "Beacon", v.Beacon)
}

func (v *Realm) read(name string, d *decoder) bool {
	switch name {
	case "Bits":
		v.Bits = d.count()
	case "Accounts":
		v.Accounts = d.count()
	case "Events":
		v.Events = d.count()
	case "Bytes":
		v.Bytes = d.count()
	case "Sync":
		v.Sync = d.count()
	case "Beacon":
		v.Beacon = d.count()
	default:
		return false
	}
	return true
}

func (v *Realm) check() error {
	if v.Bits > maxBits {
		return malformed("too many bits for a topic")
	}
	return nil
}

func (*Realm) sub(key.Hash) string { return "" }
