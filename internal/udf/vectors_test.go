package udf

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// published is testdata/published.json: what the documents of the author's implementation print.
type published struct {
	UDF  []row    `json:"udf"`
	Keys []keyRow `json:"udf_keys"`
	IDs  []row    `json:"ids_and_pins"`
	HKDF []row    `json:"hkdf"`
	Sym  []row    `json:"symmetric_key_id"`
}

type keyRow struct {
	Source, Crv, UDF, Formula string
	Public                    hexBytes `json:"public_hex"`
	Verified                  *bool
}

type row struct {
	Name, Source, UDF, Note string
	Verified                *bool

	ContentType string   `json:"content_type"`
	Data        *string  `json:"data_utf8"`
	Key         string   `json:"key_utf8"`
	Inner       hexBytes `json:"inner_digest_hex"`
	Typed       hexBytes `json:"typed_digest_hex"`
	Binary      hexBytes `json:"binary_hex"`
	UDF100      string   `json:"udf_100"`
	UDF120      string   `json:"udf_120"`
	UDF200      string   `json:"udf_200"`
	UDF260      string   `json:"udf_260"`
	MAC         hexBytes `json:"mac_hex"`
	OKM         hexBytes `json:"okm_hex"`
	PRK         hexBytes `json:"prk_hex"`
	IKM         hexBytes `json:"ikm_hex"`
	Info        hexBytes `json:"info_hex"`
	Decoded     hexBytes `json:"decoded_hex"`
	PrintedUDF  string   `json:"printed_udf"`
	PrintedKey  hexBytes `json:"printed_key_hex"`
	Input       string   `json:"input_utf8"`
	Bits        int
	SharedKey   string `json:"key"`
	Shares      []string

	MessageID    string   `json:"message_id"`
	MessageData  hexBytes `json:"data_hex"`
	SaltedPin    string   `json:"salted_pin"`
	SaltedPinKey hexBytes `json:"salted_pin_key_hex"`
	Account      string

	Generator   string
	Fingerprint string
	Public      hexBytes `json:"public_hex"`

	BaseSeed hexBytes `json:"base_seed_hex"`
	Kid      string
}

