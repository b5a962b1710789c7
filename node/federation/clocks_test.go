package federation

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/registry"
)

// A clock that is off is told once, and once more when it is right again.
func TestClockIsToldOnce(t *testing.T) {
	var said bytes.Buffer
	f := &Federation{log: slog.New(slog.NewTextHandler(&said, nil))}
	nodes := []*key.Node{must(key.NewNode()), must(key.NewNode())}
	serial := int64(0)
	at := time.Now()
	hear := func(clock int64) {
		for range 2 {
			serial++
			for _, k := range nodes {
				f.speakers.heard(time.Now(), today, signedBeacon(k, key.Hash{1}, serial, clock, registry.Sum{}))
			}
		}
	}
	for _, c := range []struct {
		clock int64
		lines int
	}{{0, 0}, {300, 1}, {300, 1}, {301, 1}, {0, 2}, {0, 2}, {-300, 3}} {
		hear(c.clock)
		at = at.Add(2 * warnEvery)
		f.warnClock(at)
		f.warnClock(at.Add(reviewEvery))
		if got := strings.Count(said.String(), "\n"); got != c.lines {
			t.Errorf("with clocks %d s off there are %d lines, want %d:\n%s", c.clock, got, c.lines, said.String())
		}
	}
	hear(300)
	f.warnClock(at.Add(reviewEvery))
	if got := strings.Count(said.String(), "\n"); got != 3 {
		t.Errorf("%d lines within a minute", got)
	}
}
