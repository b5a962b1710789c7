package record

import "meshpresence/internal/key"

// What a right of a Policy may say.
const (
	Nobody   = "nobody"
	Contacts = "contacts"
)

// Policy says, per right, who has it: Nobody or Contacts. A list of names would
// be a contact list on a node. Members: See, Message, Call (strings).
type Policy struct {
	See, Message, Call string
}

// Kind returns KindPolicy.
func (*Policy) Kind() Kind { return KindPolicy }

func (v *Policy) append(b []byte) []byte {
	b = appendString(b, "See", v.See)
	b = appendString(b, "Message", v.Message)
	return appendString(b, "Call", v.Call)
}

func (v *Policy) read(name string, d *decoder) bool {
	switch name {
	case "See":
		v.See = d.text(maxLabel)
	case "Message":
		v.Message = d.text(maxLabel)
	case "Call":
		v.Call = d.text(maxLabel)
	default:
		return false
	}
	return true
}

func (v *Policy) check() error {
	for _, who := range [...]string{v.See, v.Message, v.Call} {
		if who != Nobody && who != Contacts {
			return malformed("a right of a policy is nobody's or the contacts'")
		}
	}
	return nil
}

func (*Policy) sub(key.Hash) string { return "" }
