package handshake

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// source returns r, or the system's randomness when it is nil.
func source(r io.Reader) io.Reader {
	if r == nil {
		return rand.Reader
	}
	return r
}

// draws bounds how often newID tries. Not an attack: a broken Rand must not hang
// the loop.
const draws = 32

var errIDs = errors.New("every stream id drawn was zero or taken")

// newID draws an id that is not zero and not taken; taken may be nil.
func newID(r io.Reader, taken func(wire.ID) bool) (id wire.ID, err error) {
	for range draws {
		if _, err := io.ReadFull(r, id[:]); err != nil {
			return wire.ID{}, fmt.Errorf("draw stream id: %w", err)
		}
		if !id.IsZero() && (taken == nil || !taken(id)) {
			return id, nil
		}
	}
	return wire.ID{}, errIDs
}

func newUint32(r io.Reader) (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(r, b[:])
	return binary.BigEndian.Uint32(b[:]), err
}

func newSecret(r io.Reader) (s key.Secret, err error) {
	_, err = io.ReadFull(r, s[:])
	return s, err
}
