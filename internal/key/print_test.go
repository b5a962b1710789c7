package key

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// leaks are the ways in which bytes of 0x5a may show.
var leaks = []string{"5a5a", "5A5A", "90 90", "90,90", "ZZ", "Wlpa", "0x5a", "0x5A", "1011010 1011010", "132 132", "WlpaWlpa", "LJNFUWS2"}

const allVerbs = "vsdxXqTtbcoOUeEfFgGpw"

// show writes v in every way there is: with all verbs, those included that vet
// refuses.
func show(v any, verbs string) string {
	var out bytes.Buffer
	for _, verb := range verbs {
		for _, flag := range []string{"", "+", "#", "-", " ", "0", "8.3"} {
			fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", v)
		}
	}
	fmt.Fprintln(&out, v, fmt.Errorf("with %v", v))
	slog.New(slog.NewTextHandler(&out, nil)).Info("key", "k", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", v)
	json.NewEncoder(&out).Encode(v)
	return out.String()
}

// Every type that holds a private key, by value and by pointer, bare and inside
// what people print without a thought.
func TestPrivateKeysNeverPrint(t *testing.T) {
	seed := repeat(0x5a, 32)
	account, account448 := must(AccountFromSeed(seed)), must(AccountFromSeed(repeat(0x5a, 57)))
	device, node, realm := must(DeviceFromSeed(seed)), must(NodeFromSeed(seed)), must(RealmFromSeed(seed))
	static, static448 := must(StaticFromSeed(X25519, seed)), must(StaticFromSeed(X448, repeat(0x5a, 56)))
	secret := Secret(seed)
	type inner struct {
		a *Account
		d Device
		s *Static
		v Static
		r any
	}
	for name, v := range map[string]any{
		"account": account, "account value": *account, "Ed448 account": account448, "Ed448 account value": *account448,
		"device": device, "device value": *device, "node": node, "node value": *node, "realm": realm, "realm value": *realm,
		"static": static, "static value": *static, "X448 static": static448, "X448 static value": *static448,
		"secret": secret, "pointer to a secret": &secret, "slice of secrets": []Secret{secret},
		"map of accounts": map[string]Account{"a": *account},
		"secret in a field": struct {
			S Secret
			K Static
		}{secret, *static},
		"unexported fields": inner{account, *device, static448, *static, realm},
		"pointer to them":   &inner{account448, *device, static, *static448, node},
		"slice of them":     []inner{{a: account, v: *static}},
	} {
		verbs := allVerbs
		if strings.Contains(name, "secret") {
			verbs = strings.TrimRight(allVerbs, "pw") // see Secret
		}
		out := show(v, verbs)
		for _, leak := range leaks {
			if i := strings.Index(out, leak); i >= 0 {
				t.Errorf("%s shows as %q", name, out[max(0, i-60):min(len(out), i+60)])
			}
		}
	}
	want := "[account key " + account.Author().Hash().Short() + ", redacted]"
	if got := fmt.Sprintf("%x", account); got != want {
		t.Errorf("an account shows as %s, want %s", got, want)
	}
}

func TestSeal(t *testing.T) {
	s := must(NewStatic(X25519))
	info, aad, plaintext := []byte("info"), []byte("aad"), []byte("plaintext")
	sealed := must(s.Public().Seal(info, aad, plaintext))
	if len(sealed) != len(plaintext)+SealOverhead {
		t.Errorf("sealed to %d bytes", len(sealed))
	}
	if got, err := s.Open(info, aad, sealed); err != nil || !bytes.Equal(got, plaintext) {
		t.Errorf("open: %q, %v", got, err)
	}
	refused := func(name string, k *Static, info, aad, sealed []byte) {
		t.Helper()
		if got, err := k.Open(info, aad, sealed); !errors.Is(err, ErrSeal) {
			t.Errorf("%s: opened %q, %v", name, got, err)
		}
	}
	refused("other info", s, aad, aad, sealed)
	refused("other aad", s, info, info, sealed)
	refused("other key", must(NewStatic(X25519)), info, aad, sealed)
	refused("X448 key", must(NewStatic(X448)), info, aad, sealed)
	for n := range sealed {
		refused("truncated", s, info, aad, sealed[:n])
		forged := bytes.Clone(sealed)
		forged[n] ^= 1
		refused("forged", s, info, aad, forged)
	}
	zeros := make([]byte, len(sealed)) // enc of small order
	refused("zeros", s, info, aad, zeros)
	if _, err := must(NewStatic(X448)).Public().Seal(info, aad, plaintext); !errors.Is(err, ErrKey) {
		t.Errorf("sealed to X448: %v", err)
	}
	if _, err := must(NewAgreement(X25519, make([]byte, 32))).Seal(info, aad, plaintext); !errors.Is(err, ErrAgreement) {
		t.Errorf("sealed to a point of small order: %v", err)
	}
}
