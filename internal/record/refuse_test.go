package record

import (
	"errors"
	"testing"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
)

// refusal is a fact, well signed unless it says otherwise, that must be refused.
type refusal struct {
	name, expect string
	fact         []byte
}

// refusals is the table of what no reader may accept.
func refusals(t testing.TB) []refusal {
	policy := &Policy{Nobody, Nobody, Nobody}
	policyBase := baseFor(KindPolicy)
	good := must(Sign(alice, key.Hash{}, policyBase, policy)).Append(nil)
	tag := repeat(0x22, TagSize)
	event := func(v *Event) []byte {
		return signRaw(phone, KindEvent, key.Hash{}, rawBody(phone, baseFor(KindEvent), v))
	}
	with := func(change func(*Base)) []byte {
		base := policyBase
		change(&base)
		return signRaw(alice, KindPolicy, key.Hash{}, rawBody(alice, base, policy))
	}
	raw := func(kind Kind, raw []byte) []byte { return signRaw(alice, kind, key.Hash{}, raw) }
	body := func(v Body, more ...byte) []byte {
		return raw(v.Kind(), rawBody(alice, baseFor(v.Kind()), v, more...))
	}
	padding := func(n int) []byte { return appendBinary(nil, "Padding", make([]byte, n)) }
	plain := rawBody(alice, policyBase, policy)

	return []refusal{
		{"trailing byte", "malformed", append(good[:len(good):len(good)], 0)},
		{"truncated", "malformed", good[:len(good)-1]},
		{"no Signature", "malformed", jsonbcd.AppendObjectEnd(appendBinary(appendString(jsonbcd.AppendObject(nil), "Kind", "policy"), "Body", plain))},
		{"member outside the body", "malformed", append(append(good[:len(good)-1:len(good)-1], appendInt(nil, "More", 1)...), '}')},
		{"Kind twice", "malformed", append(append([]byte{'{'}, appendString(nil, "Kind", "policy")...), good[1:]...)},
		{"unknown kind", "unknown kind", raw("rumour", plain)},
		{"wrong key", "signature", signRaw(swapped{phone, alice}, KindPolicy, key.Hash{}, plain)},
		{"Realm on a kind without", "malformed", signRaw(alice, KindPolicy, hashOf(house), plain)},
		{"no Realm on a kind with", "malformed", signRaw(house, KindMember, key.Hash{}, rawBody(house, baseFor(KindMember), &Member{hashOf(node)}))},
		{"member twice in the body", "malformed", body(policy, appendString(nil, "See", Contacts)...)},
		{"base member twice", "malformed", body(policy, appendInt(nil, "Serial", 8)...)},
		{"unknown member twice", "malformed", body(policy, append(appendInt(nil, "X", 8), appendInt(nil, "X", 8)...)...)},
		{"space after the body", "malformed", raw(KindPolicy, append(plain[:len(plain):len(plain)], ' '))},
		{"second object after the body", "malformed", raw(KindPolicy, append(plain[:len(plain):len(plain)], '{', '}'))},
		{"body is null", "malformed", raw(KindPolicy, []byte("null"))},
		{"empty body", "malformed", raw(KindPolicy, []byte("{}"))},
		{"no Time", "malformed", raw(KindPolicy, rawWithout(alice, policyBase, policy, "Time"))},
		{"no Serial", "malformed", raw(KindPolicy, rawWithout(alice, policyBase, policy, "Serial"))},
		{"no Author", "malformed", raw(KindPolicy, rawWithout(alice, policyBase, policy, "Author"))},
		{"no Account", "malformed", with(func(b *Base) { b.Account = key.Hash{} })},
		{"Serial below zero", "malformed", with(func(b *Base) { b.Serial = -1 })},
		{"Time before 1970", "malformed", with(func(b *Base) { b.Time = -1 })},
		{"Expires on a kind without life", "malformed", with(func(b *Base) { b.Expires = now + 60 })},
		{"no Expires on a kind with life", "malformed", signRaw(phone, KindAttach, key.Hash{}, rawBody(phone, Base{Time: now, Account: hashOf(alice)}, &Attach{}))},
		{"Account on a member", "malformed", signRaw(house, KindMember, hashOf(house), rawBody(house, Base{Time: now, Account: hashOf(alice)}, &Member{hashOf(node)}))},
		{"another account's policy", "author", with(func(b *Base) { b.Account = hashOf(phone) })},
		{"a device names a device", "author", signRaw(phone, KindDevice, key.Hash{}, rawBody(phone, baseFor(KindDevice), phoneBody()))},
		{"a node admits a node", "author", signRaw(node, KindMember, hashOf(house), rawBody(node, baseFor(KindMember), &Member{hashOf(node)}))},
		{"a node of Ed448", "author", signRaw(laptop, KindHost, hashOf(house), rawBody(laptop, baseFor(KindHost), &Host{}))},
		{"device fact over 600 bytes", "size", body(phoneBody(), padding(400)...)},
		{"fact over 7,000 bytes", "size", body(policy, padding(6800)...)},
		{"device without keys", "malformed", raw(KindDevice, rawWithout(alice, baseFor(KindDevice), phoneBody(), "Key"))},
		{"revoked nothing", "malformed", body(&Revoked{})},
		{"epoch 0", "malformed", body(&Epoch{Key: epoch2.Public(), Wraps: []Wrap{}, Sealed: repeat(1, 48)})},
		{"33 wraps", "malformed", body(&Epoch{Number: 1, Key: epoch2.Public(), Wraps: make([]Wrap, 33), Sealed: repeat(1, 48)})},
		{"half a wrap", "malformed", raw(KindEpoch, rawHalfWrap())},
		{"home of four", "malformed", body(&Home{[]HomeNode{homeNode(), homeNode(), homeNode(), homeNode()}})},
		{"home with a control character", "malformed", body(&Home{[]HomeNode{{node.Author(), nodeDH.Public(), []string{"mpp://\x1b[2J:1"}}}})},
		{"member twice in a home node", "malformed", raw(KindHome, rawTwiceInHome())},
		{"policy for a list of names", "malformed", body(&Policy{"bob", Nobody, Nobody})},
		{"attach to four", "malformed", signRaw(phone, KindAttach, key.Hash{}, rawBody(phone, baseFor(KindAttach), &Attach{Nodes: make([]key.Hash, 4)}))},
		{"no channel", "malformed", event(&Event{Tag: tag, Payload: []byte{1}})},
		{"channel of 65 bytes", "malformed", event(&Event{Channel: string(repeat('c', 65)), Tag: tag, Payload: []byte{1}})},
		{"channel not UTF-8", "malformed", event(&Event{Channel: "\xff", Tag: tag, Payload: []byte{1}})},
		{"tag of 15 bytes", "malformed", event(&Event{Channel: "main", Tag: tag[1:], Payload: []byte{1}})},
		{"status with a sequence", "malformed", event(&Event{Channel: "main", Tag: tag, Sequence: 1, Oldest: 1, Payload: []byte{1}})},
		{"neither tag nor sequence", "malformed", event(&Event{Channel: "main", Payload: []byte{1}})},
		{"Oldest after Sequence", "malformed", event(&Event{Channel: "main", Sequence: 2, Oldest: 3, Payload: []byte{1}})},
		{"no payload", "malformed", event(&Event{Channel: "main", Tag: tag})},
		{"sealed payload too short", "malformed", event(&Event{Channel: "main", Tag: tag, Epoch: epoch1.Public(), Payload: repeat(1, 47)})},
		{"clear payload over 4 KiB", "malformed", event(&Event{Channel: "main", Tag: tag, Payload: make([]byte, maxPayload+1)})},
		{"capability without device", "malformed", event(&Event{Channel: "main", Tag: tag, Payload: []byte{1}, Capability: []byte{1}})},
		{"17 bits", "malformed", signRaw(house, KindRealm, hashOf(house), rawBody(house, baseFor(KindRealm), &Realm{Bits: 17}))},
	}
}

