package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

const schema = "presence.testnet/1"

// report prints lines, or JSON objects with the same in them. Safe for
// concurrent use.
type report struct {
	mu   sync.Mutex
	out  io.Writer
	json bool
}

func newReport(out io.Writer, json bool) *report { return &report{out: out, json: json} }

// line is one JSON object; what it does not speak of is null.
type line struct {
	Schema   string    `json:"schema"`
	Message  *string   `json:"message"`
	Delivery *delivery `json:"delivery"`
	Summary  *summary  `json:"summary"`
}

func (r *report) print(text string, l line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.json {
		fmt.Fprintln(r.out, text)
		return
	}
	l.Schema = schema
	b, err := json.Marshal(l)
	if err == nil {
		fmt.Fprintf(r.out, "%s\n", b)
	}
}

// say prints what is going on.
func (r *report) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.print(text, line{Message: &text})
}

func (r *report) delivered(d delivery) {
	what := fmt.Sprintf("#%d", d.Sequence)
	if d.Label != "" {
		what = fmt.Sprintf("%s @%d", d.Label, d.Sequence)
	}
	r.print(fmt.Sprintf("  %s@%s -> %s@%s  %s %s  %s", d.Publisher, d.From, d.Device, d.At, d.Channel, what, short(d.Latency)), line{Delivery: &d})
}

func (r *report) summary(s summary) { r.print(s.String(), line{Summary: &s}) }
