package wire

// Body is what is sealed: an extension list and a payload, both alias the
// plaintext. An absent payload is an empty one.
type Body struct {
	Extensions Extensions
	Payload    []byte
}

// AppendBody appends the list and the payload. Zeros may follow.
func AppendBody(b []byte, list []Extension, payload []byte) []byte {
	return AppendBinary(AppendExtensions(b, list), payload)
}

// ParseBody reads a whole plaintext: "extension list | payload | zeros to the
// end, anything else drops". The error is ErrTLV, ErrExtensions or ErrPadding.
func ParseBody(b []byte) (Body, error) {
	list, rest, err := ParseExtensions(b)
	if err != nil {
		return Body{}, err
	}
	payload, rest, err := ReadBinary(rest)
	if err != nil {
		return Body{}, err
	}
	if !IsZero(rest) {
		return Body{}, ErrPadding
	}
	return Body{list, payload}, nil
}

// IsEmpty reports whether the body has neither extensions nor payload.
func (b Body) IsEmpty() bool { return b.Extensions.IsEmpty() && len(b.Payload) == 0 }

// SizeBody returns how many bytes AppendBody takes for a list of the given
// encoded size (2 when empty) and a payload of n bytes.
func SizeBody(list, n int) int {
	switch {
	case n < 1<<8:
		return list + 2 + n
	case n < 1<<16:
		return list + 3 + n
	}
	return list + 5 + n
}
