package main

import (
	"errors"
	"time"

	"meshpresence/node/client"
)

// why is presence why.
type why struct {
	Device string `arg:"" help:"The device: its name, its id, or enough of the id's beginning."`
}

// Help is shown by --help.
func (*why) Help() string {
	return `Says in words where a device of the account is, since when and when it was heard, or why it is not there and what to do. It is the word of the node that is asked: another one may know better. Nobody can tell a device that is off from one that is cut off, so that is called unknown, after three heartbeats of silence: 75s at the usual pace. The exit code is 7 when the account has no such device.

Examples:

  presence why phone
  presence why gj3dq --json`
}

// reason is the result: presence.why/1.
type reason struct {
	Schema string  `json:"schema"`
	Device string  `json:"device"`
	Name   *string `json:"name"`
	whereabouts
	Asked *string `json:"asked"`
}

// whereabouts are where a device is, or why it is not, as a node says.
type whereabouts struct {
	Reason   string    `json:"reason"`
	Sentence string    `json:"sentence"`
	Also     []further `json:"also"`
	At       *string   `json:"node"` // the id of the node where it is, or was last
	Since    *string   `json:"since"`
	Heard    *string   `json:"heard"`
}

// further is a reason that holds besides.
type further struct {
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
}

// Run asks about one device.
func (v *why) Run(a *app) error {
	if v.Device == "" {
		return usage("see: presence device list", "no device was named")
	}
	p, err := a.openMember()
	if err != nil {
		return err
	}
	l, err := a.reach(p)
	if err != nil {
		return err
	}
	defer l.close()
	report, err := l.Why(l.ctx, v.Device)
	if err != nil && (!errors.Is(err, client.ErrNoDevice) || report.Reason == "") {
		return l.fault(err, exitNoAnswer)
	}
	r := reason{
		Schema: "presence.why/1", Device: report.Device, Name: textOrNull(report.Name),
		whereabouts: whereaboutsOf(report), Asked: textOrNull(report.Asked),
	}
	if told := a.emit(r, r.lines()...); told != nil {
		return told
	}
	return err
}

func whereaboutsOf(r client.Report) whereabouts {
	w := whereabouts{
		Reason: r.Reason, Sentence: r.Sentence, Also: []further{}, At: textOrNull(r.Node),
		Since: instant(r.Since), Heard: instant(r.Heard),
	}
	for _, more := range r.Also {
		w.Also = append(w.Also, further{more.Reason, more.Sentence})
	}
	return w
}

func instant(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return timeOrNull(*t)
}

func (r reason) lines() []string {
	name := "device    "
	if r.Name != nil {
		name += printable(*r.Name) + " "
	}
	lines := []string{name + printable(r.Device), "status    " + printable(r.Reason)}
	add := func(label string, value *string) {
		if value != nil {
			lines = append(lines, label+printable(*value))
		}
	}
	add("node      ", r.At)
	add("since     ", here(r.Since))
	add("heard     ", here(r.Heard))
	add("asked     ", r.Asked)
	lines = append(lines, "", fold(printable(r.Sentence), helpWidth))
	for _, more := range r.Also {
		lines = append(lines, fold(printable(more.Sentence), helpWidth))
	}
	return lines
}

// here is a time of a result as a person reads it: theirs.
func here(at *string) *string {
	if at == nil {
		return nil
	}
	t, err := time.Parse(time.RFC3339, *at)
	if err != nil {
		return at
	}
	return textOrNull(t.Local().Format(stamp))
}
