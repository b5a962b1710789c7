package rud

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// sizeClear is what is authenticated beside the body: the id as sent and the
// header block in clear.
const sizeClear = wire.SizeID + wire.SizeHeader

// scratch is the memory that sealing and opening need, shared by all connections
// of an Endpoint: one packet is sealed at a time, and one opened.
type scratch struct {
	seal  [wire.MaxPacket]byte
	open  [wire.MaxPacket]byte
	clear [sizeClear]byte
	block [wire.SizeHeader]byte
	nonce [wire.SizeNonce]byte
}

// protection is the keys of one direction of a stream, under the id of its
// receiver. It never prints them.
type protection struct {
	id     wire.ID
	header cipher.Block
	packet cipher.AEAD
}

// Format shows the id and never the keys.
func (p protection) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "[keys of stream %v, redacted]", p.id)
}

// newProtection makes the ciphers. The header's is AES-256 whatever the suite.
func newProtection(suite wire.Suite, id wire.ID, header, packet key.Secret) (protection, error) {
	block, err := aes.NewCipher(header[:])
	if err != nil {
		return protection{}, fmt.Errorf("make header cipher: %w", err)
	}
	aead, err := handshake.NewAEAD(suite, &packet)
	if err != nil {
		return protection{}, fmt.Errorf("make packet cipher: %w", err)
	}
	return protection{id: id, header: block, packet: aead}, nil
}

// begin starts a packet in the scratch: id and header in clear. The body is
// appended to what it returns, then seal ends it.
func (p *protection) begin(s *scratch, h *wire.Header) []byte {
	return h.Append(append(s.seal[:0], p.id[:]...))
}

// seal ends the packet that begin started and returns it, in the scratch.
//
//	AEAD nonce = 8 zero bytes | packet number; AAD = stream id as sent | the 16
//	header bytes in clear; then the header is one block of AES-256.
//
// The number is the header's own, and the caller never uses one twice.
func (p *protection) seal(s *scratch, b []byte) []byte {
	binary.BigEndian.PutUint32(s.nonce[wire.SizeNonce-4:], binary.BigEndian.Uint32(b[wire.SizeID:]))
	b = p.packet.Seal(b[:sizeClear], s.nonce[:], b[sizeClear:], b[:sizeClear])
	block := b[wire.SizeID:sizeClear]
	p.header.Encrypt(block, block)
	return b
}

// readHeader decrypts the header of a packet of at least MinData bytes. Before
// the tag opens it serves only to find the nonce.
func (p *protection) readHeader(s *scratch, packet []byte) (wire.Header, error) {
	p.header.Decrypt(s.block[:], packet[wire.SizeID:sizeClear])
	return wire.ParseHeader(&s.block)
}

// unseal opens the body of the packet whose header readHeader read last. The
// plaintext is in the scratch; the packet is left as it was.
func (p *protection) unseal(s *scratch, packet []byte, number uint32) ([]byte, error) {
	copy(s.clear[:], packet[:wire.SizeID])
	copy(s.clear[wire.SizeID:], s.block[:])
	binary.BigEndian.PutUint32(s.nonce[wire.SizeNonce-4:], number)
	return p.packet.Open(s.open[:0], s.nonce[:], packet[sizeClear:], s.clear[:])
}
