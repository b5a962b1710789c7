package main

import (
	"fmt"
	"strings"

	"meshpresence/node/client"
)

// status is presence status.
type status struct{}

// Help is shown by --help.
func (*status) Help() string {
	return `Shows this device, the node in use and the others of its realm, the nodes that keep the account, its devices and where each is, and what there is to do. What this device knows is shown even when no node can be reached; the exit code is 3 then.

Examples:

  presence status
  presence --profile phone status --json`
}

// standing is the result: presence.status/1.
type standing struct {
	Schema      string   `json:"schema"`
	Profile     string   `json:"profile"`
	Name        string   `json:"name"`
	Device      string   `json:"device"`
	Fingerprint string   `json:"fingerprint"`
	Account     *string  `json:"account"`
	AccountKey  bool     `json:"account_key"`
	Node        *string  `json:"node"`
	Endpoint    *string  `json:"endpoint"`
	RTT         *float64 `json:"rtt_ms"`
	Link        *linked  `json:"connection"`
	Kept        *int     `json:"kept"`
	Homes       []string `json:"homes"` // addresses, all of each node's
	Devices     []member `json:"devices"`
	Nodes       []string `json:"nodes"`     // addresses of the realm's other nodes, null unless a node said them
	Proposals   []string `json:"proposals"` // what to do, null unless it is known
}

// member is a device of the account, with where it is when a node said so.
type member struct {
	Device string       `json:"device"`
	Name   *string      `json:"name"`
	Roles  []string     `json:"roles"`
	Self   bool         `json:"self"`
	Where  *whereabouts `json:"where"`
}

// Run shows what is known, the node's part too when one answers.
func (v *status) Run(a *app) error {
	p, err := a.openProfile()
	if err != nil {
		return err
	}
	s := standingOf(p)
	silent := v.ask(a, p, &s)
	if err := a.emit(s, s.lines()...); err != nil {
		return err
	}
	return silent
}

// ask adds what a node says.
func (v *status) ask(a *app, p *client.Profile, s *standing) error {
	l, err := a.reach(p)
	if err != nil {
		return err
	}
	defer l.close()
	said, err := l.Status(l.ctx)
	if err != nil {
		return l.fault(err, exitNoAnswer)
	}
	how, err := l.Connection(l.ctx)
	if err != nil {
		return l.fault(err, exitNoAnswer)
	}
	rtt := milliseconds(said.RTT)
	s.Link = linkedOf(how)
	s.Node, s.Endpoint, s.RTT, s.Kept = textOrNull(said.Node), endpointOrNull(said.Endpoint), &rtt, &said.Kept
	s.Homes, s.Nodes, s.Proposals = list(said.Homes), list(said.Nodes), list(said.Proposals)
	if p.Account() == "" {
		return nil
	}
	reports, err := l.Reports(l.ctx)
	if err != nil {
		return l.fault(err, exitNoAnswer)
	}
	s.Devices = membersOf(p, reports)
	return nil
}

// membersOf joins what the profile knows of the account's devices with what a
// node says of them.
func membersOf(p *client.Profile, reports []client.Report) []member {
	members := []member{}
	for _, d := range p.Devices() {
		m := member{Device: d.ID, Name: textOrNull(d.Name), Roles: list(d.Roles.Strings()), Self: d.ID == p.Device()}
		for _, r := range reports {
			if r.Device == d.ID {
				w := whereaboutsOf(r)
				m.Where = &w
			}
		}
		members = append(members, m)
	}
	return members
}

func standingOf(p *client.Profile) standing {
	s := standing{
		Schema: "presence.status/1", Profile: p.Dir(), Name: p.Name(), Device: p.Device(), Fingerprint: p.Fingerprint(),
		Account: textOrNull(p.Account()), AccountKey: p.HasAccountKey(), Homes: list(p.Homes()),
		Devices: membersOf(p, nil),
	}
	return s
}

// lines are for people: a label, then what is known.
func (s standing) lines() []string {
	var lines []string
	add := func(label, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%-10s", label)+printable(fmt.Sprintf(format, args...)))
	}
	or := func(s *string, none string) string {
		if s == nil {
			return none
		}
		return *s
	}
	add("device", "%s %s", s.Name, s.Device)
	add("account", "%s", or(s.Account, "none"))
	add("profile", "%s", s.Profile)
	add("node", "%s", or(s.Node, "none serves this device"))
	if s.RTT != nil {
		add("", "sees %s, answers in %.1f ms", or(s.Endpoint, "no address"), *s.RTT)
	}
	if s.Link != nil {
		add("", "%s", s.Link.text())
	}
	homes := oneEach(s.Homes)
	for _, h := range homes {
		add("kept at", "%s", h)
	}
	for _, n := range oneEach(s.Nodes) {
		add("also", "%s", n)
	}
	wide := 0
	for _, d := range s.Devices {
		wide = max(wide, width(shownName(d.Name)))
	}
	for _, d := range s.Devices {
		lines = append(lines, "member    "+pad(shownName(d.Name), wide)+" "+printable(fmt.Sprintf("%s (%s)%s", short(d.Device), strings.Join(d.Roles, ", "), d.where())))
	}
	switch {
	case s.Kept == nil || *s.Kept == 0:
	case len(homes) < 2:
		add("outbox", "%s kept here too: only one node has them", plural(*s.Kept, "post"))
	default:
		add("outbox", "%s not yet at two nodes", plural(*s.Kept, "post"))
	}
	for _, text := range s.Proposals {
		lines = append(lines, fold("To do: "+printable(text), helpWidth))
	}
	return lines
}

// where is where a device is, for people, as much as is known.
func (m member) where() string {
	text := ""
	if m.Self {
		text = ", this device"
	}
	if m.Where == nil {
		return text
	}
	text += ": " + m.Where.Reason
	if m.Where.At != nil {
		text += " at " + short(*m.Where.At)
	}
	if m.Where.Since != nil {
		text += " since " + *here(m.Where.Since)
	}
	if m.Where.Heard != nil {
		text += ", heard " + *here(m.Where.Heard)
	}
	return text
}
