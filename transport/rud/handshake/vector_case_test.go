package handshake_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// hexBytes is a byte string that JSON holds as hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// inputs are everything that is chosen: private keys, ids, keys of MACs.
type inputs struct {
	MACKey      hexBytes `json:"challenge_mac_key,omitempty"`
	DataI       hexBytes `json:"initiator_data_id"`
	E           hexBytes `json:"initiator_ephemeral"`
	HandshakeID hexBytes `json:"initiator_handshake_id"`
	StaticI     hexBytes `json:"initiator_static"`
	Card        hexBytes `json:"node_card_hash,omitempty"`
	Reset       hexBytes `json:"reset_key"`
	DataR       hexBytes `json:"responder_data_id"`
	F           hexBytes `json:"responder_fresh"`
	K           hexBytes `json:"responder_k,omitempty"`
	StaticR     hexBytes `json:"responder_static"`
	SlotStart   hexBytes `json:"slot_start,omitempty"`

	// Of the Exchange of a Deferred, which has its own.
	ExchangeDataI hexBytes `json:"exchange_data_id,omitempty"`
	ExchangeE     hexBytes `json:"exchange_ephemeral,omitempty"`

	TicketID     hexBytes `json:"ticket_id,omitempty"`
	TicketSecret hexBytes `json:"ticket_secret,omitempty"`
	RollI        hexBytes `json:"initiator_roll,omitempty"`
	RollR        hexBytes `json:"responder_roll,omitempty"`
}

// publics are the public keys of the private ones.
type publics struct {
	E         hexBytes `json:"initiator_ephemeral"`
	StaticI   hexBytes `json:"initiator_static"`
	F         hexBytes `json:"responder_fresh"`
	K         hexBytes `json:"responder_k,omitempty"`
	StaticR   hexBytes `json:"responder_static"`
	ExchangeE hexBytes `json:"exchange_ephemeral,omitempty"`
}

type streamVector struct {
	ID        hexBytes `json:"id"`
	HeaderKey hexBytes `json:"header_key"`
	PacketKey hexBytes `json:"packet_key"`
}

type extensionVector struct {
	Tag   string   `json:"tag"`
	Value hexBytes `json:"value"`
}

type stepVector struct {
	Step string   `json:"step"`
	H    hexBytes `json:"h"`
	CK   hexBytes `json:"ck"`
}

type dataVector struct {
	What      string   `json:"what"`
	Direction string   `json:"direction"`
	Number    uint32   `json:"packet_number"`
	Header    hexBytes `json:"header_clear"`
	Nonce     hexBytes `json:"nonce"`
	AAD       hexBytes `json:"aad"`
	Plaintext hexBytes `json:"plaintext"`
	Packet    hexBytes `json:"packet"`
}

// rollVector is one Roll: the values are public keys of the suite's curve.
type rollVector struct {
	Initiator hexBytes     `json:"initiator_value"`
	Responder hexBytes     `json:"responder_value"`
	Agreement hexBytes     `json:"agreement"`
	Secret    hexBytes     `json:"data_secret"`
	I2R       streamVector `json:"i2r"`
	R2I       streamVector `json:"r2i"`
}

// vector is a case of rud_udp.json or suites.json.
type vector struct {
	Name       string            `json:"name"`
	Mode       string            `json:"mode,omitempty"`  // first contact if absent
	Suite      hexBytes          `json:"suite,omitempty"` // 0x11 if absent
	Inputs     inputs            `json:"inputs"`
	Public     *publics          `json:"public,omitempty"`
	Source     netip.AddrPort    `json:"source_seen_by_responder"`
	Size       int               `json:"size,omitempty"`
	Slot       uint32            `json:"slot"`
	Generation uint32            `json:"generation"`
	Time       uint32            `json:"exchange_slot,omitempty"` // Unix seconds / 10
	UDF        string            `json:"responder_udf,omitempty"`
	Expect     hexBytes          `json:"expect,omitempty"`
	Value      hexBytes          `json:"challenge_value,omitempty"`
	Extensions []extensionVector `json:"complete_extensions"` // of an Exchange too
	Question   hexBytes          `json:"exchange_payload,omitempty"`
	Reply      hexBytes          `json:"responder_complete_payload,omitempty"`
	Hello      hexBytes          `json:"hello,omitempty"`
	Exchange   hexBytes          `json:"exchange,omitempty"`
	Challenge  hexBytes          `json:"challenge,omitempty"`
	Complete   hexBytes          `json:"complete,omitempty"`
	Answer     hexBytes          `json:"responder_complete"`
	Deferred   []stepVector      `json:"exchange_schedule,omitempty"` // of the Exchange that was not taken
	Schedule   []stepVector      `json:"schedule"`
	Token      hexBytes          `json:"reset_token"`
	Secret     hexBytes          `json:"data_secret"`
	I2R        streamVector      `json:"i2r"`
	R2I        streamVector      `json:"r2i"`
	Data       []dataVector      `json:"data"`
	Roll       *rollVector       `json:"roll,omitempty"`
}

