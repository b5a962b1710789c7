package handshake

import (
	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

const labelStream = "RUD1 stream\x00"

// StreamSecret derives the secret of a stream beside the main from the
// connection's: Keys of it are the stream's. opener and answerer are the data ids
// that the two sides issued when the stream was opened.
//
//	stream secret = HKDF-Expand(secret, "RUD1 stream" 0 | opener's id | answerer's id, 32)
func StreamSecret(secret key.Secret, opener, answerer wire.ID) key.Secret {
	return expand(secret[:], labelStream+string(opener[:])+string(answerer[:]))
}
