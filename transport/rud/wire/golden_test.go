package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// golden is a stanza of a file in testdata.
type golden struct {
	name   string
	bytes  []byte
	expect string
}

func loadGolden(t testing.TB, path string) (all []golden) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for stanza := range strings.SplitSeq(string(b), "\n\n") {
		var g golden
		for line := range strings.Lines(stanza) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			value = strings.TrimSpace(value)
			switch name {
			case "name":
				g.name = value
			case "bytes":
				if g.bytes, err = hex.DecodeString(strings.ReplaceAll(value, " ", "")); err != nil {
					t.Fatalf("%s: %s: %v", path, g.name, err)
				}
			case "expect":
				g.expect = value
			}
		}
		if g.name != "" {
			all = append(all, g)
		}
	}
	if len(all) < 10 {
		t.Fatalf("%s has %d stanzas", path, len(all))
	}
	return all
}

func TestGoldenHeaders(t *testing.T) {
	for _, g := range loadGolden(t, "testdata/header.txt") {
		if got := describeHeader(g.bytes); got != g.expect {
			t.Errorf("%s: %s, want %s", g.name, got, g.expect)
		}
		h, err := ParseHeader((*[SizeHeader]byte)(g.bytes))
		if err == nil && string(h.Append(nil)) != string(g.bytes) {
			t.Errorf("%s: written again as %x", g.name, h.Append(nil))
		}
	}
}

func describeHeader(b []byte) string {
	h, err := ParseHeader((*[SizeHeader]byte)(b))
	if err != nil {
		return err.Error()
	}
	if err := h.CheckOpened(); err != nil {
		return "after: " + err.Error()
	}
	s := fmt.Sprintf("ok number=%d", h.Number)
	if h.Final() {
		s += " final"
	}
	if h.NoFrame() {
		s += " no-frame"
	}
	if h.Probe() {
		s += " probe"
	}
	if h.Cut() > 0 {
		s += fmt.Sprintf(" cut=%d", h.Cut())
	}
	if h.AckValid() {
		s += fmt.Sprintf(" ack=%d", h.Newest)
	}
	if h.Bitmap > 0 {
		s += fmt.Sprintf(" bitmap=%x", h.Bitmap)
	}
	return s + fmt.Sprintf(" pieces=%d index=%d frame=%d", h.Pieces, h.Index, h.Frame)
}

func TestGoldenBodies(t *testing.T) {
	for _, g := range loadGolden(t, "testdata/body.txt") {
		if got := describeBody(g.bytes); got != g.expect {
			t.Errorf("%s: %s, want %s", g.name, got, g.expect)
		}
		body, err := ParseBody(g.bytes)
		if err != nil {
			continue
		}
		again := AppendBody(nil, entries(body.Extensions), body.Payload)
		if !bytes.HasPrefix(g.bytes, again) { // zeros may follow
			t.Errorf("%s: written again as %x", g.name, again)
		}
		if n := SizeBody(len(body.Extensions), len(body.Payload)); n != len(again) {
			t.Errorf("%s: SizeBody %d, want %d", g.name, n, len(again))
		}
	}
}

func describeBody(b []byte) string {
	body, err := ParseBody(b)
	if err != nil {
		return err.Error()
	}
	s := "ok"
	for tag, value := range body.Extensions.All() {
		s += fmt.Sprintf(" %s=%x", tag, value)
	}
	if len(body.Payload) > 0 {
		s += fmt.Sprintf(" payload=%x", body.Payload)
	}
	return s
}

// entries are a parsed list as it is written.
func entries(x Extensions) (list []Extension) {
	for tag, value := range x.All() {
		list = append(list, Extension{string(tag), value})
	}
	return list
}