func loadVectors(t testing.TB) []vector { return loadFile(t, "testdata/rud_udp.json") }

func loadFile(t testing.TB, path string) []vector {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	return file.Cases
}

// suite is the case's.
func (v *vector) suite() modelSuite {
	if len(v.Suite) == 0 {
		return 0x11
	}
	return modelSuite(v.Suite[0])
}

func (v *vector) extensions() (list []wire.Extension) {
	for _, x := range v.Extensions {
		list = append(list, wire.Extension{Tag: x.Tag, Value: x.Value})
	}
	return list
}

// script is a Rand that gives out what the test chose, in order.
func script(parts ...[]byte) *bytes.Buffer { return bytes.NewBuffer(bytes.Join(parts, nil)) }

// seed stands for the seed of the initiator's jitter, which no packet shows.
var seed = make([]byte, 16)

// static is the key of a scalar, whose length says the curve.
func static(t testing.TB, scalar []byte) *key.Static {
	t.Helper()
	curve := key.X25519
	if len(scalar) == key.SizeX448 {
		curve = key.X448
	}
	s, err := key.StaticFromSeed(curve, scalar)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// draws returns the inputs of those names, in order.
func (v *vector) draws(names string) (all [][]byte) {
	in := &v.Inputs
	for name := range strings.FieldsSeq(names) {
		all = append(all, map[string][]byte{
			"slot": in.SlotStart, "generation": binary.BigEndian.AppendUint32(nil, v.Generation), "memory": make([]byte, 32),
			"k": in.K, "mac": in.MACKey, "other": make([]byte, 32), "f": in.F, "data": in.DataR,
		}[name])
	}
	return all
}

// responder is the vector's responder, just started.
func (v *vector) responder(t testing.TB, now time.Time, table handshake.Table) *handshake.Responder {
	t.Helper()
	return v.responderWith(t, now, table, func(*handshake.ResponderConfig) {})
}

func (v *vector) responderWith(t testing.TB, now time.Time, table handshake.Table, change func(*handshake.ResponderConfig)) *handshake.Responder {
	t.Helper()
	in := &v.Inputs
	cfg := handshake.ResponderConfig{
		Statics: []*key.Static{static(t, in.StaticR)},
		Reset:   key.Secret(in.Reset),
		Table:   table,
		Rand:    script(v.draws("slot generation memory k mac f data")...),
	}
	copy(cfg.Card[:], in.Card)
	if v.suite().size() == 56 { // every responder has a key of X25519, and a k_R of it first
		cfg.Statics = append(cfg.Statics, static(t, bytes.Repeat([]byte{3}, 32)))
		cfg.Rand = script(v.draws("slot generation memory other mac k f data")...)
	}
	change(&cfg)
	r, err := handshake.NewResponder(now, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// initiator is the vector's initiator, pinned to the responder's key.
func (v *vector) initiator(t testing.TB, now time.Time) *handshake.Initiator {
	t.Helper()
	return v.initiatorWith(t, now, func(*handshake.InitiatorConfig) {})
}

func (v *vector) initiatorWith(t testing.TB, now time.Time, change func(*handshake.InitiatorConfig)) *handshake.Initiator {
	t.Helper()
	in := &v.Inputs
	cfg := handshake.InitiatorConfig{
		Static:     static(t, in.StaticI),
		Pin:        handshake.Pin{Expect: static(t, in.StaticR).Public().Expect()},
		Extensions: v.extensions(),
		Size:       max(len(v.Hello), v.Size),
		Suite:      wire.Suite(v.suite()),
		Rand:       script(seed, in.HandshakeID, in.E, in.DataI),
	}
	if v.suite().size() == 56 {
		cfg.Pin = handshake.Pin{Key: static(t, in.StaticR).Public()}
	}
	change(&cfg)
	i, err := handshake.NewInitiator(now, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
