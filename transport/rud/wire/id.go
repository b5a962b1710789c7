package wire

import "encoding/hex"

// ID names a stream to the one who issued it. The zero ID is no id: on the wire
// it begins a handshake.
type ID [SizeID]byte

// IsZero reports whether id is no id.
func (id ID) IsZero() bool { return id == ID{} }

// String returns 16 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// First returns the id that the packet begins with: ok is false when p is too
// short to have one. A zero id means a handshake packet.
func First(p []byte) (id ID, ok bool) {
	if len(p) < SizeID {
		return ID{}, false
	}
	return ID(p[:SizeID]), true
}
