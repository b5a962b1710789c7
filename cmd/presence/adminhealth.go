package main

import (
	"errors"

	"meshpresence/node/admin"
)

// adminHealth is presence admin health.
type adminHealth struct {
	socket
	Quiet bool `help:"Print nothing: the exit code says it."`
}

// Help is shown by --help.
func (*adminHealth) Help() string {
	return `Asks the daemon of this machine whether it serves: exit code 0 when it does, and 1 when it does not or when no daemon answers, as health checks want it.

Examples:

  presence admin health
  presence admin health --quiet --admin /var/lib/presenced/admin.sock`
}

// health is the result: presence.admin-health/1.
type health struct {
	Schema  string  `json:"schema"`
	Healthy bool    `json:"healthy"`
	Reason  *string `json:"reason"` // null when healthy
}

// Run asks once.
func (v *adminHealth) Run(a *app) error {
	err := v.ask(a)
	r := health{Schema: "presence.admin-health/1", Healthy: err == nil}
	text := "healthy"
	if err != nil {
		text = explain(err).Error()
		var no *admin.Refusal
		if errors.As(err, &no) {
			text = no.Text
		}
		r.Reason = &text
	}
	if !v.Quiet {
		if told := a.emit(r, printable(text)); told != nil {
			return told
		}
	}
	if err != nil {
		return silent(exitError)
	}
	return nil
}

func (v *adminHealth) ask(a *app) error {
	c, err := v.dial()
	if err != nil {
		return err
	}
	return c.Health(a.ctx)
}
