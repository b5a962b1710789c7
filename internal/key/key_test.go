package key

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"meshpresence/internal/udf"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func unhex(s string) []byte { return must(hex.DecodeString(s)) }

func repeat(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// published is testdata/published.json.
type published struct {
	Keys []struct {
		Source, Crv, UDF string
		PublicHex        string `json:"public_hex"`
	}
	Derived []struct {
		Name, Source, Fingerprint string
		OKMHex                    string `json:"okm_hex"`
		PublicHex                 string `json:"public_hex"`
	}
}

func readPublished(t *testing.T) (p published) {
	t.Helper()
	if err := json.Unmarshal(must(os.ReadFile("testdata/published.json")), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// The public keys and fingerprints that the author's documents print of the
// private keys that they print.
func TestDerivedPublished(t *testing.T) {
	p := readPublished(t)
	if len(p.Derived) != 3 {
		t.Fatalf("%d derived keys, want 3", len(p.Derived))
	}
	for _, v := range p.Derived {
		private := unhex(v.OKMHex)
		var public []byte
		var fingerprint string
		switch v.Name {
		case "X25519 from UDF seed":
			a := must(StaticFromSeed(X25519, private)).Public()
			public, fingerprint = a.Bytes()[1:], a.UDF()
		case "X448 from UDF seed":
			a := must(StaticFromSeed(X448, private)).Public()
			public, fingerprint = a.Bytes()[1:], a.UDF()
		case "Ed25519 from UDF seed":
			a := must(AccountFromSeed(private)).Author()
			public, fingerprint = a.Raw(), a.UDF()
		default:
			t.Fatalf("unknown vector %q", v.Name)
		}
		if hex.EncodeToString(public) != v.PublicHex || fingerprint != v.Fingerprint {
			t.Errorf("%s (%s): %x %s, want %s %s", v.Name, v.Source, public, fingerprint, v.PublicHex, v.Fingerprint)
		}
	}
}

func TestFingerprintsPublished(t *testing.T) {
	for _, v := range readPublished(t).Keys {
		raw := unhex(v.PublicHex)
		var got string
		switch v.Crv {
		case "X448":
			a := must(ParseAgreement(append([]byte{byte(X448)}, raw...)))
			want := must(udf.ParseExpect(v.UDF))
			got = a.UDF()
			if !a.Expects(want) || !a.Plain().Expects(want) || a.Expect() != want {
				t.Errorf("%s: the key is not what its fingerprint expects", v.UDF)
			}
			other := want
			other[17] ^= 0x10
			if a.Expects(other) || a.Plain().Expects(other) {
				t.Errorf("%s: expects another key", v.UDF)
			}
		case "Ed448":
			got = must(ParseAuthor(append([]byte{algorithmEd448}, raw...))).UDF()
		default:
			t.Fatalf("unknown curve %q", v.Crv)
		}
		if got != v.UDF {
			t.Errorf("%s %s: %s, want %s", v.Source, v.Crv, got, v.UDF)
		}
	}
}

// reference.md 6.11 (modelled): the sign byte both ways, and one agreement.
func TestX448Modelled(t *testing.T) {
	a := must(StaticFromSeed(X448, repeat(0x11, 56))).Public()
	b := must(StaticFromSeed(X448, repeat(0x22, 56))).Public()
	if a.UDF() != "MDV6-H55S-BBES-5MIP-OAD2-7CBQ-7YFP" || b.UDF() != "MAEW-OKEB-AJAR-RXJU-R3A4-PUM7-NQLE" {
		t.Errorf("fingerprints %s, %s", a.UDF(), b.UDF())
	}
	e := must(StaticFromSeed(X448, repeat(0x44, 56)))
	want := unhex("c12ffb3977ec0069077b3d5ffa1db7c285f3fb46168671855dbc8dc7a15d0c45e80e79fbfc8ac83fa8333c94a99a47ce241662dfcf8b3c43")
	for _, peer := range [][]byte{b.Raw(), b.Bytes()[1:]} {
		if got, err := e.Agree(peer); err != nil || !bytes.Equal(got, want) {
			t.Errorf("agreement with %d bytes: %x, %v", len(peer), got, err)
		}
	}
}

// RFC 7748 section 6.
func TestAgreeRFC7748(t *testing.T) {
	for _, v := range []struct {
		curve                             Curve
		alice, alicePub, bob, bobPub, key string
	}{
		{
			X25519,
			"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
			"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
			"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
			"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
			"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
		},
		{
			X448,
			"9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
			"9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0",
			"1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
			"3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
			"07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d",
		},
	} {
		alice, bob := must(StaticFromSeed(v.curve, unhex(v.alice))), must(StaticFromSeed(v.curve, unhex(v.bob)))
		if hex.EncodeToString(alice.Public().Raw()) != v.alicePub || hex.EncodeToString(bob.Public().Raw()) != v.bobPub {
			t.Errorf("%v: public keys %x, %x", v.curve, alice.Public().Raw(), bob.Public().Raw())
		}
		for _, got := range [][]byte{must(alice.Agree(bob.Public().Raw())), must(bob.Agree(alice.Public().Raw()))} {
			if hex.EncodeToString(got) != v.key {
				t.Errorf("%v: secret %x, want %s", v.curve, got, v.key)
			}
		}
	}
}

// rud.md, Key schedule: "all-zero aborts". Points of small order, and lengths
// that are no key.
func TestAgreeRefuses(t *testing.T) {
	one25519, one448 := make([]byte, 32), make([]byte, 56)
	one25519[0], one448[0] = 1, 1
	minus448 := repeat(0xff, 56) // p - 1
	minus448[0], minus448[28] = 0xfe, 0xfe
	for _, c := range []struct {
		curve Curve
		peers [][]byte
	}{
		{X25519, [][]byte{
			make([]byte, 32), one25519, nil, make([]byte, 31), make([]byte, 33),
			unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), // order 8
			unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), // order 8
			unhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // p - 1
			unhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // p, which is 0
		}},
		{X448, [][]byte{make([]byte, 56), make([]byte, 57), one448, minus448, nil, repeat(5, 55), repeat(5, 58)}},
	} {
		s := must(NewStatic(c.curve))
		for _, peer := range c.peers {
			if secret, err := s.Agree(peer); !errors.Is(err, ErrAgreement) {
				t.Errorf("%v with %x: %x, %v", c.curve, peer, secret, err)
			}
		}
	}
}

func TestSign(t *testing.T) {
	msg := []byte("message")
	for name, s := range map[string]Signer{
		"Ed25519": must(NewAccount()),
		"Ed448":   must(AccountFromSeed(repeat(1, 57))),
		"device":  must(NewDevice()),
		"node":    must(NewNode()),
		"realm":   must(NewRealm()),
	} {
		sig := s.Sign(msg)
		a := s.Author()
		if len(sig) != a.SignatureSize() || !a.Verify(msg, sig) {
			t.Errorf("%s: a signature of %d bytes does not verify", name, len(sig))
		}
		for i := range sig {
			sig[i] ^= 0x10
			if a.Verify(msg, sig) {
				t.Errorf("%s: verifies with byte %d flipped", name, i)
			}
			sig[i] ^= 0x10
		}
		if a.Verify(msg[1:], sig) || a.Verify(msg, sig[1:]) || a.Verify(msg, append(sig, 0)) || a.Verify(msg, nil) {
			t.Errorf("%s: verifies what was not signed", name)
		}
		if back := must(ParseAuthor(a.Bytes())); back != a || back.Hash() != a.Hash() {
			t.Errorf("%s: does not parse back", name)
		}
	}
	// RFC 8032 section 7.1, TEST 1.
	k := must(AccountFromSeed(unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")))
	if got := hex.EncodeToString(k.Author().Raw()); got != "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" {
		t.Errorf("RFC 8032 TEST 1: public key %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, b := range [][]byte{nil, {}, {1}, repeat(1, 32), repeat(1, 34), repeat(2, 33), repeat(2, 57), repeat(2, 59), repeat(3, 33), repeat(0, 33)} {
		if a, err := ParseAuthor(b); !errors.Is(err, ErrKey) || a != "" {
			t.Errorf("author of %d bytes: %v", len(b), err)
		}
	}
	badSign := append([]byte{2}, repeat(5, 57)...)
	for _, b := range [][]byte{nil, {1}, repeat(1, 32), repeat(1, 34), repeat(2, 56), badSign, repeat(2, 59), repeat(3, 33)} {
		if a, err := ParseAgreement(b); !errors.Is(err, ErrKey) || a != "" {
			t.Errorf("agreement of %d bytes: %v", len(b), err)
		}
	}
	for n := range 60 {
		_, err := AccountFromSeed(make([]byte, n))
		if (err == nil) != (n == 32 || n == 57) {
			t.Errorf("account of a seed of %d bytes: %v", n, err)
		}
	}
	if _, err := NodeFromSeed(make([]byte, 57)); !errors.Is(err, ErrKey) {
		t.Errorf("a node of Ed448: %v", err)
	}
	if _, err := StaticFromSeed(3, make([]byte, 32)); !errors.Is(err, ErrKey) {
		t.Errorf("a curve that is none: %v", err)
	}
	if _, err := NewStatic(0); !errors.Is(err, ErrKey) {
		t.Errorf("no curve: %v", err)
	}
}

// None is not a key, and nothing about it panics.
func TestNone(t *testing.T) {
	var author Author
	var agreement Agreement
	if author.Verify(nil, nil) || author.Raw() != nil || author.UDF() != "" || author.SignatureSize() != 0 || author.IsEd25519() {
		t.Error("no author is one")
	}
	if agreement.Raw() != nil || agreement.UDF() != "" || agreement.Curve() != 0 || agreement.Expects([18]byte{}) || agreement.Expect() != [18]byte{} {
		t.Error("no agreement is one")
	}
	if _, err := agreement.Seal(nil, nil, nil); !errors.Is(err, ErrKey) {
		t.Errorf("sealed to nobody: %v", err)
	}
}

// One X448 key has one hash, whether its sign byte is known or not.
func TestHashIgnoresSign(t *testing.T) {
	a := must(StaticFromSeed(X448, repeat(0x22, 56))).Public()
	b := must(NewAgreement(X448, a.Raw()))
	if a == b || a.Plain() != b || a.Hash() != b.Hash() || len(a.Raw()) != 56 || len(a.Bytes()) != 58 {
		t.Errorf("%d and %d bytes, hashes %s %s", len(a.Bytes()), len(b.Bytes()), a.Hash().Short(), b.Hash().Short())
	}
}

func TestText(t *testing.T) {
	author, agreement := must(NewDevice()).Author(), must(NewStatic(X25519)).Public()
	type doc struct {
		Author, NoAuthor       Author
		Agreement, NoAgreement Agreement
		Hash                   Hash
	}
	in := doc{Author: author, Agreement: agreement, Hash: author.Hash()}
	var out doc
	if err := json.Unmarshal(must(json.Marshal(in)), &out); err != nil || in != out {
		t.Errorf("%+v came back as %+v, %v", in, out, err)
	}
	h := author.Hash()
	if len(h.String()) != 52 || h.Short() != h.String()[:8] || must(ParseHash(h.String())) != h {
		t.Errorf("hash %s %s", h, h.Short())
	}
	last := h.String()[:51]
	for _, s := range []string{"", last, last + "b", last + "=", h.String() + "a", "A" + h.String()[1:]} {
		if got, err := ParseHash(s); err == nil && got.String() != s {
			t.Errorf("parsed %q as %s", s, got)
		}
	}
}
