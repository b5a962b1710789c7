package mpp

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestReasons(t *testing.T) {
	seen := make(map[Reason]bool)
	for _, r := range Reasons() {
		if seen[r] || strings.Trim(string(r), "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("%q is twice in the table, or no name for a label", r)
		}
		seen[r] = true
		s := r.Sentence()
		if !unicode.IsUpper([]rune(s)[0]) || !strings.HasSuffix(s, ".") || strings.Contains(s, "\n") {
			t.Errorf("%s: not a sentence: %q", r, s)
		}
		// federation.md, Promises and mpp.md: "Silence ... is unknown, never offline."
		if strings.Contains(s, "offline") {
			t.Errorf("%s calls silence offline: %q", r, s)
		}
	}
	if r := Reason("teapot"); r.Known() || !strings.Contains(r.Sentence(), "update this program") {
		t.Errorf("an unknown reason says %q", r.Sentence())
	}
	if !slices.Equal([]bool{ReasonHere.Watching(), ReasonElsewhere.Watching(), ReasonUnconfirmed.Watching(), ReasonUnknown.Watching()},
		[]bool{true, true, false, false}) {
		t.Error("only what a node says of its own counts as watching")
	}
}
