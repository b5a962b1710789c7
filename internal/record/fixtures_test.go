package record

import (
	"bytes"
	"testing"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// Fixed keys: a seed is one byte repeated.
var (
	alice    = must(key.AccountFromSeed(repeat(0x01, 32)))
	alice448 = must(key.AccountFromSeed(repeat(0x02, 57)))
	phone    = must(key.DeviceFromSeed(repeat(0x03, 32)))
	phoneDH  = must(key.StaticFromSeed(key.X25519, repeat(0x04, 32)))
	laptop   = must(key.DeviceFromSeed(repeat(0x05, 57)))
	laptopDH = must(key.StaticFromSeed(key.X448, repeat(0x06, 56)))
	node     = must(key.NodeFromSeed(repeat(0x07, 32)))
	nodeDH   = must(key.StaticFromSeed(key.X25519, repeat(0x08, 32)))
	house    = must(key.RealmFromSeed(repeat(0x09, 32)))
	epoch1   = epochKey(key.Secret(repeat(0x0a, 32)))
	epoch2   = epochKey(key.Secret(repeat(0x0b, 32)))
	labels   = key.Secret(repeat(0x0c, 32))
)

// now is 2025-06-01T00:00:00Z.
const now wall.Time = 1748736000

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func repeat(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func hashOf(s key.Signer) key.Hash { return s.Author().Hash() }

// baseFor is a base that fits the kind, for alice.
func baseFor(kind Kind) Base {
	b := Base{Serial: 7, Time: now}
	if life := Life(kind); life != 0 {
		b.Expires = now.Add(life)
	}
	if rules[kind].account {
		b.Account = hashOf(alice)
	}
	return b
}

// sample is one fact of the golden table.
type sample struct {
	name   string
	signer key.Signer
	realm  key.Hash
	base   Base
	body   Body
	sealed bool // holds bytes made with fresh randomness
}

func sampleOf(name string, signer key.Signer, body Body) sample {
	s := sample{name: name, signer: signer, base: baseFor(body.Kind()), body: body}
	if rules[body.Kind()].realm {
		s.realm = hashOf(house)
	}
	return s
}

// samples is the one table: golden bytes, round trips, forgeries, fuzz seeds and
// benchmarks come from it. Sealed samples differ at each call.
func samples(t testing.TB) []sample {
	tag := Tag(labels, hashOf(alice), "main", "mood")
	status := &Payload{Label: "mood", Until: now + 3600, Data: []byte("busy")}
	clear := &Payload{Label: "presence", Data: []byte("away")}
	queued := &Payload{Data: []byte("hello")}
	sealedStatus := must(SealEvent(epoch2.Public(), hashOf(alice), hashOf(phone), 7, "main", status.Append(nil)))
	sealedQueued := must(SealEvent(epoch2.Public(), hashOf(alice), hashOf(phone), 3, "main", queued.Append(nil)))
	sealedContact := must(SealContact(epoch2.Public(), hashOf(alice), key.Hash(repeat(0xcc, 32)), []byte("capability")))
	epoch := must(SignEpoch(alice, baseFor(KindEpoch), 2, epoch2, []Recipient{
		{hashOf(phone), phoneDH.Public(), "Telefon ☎"}, {hashOf(laptop), laptopDH.Public(), "laptop"},
	}, []*EpochKey{epoch1}))
	deviceFact := must(Sign(alice, key.Hash{}, baseFor(KindDevice), phoneBody()))

	list := []sample{
		sampleOf("device", alice, phoneBody()),
		sampleOf("device, Ed448 and X448", alice448, &Device{laptop.Author(), laptopDH.Public(), Watch}),
		sampleOf("device without roles", alice, &Device{Key: phone.Author(), Agreement: phoneDH.Public()}),
		sampleOf("revoked", alice, &Revoked{hashOf(phone)}),
		sampleOf("epoch", alice, epoch.Body),
		sampleOf("home", alice, &Home{[]HomeNode{
			{node.Author(), nodeDH.Public(), []string{"mpp://192.0.2.1:6770", "mpp://[2001:db8::1]:6770"}},
		}}),
		sampleOf("home, none", alice, &Home{[]HomeNode{}}),
		sampleOf("policy", alice, &Policy{Contacts, Contacts, Nobody}),
		sampleOf("contact", alice, &Contact{key.Hash(repeat(0xcc, 32)), epoch2.Public(), sealedContact}),
		sampleOf("attach", phone, &Attach{[]key.Hash{hashOf(node)}, []string{"main", "ümlaut"}}),
		sampleOf("attach, detached", phone, &Attach{Nodes: []key.Hash{}}),
		sampleOf("event, status", phone, &Event{Channel: "main", Tag: tag[:], Epoch: epoch2.Public(), Payload: sealedStatus}),
		sampleOf("event, clear status", phone, &Event{Channel: "presence", Tag: tag[:], Payload: clear.Append(nil)}),
		sampleOf("event, queued", phone, &Event{Channel: "main", Sequence: 3, Oldest: 2, Epoch: epoch2.Public(), Payload: sealedQueued}),
		sampleOf("event, from a contact", phone, &Event{Channel: "main", Sequence: 3, Oldest: 1, Payload: queued.Append(nil),
			Capability: []byte("capability"), Device: deviceFact.Append(nil)}),
		sampleOf("host", node, &Host{}),
		sampleOf("host, ended", node, &Host{Ended: true}),
		sampleOf("node", node, &Node{[]key.Agreement{nodeDH.Public()}, []string{"mpp://192.0.2.1:6770"},
			[]string{"/ip4/192.0.2.1/udp/6771/quic-v1"}, 64}),
		sampleOf("member", house, &Member{hashOf(node)}),
		sampleOf("expelled", house, &Expelled{hashOf(node)}),
		sampleOf("realm", house, &Realm{Bits: 2, Accounts: 64, Events: 1000, Bytes: 4 << 20, Sync: 10, Beacon: 20}),
		sampleOf("realm, defaults", house, &Realm{}),
	}
	for i := range list {
		if list[i].signer == key.Signer(alice448) {
			list[i].base.Account = hashOf(alice448)
		}
		switch list[i].name {
		case "epoch", "contact", "event, status", "event, queued":
			list[i].sealed = true
		}
	}
	return list
}

func phoneBody() *Device { return &Device{phone.Author(), phoneDH.Public(), Watch | Publish} }

func (s sample) sign(t testing.TB) *Fact {
	t.Helper()
	f, err := Sign(s.signer, s.realm, s.base, s.body)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return f
}

// signRaw signs a body that Sign would refuse.
func signRaw(s key.Signer, kind Kind, realm key.Hash, raw []byte) []byte {
	f := &Fact{Kind: kind, Realm: realm}
	f.setBytes(raw, nil)
	f.Signature = s.Sign(f.signed)
	return f.Append(nil)
}

// rawBody is the body of a base and one of a kind, and then whatever more
// appends inside the object.
func rawBody(s key.Signer, base Base, body Body, more ...byte) []byte {
	base.Author = s.Author()
	b := body.append(base.append(jsonbcd.AppendObject(nil)))
	return jsonbcd.AppendObjectEnd(append(b, more...))
}
