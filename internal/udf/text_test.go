package udf

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFormat(t *testing.T) {
	b := []byte{0x68, 0x05, 0xe5}
	for _, c := range []struct {
		bits int
		want string
	}{{-1, ""}, {0, ""}, {1, "N"}, {5, "N"}, {6, "NA"}, {20, "NAC6"}, {21, "NAC6-K"}, {24, "NAC6-K"}, {999, "NAC6-K"}} {
		equal(t, "Format", Format(b, c.bits), c.want)
	}
	equal(t, "Full", Full(b), "NAC6-K")
	equal(t, "Full of nothing", Full(nil), "")
}

// UDF-13 §3.2: "the first character of the Base32 presentation of the UDF provides a mnemonic for its type".
func TestLetter(t *testing.T) {
	for typ, want := range map[Type]byte{
		Authenticator: 'A', AuthenticatorSHA3: 'A', Encryption: 'E', EncryptionSigning: 'E', ContentSHA3: 'K',
		ContentSHA3 + 4: 'K', ContentSHA2: 'M', ContentSHA2 + 4: 'M', NonceValue: 'N', OIDSequence: 'O', Share: 'S',
		Seed: 'Z',
	} {
		equal(t, "Letter", typ.Letter(), want)
		equal(t, "first character", Full([]byte{byte(typ), 0})[0], want)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want []byte
	}{
		{"NAC6-K", []byte{0x68, 0x05, 0xe5}},
		{"nac6 k", []byte{0x68, 0x05, 0xe5}},
		{"-n--AC6K-", []byte{0x68, 0x05, 0xe5}},
		{"NAC6", []byte{0x68, 0x05}}, // 20 bits: the last four are dropped
		{"AA", []byte{0}},
	} {
		b, err := Parse(c.text)
		if err != nil || !bytes.Equal(b, c.want) {
			t.Errorf("Parse(%q) = %x, %v, want %x", c.text, b, err, c.want)
		}
	}
	for _, text := range []string{"", "-", "A", "NAC0", "NAC1", "NAC8", "NAC=", "NAÇ6", "NA\x00A", strings.Repeat("A", MaxText+1)} {
		if b, err := Parse(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("Parse(%q) = %x, %v", text, b, err)
		}
	}
	if _, err := ParseType("NAC6-K", ContentSHA2, Encryption); !errors.Is(err, ErrSyntax) {
		t.Errorf("ParseType of another type: %v", err)
	}
}

func TestMatch(t *testing.T) {
	const full = "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF"
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{full, full, true},
		{full, "mddk7n6a727ajznostrxxks7djaf", true},
		{full, "MDDK-7N6A-727A-JZNO-STRX", true},
		{full, "MDDK-7N6A-727A-JZNO-STRX-", true},
		{full, full + "-XI6O", true},
		{full, "MDDK-7N6A-727A-JZNO-STR", false}, // 95 bits
		{full, "MDDK-7N6A-727A-JZNO-STRY", false},
		{full, "MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAG", false},
		{full, full + "0", false}, // malformed after the part they share
		{full, "", false},
		{"", "", false},
		{full[:24] + "!", full, false},
	} {
		equal(t, "Match "+c.a+" "+c.b, Match(c.a, c.b), c.want)
		equal(t, "Match "+c.b+" "+c.a, Match(c.b, c.a), c.want)
	}
}

func TestExpect(t *testing.T) {
	f := Digest("text/plain", []byte("UDF Data Value"))
	e, err := ParseExpect(strings.ToLower(f.String()))
	equal(t, "error", err, nil)
	equal(t, "ParseExpect", e, f.Expect())
	equal(t, "last bits", e[17]&0x0f, byte(0))
	k := DigestSHA3("text/plain", []byte("UDF Data Value"))
	// RUD fixes the fingerprint at 28 characters, "never compared as a prefix".
	for _, text := range []string{f.Text(100), f.Text(135), f.Text(145), f.Text(520), "", k.String(), f.String()[:33] + "1"} {
		if _, err := ParseExpect(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseExpect(%q): %v", text, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 80).Draw(t, "b")
		got, err := Parse(Full(b))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("Parse(Full(%x)) = %x, %v", b, got, err)
		}
		bits := rapid.IntRange(8, 8*len(b)).Draw(t, "bits")
		text := Format(b, bits)
		if got, _ := Parse(text); !bytes.HasPrefix(b, got) || len(got) < bits/8 {
			t.Fatalf("Parse(Format(%x, %d)) = %x", b, bits, got)
		}
		if Match(text, Full(b)) != (strings.Count(text, "")-1-strings.Count(text, "-") >= 20) {
			t.Fatalf("Match(%s, %s)", text, Full(b))
		}
	})
}

func FuzzParse(f *testing.F) {
	p := loadPublished(f)
	for _, r := range p.Keys {
		f.Add(r.UDF)
	}
	for _, r := range append(p.UDF, p.IDs...) {
		f.Add(r.UDF + r.PrintedUDF)
	}
	for _, r := range p.HKDF {
		f.Add(r.Generator)
	}
	f.Add("-")
	f.Add("NAC0")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := Parse(text)
		if err != nil {
			if Match(text, text) {
				t.Errorf("%q matches itself and cannot be parsed", text)
			}
			return
		}
		again, err := Parse(Full(b))
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q: %x, again %x, %v", text, b, again, err)
		}
		if e, err := ParseExpect(text); err == nil && Format(e[:], DefaultBits) != Format(append(b[:17:17], e[17]), DefaultBits) {
			t.Errorf("%q: expect %x", text, e)
		}
		for c := X25519; c <= Ed448; c++ {
			if key, err := Derive(text, c, "name"); err == nil && len(key) != c.privateSize() {
				t.Errorf("%q: %d octets for %v", text, len(key), c)
			}
		}
	})
}

func FuzzCombine(f *testing.F) {
	d := load[draftRows](f, "testdata/draft.json")
	f.Add(bytes.Join(parseAll(f, d.Shamir.Shares), nil), 18)
	f.Add(bytes.Join(parseAll(f, d.Shares2of3.Shares), nil), 18)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if size <= 0 {
			return
		}
		var shares [][]byte
		for len(b) > 0 && len(shares) <= maxShares {
			n := min(size, len(b))
			shares, b = append(shares, b[:n]), b[n:]
		}
		secret, err := Combine(shares)
		if err == nil && len(secret) != len(shares[0])-shareHeader {
			t.Errorf("%d octets from shares of %d", len(secret), len(shares[0]))
		}
	})
}
