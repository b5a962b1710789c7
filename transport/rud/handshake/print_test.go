package handshake

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/wire"
)

// tape hands out randomness and keeps all that became a key: whoever draws less than
// 32 bytes draws ids.
type tape struct{ secrets [][]byte }

func (t *tape) Read(p []byte) (int, error) {
	rand.Read(p)
	if len(p) >= key.SecretSize {
		t.secrets = append(t.secrets, bytes.Clone(p))
	}
	return len(p), nil
}

// shows writes v in every way there is, those included that vet refuses.
func shows(v any) string {
	var out bytes.Buffer
	for _, verb := range "vsdxXqTtbcoOUeEfFgG" {
		for _, flag := range []string{"", "+", "#", " "} {
			fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", v)
		}
	}
	fmt.Fprintln(&out, v, fmt.Errorf("with %v", v))
	slog.New(slog.NewTextHandler(&out, nil)).Info("it", "k", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("it", "k", v)
	json.NewEncoder(&out).Encode(v)
	return out.String()
}

// leak returns how four bytes of the secret in a row, or about as much, stand in s.
func leak(s, lower string, secret []byte) string {
	for _, n := range []int{0, 6, 7, 8} { // base64 has three ways to begin
		w := secret[n : n+4]
		list := strings.Trim(fmt.Sprint(w), "[]")
		for _, form := range []string{
			fmt.Sprintf("%x", w), fmt.Sprintf("% x", w), fmt.Sprintf("%#x %#x", w[0], w[1]), fmt.Sprintf("%#x, %#x", w[0], w[1]),
			list, strings.ReplaceAll(list, " ", ","), strings.ReplaceAll(list, " ", ", "),
			strings.Trim(fmt.Sprintf("%o", w), "[]"), strings.Trim(fmt.Sprintf("%b", w), "[]"),
		} {
			if strings.Contains(lower, form) {
				return form
			}
		}
		for _, form := range []string{
			string(secret[n : n+6]), base64.RawStdEncoding.EncodeToString(secret[n : n+6]), base64.RawURLEncoding.EncodeToString(secret[n : n+6]),
			base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret[n : n+5]),
		} {
			if strings.Contains(s, form) {
				return form
			}
		}
	}
	return ""
}

// holders are all types here that hold a private key, a ticket or a secret, each full
// of the tape's.
func holders(t *testing.T, r *tape) map[string]any {
	t.Helper()
	draw := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(r, b)
		return b
	}
	static := func(curve key.Curve) *key.Static {
		s, err := key.StaticFromSeed(curve, draw(curve.Size()))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	boot := time.Now()
	now := boot.Add(time.Hour)
	clock := boot
	from := netip.MustParseAddrPort("192.0.2.1:1")
	mine, theirs := static(key.X448), static(key.X448)
	ticket := &Ticket{
		ID: [16]byte{1}, Secret: key.Secret(draw(32)), Initiator: mine.Public().Plain(), Responder: theirs.Public().Plain(),
		Expires: wall.Time(now.Unix() + 60), Redeemer: ResponderRole,
	}
	respond := ResponderConfig{
		Statics: []*key.Static{static(key.X25519), theirs}, Reset: key.Secret(draw(32)), Rand: r,
		Wall: func() time.Time { return clock },
	}
	responder, err := NewResponder(boot, respond)
	if err != nil {
		t.Fatal(err)
	}
	clock = now
	initiate := InitiatorConfig{
		Mode: Ticketed, Ticket: ticket, Static: mine, Rand: r, Wall: func() time.Time { return clock },
	}
	ticketed, err := NewInitiator(now, initiate)
	if err != nil {
		t.Fatal(err)
	}
	ticketed.Next(now)
	first, err := NewInitiator(now, InitiatorConfig{Static: mine, Pin: Pin{Key: theirs.Public()}, Rand: r})
	if err != nil {
		t.Fatal(err)
	}
	challenge, _, _ := responder.Receive(now, from, first.Next(now), nil)
	if _, o := first.Receive(now, challenge); o != Accepted {
		t.Fatalf("outcome %q", o)
	}
	sealed := *first.current.completes[0]
	attempted := *first.current
	answer, result, o := responder.Receive(now, from, first.Next(now), nil)
	if o != Completed {
		t.Fatalf("outcome %q", o)
	}
	between := fmt.Sprint(first)
	ours, o := first.Receive(now, answer)
	if o != Completed {
		t.Fatalf("outcome %q", o)
	}
	header, packet := ours.SendKeys()
	r.secrets = append(r.secrets, ours.Secret[:], header[:], packet[:], ours.Reset[:], sealed.t.ck[:], ticket.Append(nil)[18:50])
	type unexported struct {
		i *Initiator
		r *Responder
	}
	return map[string]any{
		"initiator": ticketed, "initiator between": between, "initiator, done": first, "responder": responder,
		"result": result, "result value": *ours, "ticket": ticket, "ticket value": *ticket,
		"initiator's config": initiate, "responder's config": respond, "pointer to a config": &respond,
		"transcript": sealed.t, "pending": sealed, "attempt": attempted, "pointer to an attempt": ticketed.current,
		"generation": responder.generations.current, "opened": opened{t: sealed.t},
		"unexported fields": unexported{ticketed, responder}, "slice": []*Result{ours, result},
		"map": map[string]Ticket{"t": *ticket}, "struct": struct{ R Result }{*ours},
		"key of a suite": findSuite(wire.SuiteX448AESGCM),
	}
}

// "Keys, tickets and secrets never print." A Ticket and a Result have the one hole of
// key.Secret: in an unexported field fmt asks them nothing. The machines have it not.
func TestSecretsNeverPrint(t *testing.T) {
	var r tape
	all := holders(t, &r)
	if len(r.secrets) < 15 {
		t.Fatalf("%d secrets", len(r.secrets))
	}
	for name, v := range all {
		s := shows(v)
		lower := strings.ToLower(s)
		for n, secret := range r.secrets {
			if form := leak(s, lower, secret); form != "" {
				at := strings.Index(strings.ToLower(s), strings.ToLower(form))
				t.Errorf("%s shows secret %d as %q in %q", name, n, form, s[max(0, at-60):min(len(s), at+60)])
			}
		}
	}
	for _, verb := range []string{"%v", "%x", "%X", "%q", "%s", "%o", "%b", "%#v", "% x"} {
		s := fmt.Sprintf(verb, r.secrets[0])
		if verb == "%q" {
			s = base64.StdEncoding.EncodeToString(r.secrets[0])
		}
		if leak(s, strings.ToLower(s), r.secrets[0]) == "" {
			t.Errorf("the search does not find %s", verb)
		}
	}
}
