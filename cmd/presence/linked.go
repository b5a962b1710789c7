package main

import (
	"fmt"
	"time"

	"meshpresence/node/client"
)

// linked is how a node is reached.
type linked struct {
	Mode       string   `json:"mode"`
	RoundTrips int      `json:"round_trips"` // of the handshake
	Suite      string   `json:"suite"`
	KeyAge     float64  `json:"key_age_s"`
	Handshakes int      `json:"handshakes"` // since the command began
	Paths      []onPath `json:"paths"`
}

// onPath is one way to the node.
type onPath struct {
	Node  string   `json:"node"`
	InUse bool     `json:"in_use"`
	RTT   *float64 `json:"rtt_ms"`
	Sent  uint64   `json:"sent"`
	Lost  uint64   `json:"lost"`
}

func linkedOf(c client.Connection) *linked {
	l := &linked{
		Mode: c.Mode, RoundTrips: c.RoundTrips, Suite: c.Suite, KeyAge: c.KeyAge.Round(time.Millisecond).Seconds(),
		Handshakes: c.Handshakes, Paths: []onPath{},
	}
	for _, p := range c.Paths {
		l.Paths = append(l.Paths, pathOf(p))
	}
	return l
}

func pathOf(p client.Path) onPath {
	o := onPath{Node: p.Node.String(), InUse: p.InUse, Sent: p.Sent, Lost: p.Lost}
	if p.RTT > 0 {
		rtt := milliseconds(p.RTT)
		o.RTT = &rtt
	}
	return o
}

// text is for people.
func (l *linked) text() string {
	age := time.Duration(l.KeyAge * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%s in %s, %s, keys %v old", l.Mode, plural(l.RoundTrips, "round trip"), l.Suite, age)
}

func (o onPath) text() string {
	rtt := "unknown"
	if o.RTT != nil {
		rtt = fmt.Sprintf("%.1f ms", *o.RTT)
	}
	was := ""
	if !o.InUse {
		was = ", not in use"
	}
	return fmt.Sprintf("path to %s%s: round trip %s, %d of %s lost", o.Node, was, rtt, o.Lost, plural(int(o.Sent), "packet"))
}
