package handshake_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

// TestVectors runs both machines against the project's vectors: every packet,
// token, secret, id and key.
func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			now := time.Now()
			i, r := v.initiator(t, now), v.responder(t, now, nil)

			hello := i.Next(now)
			same(t, "Hello", hello, v.Hello)
			challenge, _, o := r.Receive(now, v.Source, hello, nil)
			want(t, o, handshake.Challenged)
			same(t, "Challenge", challenge, v.Challenge)
			_, o = i.Receive(now, challenge)
			want(t, o, handshake.Accepted)
			complete := i.Next(now)
			same(t, "Complete", complete, v.Complete)
			answer, theirs, o := r.Receive(now, v.Source, complete, nil)
			want(t, o, handshake.Completed)
			same(t, "ResponderComplete", answer, v.Answer)
			ours, o := i.Receive(now, answer)
			want(t, o, handshake.Completed)

			for _, res := range []*handshake.Result{ours, theirs} {
				same(t, "secret", res.Secret[:], v.Secret)
				same(t, "reset token", res.Reset[:], v.Token)
				same(t, "card", res.Card[:], v.Inputs.Card)
				if res.Size != len(v.Hello) {
					t.Errorf("size %d", res.Size)
				}
			}
			same(t, "initiator's data id", ours.MyID[:], v.R2I.ID)
			same(t, "responder's data id", ours.PeerID[:], v.I2R.ID)
			if ours.MyID != theirs.PeerID || ours.PeerID != theirs.MyID || ours.Mine != theirs.Peer || ours.Peer != theirs.Mine {
				t.Error("the two results do not mirror each other")
			}
			if ours.Peer.UDF() != v.UDF {
				t.Errorf("responder is %s, want %s", ours.Peer.UDF(), v.UDF)
			}
			checkKeys(t, ours.SendKeys, &v.I2R)
			checkKeys(t, theirs.ReceiveKeys, &v.I2R)
			checkKeys(t, ours.ReceiveKeys, &v.R2I)
			checkKeys(t, theirs.SendKeys, &v.R2I)
			if name, _ := theirs.Extensions.Get(wire.TagStreamClient); string(name) != wire.Protocol {
				t.Errorf("StreamClient %q", name)
			}
		})
	}
}

func checkKeys(t *testing.T, keys func() (header, packet key.Secret), v *streamVector) {
	t.Helper()
	header, packet := keys()
	same(t, "header key", header[:], v.HeaderKey)
	same(t, "packet key", packet[:], v.PacketKey)
}

// TestDataVectors seals the three data packets with the keys of Keys and the
// headers of wire.
func TestDataVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		for _, d := range v.Data {
			t.Run(d.What, func(t *testing.T) {
				dir, id := handshake.I2R, v.I2R.ID
				if d.Direction == "r2i" {
					dir, id = handshake.R2I, v.R2I.ID
				}
				headerKey, packetKey := handshake.Keys(key.Secret(v.Secret), dir, wire.ID(id))
				h, err := wire.ParseHeader((*[16]byte)(d.Header))
				if err != nil {
					t.Fatal(err)
				}
				if h.Number != d.Number {
					t.Errorf("number %d", h.Number)
				}
				if err := h.CheckOpened(); err != nil {
					t.Error(err)
				}
				block := h.Append(nil)
				same(t, "header block", block, d.Header)
				nonce := wire.Nonce(h.Number)
				same(t, "nonce", nonce[:], d.Nonce)
				same(t, "packet", modelData(0x11, headerKey[:], packetKey[:], id, block, d.Number, d.Plaintext), d.Packet)
			})
		}
	}
}

// modelled is what the model makes of a set of inputs.
type modelled struct {
	Hello, Value, Challenge, Complete, Answer, Token, Secret []byte

	steps []modelStep
}

// runModel computes a First Contact from inputs alone. list is the encoded
// extension list of Complete.
func runModel(in *inputs, slot, generation uint32, from netip.AddrPort, size int, expect, list []byte) (m modelled) {
	m.Hello = modelHello(size, in.HandshakeID, expect)
	m.Value = modelValue(slot, generation, sha(label("RUD1 hello"), m.Hello), in.MACKey, from, in.HandshakeID)
	m.Challenge = modelChallenge(0x11, in.HandshakeID, public(in.K), public(in.StaticR), in.Card, m.Value)
	run := modelStart(m.Hello, m.Challenge)
	section := modelSection(size, public(in.StaticI), in.DataI, list)
	m.Complete = run.complete(in.HandshakeID, m.Value, in.E, public(in.StaticR), public(in.K), section)
	m.Token = modelReset(in.Reset, public(in.StaticI), in.DataI)
	plain := append(append(append([]byte{}, in.DataR...), m.Token...), 0x10, 0, 0x20, 0)
	m.Answer = run.answer(in.HandshakeID, in.F, public(in.E), public(in.StaticI), plain)
	m.Secret = run.secret()
	m.steps = run.steps
	return m
}

// modelList encodes a short extension list.
func modelList(list []wire.Extension) (b []byte) {
	for _, x := range list {
		b = append(append(b, 0x10, byte(len(x.Tag))), x.Tag...)
		b = append(append(b, 0x20, byte(len(x.Value))), x.Value...)
	}
	return append(b, 0x10, 0)
}

