package lab

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Sizes and numbers of IP and UDP headers.
const (
	sizeIPv4    = 20
	sizeIPv6    = 40
	sizeUDP     = 8
	protocolUDP = 17
	hopLimit    = 64
)

// Packet is an IP packet as a Wire carries it.
type Packet struct {
	From, To netip.AddrPort // ports are 0 unless UDP
	Protocol byte
	Size     int    // of the whole packet, IP header included
	Data     []byte // what UDP carries, nil otherwise
}

// UDP reports whether the packet is a whole UDP datagram.
func (p *Packet) UDP() bool { return p.Data != nil }

// ParsePacket reads an IP packet; ok is false for what is none. Data is part of b.
func ParsePacket(b []byte) (p Packet, ok bool) {
	if len(b) < sizeIPv4 {
		return p, false
	}
	p.Size = len(b)
	var from, to netip.Addr
	whole := true
	switch header := 4 * int(b[0]&0x0f); {
	case b[0]>>4 == 4 && header >= sizeIPv4 && len(b) >= header:
		from, to = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		p.Protocol = b[9]
		whole = binary.BigEndian.Uint16(b[6:])&0x3fff == 0 // no fragment
		b = b[header:]
	case b[0]>>4 == 6 && len(b) >= sizeIPv6:
		from, to = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		p.Protocol = b[6]
		b = b[sizeIPv6:]
	default:
		return p, false
	}
	p.From, p.To = netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)
	if p.Protocol == protocolUDP && whole && len(b) >= sizeUDP {
		p.From = netip.AddrPortFrom(from, binary.BigEndian.Uint16(b))
		p.To = netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2:]))
		p.Data = b[sizeUDP:]
	}
	return p, true
}

// AppendUDP appends an IP packet with a UDP datagram from any address whatever:
// both must be of one family.
func AppendUDP(b []byte, from, to netip.AddrPort, data []byte) []byte {
	start, size := len(b), sizeUDP+len(data)
	if from.Addr().Is4() {
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(sizeIPv4+size))
		b = append(b, 0, 0, 0, 0, hopLimit, protocolUDP, 0, 0)
	} else {
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(size))
		b = append(b, protocolUDP, hopLimit)
	}
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	udp := len(b)
	if from.Addr().Is4() {
		binary.BigEndian.PutUint16(b[start+10:], ^sum(b[start:], 0))
	}
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = append(b, 0, 0)
	b = append(b, data...)
	if from.Addr().Is6() { // over IPv4 a checksum of 0 says that there is none
		pseudo := uint32(sum(b[udp-32:udp], uint32(size)+protocolUDP))
		binary.BigEndian.PutUint16(b[udp+6:], nonZero(^sum(b[udp:], pseudo)))
	}
	return b
}

// sum is the Internet checksum's sum (RFC 1071), on top of start.
func sum(b []byte, start uint32) uint16 {
	s := start
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// nonZero is how a sum of zero is written over IPv6 (RFC 8200 8.1).
func nonZero(s uint16) uint16 {
	if s == 0 {
		return 0xffff
	}
	return s
}

// corrupt returns a copy of a packet with one bit of a datagram's data flipped, and
// over IPv4 without a checksum, so that the receiver has to notice. What is no
// datagram stays as it is.
func corrupt(packet []byte, bit uint64) []byte {
	b := slices.Clone(packet)
	p, ok := ParsePacket(b)
	if !ok || len(p.Data) == 0 {
		return b
	}
	bit %= uint64(len(p.Data)) * 8
	p.Data[bit/8] ^= 1 << (bit % 8)
	if p.From.Addr().Is4() {
		sum := b[len(b)-len(p.Data)-2:]
		sum[0], sum[1] = 0, 0
	}
	return b
}
