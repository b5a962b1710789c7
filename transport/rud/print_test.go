package rud

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

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

// leak returns how bytes of the secret stand in s; lower is s in lower case.
func leak(s, lower string, secret []byte) string {
	for _, n := range []int{0, 3, 4, 5} { // base64 has three ways to begin
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
		w = secret[n : n+6]
		for _, form := range []string{string(w), base64.RawStdEncoding.EncodeToString(w), base64.RawURLEncoding.EncodeToString(w)} {
			if strings.Contains(s, form) {
				return form
			}
		}
	}
	return ""
}

// "Keys, tickets and secrets never print": every type here that holds one, with all
// that an open connection knows.
func TestSecretsNeverPrint(t *testing.T) {
	l := newLoop(t)
	seed := make([]byte, 32)
	newSeeded(9).Read(seed)
	ticket := &handshake.Ticket{
		ID: [16]byte{1}, Secret: key.Secret(seed), Initiator: newStatic(t, 3).Public(), Responder: newStatic(t, 2).Public(),
		Expires: wall.Time(time.Now().Unix() + 1000), Redeemer: handshake.ResponderRole,
	}
	tickets := NewTickets(TicketsConfig{})
	if err := tickets.Put(ticket, wall.Time(time.Now().Unix())); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Static: newStatic(t, 2), Reset: key.Secret(seed), Tickets: tickets}
	l.node.cfg.Reset = cfg.Reset
	remnant, ok := l.n.Remnant()
	if !ok {
		t.Fatal("no remnant")
	}
	secrets := [][]byte{seed, l.d.secret[:], l.d.reset[:]}
	for _, dir := range []handshake.Direction{handshake.I2R, handshake.R2I} {
		for _, id := range []wire.ID{l.d.main.in.id, l.d.main.out.id} {
			header, packet := handshake.Keys(l.d.secret, dir, id)
			secrets = append(secrets, header[:], packet[:])
		}
	}
	target := Target{To: l.at, Pin: handshake.Pin{Key: ticket.Responder}, Ticket: ticket}
	for name, v := range map[string]any{
		"connection": l.d, "the other": l.n, "endpoint": l.node, "stream": &l.d.main, "protection": l.d.main.in,
		"pointer to a protection": &l.n.main.out, "config": cfg, "pointer to a config": &cfg, "tickets": tickets,
		"target": target, "pointer to a target": &target, "remnant": remnant, "message": Message{Payload: []byte("text"), Stream: &l.d.main},
		"connections": []*Conn{l.d, l.n}, "map": map[string]*Endpoint{"e": l.node}, "rolling": rolling{other: l.d.secret, value: []byte{1}},
	} {
		s := shows(v)
		lower := strings.ToLower(s)
		for n, secret := range secrets {
			if form := leak(s, lower, secret); form != "" {
				at := max(0, strings.Index(lower, strings.ToLower(form)))
				t.Errorf("%s shows secret %d as %q in %q", name, n, form, s[max(0, at-60):min(len(s), at+60)])
			}
		}
	}
	if s := fmt.Sprint(seed); leak(s, s, seed) == "" {
		t.Error("the search finds nothing")
	}
}
