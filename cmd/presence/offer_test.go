package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meshpresence/node/client"
)

// fakeOffer is a code that somebody uses at once.
type fakeOffer struct {
	who  client.Newcomer
	err  error // of Wait
	done []string
}

func (o *fakeOffer) Code() string       { return "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567" }
func (o *fakeOffer) Text() string       { return "mpp-join:" + o.Code() + "@192.0.2.7:6770/MAAA" }
func (o *fakeOffer) Expires() time.Time { return time.Date(2026, 5, 1, 18, 3, 22, 0, time.Local) }

func (o *fakeOffer) Wait(ctx context.Context) (client.Newcomer, error) {
	if o.err == nil {
		o.err = ctx.Err()
	}
	return o.who, o.err
}
func (o *fakeOffer) Accept(context.Context) error { o.done = append(o.done, "accept"); return nil }
func (o *fakeOffer) Refuse(context.Context) error { o.done = append(o.done, "refuse"); return nil }
func (o *fakeOffer) Close() error                 { o.done = append(o.done, "close"); return nil }

// welcomeWith runs what device add does with a code, and returns what stood on
// the screen.
func welcomeWith(ctx context.Context, o *fakeOffer, who person, yes bool) (screen string, err error) {
	var out safeBuffer
	a := &app{console: console{in: strings.NewReader(""), out: &out, err: &out, person: who}, ctx: ctx}
	l := &line{wait: newPatience(ctx, time.Minute)}
	l.ctx = l.wait.ctx
	defer l.wait.end()
	_, err = (&consent{Yes: yes}).welcome(a, l, o, "device", "presence device join CODE")
	return out.String(), err
}

func TestWelcome(t *testing.T) {
	phone := client.Newcomer{Name: "pho\x1bne", Fingerprint: "MDAB-CDEF", ID: "abcdefghijkl"}
	for name, c := range map[string]struct {
		answer string
		yes    bool
		wait   error
		done   string
		says   string // of the error, "" for none
	}{
		"somebody says yes":           {answer: "y", done: "accept close"},
		"somebody says no":            {answer: "n", done: "refuse close", says: "the device was not let in"},
		"a script says yes":           {yes: true, done: "accept close"},
		"nobody uses it in time":      {wait: context.DeadlineExceeded, done: "close", says: "no node answered"},
		"the code was guessed to end": {wait: errors.New("five bad codes"), done: "close", says: "five bad codes"},
	} {
		t.Run(name, func(t *testing.T) {
			who := &scripted{answers: []string{c.answer}, wide: 80}
			o := &fakeOffer{who: phone, err: c.wait}
			screen, err := welcomeWith(t.Context(), o, who, c.yes)
			if got := strings.Join(o.done, " "); got != c.done {
				t.Errorf("the code was treated to %q, want %q", got, c.done)
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
			for _, want := range []string{o.Code(), "to paste  " + o.Text(), "ends at   2026-05-01 18:03:22", "  presence device join mpp-join:", "█", "Ctrl-C withdraws"} {
				if !strings.Contains(screen, want) {
					t.Errorf("%q does not stand on the screen:\n%s", want, screen)
				}
			}
			asked := strings.Join(who.asked, "")
			if !c.yes && c.wait == nil && (!strings.Contains(asked, `"pho\x1bne"`) || !strings.Contains(asked, "\n    MDAB-CDEF\n")) {
				t.Errorf("asked %q", asked)
			}
			if c.yes && len(who.asked) > 0 {
				t.Errorf("a script was asked %q", who.asked)
			}
		})
	}
}

// Ctrl-C withdraws the code, whether it waits for the newcomer or for a person.
func TestWelcomeEndsByCtrlC(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	o := &fakeOffer{}
	if _, err := welcomeWith(ctx, o, &scripted{}, false); !errors.Is(err, errInterrupted) || strings.Join(o.done, " ") != "close" {
		t.Errorf("%v, the code was treated to %q", err, o.done)
	}
}

// A terminal that is too narrow for the QR code shows none.
func TestNarrowTerminal(t *testing.T) {
	screen, err := welcomeWith(t.Context(), &fakeOffer{}, &scripted{answers: []string{"y"}, wide: 40}, false)
	if err != nil || strings.Contains(screen, "█") {
		t.Errorf("%v\n%s", err, screen)
	}
}

func TestNobodyToCompare(t *testing.T) {
	home(t)
	for _, args := range [][]string{{"device", "add"}, {"realm", "invite"}} {
		presence(t, args...).wants(t, exitUsage, "", "run it in a terminal, or let in whoever has the code with --yes")
	}
	presence(t, "device", "revoke", "phone").wants(t, exitUsage, "", "revoking is for good, and nobody is here to be asked")
	presence(t, "realm", "remove", "abcd").wants(t, exitUsage, "", "removing a node is for good, and nobody is here to be asked")
}
