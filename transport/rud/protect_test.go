package rud

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// sizeClear is what is authenticated beside the body under a plain id.
const sizeClear = wire.SizeID + wire.SizeHeader

// seal, readHeader and unseal are of packets under a plain id.
func (p *protection) seal(s *scratch, b []byte) []byte { return p.sealAfter(s, b, wire.SizeID) }

func (p *protection) readHeader(s *scratch, packet []byte) (wire.Header, error) {
	return p.readHeaderAfter(s, packet, wire.SizeID)
}

func (p *protection) unseal(s *scratch, packet []byte, number uint32) ([]byte, error) {
	return p.unsealAfter(s, packet, wire.SizeID, number)
}

var allSuites = []wire.Suite{wire.SuiteX25519AESGCM, wire.SuiteX25519ChaCha20, wire.SuiteX448AESGCM, wire.SuiteX448ChaCha20}

// static448 is the X448 key of a seed.
func static448(t testing.TB, seed byte) *key.Static {
	t.Helper()
	s, err := key.StaticFromSeed(key.X448, bytes.Repeat([]byte{seed}, key.SizeX448))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The data packets of every suite in the handshake's vectors, sealed and opened.
func TestSuiteVectors(t *testing.T) {
	text, err := os.ReadFile("handshake/testdata/suites.json")
	if err != nil {
		t.Fatal(err)
	}
	type stream struct {
		ID        string
		HeaderKey string `json:"header_key"`
		PacketKey string `json:"packet_key"`
	}
	var file struct {
		Cases []struct {
			Name, Suite string
			I2R, R2I    stream
			Data        []struct {
				What, Direction, Plaintext, Packet string
				Header                             string `json:"header_clear"`
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range file.Cases {
		suite := wire.Suite(unhex(t, v.Suite)[0])
		for _, d := range v.Data {
			keys := v.I2R
			if d.Direction == "r2i" {
				keys = v.R2I
			}
			p, err := newProtection(suite, wire.ID(unhex(t, keys.ID)), key.Secret(unhex(t, keys.HeaderKey)), key.Secret(unhex(t, keys.PacketKey)))
			if err != nil {
				t.Fatal(err)
			}
			h, err := wire.ParseHeader((*[wire.SizeHeader]byte)(unhex(t, d.Header)))
			if err != nil {
				t.Fatal(err)
			}
			var s scratch
			packet := bytes.Clone(p.seal(&s, append(p.begin(&s, &h), unhex(t, d.Plaintext)...)))
			if got := hex.EncodeToString(packet); got != d.Packet {
				t.Errorf("%s, %s:\n got %s\nwant %s", v.Name, d.What, got, d.Packet)
			}
			got, err := p.readHeader(&s, packet)
			if err != nil || got != h {
				t.Errorf("%s, %s: header %+v, %v", v.Name, d.What, got, err)
			}
			plain, err := p.unseal(&s, packet, h.Number)
			if err != nil || hex.EncodeToString(plain) != d.Plaintext {
				t.Errorf("%s, %s: %x, %v", v.Name, d.What, plain, err)
			}
			checked++
		}
	}
	if checked != 48 {
		t.Errorf("%d packets", checked)
	}
}

// "The header key is AES-256 also under ChaCha20", and a packet of one AEAD does not
// open under the other with the same keys.
func TestHeaderKeyIsAESInEverySuite(t *testing.T) {
	header, packet := key.Secret{1}, key.Secret{2}
	block, err := aes.NewCipher(header[:])
	if err != nil {
		t.Fatal(err)
	}
	for n, suite := range allSuites {
		var s scratch
		p, err := newProtection(suite, wire.ID{7}, header, packet)
		if err != nil {
			t.Fatal(err)
		}
		h := wire.Header{Number: 5, Flags: wire.FlagFinal, Pieces: 1}
		sealed := bytes.Clone(p.seal(&s, append(p.begin(&s, &h), "0123456789"...)))
		var clear [wire.SizeHeader]byte
		block.Decrypt(clear[:], sealed[wire.SizeID:])
		if !bytes.Equal(clear[:], h.Append(nil)) {
			t.Errorf("%v: header %x", suite, clear)
		}
		other, err := newProtection(allSuites[n^1], wire.ID{7}, header, packet)
		if err != nil {
			t.Fatal(err)
		}
		got, err := other.readHeader(&s, sealed)
		if err != nil || got != h {
			t.Errorf("%v: header %+v, %v", suite, got, err)
		}
		if _, err := other.unseal(&s, sealed, h.Number); err == nil {
			t.Errorf("%v opens under %v", suite, allSuites[n^1])
		}
	}
	if _, err := newProtection(0x13, wire.ID{7}, header, packet); err == nil {
		t.Error("protection of suite 0x13")
	}
}

// 0 allocations for a heartbeat and its answer in every suite.
func TestHeartbeatDoesNotAllocateInAnySuite(t *testing.T) {
	for _, suite := range allSuites[1:] {
		l := newLoopOf(t, suite)
		if l.d.Suite() != suite || l.n.Suite() != suite {
			t.Fatalf("suites %v and %v, want %v", l.d.Suite(), l.n.Suite(), suite)
		}
		beat := l.beating(t)
		for range 100 {
			beat()
		}
		if n := testing.AllocsPerRun(100, beat); n != 0 {
			t.Errorf("%v: %v allocations a heartbeat", suite, n)
		}
		if l.answer.err != nil || l.node.Stats().Dropped != 0 {
			t.Errorf("%v: the packets did not arrive: %+v", suite, l.node.Stats())
		}
	}
}

// BenchmarkSuite seals and opens a packet of 1200 bytes.
func BenchmarkSuite(b *testing.B) {
	for _, suite := range allSuites[:2] {
		p, err := newProtection(suite, wire.ID{7}, key.Secret{1}, key.Secret{2})
		if err != nil {
			b.Fatal(err)
		}
		var s scratch
		body := make([]byte, wire.MaxPacket-sizeClear-wire.SizeTag)
		h := wire.Header{Number: 1, Pieces: 1}
		packet := bytes.Clone(p.seal(&s, append(p.begin(&s, &h), body...)))
		b.Run(fmt.Sprintf("%v/seal", suite), func(b *testing.B) {
			b.SetBytes(wire.MaxPacket)
			b.ReportAllocs()
			for b.Loop() { // a benchmark's key protects nothing: one number is used again
				p.seal(&s, append(p.begin(&s, &h), body...))
			}
		})
		b.Run(fmt.Sprintf("%v/open", suite), func(b *testing.B) {
			b.SetBytes(wire.MaxPacket)
			b.ReportAllocs()
			for b.Loop() {
				got, err := p.readHeader(&s, packet)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := p.unseal(&s, packet, got.Number); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%v/wake", suite), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.keys.expand(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkIdleConnection is the heap that a connection of a node takes that says
// nothing, after its first packets: of 10,000, all that the Endpoint keeps for it
// included (goal: 4 KiB).
func BenchmarkIdleConnection(b *testing.B) {
	const count = 10000
	for _, suite := range allSuites[:2] {
		b.Run(suite.String(), func(b *testing.B) {
			for b.Loop() {
				e, err := NewEndpoint(Config{Static: newStatic(b, 2), Listen: true, Send: new(queue).push, Handler: &mute{}, Rand: newSeeded(1)})
				if err != nil {
					b.Fatal(err)
				}
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				peer := newStatic(b, 3).Public()
				for n := range count {
					idle(b, e, suite, n, peer)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/count, "B/connection")
				runtime.KeepAlive(e)
			}
		})
	}
}

// idle gives e a connection as a handshake does, which has sealed and opened.
func idle(b *testing.B, e *Endpoint, suite wire.Suite, n int, peer key.Agreement) {
	b.Helper()
	c := &Conn{e: e, phase: phaseOpen}
	r := &handshake.Result{
		Suite: suite, Secret: key.Secret{byte(n), byte(n >> 8)}, Peer: peer, Mine: peer, Size: wire.MaxPacket,
		MyID: wire.ID{1, byte(n), byte(n >> 8)}, PeerID: wire.ID{2, byte(n), byte(n >> 8)},
	}
	if err := c.establish(r); err != nil {
		b.Fatal(err)
	}
	c.paths.current = scriptThere
	h := wire.Header{Number: 1, Pieces: 1}
	for _, p := range []*protection{&c.main.in, &c.main.out} {
		p.seal(&e.scratch, p.begin(&e.scratch, &h))
	}
}

// A Roll is on the suite's curve: both sides have the same new secret, and packets
// open under it.
func TestRollInEverySuite(t *testing.T) {
	for _, suite := range allSuites {
		l := newLoopOf(t, suite)
		before := l.d.secret
		l.now = l.now.Add(rollLeast)
		if err := l.d.Roll(l.now); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			l.turn()
		}
		if l.d.secret == before || l.d.secret != l.n.secret {
			t.Errorf("%v: the keys did not roll on both sides", suite)
		}
		if _, err := l.d.Send(l.now, text(3, 40)); err != nil {
			t.Fatal(err)
		}
		frame, err := l.n.Send(l.now, text(4, 3000))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			l.turn()
		}
		if !l.n.Acknowledged(frame) || l.node.Stats().Dropped != 0 || l.device.Stats().Dropped != 0 {
			t.Errorf("%v: after a Roll %+v", suite, l.node.Stats())
		}
	}
}
