package rud

import (
	"encoding/binary"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// scratch is the memory that sealing and opening need, shared by all connections
// of an Endpoint: one packet is sealed at a time, and one opened.
type scratch struct {
	seal  [wire.MaxPacket]byte
	open  [wire.MaxPacket]byte
	clear [wire.SizeOneTimeID + wire.SizeHeader]byte
	block [wire.SizeHeader]byte
	nonce [wire.SizeNonce]byte
	awake awake
}

// protection is the keys of one direction of a stream, under the id of its
// receiver. It never prints them.
type protection struct {
	id   wire.ID
	keys *keys

	// The ciphers, while this is awake.
	expanded
	home  *protection // this one while it has a place in awake, and not for a copy of it
	place int32
	used  bool // since the hand of awake passed
}

// Format shows the id and never the keys.
func (p protection) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "[keys of stream %v, redacted]", p.id)
}

// newProtection takes the keys; the first packet makes the ciphers.
func newProtection(suite wire.Suite, id wire.ID, header, packet key.Secret) (protection, error) {
	if !handshake.Offered(suite) {
		return protection{}, fmt.Errorf("make ciphers: suite %v is not offered", suite)
	}
	return protection{id: id, keys: &keys{suite, header, packet}}, nil
}

// ready makes the ciphers if there are none.
func (p *protection) ready(s *scratch) {
	if p.home != p {
		s.awake.wake(p)
	}
	p.used = true
}

// begin starts a packet in the scratch: id and header in clear. The body is
// appended to what it returns, then seal ends it.
func (p *protection) begin(s *scratch, h *wire.Header) []byte {
	return h.Append(append(s.seal[:0], p.id[:]...))
}

// beginOneTime is begin under a one-time id.
func beginOneTime(s *scratch, id *[wire.SizeOneTimeID]byte, h *wire.Header) []byte {
	return h.Append(append(s.seal[:0], id[:]...))
}

// sealAfter ends the packet that begin started, whose id as sent has n bytes, and
// returns it, in the scratch.
//
//	AEAD nonce = 8 zero bytes | packet number; AAD = stream id as sent | the 16
//	header bytes in clear; then the header is one block of AES-256.
//
// The number is the header's own, and the caller never uses one twice.
func (p *protection) sealAfter(s *scratch, b []byte, n int) []byte {
	p.ready(s)
	body := n + wire.SizeHeader
	binary.BigEndian.PutUint32(s.nonce[wire.SizeNonce-4:], binary.BigEndian.Uint32(b[n:]))
	b = p.packet.Seal(b[:body], s.nonce[:], b[body:], b[:body])
	block := b[n:body]
	p.header.Encrypt(block, block)
	return b
}

// readHeaderAfter decrypts the header of a packet of at least MinData bytes, whose id
// as sent has n bytes. Before the tag opens it serves only to find the nonce.
func (p *protection) readHeaderAfter(s *scratch, packet []byte, n int) (wire.Header, error) {
	p.ready(s)
	p.header.Decrypt(s.block[:], packet[n:n+wire.SizeHeader])
	return wire.ParseHeader(&s.block)
}

// unsealAfter opens the body of the packet whose header readHeaderAfter read last. The
// plaintext is in the scratch; the packet is left as it was.
func (p *protection) unsealAfter(s *scratch, packet []byte, n int, number uint32) ([]byte, error) {
	body := n + wire.SizeHeader
	copy(s.clear[:], packet[:n])
	copy(s.clear[n:], s.block[:])
	binary.BigEndian.PutUint32(s.nonce[wire.SizeNonce-4:], number)
	return p.packet.Open(s.open[:0], s.nonce[:], packet[body:], s.clear[:body])
}
