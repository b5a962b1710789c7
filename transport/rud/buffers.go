package rud

import "meshpresence/transport/rud/wire"

// bufferSmall is the class of buffers for short payloads, most of all. A set of
// one-time ids fits.
const bufferSmall = 288

// buffers lends byte slices for payloads and takes them back: one class of 288
// bytes and one for each number of pieces, so that a connection holds hardly
// more than the bytes it sends. The zero value is ready.
type buffers struct {
	spare [wire.MaxPieces + 1][][]byte
	idle  int // bytes in spare
}

// bufferSize returns the capacity of the buffer that get lends for n bytes.
func bufferSize(n int) int {
	if n <= bufferSmall {
		return bufferSmall
	}
	return (n + payloadLarge - 1) / payloadLarge * payloadLarge
}

// get lends a buffer of length n, at most 16 pieces of 1155 bytes. Its content
// is arbitrary.
func (b *buffers) get(n int) []byte {
	size := bufferSize(n)
	class := &b.spare[size/payloadLarge]
	last := len(*class) - 1
	if last < 0 {
		return make([]byte, n, size)
	}
	p := (*class)[last]
	(*class)[last] = nil
	*class = (*class)[:last]
	b.idle -= size
	return p[:n]
}

// put takes a buffer back. The caller must not use it any more. nil is ignored.
func (b *buffers) put(p []byte) {
	size := cap(p)
	if size == 0 || b.idle+size > spareBytes {
		return
	}
	class := &b.spare[size/payloadLarge]
	*class = append(*class, p)
	b.idle += size
}
