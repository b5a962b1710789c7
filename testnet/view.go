package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	redrawEvery = 200 * time.Millisecond
	recentLines = 12

	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	clearScreen = "\x1b[2J"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
	bold        = "\x1b[1m"
	faint       = "\x1b[2m"
	plain       = "\x1b[0m"
)

// view is the live page.
type view struct {
	net    *testnet
	ledger *ledger
	width  int

	mu     sync.Mutex
	recent []string
	note   string
	counts map[string]int
	last   map[string]time.Duration
}

func (v *view) delivered(d delivery) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.counts == nil {
		v.counts, v.last = make(map[string]int), make(map[string]time.Duration)
	}
	v.counts[d.Device]++
	v.last[d.Device] = d.Latency
	what := fmt.Sprintf("#%d", d.Sequence)
	if d.Label != "" {
		what = d.Label
	}
	v.recent = append(v.recent, fmt.Sprintf("%-6s@%s -> %-6s@%s  %-8s %-18s %8s",
		d.Publisher, d.From, d.Device, d.At, d.Channel, what, short(d.Latency)))
	v.recent = v.recent[max(0, len(v.recent)-recentLines):]
}

func (v *view) say(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.note = time.Now().Format("15:04:05 ") + fmt.Sprintf(format, args...)
}

// run draws until the returned function is called, which leaves the page as it
// is and the cursor below it.
func (v *view) run(out io.Writer) (stop func()) {
	fmt.Fprint(out, hideCursor+clearScreen)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			fmt.Fprint(out, v.page())
			select {
			case <-tick.C:
			case <-done:
				fmt.Fprint(out, v.page()+showCursor+"\n")
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// page is the whole screen, drawn over the one before.
func (v *view) page() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	b.WriteString(home)
	row := func(format string, args ...any) {
		fmt.Fprintf(&b, "%s%s\n", v.fit(fmt.Sprintf(format, args...)), clearLine)
	}
	row(bold + "meshpresence testnet" + plain + faint + "   three nodes, four devices; Ctrl-C ends" + plain)
	row("")
	for _, s := range v.net.sites {
		row("node %s   %-22s %s", s.name, s.cfg.Listen, v.stateOf(s))
	}
	row("")
	row(faint + "device    node   deliveries   last latency" + plain)
	row("%-9s %-6s %10s", "phone", v.net.phone.site(), "publishes")
	for _, d := range v.net.watchers() {
		row("%-9s %-6s %10d   %12s", d.name, d.site(), v.counts[d.name], v.lastOf(d.name))
	}
	row("")
	s := v.ledger.sum()
	row("all deliveries   p50 %s   p99 %s", short(s.P50), short(s.P99))
	row("")
	for _, line := range v.recent {
		row("%s", line)
	}
	row("")
	row(faint+"%s"+plain, v.note)
	b.WriteString(clearBelow)
	return b.String()
}

// lastOf is the latency of a device's newest delivery.
func (v *view) lastOf(device string) string {
	if v.counts[device] == 0 {
		return "-"
	}
	return short(v.last[device])
}

func (v *view) stateOf(s *site) string {
	if s.up() {
		return "up"
	}
	return bold + "stopped" + plain
}

// fit cuts a line to the terminal's width; escapes count as text, which only
// makes it cut sooner.
func (v *view) fit(line string) string {
	if r := []rune(line); len(r) > v.width+16 {
		return string(r[:v.width+16])
	}
	return line
}