type draftRows struct {
	Shamir struct {
		Threshold    int
		Secret       hexBytes `json:"secret_hex"`
		Coefficients []json.Number
		Shares       []string
		SharesHex    []hexBytes `json:"shares_hex"`
	}
	OID struct {
		Public hexBytes `json:"public_hex"`
		DER    hexBytes `json:"der_hex"`
		OID    string
		UDF    string
	}
	EARL       struct{ Key, Locator string }
	Shares2of3 struct {
		Key    string
		Shares []string
	} `json:"shares_2_of_3"`
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func load[T any](t testing.TB, path string) (v T) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func loadPublished(t testing.TB) published { return load[published](t, "testdata/published.json") }

func curveOf(t testing.TB, name string) Curve {
	t.Helper()
	for c := X25519; c <= Ed448; c++ {
		if c.String() == name {
			return c
		}
	}
	t.Fatalf("no curve %q", name)
	return 0
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func equalBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

func mustParse(t testing.TB, text string) []byte {
	t.Helper()
	b, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return b
}

func TestPublishedKeys(t *testing.T) {
	rows := loadPublished(t).Keys
	if len(rows) != 32 {
		t.Fatalf("%d rows, want 32", len(rows))
	}
	for _, r := range rows {
		curve := curveOf(t, r.Crv)
		equal(t, "size of "+r.Crv, len(r.Public), curve.PublicSize())
		current, legacy := Key(curve, r.Public).String(), KeyLegacy(curve, r.Public).String()
		switch r.Formula {
		case "current":
			equal(t, r.Source, current, r.UDF)
		case "legacy":
			equal(t, r.Source, legacy, r.UDF)
		default:
			t.Errorf("%s: formula %q", r.Source, r.Formula)
		}
		if current == legacy {
			t.Errorf("%s: both formulas give %s", r.Source, current)
		}
	}
}

// The name of a row says what it is; every row has exactly one case here.
func TestPublished(t *testing.T) {
	for _, r := range loadPublished(t).UDF {
		t.Run(r.Name, func(t *testing.T) {
			switch r.Name {
			case "content digest SHA2-512", "content digest SHA2-512 long":
				checkDigest(t, r, Digest(r.ContentType, []byte(*r.Data)))
			case "content digest SHA3-512", "content digest SHA3-512 long", "compressed SHA3-512 (20 trailing zero bits)":
				checkDigest(t, r, DigestSHA3(r.ContentType, []byte(*r.Data)))
			case "authenticator (keyed) HMAC-SHA2-512", "authenticator short":
				checkKeyed(t, r)
			case "nonce":
				b, err := ParseType(r.UDF, NonceValue)
				equal(t, "error", err, nil)
				equalBytes(t, "Parse", b, r.Decoded)
			case "encryption key":
				// Not verified: the printed text has no type octet, so it is read as a sequence of type 0xfa with the
				// key shifted by an octet. Its key is what an E sequence would hold.
				equalBytes(t, "Parse", mustParse(t, r.PrintedUDF), r.Decoded)
				if _, err := ParseType(r.PrintedUDF, Encryption, EncryptionSigning); err == nil {
					t.Error("a text without a type octet must not pass for an E sequence")
				}
				equal(t, "letter", Full(Symmetric(r.PrintedKey))[0], Encryption.Letter())
			case "EARL key":
				b, err := ParseType(r.UDF, Encryption)
				equal(t, "error", err, nil)
				equalBytes(t, "Parse", b, r.Decoded)
			case "EARL locator identifier":
				got, err := Locator(r.Input)
				equal(t, "error", err, nil)
				equal(t, "Locator", got, r.UDF)
				equal(t, "bits", r.Bits, locatorBits)
			case "Shamir shares 2-of-3":
				checkPublishedShares(t, r)
			default:
				t.Error("no check for this row")
			}
		})
	}
}

func checkDigest(t *testing.T, r row, f Fingerprint) {
	t.Helper()
	equal(t, "text", f.String(), r.UDF)
	if r.Binary != nil {
		equalBytes(t, "binary", f[:], r.Binary)
		equalBytes(t, "typed digest", f[1:], r.Typed)
	}
	for bits, want := range map[int]string{100: r.UDF100, 120: r.UDF120, 200: r.UDF200, 260: r.UDF260} {
		if want != "" {
			equal(t, "text", f.Text(bits), want)
			equal(t, "Match", Match(want, f.String()), true)
		}
	}
}

func checkKeyed(t *testing.T, r row) {
	t.Helper()
	f := Keyed(r.Key, r.ContentType, []byte(*r.Data))
	equal(t, "text", f.String(), r.UDF)
	if r.MAC != nil {
		equalBytes(t, "mac", f[1:], r.MAC)
		equalBytes(t, "okm", derive([]byte(r.Key), keyedSalt, keyedInfo, 64), r.OKM)
	}
}

// The row is not marked verified, and the text of its key has no type octet. Any two of its shares do give exactly
// the octets that this text holds.
func checkPublishedShares(t *testing.T, r row) {
	t.Helper()
	checkAnyOf(t, parseAll(t, r.Shares), 2, mustParse(t, r.SharedKey))
}

func TestPublishedIDs(t *testing.T) {
	for _, r := range loadPublished(t).IDs {
		t.Run(r.Name, func(t *testing.T) {
			var got string
			var err error
			switch r.Name {
			case "EnvelopeId":
				equalBytes(t, "data", mustParse(t, r.MessageID)[1:], r.MessageData)
				got, err = EnvelopeID(r.MessageID)
			case "ResponseId":
				got, err = ResponseID(r.MessageID)
			case "PinId (MessageId)":
				equalBytes(t, "key", mustParse(t, r.SaltedPin)[1:], r.SaltedPinKey)
				got, err = PinID(r.SaltedPin, r.Account)
				equalPinID(t, r.SaltedPin, "ALICE@example.com", r.UDF)
			case "PinId as printed in SchemaPINFunction.md":
				// Not verified: that document mixes two runs. The other one, checked above, prints another
				// identifier for the same PIN and account.
				pin := "ABYY-PTS3-HOUO-E3VH-TOCJ-GFJI-XPHS"
				if id, _ := PinID(pin, "alice@example.com"); id == r.UDF {
					t.Error("the broken example is reproduced")
				}
				return
			default:
				t.Fatal("no check for this row")
			}
			equal(t, "error", err, nil)
			equal(t, "id", got, r.UDF)
		})
	}
}

func equalPinID(t *testing.T, pin, account, want string) {
	t.Helper()
	got, err := PinID(pin, account)
	equal(t, "error", err, nil)
	equal(t, "PinID is of the lower-case account", got, want)
}

func TestPublishedSeeds(t *testing.T) {
	for _, r := range loadPublished(t).HKDF {
		t.Run(r.Name, func(t *testing.T) {
			switch r.Name {
			case "X25519 from UDF seed", "X448 from UDF seed", "Ed25519 from UDF seed":
				curve := curveOf(t, r.Name[:len(r.Name)-len(" from UDF seed")])
				key, err := Derive(r.Generator, curve, "")
				equal(t, "error", err, nil)
				equalBytes(t, "private key", key, r.OKM)
				equalBytes(t, "ikm", mustParse(t, r.Generator)[1:], r.IKM)
				equal(t, "fingerprint", Key(curve, r.Public).String(), r.Fingerprint)
			case "P-256 PRK/OKM":
				// The curve is not one of ours and the scalar behind it is not reproduced. The document prints info
				// 0005 and yet its output is that of an empty one.
				equalBytes(t, "okm", derive(r.IKM, "", "", len(r.OKM)), r.OKM)
				refusesEveryCurve(t, r.Generator)
			case "P-384", "P-521", "RSA-3072", "RSA-4096":
				// Not verified, and not algorithms of ours: nothing is derived from such a seed.
				refusesEveryCurve(t, r.Generator)
			case "RFC 5869 test cases 1-3 (SHA-256)":
				// Vectors of the standard library's HKDF, with a hash that is not used here.
			default:
				t.Error("no check for this row")
			}
		})
	}
}

func refusesEveryCurve(t *testing.T, seed string) {
	t.Helper()
	for c := X25519; c <= Ed448; c++ {
		if _, err := Derive(seed, c, ""); err == nil {
			t.Errorf("a seed for another algorithm gave a key for %v", c)
		}
	}
}

func TestPublishedSymmetricID(t *testing.T) {
	for _, r := range loadPublished(t).Sym {
		equal(t, "SymmetricID", SymmetricID(r.BaseSeed), r.Kid)
	}
}

// UDF-13 §4.2 prints a key in the legacy form.
func TestDraftOID(t *testing.T) {
	r := load[draftRows](t, "testdata/draft.json").OID
	id := legacyIdentifier(Ed25519)
	der := appendDER(nil, id[:], r.Public)
	equalBytes(t, "der", der, r.DER)
	equal(t, "fingerprint", KeyLegacy(Ed25519, r.Public).String(), r.UDF)
	equal(t, "legacy O", Full(append([]byte{byte(OIDSequence)}, der...)), r.OID)

	o := OID(Ed25519, r.Public)
	equal(t, "letter", Full(o)[0], OIDSequence.Letter())
	equal(t, "digest of the O sequence's DER", Digest(contentKey, o[1:]), Key(Ed25519, r.Public))
}

func TestDraftLocator(t *testing.T) {
	r := load[draftRows](t, "testdata/draft.json").EARL
	got, err := Locator(r.Key)
	equal(t, "error", err, nil)
	equal(t, "Locator", got, r.Locator)
}
