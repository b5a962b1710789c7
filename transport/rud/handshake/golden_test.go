package handshake_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
)

// golden is a packet of testdata/packets. A file is lines of "name: value", an
// empty line, and the packet in hexadecimal, where 00*12 is twelve zero bytes
// and lines that begin with # say what it is.
//
//	to      responder or initiator: the one of the case pinned-1200
//	from    the source that the responder sees
//	given   packets of the case that it had before, at time 0
//	after   when the packet arrives; 0 if absent
//	expect  the outcome
//	answer  the packet of the case that it sends then; another or none if absent
type golden struct {
	to     string
	from   netip.AddrPort
	given  []string
	after  time.Duration
	expect string
	answer string
	packet []byte
}

func loadGolden(path string) (g golden, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return g, err
	}
	head, body, found := strings.Cut(string(b), "\n\n")
	if !found {
		return g, fmt.Errorf("%s: no empty line", path)
	}
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "to":
			g.to = value
		case "from":
			g.from, err = netip.ParseAddrPort(value)
		case "given":
			g.given = strings.Split(value, ", ")
		case "after":
			g.after, err = time.ParseDuration(value)
		case "expect":
			g.expect = value
		case "answer":
			g.answer = value
		default:
			err = fmt.Errorf("%s: unknown line %q", path, line)
		}
		if err != nil {
			return g, err
		}
	}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if zeros, ok := strings.CutPrefix(line, "00*"); ok {
			n, err := strconv.Atoi(zeros)
			if err != nil {
				return g, err
			}
			g.packet = append(g.packet, make([]byte, n)...)
		} else if g.packet, err = hex.AppendDecode(g.packet, []byte(line)); err != nil {
			return g, err
		}
	}
	return g, nil
}

func goldenFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/packets/*.txt")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d golden packets, %v", len(files), err)
	}
	return files
}

func (v *vector) packet(name string) []byte {
	return map[string][]byte{
		"hello": v.Hello, "challenge": v.Challenge, "complete": v.Complete, "responder_complete": v.Answer,
	}[name]
}

func TestGoldenPackets(t *testing.T) {
	v := loadVectors(t)[0]
	for _, path := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			g, err := loadGolden(path)
			if err != nil {
				t.Fatal(err)
			}
			answer, o := g.responder(t, &v)
			if g.to == "initiator" {
				answer, o = g.initiator(t, &v)
			}
			if o.String() != g.expect {
				t.Errorf("outcome %q, want %q", o, g.expect)
			}
			if g.answer != "" {
				same(t, g.answer, answer, v.packet(g.answer))
			}
		})
	}
}

func (g *golden) responder(t *testing.T, v *vector) ([]byte, handshake.Outcome) {
	now := time.Now()
	owner := &table{stored: map[request][]byte{}}
	r := v.responder(t, now, owner)
	for _, name := range g.given {
		answer, res, _ := r.Receive(now, v.Source, v.packet(name), nil)
		if res != nil {
			owner.keep(request{res.From, res.Request}, answer)
		}
	}
	answer, _, o := r.Receive(now.Add(g.after), g.from, g.packet, nil)
	return answer, o
}

func (g *golden) initiator(t *testing.T, v *vector) ([]byte, handshake.Outcome) {
	now := time.Now()
	i := v.initiator(t, now)
	i.Next(now)
	for _, name := range g.given {
		i.Receive(now, v.packet(name))
	}
	_, o := i.Receive(now.Add(g.after), g.packet)
	return i.Next(now.Add(g.after)), o
}
