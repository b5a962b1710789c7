package lab

import (
	"bytes"
	"math/bits"
	"net/netip"
	"testing"
)

func TestPackets(t *testing.T) {
	data := []byte("odd")
	for _, ends := range [][2]string{{"198.18.0.1:9", "10.1.0.1:6770"}, {"[2001:db8::1]:9", "[fd00::1]:6770"}} {
		from, to := netip.MustParseAddrPort(ends[0]), netip.MustParseAddrPort(ends[1])
		b := AppendUDP([]byte("before"), from, to, data)[len("before"):]
		p, ok := ParsePacket(b)
		if !ok || p.From != from || p.To != to || !bytes.Equal(p.Data, data) || p.Size != len(b) || !p.UDP() {
			t.Errorf("%v came back as %+v, %v", ends, p, ok)
		}
		header := b[:sizeIPv4]
		if from.Addr().Is4() && sum(header, 0) != 0xffff {
			t.Errorf("the header's checksum is wrong: %x", header)
		}
		if from.Addr().Is6() && sum(b[8:], uint32(len(b)-sizeIPv6)+protocolUDP) != 0xffff {
			t.Errorf("the datagram's checksum is wrong: %x", b)
		}
		for n := range b {
			ParsePacket(b[:n])
		}
	}
}

func TestCorrupt(t *testing.T) {
	from, to := netip.MustParseAddrPort("198.18.0.1:9"), netip.MustParseAddrPort("10.1.0.1:6770")
	clean := AppendUDP(nil, from, to, []byte("0123456789"))
	for bit := range uint64(200) {
		p, ok := ParsePacket(corrupt(clean, bit))
		differ := 0
		for i, c := range []byte("0123456789") {
			differ += bits.OnesCount8(c ^ p.Data[i])
		}
		if !ok || p.From != from || p.To != to || differ != 1 {
			t.Fatalf("bit %d: %d bits differ in %+v", bit, differ, p)
		}
	}
}
