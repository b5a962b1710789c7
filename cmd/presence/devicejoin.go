package main

import (
	"context"
	"fmt"
	"time"

	"meshpresence/node/client"
)

// deviceJoin is presence device join.
type deviceJoin struct {
	deviceName
	Code string `arg:"" help:"The code that presence device add shows, typed or pasted."`
}

// Help is shown by --help.
func (*deviceJoin) Help() string {
	return `Makes this device one of an account. CODE comes from presence device add on a device of the account; small letters, spaces in quotes and no dashes do as well, and the pasted form mpp-join:... names the node and pins its key. With the bare code give --node, or let the node be found.

This device's fingerprint is shown, and the other device asks whether it is the right one: compare the two before you say yes there. One profile is one device: a profile that belongs to an account is refused.

Examples:

  presence device join mpp-join:CODE@192.0.2.7:6770/FINGERPRINT
  presence device join ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567
  presence --profile phone device join --name phone CODE`
}

// codeLife is how long a code lives at most (facts.md, Codes): nobody says yes
// later.
const codeLife = 15 * time.Minute

// joined is the result: presence.device-join/1.
type joined struct {
	Schema      string   `json:"schema"`
	Account     string   `json:"account"`
	Device      string   `json:"device"`
	Name        string   `json:"name"`
	Fingerprint string   `json:"fingerprint"`
	Profile     string   `json:"profile"`
	Node        *string  `json:"node"`
	Homes       []string `json:"homes"` // addresses, all of each node's
}

// Run joins, and makes the profile when there is none.
func (v *deviceJoin) Run(a *app) error {
	if err := a.checkClock(); err != nil {
		return err
	}
	if err := a.readCode(v.Code); err != nil {
		return err
	}
	p, undo, err := v.device(a)
	if err != nil {
		return err
	}
	l, err := a.reach(p)
	if err != nil {
		undo()
		return err
	}
	defer l.close()
	l.wait.stop()
	a.note("this device is %s, and its fingerprint is\n\n    %s\n", named(p.Name()), p.Fingerprint())
	a.note("waiting for the other device, which shows the same and asks; Ctrl-C ends this")
	ctx, cancel := context.WithTimeout(l.ctx, codeLife)
	defer cancel()
	if err := l.JoinAccount(ctx, v.Code); err != nil {
		if p.Account() == "" {
			l.close()
			undo()
		}
		return l.fault(byCode(err), exitNoAnswer)
	}
	return v.tell(a, l)
}

// device opens the profile, or makes it; one that belongs to an account is
// refused before any node is asked.
func (v *deviceJoin) device(a *app) (*client.Profile, func(), error) {
	p, undo, err := v.openOrMake(a)
	if err != nil {
		return nil, nil, err
	}
	if p.Account() != "" {
		return nil, nil, fmt.Errorf("joining an account with %s: %w: it belongs to %s", p.Dir(), client.ErrProfileUsed, p.Account())
	}
	return p, undo, v.matches(p)
}

func (v *deviceJoin) tell(a *app, l *line) error {
	p := l.Profile()
	r := joined{
		Schema: "presence.device-join/1", Account: p.Account(), Device: p.Device(), Name: p.Name(),
		Fingerprint: p.Fingerprint(), Profile: p.Dir(), Node: textOrNull(l.Node()), Homes: list(p.Homes()),
	}
	lines := []string{
		"account   " + r.Account,
		"device    " + printable(r.Name) + " " + r.Device,
		"profile   " + r.Profile,
	}
	for _, h := range oneEach(r.Homes) {
		lines = append(lines, "kept at   "+printable(h))
	}
	return a.emit(r, lines...)
}
