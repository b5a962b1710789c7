package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"meshpresence/node/client"
)

// pingEvery is the pause between two pings.
const pingEvery = time.Second

// ping is presence ping.
type ping struct {
	Count int `placeholder:"N" default:"1" help:"How many times to ask, a second apart; once unless given."`
}

// Help is shown by --help.
func (*ping) Help() string {
	return `Shows the address that the node sees, how long its answer took, how the connection was made, and what is known of each path: round trip time, packets, and how many of them were lost. A device that has been at the node asks with its first packet, so its first answer comes after one round trip; else the connection takes two before it. A node that started in the last two minutes, or that is busy, asks for two.

Needs no account: without a profile it asks as a device made for the moment. The exit code is 5 when nothing was answered, and 6 when some was not.

Examples:

  presence ping
  presence ping --count 5
  presence --node mpp://192.0.2.7:6770/FINGERPRINT ping --json`
}

// pinged is one answer: presence.ping/1.
type pinged struct {
	Schema   string   `json:"schema"`
	Number   int      `json:"number"`
	Node     *string  `json:"node"`
	Endpoint *string  `json:"endpoint"`
	RTT      *float64 `json:"rtt_ms"`
	Time     *string  `json:"time"`
	First    *bool    `json:"first"` // asked with the connection's first packet
	Link     *linked  `json:"connection"`
}

// Run asks Count times.
func (v *ping) Run(a *app) error {
	if v.Count < 1 {
		return usage("give a number from 1", "--count %d is too few", v.Count)
	}
	p, done, err := a.borrowProfile()
	if err != nil {
		return err
	}
	defer done()
	l, err := a.reachWith(p, client.Config{AskEndpoint: true})
	if err != nil {
		return err
	}
	defer l.close()
	answered, sent := 0, 0
	for sent < v.Count && !l.wait.interrupted() {
		if sent > 0 && !pause(a.ctx, pingEvery) {
			break
		}
		sent++
		ok, err := v.once(a, l, sent)
		if err != nil {
			return err
		}
		if ok {
			answered++
		}
	}
	return v.outcome(l, answered, sent)
}

// once asks once and tells the answer, or that there was none.
func (v *ping) once(a *app, l *line, number int) (bool, error) {
	l.wait.begin()
	echo, err := l.Ping(l.ctx)
	f := explain(l.fault(err, exitNoAnswer))
	switch {
	case err == nil:
		return true, a.emit(pingedOf(number, echo), v.lines(number, echo)...)
	case l.wait.interrupted():
		return false, nil
	case f.code != exitNoAnswer:
		return false, err
	}
	return false, a.emit(pinged{Schema: "presence.ping/1", Number: number}, "no answer")
}

func (v *ping) outcome(l *line, answered, sent int) error {
	switch {
	case answered == 0 && l.wait.interrupted():
		return errInterrupted
	case answered == 0:
		return &fault{err: client.ErrNoAnswer, code: exitNoAnswer}
	case answered < sent && !l.wait.interrupted():
		return &fault{err: fmt.Errorf("%d of %s answered", answered, plural(sent, "ping")), code: exitLess}
	}
	return nil
}

func pingedOf(number int, e client.Echo) pinged {
	rtt := milliseconds(e.RTT)
	return pinged{
		Schema: "presence.ping/1", Number: number, Node: textOrNull(e.Node),
		Endpoint: endpointOrNull(e.Endpoint), RTT: &rtt, Time: timeOrNull(e.Time), First: &e.First, Link: linkedOf(e.Connection),
	}
}

// lines are for people: the answer, and with the first and the last one how the
// node is reached.
func (v *ping) lines(number int, e client.Echo) []string {
	lines := []string{pingLine(e)}
	if number == 1 {
		made := "  " + linkedOf(e.Connection).text()
		if e.First {
			made += "; the first answer's time has the handshake in it"
		}
		lines = append(lines, made)
	}
	if number == 1 || number == v.Count {
		for _, p := range e.Connection.Paths {
			lines = append(lines, "  "+pathOf(p).text())
		}
	}
	return lines
}

func pingLine(e client.Echo) string {
	return fmt.Sprintf("%s  sees %s  in %.1f ms", e.Node, endpoint(e.Endpoint), milliseconds(e.RTT))
}

func endpointOrNull(at netip.AddrPort) *string {
	if !at.IsValid() {
		return nil
	}
	s := at.String()
	return &s
}

func endpoint(at netip.AddrPort) string {
	if !at.IsValid() {
		return "unknown"
	}
	return at.String()
}

// pause waits, and reports whether ctx lasted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
