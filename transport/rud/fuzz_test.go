package rud

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// Steps of a fuzzed conversation: one byte, then what it needs.
const (
	stepRaw    = iota // length 2, a datagram as it is
	stepKnown         // length 2, a datagram under the connection's id
	stepSealed        // header 16, length 2, plaintext: sealed by a peer that has the keys
	stepPass          // 1, so many times 10 ms
	stepSend          // length 2: a frame of so many bytes
	stepFrom          // 1, the source of what follows
	stepProbe         // length 2: a probe frame to the source
	stepEcho          // 1: one of the packets sent so far comes back
	stepRebind
	stepCount
)

// reader takes bytes off the fuzzer's data; past the end it is all zeros.
type reader []byte

func (r *reader) take(n int) []byte {
	p := make([]byte, n)
	n = copy(p, *r)
	*r = (*r)[n:]
	return p
}

func (r *reader) byte() int { return int(r.take(1)[0]) }

func (r *reader) chunk() []byte {
	return r.take(min(int(binary.BigEndian.Uint16(r.take(2))), len(*r)+2, 1500))
}

// play runs one conversation and checks what must hold of any: no panic, at most
// 80 KiB, 3 times the bytes to an unproved path, silence after the end.
func play(t *testing.T, initiator bool, data []byte) {
	s := newScript(t, initiator)
	sources := []netip.AddrPort{scriptHere, scriptThere, scriptThird, netip.MustParseAddrPort("[2001:db8::1]:1")}
	heard := make(map[netip.AddrPort]int)
	said := make(map[netip.AddrPort]int)
	proved := map[netip.AddrPort]bool{s.addr: true}
	var sent [][]byte
	receive := func(p []byte) {
		heard[s.addr] += len(p)
		s.receive(p)
	}
	for r := reader(data); len(r) > 0; {
		switch step := r.byte() % stepCount; step {
		case stepRaw:
			receive(r.chunk())
		case stepKnown:
			receive(append(s.seal.id[:], r.chunk()...))
		case stepSealed:
			receive(s.forge([wire.SizeHeader]byte(r.take(wire.SizeHeader)), r.chunk()))
		case stepPass:
			s.pass(time.Duration(r.byte()) * 10 * time.Millisecond)
		case stepSend:
			_, _ = s.c.Send(s.now, make([]byte, int(binary.BigEndian.Uint16(r.take(2)))%20000))
		case stepFrom:
			s.addr = sources[r.byte()%len(sources)]
		case stepProbe:
			_, _ = s.c.SendProbe(s.now, s.addr, make([]byte, int(binary.BigEndian.Uint16(r.take(2)))%2000))
		case stepEcho:
			if i := r.byte(); i < len(sent) {
				receive(sent[i])
			}
		case stepRebind:
			s.c.Rebind(s.now)
		}
		proved[s.c.Path()] = true
		for _, p := range s.out {
			sent = append(sent, p.packet)
			if len(p.packet) > wire.MaxPacket {
				t.Fatalf("sent %d bytes", len(p.packet))
			}
			said[p.to] += len(p.packet)
			if !proved[p.to] && said[p.to] > amplification*heard[p.to] {
				t.Fatalf("%d bytes to %v, which sent %d", said[p.to], p.to, heard[p.to])
			}
		}
		s.out = nil
		if m := memory(s.c); m > 80<<10 {
			t.Fatalf("%d bytes", m)
		}
	}
	closed := len(s.closed)
	s.pass(10 * time.Second)
	s.now = s.now.Add(maxAge)
	s.e.Advance(s.now)
	if s.out = nil; closed > 1 || len(s.closed) != 1 || s.e.Len() != 0 {
		t.Fatalf("closed %v, %d connections left", s.closed, s.e.Len())
	}
}

// forge seals any header and plaintext under the peer's keys.
func (s *script) forge(block [wire.SizeHeader]byte, plain []byte) []byte {
	plain = plain[:min(len(plain), wire.MaxPacket-sizeClear-wire.SizeTag)]
	var sc scratch
	b := append(append(sc.seal[:0], s.seal.id[:]...), block[:]...)
	return append([]byte(nil), s.seal.seal(&sc, append(b, plain...))...)
}

// sealedStep is a step of a packet in order.
func sealedStep(h wire.Header, list []wire.Extension, payload []byte) []byte {
	body := wire.AppendBody(nil, list, payload)
	b := h.Append([]byte{stepSealed})
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

// FuzzReceive gives an open connection of either side arbitrary datagrams, true
// ones changed, and well sealed nonsense.
func FuzzReceive(f *testing.F) {
	var all []byte
	for i, h := range []wire.Header{
		{Number: 1, Flags: wire.FlagFinal},
		{Number: 2, Flags: wire.FlagFinal, Frame: 1, Pieces: 2},
		{Number: 3, Flags: wire.FlagFinal, Frame: 1, Pieces: 2, Index: 1},
		{Number: 4, Flags: wire.FlagNoFrame},
		{Number: 5, Flags: wire.FlagFinal | wire.FlagProbe, Frame: 2},
		{Number: 7, Flags: wire.FlagFinal | wire.CutFlag(1), Frame: 3, Pieces: 3},
		{Number: 65536, Flags: wire.FlagFinal | wire.FlagAckValid, Frame: 4, Newest: 1},
	} {
		step := sealedStep(h, nil, nil)
		if !h.NoFrame() {
			step = sealedStep(h, nil, text(i, 40))
		}
		f.Add(i%2 == 0, step)
		all = append(all, step...)
		all = append(all, stepSend, 8, byte(i), stepPass, 3, stepFrom, byte(i), stepProbe, 0, 9)
	}
	f.Add(true, all)
	f.Add(false, all)
	value := []wire.Extension{{Tag: wire.TagPathChallenge, Value: make([]byte, 16)}, {Tag: wire.TagPathResponse, Value: make([]byte, 16)}}
	f.Add(false, sealedStep(wire.Header{Number: 1, Flags: wire.FlagNoFrame | wire.FlagProbe}, value, nil))
	for _, v := range golden(f, "testdata/data.txt")[1:] {
		p := unhex(f, v["packet"])
		f.Add(false, append(binary.BigEndian.AppendUint16([]byte{stepRaw}, uint16(len(p))), p...))
		f.Add(true, append(binary.BigEndian.AppendUint16([]byte{stepKnown}, uint16(len(p)-8)), p[8:]...))
	}
	f.Fuzz(play)
}

// FuzzStranger gives a listening Endpoint datagrams of nobody it knows: never more
// bytes out than in, and only for a well-formed Hello.
func FuzzStranger(f *testing.F) {
	hello := (&wire.Hello{Suite: wire.SuiteX25519AESGCM, ID: wire.ID{1}}).Append(nil, wire.SmallPacket, nil)
	f.Add(hello)
	f.Add(hello[:100])
	f.Add(make([]byte, 1200))
	f.Add(append(make([]byte, 16), wire.TypeComplete, wire.Version, 0x11))
	static := newStatic(f, 1)
	sent := 0
	e, err := NewEndpoint(Config{
		Static: static, Listen: true, Handler: &mute{}, Rate: 1 << 20, Burst: 1 << 20,
		Send: func(_ netip.AddrPort, p []byte) { sent += len(p) },
	})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, p []byte) {
		sent = 0
		now = now.Add(time.Millisecond)
		e.Receive(now, scriptHere, p)
		if sent > len(p) || sent > 0 && len(p) < wire.SmallPacket {
			t.Fatalf("%d bytes for %d", sent, len(p))
		}
		if e.Len() != 0 {
			t.Fatal("a stranger left a connection")
		}
	})
}
