package wire

import "encoding/binary"

// Flags of the header block. The others are zero or the packet drops.
const (
	FlagFinal    = 0x01 // last datagram of a message, on every piece
	FlagNoFrame  = 0x02 // no frame: path values and acknowledgements only
	FlagProbe    = 0x04 // never moves a path
	FlagCut      = 0x18 // how often the frame was cut anew, mod 4
	FlagAckValid = 0x20 // Newest and Bitmap mean something

	flagsKnown = FlagFinal | FlagNoFrame | FlagProbe | FlagCut | FlagAckValid
	shiftCut   = 3
)

// Limits of frames and acknowledgements that the header's fields imply.
const (
	MaxPieces = 16 // packets of a frame
	AckBits   = 48 // packets before the newest that a bitmap tells of

	ackMask = 1<<AckBits - 1
)

// Header is the header block in clear.
type Header struct {
	Number uint32 // packet number, from 1, never twice under one key
	Flags  byte   // Flag bits
	Pieces int    // packets of the frame, 1 to 16
	Index  int    // of this packet in the frame, 0 to Pieces-1
	Frame  uint16 // frame index, low 16 bits
	Newest uint16 // newest frame packet number opened, low 16 bits
	Bitmap uint64 // 48 bits: bit i is packet Newest-1-i
}

// Final, NoFrame, Probe and AckValid report the flag of that name.
func (h *Header) Final() bool    { return h.Flags&FlagFinal != 0 }
func (h *Header) NoFrame() bool  { return h.Flags&FlagNoFrame != 0 }
func (h *Header) Probe() bool    { return h.Flags&FlagProbe != 0 }
func (h *Header) AckValid() bool { return h.Flags&FlagAckValid != 0 }

// Cut returns how often the frame was cut anew, mod 4.
func (h *Header) Cut() int { return int(h.Flags&FlagCut) >> shiftCut }

// CutFlag returns the bits of Flags for that cut, mod 4.
func CutFlag(cut int) byte { return byte(cut) << shiftCut & FlagCut }

// Put writes the block in clear. Fields out of their range are cut to it, and
// Pieces 0 is written as 1.
func (h *Header) Put(block *[SizeHeader]byte) {
	binary.BigEndian.PutUint32(block[0:], h.Number)
	block[4] = h.Flags
	block[5] = byte(max(h.Pieces, 1)-1)<<4 | byte(h.Index)&0x0f
	binary.BigEndian.PutUint16(block[6:], h.Frame)
	// Newest and the 48 bits of the bitmap are one integer of 8 bytes.
	binary.BigEndian.PutUint64(block[8:], uint64(h.Newest)<<AckBits|h.Bitmap&ackMask)
}

// Append appends the block in clear.
func (h *Header) Append(b []byte) []byte {
	var block [SizeHeader]byte
	h.Put(&block)
	return append(b, block[:]...)
}

// ParseHeader reads a block in clear and makes the checks that come before the
// tag: reserved flags (ErrFlags), then the index (ErrIndex). The number is left
// to the window. Nothing here may be believed until the tag has opened.
func ParseHeader(block *[SizeHeader]byte) (Header, error) {
	ack := binary.BigEndian.Uint64(block[8:])
	h := Header{
		Number: binary.BigEndian.Uint32(block[0:]),
		Flags:  block[4],
		Pieces: int(block[5]>>4) + 1,
		Index:  int(block[5] & 0x0f),
		Frame:  binary.BigEndian.Uint16(block[6:]),
		Newest: uint16(ack >> AckBits),
		Bitmap: ack & ackMask,
	}
	switch {
	case h.Flags&^flagsKnown != 0:
		return Header{}, ErrFlags
	case h.Index >= h.Pieces:
		return Header{}, ErrIndex
	}
	return h, nil
}

// CheckOpened makes the checks of the header that come after the tag, with
// those of the body: "no-frame with index, frame index, final, cut; ack-valid
// clear with its 8 bytes not zero". ErrNoFrame or ErrAck. That a no-frame body
// has no payload, and a piece other than 0 no extensions, is the caller's part.
func (h *Header) CheckOpened() error {
	switch {
	case h.NoFrame() && (h.Pieces != 1 || h.Index != 0 || h.Frame != 0 || h.Flags&(FlagFinal|FlagCut) != 0):
		return ErrNoFrame
	case !h.AckValid() && (h.Newest != 0 || h.Bitmap != 0):
		return ErrAck
	}
	return nil
}

// Nonce returns the AEAD nonce of a data packet: 8 zero bytes, then the packet
// number.
func Nonce(number uint32) (n [SizeNonce]byte) {
	binary.BigEndian.PutUint32(n[SizeNonce-4:], number)
	return n
}