// TestModelAgreesWithVectors checks the model itself, step by step.
func TestModelAgreesWithVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			bits := static(t, v.Inputs.StaticR).Public().Expect()
			same(t, "expect", modelExpect(bits[:]), v.Expect)
			m := runModel(&v.Inputs, v.Slot, v.Generation, v.Source, len(v.Hello), v.Expect, modelList(v.extensions()))
			same(t, "Hello", m.Hello, v.Hello)
			same(t, "value", m.Value, v.Value)
			same(t, "Challenge", m.Challenge, v.Challenge)
			same(t, "Complete", m.Complete, v.Complete)
			same(t, "ResponderComplete", m.Answer, v.Answer)
			same(t, "token", m.Token, v.Token)
			same(t, "secret", m.Secret, v.Secret)
			if len(m.steps) != len(v.Schedule) {
				t.Fatalf("%d steps, want %d", len(m.steps), len(v.Schedule))
			}
			for n, s := range v.Schedule {
				if m.steps[n].Name != s.Step {
					t.Errorf("step %d is %q, want %q", n, m.steps[n].Name, s.Step)
				}
				same(t, s.Step+": h", m.steps[n].H, s.H)
				same(t, s.Step+": ck", m.steps[n].CK, s.CK)
			}
			for dir, stream := range map[string]streamVector{"i2r": v.I2R, "r2i": v.R2I} {
				header, packet := modelKeys(m.Secret, dir, stream.ID)
				same(t, dir+" header key", header, stream.HeaderKey)
				same(t, dir+" packet key", packet, stream.PacketKey)
			}
		})
	}
}

// TestMachinesAgreeWithModel runs random First Contacts in both.
func TestMachinesAgreeWithModel(t *testing.T) {
	rnd := rand.NewChaCha8([32]byte{1})
	draw := func(n int) []byte {
		b := make([]byte, n)
		rnd.Read(b)
		return b
	}
	lists := [][]wire.Extension{nil, {{Tag: wire.TagStreamClient, Value: []byte(wire.Protocol)}}, {{Tag: "X", Value: draw(200)}, {Tag: "Y"}}}
	sources := []string{"192.0.2.7:51000", "[2001:db8::1]:1", "[::ffff:192.0.2.9]:65535"}
	for n := range 24 {
		in := inputs{
			MACKey: draw(32), DataI: draw(8), E: draw(32), HandshakeID: draw(8), StaticI: draw(32), Card: draw(32),
			Reset: draw(32), DataR: draw(8), F: draw(32), K: draw(32), StaticR: draw(32), SlotStart: []byte{0xff, 0xff, 0xff, byte(n)},
		}
		v := vector{Inputs: in, Generation: uint32(n), Hello: make([]byte, []int{1200, 548}[n%2])}
		list, source := lists[n%3], netip.MustParseAddrPort(sources[n%3])
		cfg := handshake.InitiatorConfig{Static: static(t, in.StaticI), Extensions: list, Size: len(v.Hello)}
		expect := make([]byte, 32)
		switch n % 4 {
		case 0: // nothing pinned: s_I is drawn
			cfg.Rand = script(seed, in.StaticI, in.HandshakeID, in.E, in.DataI)
			cfg.Static = static(t, draw(32))
		case 1: // trust on first use
			cfg.Rand = script(seed, in.HandshakeID, in.E, in.DataI)
			cfg.Pin.Accept = func(key.Agreement) bool { return true }
		default:
			cfg.Rand = script(seed, in.HandshakeID, in.E, in.DataI)
			cfg.Pin.Key = static(t, in.StaticR).Public()
			bits := cfg.Pin.Key.Expect()
			expect = modelExpect(bits[:])
		}
		boot := time.Now()
		now := boot.Add(time.Duration(n) * 7 * time.Second)
		slot := 0xffffff00 + uint32(n) + uint32(n)*7/10
		m := runModel(&in, slot, v.Generation, source, len(v.Hello), expect, modelList(list))

		i, err := handshake.NewInitiator(now, cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := v.responder(t, boot, nil)
		hello := i.Next(now)
		same(t, "Hello", hello, m.Hello)
		challenge, _, _ := r.Receive(now, source, hello, nil)
		same(t, "Challenge", challenge, m.Challenge)
		i.Receive(now, challenge)
		complete := i.Next(now)
		same(t, "Complete", complete, m.Complete)
		answer, theirs, _ := r.Receive(now, source, complete, nil)
		same(t, "ResponderComplete", answer, m.Answer)
		ours, o := i.Receive(now, answer)
		want(t, o, handshake.Completed)
		if t.Failed() {
			t.Fatalf("run %d", n)
		}
		same(t, "secret", ours.Secret[:], m.Secret)
		same(t, "secret", theirs.Secret[:], m.Secret)
		same(t, "token", ours.Reset[:], m.Token)

		shared, a, b := draw(32), draw(36), draw(36)
		rolled := handshake.Roll(ours.Secret, shared, a, b)
		same(t, "roll", rolled[:], modelRoll(m.Secret, shared, a, b))
	}
}

func want(t testing.TB, got, want handshake.Outcome) {
	t.Helper()
	if got != want {
		t.Fatalf("outcome %q, want %q", got, want)
	}
}
