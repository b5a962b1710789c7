package handshake

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// TestScheduleMatchesVectors takes transcript through First Contact and looks at
// h and ck after every step.
func TestScheduleMatchesVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/rud_udp.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Inputs, Public             map[string]string
			Hello, Challenge, Complete string
			Answer                     string `json:"responder_complete"`
			Secret                     string `json:"data_secret"`
			Schedule                   []struct{ Step, H, CK string }
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Cases {
		decode := func(s string) []byte {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		private := func(name string) *key.Static {
			k, err := key.StaticFromSeed(key.X25519, decode(v.Inputs[name]))
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		s := findSuite(wire.SuiteX25519AESGCM)
		h1 := helloHash(decode(v.Hello))
		tr := transcript{suite: s, h: h1}
		step := 0
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			w := v.Schedule[step]
			if h := hex.EncodeToString(tr.h[:]); h != w.H {
				t.Errorf("%s: h %s, want %s", w.Step, h, w.H)
			}
			if ck := hex.EncodeToString(tr.ck[:]); ck != w.CK {
				t.Errorf("%s: ck %s, want %s", w.Step, ck, w.CK)
			}
			step++
		}
		check(nil)
		tr = beginFirst(s, &h1, decode(v.Challenge))
		check(nil)

		complete, err := wire.ParseComplete(decode(v.Complete))
		if err != nil {
			t.Fatal(err)
		}
		tr.hash(complete.Clear)
		check(nil)
		check(tr.mix(private("responder_static"), complete.Ephemeral))
		check(tr.mix(private("responder_k"), complete.Ephemeral))
		plain, err := tr.open(labelComplete, complete.Sealed)
		check(err)
		section, err := wire.ParseSection(plain, s.id)
		if err != nil {
			t.Fatal(err)
		}

		answer, err := wire.ParseResponderComplete(decode(v.Answer), s.id, wire.MaxPacket)
		if err != nil {
			t.Fatal(err)
		}
		tr.hash(answer.Clear)
		check(nil)
		check(tr.mix(private("responder_fresh"), complete.Ephemeral))
		check(tr.mix(private("responder_fresh"), section.Static))
		_, err = tr.open(labelAnswer, answer.Sealed)
		check(err)
		if step != len(v.Schedule) {
			t.Errorf("%d steps, want %d", step, len(v.Schedule))
		}
		secret := tr.secret()
		if got := hex.EncodeToString(secret[:]); got != v.Secret {
			t.Errorf("secret %s, want %s", got, v.Secret)
		}
		if tr.ck != (key.Secret{}) {
			t.Error("ck was not dropped")
		}
	}
}
