package record

import (
	"bytes"
	"testing"
)

// FuzzParse: whatever parses is within its limits, has a key and a hash, and
// encodes to something that parses to the same fact.
func FuzzParse(f *testing.F) {
	for _, e := range readGolden(f) {
		f.Add(e.fact)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fact, err := Parse(b)
		if err != nil {
			return
		}
		out := fact.Append(nil)
		if len(out) > MaxFact || len(out) != fact.size() {
			t.Fatalf("encodes to %d bytes, size says %d", len(out), fact.size())
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("encodes to what does not parse: %v", err)
		}
		if again.Hash() != fact.Hash() || again.Key() != fact.Key() || !bytes.Equal(again.Append(nil), out) {
			t.Fatal("encodes to another fact")
		}
		fact.Verify()
		fact.TooFar(now)
		OpenEpoch(fact, hashOf(phone), phoneDH)
		epoch2.OpenEvent(fact)
		epoch2.OpenContact(fact)
	})
}

// FuzzPayload: whatever parses is within its limits and survives its encoding.
func FuzzPayload(f *testing.F) {
	for _, p := range []Payload{{}, {Label: "mood", Until: now, Data: []byte("busy")}, {Data: make([]byte, 300)}} {
		f.Add(p.Append(nil))
	}
	f.Add([]byte("{\"Data\":\"YWJj\"}"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePayload(b)
		if err != nil {
			return
		}
		out := p.Append(nil)
		if len(out) > maxPayload {
			t.Fatalf("encodes to %d bytes", len(out))
		}
		again, err := ParsePayload(out)
		if err != nil || again.Label != p.Label || again.Until != p.Until || !bytes.Equal(again.Data, p.Data) {
			t.Fatalf("%+v came back as %+v, %v", p, again, err)
		}
	})
}

// FuzzOld: what an epoch seals comes from the account's own key, and still must
// not harm who opens it.
func FuzzOld(f *testing.F) {
	f.Add(appendOld(nil, []Recipient{{hashOf(phone), phoneDH.Public(), "phone"}}, []*EpochKey{epoch1}))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o Opened
		o.readOld(b)
		if len(o.Older) > MaxOlder || len(o.Names) > MaxWraps {
			t.Fatalf("%d older, %d names", len(o.Older), len(o.Names))
		}
		for _, name := range o.Names {
			if len(name) > NameSize || !printable(name) {
				t.Fatalf("name %q", name)
			}
		}
	})
}
