package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"meshpresence/node"
)

// home gives the test a place of its own for profiles.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("PRESENCE_PROFILE", "default")
	t.Setenv("PRESENCE_NODE", "")
	t.Setenv("PRESENCED_ADMIN", filepath.Join(dir, "none.sock"))
	return dir
}

// startNode runs a node that lets any account in, and returns it with the
// address that has no fingerprint.
func startNode(t *testing.T) (n *node.Node, address, fingerprint string) {
	t.Helper()
	n = startNodeWith(t, node.Config{OpenAccounts: true})
	at := strings.LastIndexByte(n.DeviceAddress(), '/')
	return n, n.DeviceAddress()[:at], n.DeviceAddress()[at+1:]
}

// startNodeWith runs a node on loopback ports of the system's choice.
func startNodeWith(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	if cfg.State == "" {
		cfg.State = filepath.Join(t.TempDir(), "state")
	}
	cfg.Listen, cfg.PeerListen = "127.0.0.1:0", []string{"/ip4/127.0.0.1/tcp/0"}
	n, err := node.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\n--- out\n%s--- err\n%s", r.code, r.out, r.err)
}

// presence runs the command as a script would: nobody is there to be asked.
func presence(t *testing.T, args ...string) result {
	t.Helper()
	return presenceWith(t, nil, "", args...)
}

// presenceWith runs it with somebody there, and with something to read.
func presenceWith(t *testing.T, who person, in string, args ...string) result {
	t.Helper()
	var out, errs safeBuffer
	code := run(t.Context(), patiently(args), console{in: strings.NewReader(in), out: &out, err: &errs, person: who})
	return result{code, out.String(), errs.String()}
}

// patiently gives a command the time that a busy machine may need; what a test
// says itself comes later and counts.
func patiently(args []string) []string {
	return append([]string{"--timeout", "1m"}, args...)
}

// wants holds a result to an exit code and to parts of what it wrote, an empty
// part of nothing at all.
func (r result) wants(t *testing.T, code int, out, errs string) {
	t.Helper()
	if r.code != code || (out == "") != (r.out == "") || (errs == "") != (r.err == "") || !strings.Contains(r.out, out) || !strings.Contains(r.err, errs) {
		t.Errorf("want exit %d, out with %q, err with %q; got %v", code, out, errs, r)
	}
}

// safeBuffer is a buffer that two goroutines may use: what a command writes and
// a test reads while it runs.
type safeBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	wrote chan struct{} // not nil: told of every write
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrote != nil {
		select {
		case s.wrote <- struct{}{}:
		default:
		}
	}
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// until waits for text; the test's own limit bounds it.
func (s *safeBuffer) until(text string) {
	for !strings.Contains(s.String(), text) {
		<-s.wrote
	}
}

// scripted is a person who says what was written down, and records what they
// were asked.
type scripted struct {
	answers []string
	asked   []string
	before  func() // runs before a secret is typed
	wide    int
}

func (s *scripted) next(question string) (string, error) {
	s.asked = append(s.asked, question)
	if len(s.answers) == 0 {
		return "", errors.New("nobody wrote down an answer")
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return answer, nil
}

func (s *scripted) columns() int { return s.wide }

func (s *scripted) agrees(_ context.Context, question string) (bool, error) {
	answer, err := s.next(question)
	return answer == "y", err
}

func (s *scripted) secret(_ context.Context, prompt string) ([]byte, error) {
	if s.before != nil {
		s.before()
	}
	answer, err := s.next(prompt)
	return []byte(answer), err
}

// shape is a JSON object with its values told by their kind only, members in
// the order they were written in; the schema stands as it is, and of a list's
// elements of one shape in a row the first.
func shape(t *testing.T, object string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(object))
	s, err := shapeOf(d, "")
	if err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	return s
}

func shapeOf(d *json.Decoder, member string) (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", err
	}
	switch v := token.(type) {
	case json.Delim:
		var parts []string
		for d.More() {
			name := ""
			if v == '{' {
				key, err := d.Token()
				if err != nil {
					return "", err
				}
				name = fmt.Sprint(key)
			}
			part, err := shapeOf(d, name)
			if err != nil {
				return "", err
			}
			if name != "" {
				part = name + ":" + part
			}
			if len(parts) == 0 || parts[len(parts)-1] != part {
				parts = append(parts, part)
			}
		}
		end, err := d.Token()
		return fmt.Sprint(v) + strings.Join(parts, " ") + fmt.Sprint(end), err
	case string:
		if member == "schema" {
			return v, nil
		}
		return "text", nil
	case nil:
		return "null", nil
	case bool:
		return "bool", nil
	}
	return "number", nil
}

// settled is a shape without what depends on how far things have come: whether a
// node has heard a device, what else there is to say of it, and whether a packet
// that was not sent twice measured the path.
func settled(shape string) string {
	for _, member := range []string{"node", "since", "heard"} {
		shape = strings.ReplaceAll(shape, " "+member+":null", " "+member+":text")
	}
	shape = strings.ReplaceAll(shape, "in_use:bool rtt_ms:null", "in_use:bool rtt_ms:number")
	return strings.ReplaceAll(shape, "also:[{reason:text sentence:text}]", "also:[]")
}
