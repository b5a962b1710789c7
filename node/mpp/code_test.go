package mpp

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"unicode"
)

func TestCodes(t *testing.T) {
	for _, x := range []struct {
		code Code
		name string
		exit int
	}{
		{200, "ok", 0}, {202, "fewer-copies", 6}, {400, "malformed", 1}, {401, "not-admitted", 4}, {403, "refused", 4},
		{408, "expired", 4}, {409, "serial", 1}, {410, "revoked", 4}, {413, "too-large", 1}, {429, "quota", 4},
		{501, "not-offered", 4}, {503, "draining", 5}, {507, "disk-full", 4},
		{201, "unknown", 0}, {299, "unknown", 0}, {300, "unknown", 1}, {99, "unknown", 1}, {0, "unknown", 1},
	} {
		if x.code.Name() != x.name || x.code.Exit() != x.exit {
			t.Errorf("%d is %q, exit %d; want %q, exit %d", x.code, x.code.Name(), x.code.Exit(), x.name, x.exit)
		}
		if x.code.Success() != (x.code >= 100 && x.code < 300) {
			t.Errorf("%d success is %v", x.code, x.code.Success())
		}
		s := x.code.Sentence()
		if !unicode.IsUpper([]rune(s)[0]) || !strings.HasSuffix(s, ".") || strings.Contains(s, "\n") {
			t.Errorf("%d: not a sentence: %q", x.code, s)
		}
	}
	if got := CodeQuota.String(); got != "429 quota" {
		t.Errorf("got %q", got)
	}
	if got := CodeQuota.Int().Code(); got != CodeQuota {
		t.Errorf("got %v", got)
	}
	if got := new(Status).Code(); got != CodeOK {
		t.Errorf("an absent status is %v, want ok: the reference never sends one", got)
	}
}

func TestBitmaskPublished(t *testing.T) {
	var published struct {
		Bitmask []struct {
			Hex string `json:"output_hex"`
		} `json:"bitmask"`
	}
	readJSON(t, "published.json", &published)
	want, err := hex.DecodeString(published.Bitmask[0].Hex)
	if err != nil {
		t.Fatal(err)
	}
	if got := StoreBookmark.Mask(); !bytes.Equal(got[:], want) {
		t.Errorf("updating Bookmark gives %x, want %x", got, want)
	}
}

func TestBitmask(t *testing.T) {
	for store, want := range map[StoreType]string{
		StoreAny: "01000000", StoreLocal: "01000000", StoreInbound: "01000000", StoreOutbound: "01000000",
		StoreArchive: "01000000", StoreNotary: "01000000", StoreAccess: "40000000", StoreApplication: "80000000",
		StoreBookmark: "00010000", StoreCallsign: "00020000", StoreCarnet: "00040000", StoreContact: "00080000",
		StoreCredential: "00100000", StoreDevice: "00200000", StoreMember: "00400000", StoreNetwork: "00800000",
		StorePublication: "00000100", StoreTask: "00000200", StoreAccount: "00000400", StoreDocument: "00000800",
		32: "01000000", 255: "01000000",
	} {
		m := store.Mask()
		if got := hex.EncodeToString(m[:]); got != want {
			t.Errorf("store %d gives %s, want %s", store, got, want)
		}
		if !m.Has(store) {
			t.Errorf("%x has not %d", m, store)
		}
	}
	m := MaskOf(StoreInbound, StoreContact, StoreDocument)
	if m != (Bitmask{1, 8, 8, 0}) || m.Has(StoreTask) {
		t.Errorf("got %x", m)
	}
	for _, x := range []struct{ in, want string }{
		{"", "00000000"}, {"00", "00000000"}, {"0001", "00010000"}, {"00010000", "00010000"},
		{"0001000000", "00010000"}, {"000100000080", "01010000"},
	} {
		in, _ := hex.DecodeString(x.in)
		got, err := ParseBitmask(in)
		if err != nil || hex.EncodeToString(got[:]) != x.want {
			t.Errorf("%s reads as %x, %v; want %s", x.in, got, err, x.want)
		}
	}
	if _, err := ParseBitmask(make([]byte, MaxBitmask+1)); err == nil {
		t.Error("a mask over the limit was read")
	}
}
