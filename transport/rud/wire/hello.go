package wire

const (
	offType   = 16
	offVer    = 17
	offSuite  = 18
	offID     = 19
	offExpect = 27
	offList   = 59
)

// Hello is the first packet of First Contact.
type Hello struct {
	Suite  Suite
	ID     ID // the initiator's handshake id
	Expect [SizeExpect]byte

	tail []byte
}

// Append appends a Hello of size bytes, MaxPacket or SmallPacket, with the
// list, which must fit.
func (h *Hello) Append(b []byte, size int, list []Extension) []byte {
	start := len(b)
	b = appendFirst(b, TypeHello, h.Suite, h.ID)
	b = append(b, h.Expect[:]...)
	b = AppendExtensions(b, list)
	return appendZeros(b, start+size)
}

// ParseHello makes the first checks of a Hello in their order: length, zeros,
// type, version with the handshake id, suite. The errors are those of these
// names. The rest of the packet is not read: Rest does.
func ParseHello(p []byte) (h Hello, err error) {
	if err := checkFirst(p, TypeHello); err != nil {
		return h, err
	}
	h.Suite = Suite(p[offSuite])
	h.ID = ID(p[offID:])
	h.Expect = [SizeExpect]byte(p[offExpect:])
	h.tail = p[offList:]
	return h, nil
}

// Rest makes the last checks: the extension list, and zeros to the end. Nothing
// in the list means anything in a Hello. The errors are ErrTLV, ErrExtensions,
// ErrPadding.
func (h *Hello) Rest() error {
	_, rest, err := ParseExtensions(h.tail)
	if err == nil && !IsZero(rest) {
		return ErrPadding
	}
	return err
}

// FirstType returns the type byte of a handshake packet towards the responder,
// after the checks that no type changes: length, then zeros.
func FirstType(p []byte) (kind byte, err error) {
	if len(p) != MaxPacket && len(p) != SmallPacket {
		return 0, ErrLength
	}
	if !IsZero(p[:SizeZeros]) {
		return 0, ErrZeros
	}
	return p[offType], nil
}

func checkFirst(p []byte, kind byte) error {
	got, err := FirstType(p)
	switch {
	case err != nil:
		return err
	case got != kind:
		return ErrType
	case p[offVer] != Version || IsZero(p[offID:offID+SizeID]):
		return ErrVersion
	case Suite(p[offSuite]).KeySize() == 0:
		return ErrSuite
	}
	return nil
}

func appendFirst(b []byte, kind byte, suite Suite, id ID) []byte {
	b = append(b, make([]byte, SizeZeros)...)
	b = append(b, kind, Version, byte(suite))
	return append(b, id[:]...)
}

func appendZeros(b []byte, end int) []byte {
	return append(b, make([]byte, end-len(b))...)
}
