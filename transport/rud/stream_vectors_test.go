package rud

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// streamCase is testdata/streams.txt: the values that it derives, and its packets.
type streamCase struct {
	t      testing.TB
	values map[string]string
}

func (c *streamCase) bytes(name string) []byte { return unhex(c.t, c.values[name]) }
func (c *streamCase) id(name string) wire.ID   { return wire.ID(c.bytes(name)) }
func (c *streamCase) secret(name string) key.Secret {
	return key.Secret(c.bytes(name))
}

// The stream secret, the rolled secret and the one-time id of testdata/streams.txt.
func TestStreamVectors(t *testing.T) {
	blocks := golden(t, "testdata/streams.txt")
	c := &streamCase{t, blocks[0]}
	want := func(name string, got []byte) {
		t.Helper()
		if !bytes.Equal(got, c.bytes(name)) {
			t.Errorf("%s: %x", name, got)
		}
	}
	stream := handshake.StreamSecret(c.secret("secret"), c.id("opener_id"), c.id("answerer_id"))
	want("stream_secret", stream[:])
	ours, err := key.EphemeralFromSeed(key.X25519, c.bytes("roll_initiator_private"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := key.EphemeralFromSeed(key.X25519, c.bytes("roll_responder_private"))
	if err != nil {
		t.Fatal(err)
	}
	want("roll_initiator_value", ours.Public().Raw())
	want("roll_responder_value", theirs.Public().Raw())
	shared := agree(t, ours, theirs.Public().Raw())
	want("roll_shared", shared)
	rolled := handshake.Roll(c.secret("secret"), shared, ours.Public().Raw(), theirs.Public().Raw())
	want("rolled_secret", rolled[:])
	stream = handshake.StreamSecret(rolled, c.id("opener_id"), c.id("answerer_id"))
	want("rolled_stream_secret", stream[:])
	block, err := aes.NewCipher(c.bytes("onetime_key"))
	if err != nil {
		t.Fatal(err)
	}
	var id [16]byte
	block.Encrypt(id[:], append(c.bytes("i2r_id"), c.bytes("onetime_counter")...))
	want("onetime_id", id[:])

	for _, v := range blocks[1:] {
		dir := handshake.Direction(v["direction"])
		header, packet := handshake.Keys(c.secret(v["keys"]), dir, c.id(v["id"]))
		p, err := newProtection(wire.SuiteX25519AESGCM, c.id(v["id"]), header, packet)
		if err != nil {
			t.Fatal(err)
		}
		sent := c.bytes(v["sent_id"])
		h, err := wire.ParseHeader((*[wire.SizeHeader]byte)(unhex(t, v["header_clear"])))
		if err != nil {
			t.Fatal(err)
		}
		var mem scratch
		b := append(h.Append(append(mem.seal[:0], sent...)), unhex(t, v["plaintext"])...)
		if got := p.sealAfter(&mem, b, len(sent)); !bytes.Equal(got, unhex(t, v["packet"])) {
			t.Errorf("%s:\n got %x\nwant %s", v["name"], got, v["packet"])
		}
	}
}

// The same packets through the engine: the node takes the initiator's, and answers.
func TestStreamVectorsThroughTheEngine(t *testing.T) {
	packets := make(map[string][]byte)
	blocks := golden(t, "testdata/streams.txt")
	for _, v := range blocks[1:] {
		packets[v["name"]] = unhex(t, v["packet"])
	}
	s := vectorScript(t, false)
	c := &streamCase{t, blocks[0]}
	s.receive(packets["open"])
	if len(s.accepted) != 1 || s.firsts[0] != "request 1" || s.accepted[0].Binding().Protocol != "notary" {
		t.Fatalf("accepted %v, first %q", s.accepted, s.firsts)
	}
	s.pass(rollLeast)
	s.receive(packets["roll, initiator"])
	if s.c.roll == nil || s.c.roll.state != rollOffered {
		t.Fatal("no roll")
	}
	s.receive(packets["refuse"]) // of nothing: ignored
	s.receive(packets["one-time request"])
	if !s.c.main.issues() {
		t.Error("no set was issued")
	}
	s.wantOpen()

	// The device's side of the same.
	d := vectorScript(t, true)
	stream := d.c.add(Binding{Kind: Transactional, Protocol: "notary"}, true, c.id("opener_id"))
	stream.in.id = stream.bound.first
	stream.bound.asked = 1
	d.e.streams[binary.BigEndian.Uint64(stream.in.id[:])] = stream
	d.receive(packets["answer"])
	d.receive(packets["answer in the stream"])
	if len(d.answers) != 1 || len(d.messages) != 1 || string(d.messages[0].Payload) != "answer 1" {
		t.Errorf("opened %d, messages %v", len(d.answers), d.messages)
	}
	d.receive(packets["close"])
	if len(d.ended) != 1 {
		t.Error("the stream did not end")
	}
	d.wantOpen()
}

// TestWriteStreamVectors writes testdata/streams.txt anew when asked to.
func TestWriteStreamVectors(t *testing.T) {
	if os.Getenv("MESHPRESENCE_WRITE_VECTORS") == "" {
		t.Skip("MESHPRESENCE_WRITE_VECTORS is not set")
	}
	base := golden(t, "testdata/data.txt")[0]
	c := &streamCase{t, map[string]string{}}
	var order []string
	set := func(name string, b []byte) []byte {
		c.values[name] = hex.EncodeToString(b)
		order = append(order, name)
		return b
	}
	for _, name := range []string{"secret", "i2r_id", "r2i_id"} {
		set(name, unhex(t, base[name]))
	}
	set("opener_id", unhex(t, "0102030405060708"))
	set("answerer_id", unhex(t, "1112131415161718"))
	stream := handshake.StreamSecret(c.secret("secret"), c.id("opener_id"), c.id("answerer_id"))
	set("stream_secret", stream[:])
	ours, theirs := ephemeral(t, 0x21), ephemeral(t, 0x42)
	private := func(seed byte) []byte { b := make([]byte, 32); b[0], b[31] = seed, 1; return b }
	set("roll_initiator_private", private(0x21))
	set("roll_responder_private", private(0x42))
	e := set("roll_initiator_value", ours.Public().Raw())
	f := set("roll_responder_value", theirs.Public().Raw())
	shared := set("roll_shared", agree(t, ours, f))
	rolled := handshake.Roll(c.secret("secret"), shared, e, f)
	set("rolled_secret", rolled[:])
	stream = handshake.StreamSecret(rolled, c.id("opener_id"), c.id("answerer_id"))
	set("rolled_stream_secret", stream[:])
	block, _ := aes.NewCipher(set("onetime_key", bytes.Repeat([]byte{0x77}, 32)))
	var id [16]byte
	block.Encrypt(id[:], append(c.bytes("i2r_id"), set("onetime_counter", []byte{7: 1})...))
	set("onetime_id", id[:])

	var out strings.Builder
	out.WriteString("# Frames of streams, rolls and one-time ids, suite 0x11, on the connection of data.txt.\n# All values hex, but names. Checked by a second program in another language, written\n# from the package comment.\n\n")
	for _, name := range order {
		fmt.Fprintf(&out, "%s: %s\n", name, c.values[name])
	}
	write := func(name, keys, dir, rid, sid string, h wire.Header, payload string, list ...wire.Extension) {
		header, packet := handshake.Keys(c.secret(keys), handshake.Direction(dir), c.id(rid))
		p, err := newProtection(wire.SuiteX25519AESGCM, c.id(rid), header, packet)
		if err != nil {
			t.Fatal(err)
		}
		var mem scratch
		sent := c.bytes(sid)
		plain := wire.AppendBody(nil, list, []byte(payload))
		b := append(h.Append(append(mem.seal[:0], sent...)), plain...)
		fmt.Fprintf(&out, "\nexpect: opens\nname: %s\nkeys: %s\ndirection: %s\nid: %s\nsent_id: %s\nheader_clear: %x\nplaintext: %x\npacket: %x\n",
			name, keys, dir, rid, sid, h.Append(nil), plain, p.sealAfter(&mem, b, len(sent)))
	}
	opener, answerer := c.bytes("opener_id"), c.bytes("answerer_id")
	first := func(n uint32, frame uint16) wire.Header {
		return wire.Header{Number: n, Flags: wire.FlagFinal, Pieces: 1, Frame: frame}
	}
	write("open", "secret", "i2r", "i2r_id", "i2r_id", first(1, 0), "request 1", entry(wire.TagStreamNew, opener), entry(wire.TagStreamClient, []byte("notary")))
	write("answer", "secret", "r2i", "r2i_id", "r2i_id", first(1, 0), "", entry(wire.TagStreamNew, opener, answerer))
	write("answer in the stream", "stream_secret", "r2i", "opener_id", "opener_id", first(1, 0), "answer 1")
	write("close", "secret", "r2i", "r2i_id", "r2i_id", first(2, 1), "", entry(wire.TagCloseStream, opener, answerer))
	write("refuse", "secret", "i2r", "i2r_id", "i2r_id", first(2, 1), "", entry(wire.TagRefuse, opener))
	write("one-time request", "secret", "i2r", "i2r_id", "i2r_id", first(3, 2), "", entry(wire.TagOneTimeStreamID))
	write("one-time set", "secret", "r2i", "r2i_id", "r2i_id", first(3, 2), "", entry(wire.TagOneTimeStreamID, id[:]))
	write("under a one-time id", "secret", "i2r", "i2r_id", "onetime_id", first(4, 3), "unlinkable")
	write("roll, initiator", "secret", "i2r", "i2r_id", "i2r_id", first(5, 4), "", entry(wire.TagRoll, e))
	write("roll, responder", "secret", "r2i", "r2i_id", "r2i_id", first(4, 3), "", entry(wire.TagRoll, f))
	write("under the rolled keys", "rolled_secret", "i2r", "i2r_id", "i2r_id", first(6, 5), "new keys")
	write("in the stream, under the rolled keys", "rolled_stream_secret", "r2i", "opener_id", "opener_id", first(2, 1), "answer 2")
	write("a new id", "rolled_secret", "i2r", "i2r_id", "i2r_id", first(7, 6), "", entry(wire.TagStreamNew, []byte("87654321")))
	write("roll, asked for", "rolled_secret", "r2i", "r2i_id", "r2i_id", first(5, 4), "", entry(wire.TagRoll))
	if err := os.WriteFile("testdata/streams.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
