package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshpresence/node/client"
)

// offer is one code that waits for a newcomer, as client.Offer.
type offer interface {
	Code() string
	Text() string
	Expires() time.Time
	Wait(ctx context.Context) (client.Newcomer, error)
	Accept(ctx context.Context) error
	Refuse(ctx context.Context) error
	Close() error
}

// consent is what a verb takes that lets somebody in.
type consent struct {
	Yes bool `help:"Let in whoever has the code, without asking: for scripts."`
}

// check refuses when nobody could say yes.
func (c *consent) check(a *app, what string) error {
	if a.person == nil && !c.Yes {
		return usage("run it in a terminal, or let in whoever has the code with --yes", "somebody has to compare the %s's fingerprint, and nobody is here to be asked", what)
	}
	return nil
}

// welcome shows a code, waits for who uses it, asks whether to let them in, and
// does. The code is withdrawn however it ends. use is what the newcomer runs.
func (c *consent) welcome(a *app, l *line, o offer, what, use string) (client.Newcomer, error) {
	defer func() {
		if err := o.Close(); err != nil {
			a.note("the code could not be withdrawn, it ends by itself at %s: %v", o.Expires().Local().Format(stamp), err)
		}
	}()
	l.wait.stop()
	if err := a.showCode(what, o.Code(), o.Text(), o.Expires(), use); err != nil {
		return client.Newcomer{}, err
	}
	a.note("waiting for the %s; Ctrl-C withdraws the code", what)
	who, err := o.Wait(l.ctx)
	if err != nil {
		return who, l.fault(err, exitNoAnswer)
	}
	yes, err := c.asks(a, l, who, what)
	if err != nil {
		return who, err
	}
	if !yes {
		if err := o.Refuse(l.ctx); err != nil {
			return who, l.fault(err, exitNoAnswer)
		}
		return who, &fault{err: fmt.Errorf("the %s was not let in", what), code: exitError, hint: "its code is used up; make a new one to try again"}
	}
	l.wait.begin()
	return who, l.fault(o.Accept(l.ctx), exitNoAnswer)
}

// asks shows who came and asks whether it is the one that was expected.
func (c *consent) asks(a *app, l *line, who client.Newcomer, what string) (bool, error) {
	if c.Yes {
		a.note("%s %s came with the code, fingerprint %s", what, named(who.Name), printable(who.Fingerprint))
		return true, nil
	}
	text := fmt.Sprintf("\nA %s came with the code. It calls itself %s; its fingerprint is\n\n    %s\n\nCompare that with what its own screen shows.\nIs it the same, and shall it come in? [y/N] ", what, named(who.Name), printable(who.Fingerprint))
	yes, err := a.person.agrees(l.ctx, text)
	if errors.Is(err, errInterrupted) && !l.wait.interrupted() {
		return false, &fault{err: client.ErrNoAnswer, code: exitNoAnswer}
	}
	return yes, err
}

// named shows a name that somebody gave themselves.
func named(name string) string {
	if name == "" {
		return "nothing"
	}
	return `"` + printable(name) + `"`
}
