package main

import "strings"

// deviceList is presence device list.
type deviceList struct{}

// Help is shown by --help.
func (*deviceList) Help() string {
	return `Shows the devices of the account, as this device knows them: it asks no node. presence status asks one, and says where each is.

Examples:

  presence device list
  presence --profile phone device list --json`
}

// devices is the result: presence.device-list/1.
type devices struct {
	Schema  string   `json:"schema"`
	Account string   `json:"account"`
	Devices []listed `json:"devices"`
}

// listed is one device of the account.
type listed struct {
	Device string   `json:"device"`
	Name   *string  `json:"name"`
	Roles  []string `json:"roles"`
	Self   bool     `json:"self"`
}

// Run lists what the profile knows.
func (v *deviceList) Run(a *app) error {
	p, err := a.openMember()
	if err != nil {
		return err
	}
	r := devices{Schema: "presence.device-list/1", Account: p.Account(), Devices: []listed{}}
	wide := 0
	for _, d := range p.Devices() {
		one := listed{Device: d.ID, Name: textOrNull(d.Name), Roles: list(d.Roles.Strings()), Self: d.ID == p.Device()}
		r.Devices = append(r.Devices, one)
		wide = max(wide, width(shownName(one.Name)))
	}
	var lines []string
	for _, d := range r.Devices {
		lines = append(lines, d.line(wide))
	}
	return a.emit(r, lines...)
}

// line is a device for people: its name in a column of a width, its id's
// beginning, its roles.
func (d listed) line(wide int) string {
	text := pad(shownName(d.Name), wide) + "  " + short(d.Device) + "  (" + strings.Join(d.Roles, ", ") + ")"
	if d.Self {
		text += "  this device"
	}
	return text
}
