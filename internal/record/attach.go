package record

import "meshpresence/internal/key"

// Attach says which nodes may speak for a device, at most 3, and which channels
// it watches. Members: Nodes (list of binary 32), Channels (list of strings).
type Attach struct {
	Nodes    []key.Hash // none: detached
	Channels []string   // none: all
}

// Kind returns KindAttach.
func (*Attach) Kind() Kind { return KindAttach }

// Detached reports whether the device says that no node speaks for it.
func (v *Attach) Detached() bool { return len(v.Nodes) == 0 }

func (v *Attach) append(b []byte) []byte {
	b = appendHashes(b, "Nodes", v.Nodes)
	return appendStrings(b, "Channels", v.Channels)
}

func (v *Attach) read(name string, d *decoder) bool {
	switch name {
	case "Nodes":
		v.Nodes = []key.Hash{}
		d.list(MaxNodes, func() { v.Nodes = append(v.Nodes, d.hash()) })
	case "Channels":
		v.Channels = d.texts(maxChannels, MaxChannel)
	default:
		return false
	}
	return true
}

func (v *Attach) check() error {
	if v.Nodes == nil {
		return missing("Nodes")
	}
	for _, c := range v.Channels {
		if err := channel(c); err != nil {
			return err
		}
	}
	return nil
}

func (*Attach) sub(author key.Hash) string { return string(author[:]) }