// swapped signs with one key and says it is another.
type swapped struct {
	key.Signer
	says key.Signer
}

func (s swapped) Author() key.Author { return s.says.Author() }

func homeNode() HomeNode { return HomeNode{Key: node.Author(), Agreement: nodeDH.Public()} }

// rawWithout is a body in which one member has another name.
func rawWithout(s key.Signer, base Base, body Body, name string) []byte {
	raw := rawBody(s, base, body)
	field := jsonbcd.AppendName(nil, name)
	for i := range raw {
		if string(raw[i:min(len(raw), i+len(field))]) == string(field) {
			raw[i+2] = '_'
			return raw
		}
	}
	panic("no member " + name)
}

func rawHalfWrap() []byte {
	v := &Epoch{Number: 1, Key: epoch2.Public(), Wraps: []Wrap{}, Sealed: repeat(1, 48)}
	raw := rawWithout(alice, baseFor(KindEpoch), v, "Wraps")
	raw = raw[:len(raw)-1]
	return jsonbcd.AppendObjectEnd(appendBinary(raw, "Wraps", make([]byte, wrapSize/2)))
}

func rawTwiceInHome() []byte {
	base := baseFor(KindHome)
	base.Author = alice.Author()
	b := base.append(jsonbcd.AppendObject(nil))
	b = jsonbcd.AppendObject(jsonbcd.AppendArray(jsonbcd.AppendName(b, "Nodes")))
	b = appendBinary(b, "Key", node.Author().Bytes())
	b = appendBinary(b, "Key", node.Author().Bytes())
	b = appendBinary(b, "Agreement", nodeDH.Public().Bytes())
	b = jsonbcd.AppendArrayEnd(jsonbcd.AppendObjectEnd(b))
	return jsonbcd.AppendObjectEnd(b)
}

