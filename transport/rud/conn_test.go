package rud

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
)

func TestHappyPath(t *testing.T) {
	w, device, node, d, n := pair(t, 1)
	if d.Peer() != node.static.Public() || n.Peer() != device.static.Public() {
		t.Error("the sides do not know each other's keys")
	}
	if n.Path() != device.addr || d.Path() != node.addr {
		t.Errorf("paths %v and %v", n.Path(), d.Path())
	}
	up, down := text(1, 100), text(2, 18480)
	first, err := d.Send(w.now, up)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := n.Send(w.now, down)
	if err != nil {
		t.Fatal(err)
	}
	if d.Acknowledged(first) || n.Acknowledged(frame) {
		t.Error("acknowledged before it arrived")
	}
	w.run(3 * time.Second)
	if len(node.messages) != 1 || !bytes.Equal(node.messages[0].Payload, up) || !node.messages[0].Final {
		t.Errorf("node got %d messages", len(node.messages))
	}
	if len(device.messages) != 1 || !bytes.Equal(device.messages[0].Payload, down) {
		t.Errorf("device got %d messages", len(device.messages))
	}
	if !d.Acknowledged(first) || !n.Acknowledged(frame) {
		t.Error("not acknowledged")
	}
	if d.RTT() < 45*time.Millisecond || d.RTT() > 90*time.Millisecond {
		t.Errorf("RTT %v of a path of 50 ms", d.RTT())
	}
}

// Keys, tokens and path values never print.
func TestSecretsDoNotPrint(t *testing.T) {
	s := newScript(t, true)
	s.c.paths.value = [16]byte{0xee, 0xee, 0xee}
	secret := scriptResult(true).Secret
	header, packet := scriptResult(true).SendKeys()
	s.c.main.other = &otherKeys{protection: s.c.main.in}
	s.c.roll = &rolling{other: secret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, x := range []any{s.c, &s.c.main, *s.c.main.other, s.c.roll, s.e.oneTime, s.c.main.in, &s.c.main.out, s.e, slog.AnyValue(s.c)} {
			got := fmt.Sprintf(verb, x)
			for _, key := range [][]byte{secret[:4], header[:4], packet[:4], s.c.reset[:4], s.c.paths.value[:4]} {
				for _, form := range []string{fmt.Sprintf("%x", key), strings.Trim(fmt.Sprintf("%d", key), "[]"), strings.Trim(fmt.Sprintf("%#v", key), "[]byte{}")} {
					if strings.Contains(got, form) {
						t.Errorf("%s of %T shows a secret: %.200s", verb, x, got)
					}
				}
			}
		}
	}
}

func TestReasonNames(t *testing.T) {
	for r := ReasonClosed; r <= ReasonLeft; r++ {
		if strings.HasPrefix(r.String(), "reason") {
			t.Errorf("reason %d has no name", r)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Static: newStatic(t, 1), Send: func(netip.AddrPort, []byte) {}, Handler: &mute{}}
	if _, err := NewEndpoint(good); err != nil {
		t.Error(err)
	}
	for what, spoil := range map[string]func(*Config){
		"static key": func(c *Config) { c.Static = nil },
		"send":       func(c *Config) { c.Send = nil },
		"handler":    func(c *Config) { c.Handler = nil },
		"X448": func(c *Config) {
			c.Static, _ = key.NewStatic(key.X448)
		},
	} {
		bad := good
		spoil(&bad)
		if _, err := NewEndpoint(bad); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	e, _ := NewEndpoint(good)
	if _, err := e.Dial(time.Now(), Target{}); err == nil {
		t.Error("dialled nowhere")
	}
}
