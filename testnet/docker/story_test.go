package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTestnet runs the whole of it where an engine answers.
func TestTestnet(t *testing.T) {
	if os.Getenv("MESHPRESENCE_DOCKER") == "" {
		t.Skip("SKIP docker: set MESHPRESENCE_DOCKER=1 to start containers")
	}
	if _, err := findCompose(t.Context(), "x"); err != nil {
		t.Skip("SKIP docker:", err)
	}
	// Ten seconds is what a person may expect; a machine that builds at the
	// same time gets longer, and the time is printed.
	o := options{once: true, patience: 3 * time.Minute, move: 2 * time.Minute, project: "meshpresence-test"}
	var out bytes.Buffer
	err := run(t.Context(), o, &out)
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
}

func newStory() *story { return &story{heard: map[pair]*sequences{}, at: map[string]string{}} }

func TestNoteFindsFaults(t *testing.T) {
	cases := []struct {
		name   string
		lines  []string
		faults int
		whole  bool
	}{
		{"in order", []string{"laptop heard phone #1 at n4 after 3ms", "laptop heard phone #2 at n4 after 3ms"}, 0, true},
		{"joined late", []string{"laptop heard phone #7 at n4 after 3ms", "laptop heard phone #8 at n3 after 3ms"}, 0, true},
		{"hole", []string{"laptop heard phone #1 at n4 after 3ms", "laptop heard phone #3 at n4 after 3ms"}, 0, false},
		{"filled late", []string{"laptop heard phone #2 at n4 after 3ms", "laptop heard phone #1 at n4 after 3ms"}, 0, true},
		{"twice", []string{"laptop heard phone #1 at n4 after 3ms", "laptop heard phone #1 at n4 after 3ms"}, 1, true},
		{"told of a gap", []string{"laptop heard phone #1 at n4 after 3ms", "laptop misses something: a gap"}, 1, true},
		{"other lines", []string{"laptop heard phone #1 at n4 after 3ms", "laptop at n4", "phone published #3", "laptop heard", ""}, 0, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStory()
			for _, line := range c.lines {
				s.note(line)
			}
			if len(s.faults) != c.faults {
				t.Errorf("%d faults, want %d: %v", len(s.faults), c.faults, s.faults)
			}
			if got := s.heard[pair{"laptop", "phone"}].whole(); got != c.whole {
				t.Errorf("whole is %v, want %v", got, c.whole)
			}
		})
	}
}

func TestUntilEnds(t *testing.T) {
	s := newStory()
	s.lines = make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.until(ctx, time.Minute, "never", func() bool { return false }); err != context.Canceled {
		t.Errorf("a cancelled wait ended with %v", err)
	}
	close(s.lines)
	if err := s.until(t.Context(), time.Minute, "never", func() bool { return false }); err == nil || !strings.Contains(err.Error(), "logs ended") {
		t.Errorf("a wait without lines ended with %v", err)
	}
}

// The image that is built here and the one that compose builds are the same.
func TestLastStage(t *testing.T) {
	b, err := lastStage("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FROM scratch\nCOPY --chown=65532:65532 root-fs/ /\n", "USER 65532:65532"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the image's recipe lacks %q:\n%s", want, b)
		}
	}
}