// Sign refuses what Parse would refuse, with the same sentinels.
func TestSignRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		signer key.Signer
		base   Base
		body   Body
		want   error
	}{
		{"a device's policy", phone, baseFor(KindPolicy), &Policy{Nobody, Nobody, Nobody}, ErrAuthor},
		{"an empty device", alice, baseFor(KindDevice), new(Device), ErrMalformed},
		{"no expiry", phone, Base{Time: now, Account: hashOf(alice)}, new(Attach), ErrMalformed},
		{"two rights missing", alice, baseFor(KindPolicy), &Policy{See: Nobody}, ErrMalformed},
	} {
		if f, err := Sign(c.signer, key.Hash{}, c.base, c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, f, err, c.want)
		}
	}
}

// "At most 7,000 bytes": the fullest event, with a contact's capability and
// device fact, fits; so does the fullest of every other list.
func TestFullest(t *testing.T) {
	device := must(Sign(alice448, key.Hash{}, Base{Time: now, Account: hashOf(alice448)}, &Device{laptop.Author(), laptopDH.Public(), Watch | Publish}))
	if n := len(device.Append(nil)); n > MaxDevice {
		t.Errorf("a device fact of Ed448 and X448 takes %d bytes", n)
	}
	payload := (&Payload{Label: string(repeat('l', maxLabel)), Until: now, Data: make([]byte, MaxData)}).Append(nil)
	if len(payload) > maxPayload {
		t.Errorf("the fullest payload takes %d bytes, want at most %d", len(payload), maxPayload)
	}
	f, err := Sign(laptop, key.Hash{}, baseFor(KindEvent), &Event{
		Channel: string(repeat('c', MaxChannel)), Sequence: 1 << 62, Oldest: 1 << 62, Epoch: epoch2.Public(),
		Payload: must(SealEvent(epoch2.Public(), hashOf(alice), hashOf(laptop), 1, "c", payload)), Capability: make([]byte, MaxCapability), Device: make([]byte, MaxDevice),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("fullest event: %d bytes", len(f.Append(nil)))
}
