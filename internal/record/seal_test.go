package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"meshpresence/internal/key"
)

// "info and AAD: "mpp/1 event", account | publisher | Serial or sequence (8,
// big endian) | SHA-256(channel)": a change of any of them does not open.
func TestEventBinds(t *testing.T) {
	account, publisher := hashOf(alice), hashOf(phone)
	seal := func(account, publisher key.Hash, number int64, channel string) *Fact {
		sealed := must(SealEvent(epoch1.Public(), account, publisher, number, channel, []byte("payload")))
		return must(Sign(phone, key.Hash{}, baseFor(KindEvent), &Event{
			Channel: "main", Sequence: 3, Oldest: 1, Epoch: epoch1.Public(), Payload: sealed,
		}))
	}
	if b, err := epoch1.OpenEvent(seal(account, publisher, 3, "main")); err != nil || string(b) != "payload" {
		t.Fatalf("open: %q, %v", b, err)
	}
	for name, f := range map[string]*Fact{
		"account":   seal(publisher, publisher, 3, "main"),
		"publisher": seal(account, account, 3, "main"),
		"sequence":  seal(account, publisher, 4, "main"),
		"Serial":    seal(account, publisher, baseFor(KindEvent).Serial, "main"),
		"channel":   seal(account, publisher, 3, "other"),
	} {
		if b, err := epoch1.OpenEvent(f); !errors.Is(err, key.ErrSeal) {
			t.Errorf("sealed with another %s: opened %q, %v", name, b, err)
		}
	}
	f := seal(account, publisher, 3, "main")
	if _, err := epoch2.OpenEvent(f); !errors.Is(err, ErrEpoch) {
		t.Errorf("with another epoch's key: %v", err)
	}
	if _, err := epoch2.OpenContact(f); !errors.Is(err, ErrMalformed) {
		t.Errorf("an event as a contact: %v", err)
	}
}

func TestContactBinds(t *testing.T) {
	account, capability := hashOf(alice), hashOf(phone)
	open := func(account, capability key.Hash) error {
		sealed := must(SealContact(epoch1.Public(), account, capability, []byte("secret")))
		f := must(Sign(alice, key.Hash{}, baseFor(KindContact), &Contact{hashOf(phone), epoch1.Public(), sealed}))
		_, err := epoch1.OpenContact(f)
		return err
	}
	if err := open(account, capability); err != nil {
		t.Error(err)
	}
	if err := open(capability, capability); !errors.Is(err, key.ErrSeal) {
		t.Errorf("another account's: %v", err)
	}
	if err := open(account, account); !errors.Is(err, key.ErrSeal) {
		t.Errorf("another capability's: %v", err)
	}
	if _, err := SealContact(epoch1.Public(), account, capability, make([]byte, MaxCapability+1)); !errors.Is(err, ErrSize) {
		t.Errorf("too long: %v", err)
	}
}

// fullest is the fullest epoch: 32 devices, names of eight characters of three
// bytes, 16 older halves.
func fullest(t testing.TB) (f *Fact, to []Recipient, devices []*key.Static, older []*EpochKey) {
	for i := range MaxWraps + 1 {
		devices = append(devices, must(key.StaticFromSeed(key.X25519, repeat(byte(i), 32))))
		var h key.Hash
		h[0] = byte(255 - i) // so that the first given is the highest
		to = append(to, Recipient{h, devices[i].Public(), strings.Repeat("☎", 8)})
	}
	for i := range MaxOlder + 1 {
		older = append(older, epochKey(key.Secret(repeat(byte(100+i), 32))))
	}
	base := baseFor(KindEpoch)
	base.Account = hashOf(alice448)
	f, err := SignEpoch(alice448, base, 1<<62, epoch2, to, older)
	if err != nil {
		t.Fatal(err)
	}
	return f, to, devices, older
}

// "A test builds the fullest epoch and fits it in 7,000 bytes."
func TestFullestEpoch(t *testing.T) {
	f, to, devices, older := fullest(t)
	n := len(f.Append(nil))
	t.Logf("fullest epoch: %d bytes", n)
	if n > MaxFact || len(f.Body.(*Epoch).Wraps) != MaxWraps {
		t.Fatalf("%d bytes, %d wraps", n, len(f.Body.(*Epoch).Wraps))
	}
	// "A 33rd device gets no wrap (the 32 lowest hashes do)."
	if _, err := OpenEpoch(f, to[0].Device, devices[0]); !errors.Is(err, ErrNotListed) {
		t.Errorf("the highest hash of 33: %v", err)
	}
	for i := 1; i <= MaxWraps; i++ {
		o, err := OpenEpoch(f, to[i].Device, devices[i])
		if err != nil {
			t.Fatalf("device %d: %v", i, err)
		}
		if o.Key.Public() != epoch2.Public() || len(o.Names) != MaxWraps || o.Names[prefix(to[i].Device)] != to[i].Name {
			t.Fatalf("device %d opened %+v", i, o)
		}
		if len(o.Older) != MaxOlder || o.Older[0].Public() != older[0].Public() || o.Older[15].Public() != older[15].Public() {
			t.Fatalf("device %d: older %v", i, o.Older)
		}
	}
}

