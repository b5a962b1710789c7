package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// devices are the compose services that tell the story.
var devices = []string{"phone", "laptop", "tablet"}

// heard is one line of a device: by heard who #sequence at node.
type heard struct {
	by, who, at string
	sequence    int64
}

// parseHeard reads a device's line; false when it says something else.
func parseHeard(line string) (h heard, ok bool) {
	f := strings.Fields(line)
	if len(f) != 8 || f[1] != "heard" || f[4] != "at" || f[6] != "after" {
		return h, false
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(f[3], "#"), 10, 64)
	return heard{by: f[0], who: f[2], at: f[5], sequence: n}, err == nil
}

// story follows what the devices print. One goroutine uses it.
type story struct {
	compose *compose
	out     io.Writer
	logs    *exec.Cmd
	lines   chan string
	cancel  context.CancelFunc
	heard   map[pair]*sequences // what each device heard of each publisher
	at      map[string]string   // where a device heard last
	faults  []error
}

// lineQueue bounds the lines that wait to be looked at; the log waits then.
const lineQueue = 64

// follow begins to read the devices' lines, and prints them.
func follow(ctx context.Context, c *compose, out io.Writer) (*story, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd, r, err := c.logs(ctx, devices...)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &story{
		compose: c, out: out, logs: cmd, cancel: cancel, lines: make(chan string, lineQueue),
		heard: make(map[pair]*sequences), at: make(map[string]string),
	}
	go func() {
		defer close(s.lines)
		for in := bufio.NewScanner(r); in.Scan(); {
			fmt.Fprintln(out, " ", in.Text())
			select {
			case s.lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return s, nil
}

func (s *story) end() {
	s.cancel()
	_ = s.logs.Wait() // it was ended
}

// note takes in one line: an event heard twice is a fault, and so is one that a
// device says it missed. A hole may still be filled: see allHear.
func (s *story) note(line string) {
	h, ok := parseHeard(line)
	if !ok {
		if strings.Contains(line, " misses something: ") {
			s.faults = append(s.faults, errors.New(line))
		}
		return
	}
	s.at[h.by] = h.at
	p := pair{h.by, h.who}
	if s.heard[p] == nil {
		s.heard[p] = &sequences{first: h.sequence, all: make(map[int64]bool)}
	}
	if !s.heard[p].add(h.sequence) {
		s.faults = append(s.faults, fmt.Errorf("the %s heard #%d of the %s twice", h.by, h.sequence, h.who))
	}
}

// pair is a device and the publisher it hears.
type pair struct{ by, who string }

// sequences are what one device heard of one publisher.
type sequences struct {
	first, last int64
	all         map[int64]bool
}

// add notes a sequence; false when it was heard before.
func (q *sequences) add(n int64) bool {
	if q.all[n] {
		return false
	}
	q.all[n] = true
	q.first, q.last = min(q.first, n), max(q.last, n)
	return true
}

// whole reports whether nothing is missing between the first and the last.
func (q *sequences) whole() bool { return int64(len(q.all)) == q.last-q.first+1 }

var errLogsEnded = errors.New("the devices' logs ended")

// until notes lines until done says so.
func (s *story) until(ctx context.Context, patience time.Duration, what string, done func() bool) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !done() {
		select {
		case line, ok := <-s.lines:
			if !ok {
				return fmt.Errorf("waiting until %s: %w", what, errLogsEnded)
			}
			s.note(line)
		case <-timer.C:
			return fmt.Errorf("waiting until %s: %v passed", what, patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// allHear reports whether each device heard each other, past what it had heard
// before and without a hole.
func (s *story) allHear(before map[pair]int64) bool {
	for _, by := range devices {
		for _, who := range devices {
			p := pair{by, who}
			if q := s.heard[p]; by != who && (q == nil || q.last <= before[p] || !q.whole()) {
				return false
			}
		}
	}
	return true
}

// mark remembers how far each device heard.
func (s *story) mark() map[pair]int64 {
	m := make(map[pair]int64, len(s.heard))
	for p, q := range s.heard {
		m[p] = q.last
	}
	return m
}

// round is one checked round.
func (s *story) round(ctx context.Context, o options, out io.Writer) error {
	began := time.Now()
	if err := s.until(ctx, o.patience, "every device heard every other", func() bool { return s.allHear(nil) }); err != nil {
		return err
	}
	fmt.Fprintf(out, "every device hears every other across the nodes, %v after the start\n", time.Since(began).Round(time.Second))
	took, err := s.lose(ctx, o, "n4", "laptop")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the laptop moved from n4 to %s, %v after it was killed\n", s.at["laptop"], took.Round(time.Millisecond))
	if err := s.comeBack(ctx, o, "n4"); err != nil {
		return err
	}
	before := s.mark()
	if err := s.until(ctx, o.patience, "every device heard every other again", func() bool { return s.allHear(before) }); err != nil {
		return err
	}
	if len(s.faults) > 0 {
		return fmt.Errorf("%d faults: %w", len(s.faults), errors.Join(s.faults...))
	}
	if took > o.move {
		return fmt.Errorf("the laptop took %v to leave the killed node, more than %v", took.Round(time.Millisecond), o.move)
	}
	fmt.Fprintln(out, "nothing missed, nothing twice")
	return nil
}

// lose kills a node and waits until the device there hears elsewhere.
func (s *story) lose(ctx context.Context, o options, node, device string) (time.Duration, error) {
	if s.at[device] != node {
		return 0, fmt.Errorf("the %s is at %q and not at %s", device, s.at[device], node)
	}
	fmt.Fprintln(s.out, "killing", node)
	if err := s.compose.kill(ctx, node); err != nil {
		return 0, err
	}
	killed := time.Now()
	err := s.until(ctx, o.patience, "the "+device+" hears at another node", func() bool { return s.at[device] != node })
	return time.Since(killed), err
}

// comeBack starts a killed node and waits for its health check.
func (s *story) comeBack(ctx context.Context, o options, node string) error {
	if err := s.compose.start(ctx, node); err != nil {
		return err
	}
	healthy := func() bool {
		said, err := s.compose.health(ctx, node)
		return err == nil && said == "healthy"
	}
	return s.until(ctx, o.patience, node+" is healthy again", healthy)
}
