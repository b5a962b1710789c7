package wire

import "errors"

// Why a packet is dropped. These are values, made once: dropping a packet must
// not allocate. None is ever told to the sender.
var (
	ErrLength     = errors.New("packet length is not that of its type")
	ErrZeros      = errors.New("first packet does not begin with zeros")
	ErrType       = errors.New("unexpected packet type")
	ErrVersion    = errors.New("unknown version or zero handshake id")
	ErrSuite      = errors.New("unknown suite")
	ErrPadding    = errors.New("padding is not zero")
	ErrTLV        = errors.New("malformed TLV")
	ErrExtensions = errors.New("extension list has too many entries or a tag twice")
	ErrFlags      = errors.New("header has reserved flags")
	ErrIndex      = errors.New("packet index is past the frame's length")
	ErrNoFrame    = errors.New("no-frame packet has fields of a frame")
	ErrAck        = errors.New("header has acknowledgements without ack-valid")
)
