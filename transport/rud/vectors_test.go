package rud

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// golden reads a file of blocks of "name: value" lines; # begins a comment, an
// empty line a block.
func golden(t testing.TB, name string) (blocks []map[string]string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n\n") {
		block := make(map[string]string)
		for _, line := range strings.Split(part, "\n") {
			if k, v, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, "#") {
				block[k] = v
			}
		}
		if len(block) > 0 {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The keys and the three data packets of testdata/data.txt, byte for byte, both
// ways.
func TestVectors(t *testing.T) {
	blocks := golden(t, "testdata/data.txt")
	keys := blocks[0]
	protections := make(map[string]protection)
	for _, dir := range []handshake.Direction{handshake.I2R, handshake.R2I} {
		id := wire.ID(unhex(t, keys[string(dir)+"_id"]))
		header, packet := handshake.Keys(key.Secret(unhex(t, keys["secret"])), dir, id)
		if !bytes.Equal(header[:], unhex(t, keys[string(dir)+"_header_key"])) || !bytes.Equal(packet[:], unhex(t, keys[string(dir)+"_packet_key"])) {
			t.Errorf("%s: other keys", dir)
		}
		p, err := newProtection(wire.SuiteX25519AESGCM, id, header, packet)
		if err != nil {
			t.Fatal(err)
		}
		protections[string(dir)] = p
	}
	if len(blocks) != 4 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, v := range blocks[1:] {
		p := protections[v["direction"]]
		packet, plain := unhex(t, v["packet"]), unhex(t, v["plaintext"])
		h, err := wire.ParseHeader((*[wire.SizeHeader]byte)(unhex(t, v["header_clear"])))
		if err != nil {
			t.Fatal(err)
		}
		var s scratch
		if got := p.seal(&s, append(p.begin(&s, &h), plain...)); !bytes.Equal(got, packet) {
			t.Errorf("packet %s\n got %x\nwant %x", v["packet_number"], got, packet)
		}
		got, err := p.readHeader(&s, packet)
		if err != nil || got != h || strconv.Itoa(int(got.Number)) != v["packet_number"] {
			t.Errorf("header %+v, %v", got, err)
		}
		body, err := p.unseal(&s, packet, got.Number)
		if err != nil || !bytes.Equal(body, plain) {
			t.Errorf("plaintext %x, %v", body, err)
		}
	}
}

// vectorScript is a connection under the keys of testdata/data.txt.
func vectorScript(t testing.TB, initiator bool) *script {
	t.Helper()
	keys := golden(t, "testdata/data.txt")[0]
	my, peer := "i2r_id", "r2i_id"
	if initiator {
		my, peer = peer, my
	}
	r := scriptResult(initiator)
	r.Secret = key.Secret(unhex(t, keys["secret"]))
	r.MyID, r.PeerID = wire.ID(unhex(t, keys[my])), wire.ID(unhex(t, keys[peer]))
	return newScriptOf(t, r)
}

// testdata/refused.txt: what opens, drops or closes.
func TestRefused(t *testing.T) {
	for i, v := range golden(t, "testdata/refused.txt") {
		s := vectorScript(t, false)
		s.receive(unhex(t, v["packet"]))
		got := "opens"
		switch {
		case len(s.closed) > 0:
			s.wantClosed(ReasonBreach)
			got = "closes"
		case s.c.main.window.Newest() == 0:
			s.pass(time.Minute)
			s.wantIdle()
			s.wantMessages(0)
			got = "drops"
		}
		if got != v["expect"] {
			t.Errorf("packet %d %s, want %s: %s", i, got, v["expect"], v["packet"])
		}
	}
}

// The same packets through the engine: the device sends the first, the node the
// second, which acknowledges it, and the device the third, which acknowledges
// that.
func TestVectorsThroughTheEngine(t *testing.T) {
	blocks := golden(t, "testdata/data.txt")
	payload := func(i int) []byte {
		body, err := wire.ParseBody(unhex(t, blocks[i]["plaintext"]))
		if err != nil {
			t.Fatal(err)
		}
		return body.Payload
	}
	device, node := vectorScript(t, true), vectorScript(t, false)
	want := func(s *script, i int) {
		t.Helper()
		if len(s.out) == 0 || !bytes.Equal(s.out[0].packet, unhex(t, blocks[i]["packet"])) {
			t.Fatalf("packet %d is another one", i)
		}
		s.out = nil
	}
	device.sendFrame(payload(1))
	want(device, 1)
	node.receive(unhex(t, blocks[1]["packet"]))
	node.wantMessages(1)
	node.sendFrame(payload(2))
	want(node, 2)
	device.receive(unhex(t, blocks[2]["packet"]))
	device.wantMessages(1)
	device.pass(ackDelay)
	want(device, 3)
	if !device.c.Acknowledged(0) {
		t.Error("the first frame is not acknowledged")
	}
	node.receive(unhex(t, blocks[3]["packet"]))
	if !node.c.Acknowledged(0) {
		t.Error("the second frame is not acknowledged")
	}
}
