package wire

import (
	"bytes"
	"iter"
)

// Extension is one entry of an extension list, to be written. A tag is never
// empty and never twice in a list.
type Extension struct {
	Tag   string
	Value []byte
}

// Extensions is the bytes of a list that ParseExtensions accepted, its end
// included. nil is the empty list.
type Extensions []byte

// AppendExtensions appends the list and its end. CheckExtensions says whether a
// peer will accept it.
func AppendExtensions(b []byte, list []Extension) []byte {
	for _, x := range list {
		b = AppendBinary(AppendString(b, x.Tag), x.Value)
	}
	return AppendString(b, "")
}

// CheckExtensions returns an error when the list breaks a rule of lists and
// would be dropped: an empty tag, a tag twice, more than MaxExtensions.
func CheckExtensions(list []Extension) error {
	_, rest, err := ParseExtensions(AppendExtensions(nil, list))
	if err == nil && len(rest) != 0 {
		return ErrTLV
	}
	return err
}

// ParseExtensions reads a list from the start of b and returns what follows its
// end. The error is ErrTLV or ErrExtensions.
func ParseExtensions(b []byte) (list Extensions, rest []byte, err error) {
	var tags [MaxExtensions][]byte
	rest = b
	for n := 0; ; n++ {
		var tag []byte
		if tag, rest, err = ReadString(rest); err != nil {
			return nil, nil, err
		}
		if len(tag) == 0 {
			return Extensions(b[:len(b)-len(rest)]), rest, nil
		}
		if n == MaxExtensions {
			return nil, nil, ErrExtensions
		}
		for _, seen := range tags[:n] {
			if bytes.Equal(seen, tag) {
				return nil, nil, ErrExtensions
			}
		}
		tags[n] = tag
		if _, rest, err = ReadBinary(rest); err != nil {
			return nil, nil, err
		}
	}
}

// All yields tag and value of every entry, in order; both alias the list.
func (x Extensions) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(tag, value []byte) bool) {
		for rest := []byte(x); len(rest) > 0; {
			var tag, value []byte
			var err error
			if tag, rest, err = ReadString(rest); err != nil || len(tag) == 0 {
				return
			}
			if value, rest, err = ReadBinary(rest); err != nil || !yield(tag, value) {
				return
			}
		}
	}
}

// Get returns the value of the entry with that tag, which aliases the list.
func (x Extensions) Get(tag string) (value []byte, ok bool) {
	for t, v := range x.All() {
		if string(t) == tag {
			return v, true
		}
	}
	return nil, false
}

// IsEmpty reports whether the list has no entry.
func (x Extensions) IsEmpty() bool { return len(x) <= 2 }

// Clone returns a copy that does not alias the packet.
func (x Extensions) Clone() Extensions { return bytes.Clone(x) }
