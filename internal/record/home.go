package record

import (
	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
)

// Home names the nodes that keep an account, at most 3. Member: Nodes, a list
// of {Key, Agreement, Addresses}.
type Home struct {
	Nodes []HomeNode
}

// HomeNode is one node of a Home.
type HomeNode struct {
	Key       key.Author    // its libp2p key
	Agreement key.Agreement // its RUD key
	Addresses []string      // mpp://host:port
}

// Kind returns KindHome.
func (*Home) Kind() Kind { return KindHome }

func (v *Home) append(b []byte) []byte {
	b = jsonbcd.AppendArray(jsonbcd.AppendName(b, "Nodes"))
	for i := range v.Nodes {
		n := &v.Nodes[i]
		b = jsonbcd.AppendObject(b)
		b = appendBinary(b, "Key", n.Key.Bytes())
		b = appendBinary(b, "Agreement", n.Agreement.Bytes())
		b = appendStrings(b, "Addresses", n.Addresses)
		b = jsonbcd.AppendObjectEnd(b)
	}
	return jsonbcd.AppendArrayEnd(b)
}

func (v *Home) read(name string, d *decoder) bool {
	if name != "Nodes" {
		return false
	}
	v.Nodes = []HomeNode{}
	d.list(MaxNodes, func() {
		var n HomeNode
		d.members(func(name string) bool { return n.read(name, d) })
		v.Nodes = append(v.Nodes, n)
	})
	return true
}

func (n *HomeNode) read(name string, d *decoder) bool {
	switch name {
	case "Key":
		n.Key = d.author()
	case "Agreement":
		n.Agreement = d.agreement()
	case "Addresses":
		n.Addresses = d.texts(maxAddresses, maxAddress)
	default:
		return false
	}
	return true
}

func (v *Home) check() error {
	if v.Nodes == nil {
		return missing("Nodes")
	}
	for _, n := range v.Nodes {
		if !n.Key.IsEd25519() || n.Agreement == "" {
			return malformed("a home node wants a libp2p key and an agreement key")
		}
	}
	return nil
}

func (*Home) sub(key.Hash) string { return "" }
