package handshake_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
)

// golden is a packet of testdata/packets. A file is lines of "name: value", an
// empty line, and the packet in hexadecimal, where 00*12 is twelve zero bytes
// and lines that begin with # say what it is.
//
//	case    of rud_udp.json or suites.json; pinned-1200 if absent
//	to      responder or initiator: the one of the case
//	from    the source that the responder sees
//	given   packets that it had before: of the case at time 0, or of another file
//	        at that file's time
//	after   when the packet arrives; 0 if absent
//	mode    of the initiator: immediate or ticketed; first contact if absent. Its
//	        payload is "a payload", its time 130 s, and after a Challenge it draws
//	        f and its data id again
//	wall    how far the wall clock is from what it was at time 0 plus after, when
//	        the packet arrives; 0 if absent
//	draws   what the responder draws after its start, k mac f data if absent
//	ticket  the ticket that both have, in hexadecimal
//	expect  the outcome
//	answer  the packet of the case that it sends then; another or none if absent
type golden struct {
	name   string
	to     string
	from   netip.AddrPort
	given  []string
	after  time.Duration
	mode   string
	wall   time.Duration
	draws  string
	ticket string
	expect string
	answer string
	packet []byte
}

// goldenWall is the wall clock at time 0.
var goldenWall = time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)

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
		case "case":
			g.name = value
		case "to":
			g.to = value
		case "from":
			g.from, err = netip.ParseAddrPort(value)
		case "given":
			g.given = strings.Split(value, ", ")
		case "after":
			g.after, err = time.ParseDuration(value)
		case "mode":
			g.mode = value
		case "wall":
			g.wall, err = time.ParseDuration(value)
		case "draws":
			g.draws = value
		case "ticket":
			g.ticket = value
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

// packet returns the packet of the case, or of the golden file of that name.
func (v *vector) packet(t testing.TB, name string) ([]byte, time.Duration) {
	t.Helper()
	p := map[string][]byte{
		"hello": v.Hello, "challenge": v.Challenge, "complete": v.Complete, "responder_complete": v.Answer,
		"exchange": v.Exchange, "ticketed": v.Exchange,
	}[name]
	if p != nil {
		return p, 0
	}
	g, err := loadGolden("testdata/packets/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return g.packet, g.after
}

func (v *vector) named(t testing.TB, name string) []byte {
	p, _ := v.packet(t, name)
	return p
}

func TestGoldenPackets(t *testing.T) {
	pinned, suites := loadVectors(t)[0], suiteVectors(t)
	for _, path := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			g, err := loadGolden(path)
			if err != nil {
				t.Fatal(err)
			}
			v := &pinned
			if g.name != "" {
				v = &suites[slices.IndexFunc(suites, func(v vector) bool { return v.Name == g.name })]
			}
			answer, o := g.responder(t, v)
			if g.to == "initiator" {
				answer, o = g.initiator(t, v)
			}
			if o.String() != g.expect {
				t.Errorf("outcome %q, want %q", o, g.expect)
			}
			if g.answer != "" {
				p, _ := v.packet(t, g.answer)
				same(t, g.answer, answer, p)
			}
		})
	}
}

func (g *golden) responder(t *testing.T, v *vector) ([]byte, handshake.Outcome) {
	start := time.Now()
	now := start
	owner := &table{stored: map[request][]byte{}}
	r := v.responderWith(t, start, owner, func(c *handshake.ResponderConfig) {
		c.Wall = func() time.Time {
			if now.Equal(start.Add(g.after)) {
				return goldenWall.Add(g.after + g.wall)
			}
			return goldenWall.Add(now.Sub(start))
		}
		if g.draws != "" {
			c.Rand = script(v.draws("slot generation memory " + g.draws)...)
		}
		if g.ticket != "" {
			c.Tickets = wallet{g.parseTicket(t).ID: g.parseTicket(t)}
		}
		c.Answer = func(netip.AddrPort, key.Agreement, []byte, int) []byte { return []byte("an answer") }
	})
	for _, name := range g.given {
		p, after := v.packet(t, name)
		now = start.Add(after)
		answer, res, _ := r.Receive(now, v.Source, p, nil)
		if res != nil {
			owner.keep(request{res.From, res.Request}, answer)
		}
	}
	now = start.Add(g.after)
	answer, _, o := r.Receive(now, g.from, g.packet, nil)
	return answer, o
}

func (g *golden) parseTicket(t testing.TB) *handshake.Ticket {
	t.Helper()
	b, err := hex.DecodeString(g.ticket)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := handshake.ParseTicket(b)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func (g *golden) initiator(t *testing.T, v *vector) ([]byte, handshake.Outcome) {
	now := time.Now()
	i := v.initiatorWith(t, now, func(c *handshake.InitiatorConfig) {
		c.Wall = func() time.Time { return goldenWall.Add(settled) }
		if g.mode != "" { // its Complete, if there is one, has f for its e_I
			in := &v.Inputs
			c.Rand = script(seed, in.HandshakeID, in.E, in.DataI, in.F, in.DataI)
		}
		switch g.mode {
		case "immediate":
			c.Mode, c.Pin.Key, c.Payload = handshake.Immediate, static(t, v.Inputs.StaticR).Public(), []byte("a payload")
		case "ticketed":
			c.Mode, c.Ticket, c.Payload = handshake.Ticketed, g.parseTicket(t), []byte("a payload")
		}
	})
	first := i.Next(now)
	switch g.mode {
	case "immediate":
		same(t, "Exchange", first, v.named(t, "exchange"))
	case "ticketed":
		same(t, "Exchange", first, v.named(t, "ticketed"))
	}
	for _, name := range g.given {
		p, _ := v.packet(t, name)
		i.Receive(now, p)
	}
	_, o := i.Receive(now.Add(g.after), g.packet)
	return i.Next(now.Add(g.after)), o
}
