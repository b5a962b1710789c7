package hostile

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// Packet is one UDP datagram, or one piece of a TCP stream, as it was seen.
type Packet struct {
	TCP      bool
	From, To netip.AddrPort
	Data     []byte
	// Stopped says that a tap saw it and did not let it pass.
	Stopped bool
}

// Record is what was seen, in order. The zero value is empty and ready; it is
// safe for concurrent use.
type Record struct {
	mu   sync.Mutex
	list []Packet
}

// add keeps a copy of a packet.
func (r *Record) add(p Packet) {
	p.Data = bytes.Clone(p.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, p)
}

// Packets returns what was seen so far. The Data is shared and not to be changed.
func (r *Record) Packets() []Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// Between returns the packets, of those given, that go to an address or come
// from it.
func Between(packets []Packet, addr netip.AddrPort) []Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p Packet) bool { return p.To != addr && p.From != addr })
}

// Secret is what must not be seen.
type Secret struct {
	Name  string
	Bytes []byte
}

// Text is a secret that is read as text: in the case it is printed in and in
// upper case.
func Text(name, text string) []Secret {
	list := []Secret{{name, []byte(text)}}
	if upper := bytes.ToUpper([]byte(text)); string(upper) != text {
		list = append(list, Secret{name + " in upper case", upper})
	}
	return list
}

// Find returns the names of the secrets that stand in the packets: within one
// datagram, or anywhere in one direction of a TCP connection. Each name comes
// once, in the order of the secrets.
func Find(packets []Packet, secrets []Secret) []string {
	var found []string
	texts := flows(packets)
	for _, s := range secrets {
		if slices.ContainsFunc(texts, func(b []byte) bool { return bytes.Contains(b, s.Bytes) }) {
			found = append(found, s.Name)
		}
	}
	return found
}

// flows returns each datagram, and each TCP direction as one piece.
func flows(packets []Packet) [][]byte {
	type ends struct{ from, to netip.AddrPort }
	var list [][]byte
	streams := make(map[ends][]byte)
	for _, p := range packets {
		if !p.TCP {
			list = append(list, p.Data)
			continue
		}
		e := ends{p.From, p.To}
		streams[e] = append(streams[e], p.Data...)
	}
	for _, s := range streams {
		list = append(list, s)
	}
	return list
}

// Bytes counts the payload bytes of packets.
func Bytes(packets []Packet) (n int) {
	for _, p := range packets {
		n += len(p.Data)
	}
	return n
}

// String tells a packet for a test's message.
func (p Packet) String() string {
	protocol := "udp"
	if p.TCP {
		protocol = "tcp"
	}
	return fmt.Sprintf("%s %v -> %v, %d bytes %.20x", protocol, p.From, p.To, len(p.Data), p.Data)
}