func TestEpochLists(t *testing.T) {
	f := must(SignEpoch(alice, baseFor(KindEpoch), 1, epoch1, []Recipient{{hashOf(phone), phoneDH.Public(), ""}}, nil))
	v := f.Body.(*Epoch)
	if !v.Lists(hashOf(phone)) || v.Lists(hashOf(laptop)) {
		t.Error("Lists does not say what was wrapped")
	}
}

// "A private half that does not match its public key is ignored."
func TestEpochMismatch(t *testing.T) {
	device := hashOf(phone)
	wrapped := func(half *EpochKey) Wrap {
		seed := half.seed()
		sealed := must(phoneDH.Public().Seal([]byte(infoWrap), aadWrap(hashOf(alice), epoch2.Public(), device), seed[:]))
		return Wrap{prefix(device), [32]byte(sealed[:32]), [48]byte(sealed[32:])}
	}
	sign := func(wraps ...Wrap) *Fact {
		return must(Sign(alice, key.Hash{}, baseFor(KindEpoch), &Epoch{Number: 1, Key: epoch2.Public(), Wraps: wraps, Sealed: repeat(1, 48)}))
	}
	if _, err := OpenEpoch(sign(wrapped(epoch1)), device, phoneDH); !errors.Is(err, key.ErrSeal) {
		t.Errorf("another epoch's private half: %v", err)
	}
	o, err := OpenEpoch(sign(wrapped(epoch1), wrapped(epoch2)), device, phoneDH)
	if err != nil || o.Key.Public() != epoch2.Public() || o.Names != nil || o.Older != nil {
		t.Errorf("the right half after a wrong one: %+v, %v", o, err)
	}
	// A wrap is for one device, whatever prefix stands before it.
	w := wrapped(epoch2)
	other := device
	other[31]++
	if _, err := OpenEpoch(sign(w), other, phoneDH); !errors.Is(err, key.ErrSeal) {
		t.Errorf("another device of the same prefix: %v", err)
	}
}

// A name is cut between characters, and what no terminal should see is left out.
func TestNames(t *testing.T) {
	for give, want := range map[string]string{
		"":                           "",
		"kitchen":                    "kitchen",
		strings.Repeat("☎", 9):       strings.Repeat("☎", 8),
		"x" + strings.Repeat("☎", 8): "x" + strings.Repeat("☎", 7),
		"\x1b[31mred":                "",
		"\xff\xfe":                   "",
	} {
		f := must(SignEpoch(alice, baseFor(KindEpoch), 1, epoch1, []Recipient{{hashOf(phone), phoneDH.Public(), give}}, nil))
		o := must(OpenEpoch(f, hashOf(phone), phoneDH))
		if got := o.Names[prefix(hashOf(phone))]; got != want {
			t.Errorf("%q: %q, want %q", give, got, want)
		}
	}
}

func TestTag(t *testing.T) {
	tag := Tag(labels, hashOf(alice), "main", "mood")
	if Tag(labels, hashOf(alice), "main", "mood") != tag {
		t.Error("the tag is not a function of its arguments")
	}
	for name, other := range map[string][TagSize]byte{
		"secret":  Tag(key.Secret{}, hashOf(alice), "main", "mood"),
		"account": Tag(labels, hashOf(phone), "main", "mood"),
		"channel": Tag(labels, hashOf(alice), "side", "mood"),
		"label":   Tag(labels, hashOf(alice), "main", "place"),
	} {
		if other == tag {
			t.Errorf("another %s gives the same tag", name)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, p := range []Payload{
		{Data: []byte{}},
		{Label: "mood", Until: now, Data: []byte("busy")},
		{Data: make([]byte, MaxData)},
	} {
		got, err := ParsePayload(p.Append(nil))
		if err != nil || got.Label != p.Label || got.Until != p.Until || !bytes.Equal(got.Data, p.Data) {
			t.Errorf("%.20q: %.20q, %v", p.Data, got.Data, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"no Data":           []byte("{}"),
		"trailing":          append((&Payload{}).Append(nil), 0),
		"data over 4 KiB":   (&Payload{Data: make([]byte, MaxData+1)}).Append(nil),
		"label too long":    (&Payload{Label: string(repeat('l', maxLabel+1))}).Append(nil),
		"Data twice":        append(append([]byte("{"), appendBinary(nil, "Data", nil)...), (&Payload{}).Append(nil)[1:]...),
		"escape in a label": (&Payload{Label: "\x1b[2J"}).Append(nil),
	} {
		if p, err := ParsePayload(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// A private half never prints, whatever holds it and however it is shown.
func TestEpochKeyNeverPrints(t *testing.T) {
	seed := repeat(0x5a, 32)
	k := epochKey(key.Secret(seed))
	opened := &Opened{Key: k, Older: []*EpochKey{k}}
	hidden := struct{ k EpochKey }{*k}
	var out bytes.Buffer
	for _, v := range []any{k, *k, opened, *opened, hidden, &hidden, []*EpochKey{k}, map[string]EpochKey{"k": *k}} {
		for _, verb := range "vsdxXqTtbcoUeEfFgGpw" {
			for _, flag := range []string{"", "+", "#", "-", " ", "0"} {
				fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", v)
			}
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("key", "k", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", v)
		json.NewEncoder(&out).Encode(v)
	}
	for _, leak := range []string{"5a5a", "5A5A", "90 90", "90,90", "ZZ", "Wlpa", "0x5a", "0x5A", "1011010 1011010", "132 132"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the key shows as %q", leak)
		}
	}
}
