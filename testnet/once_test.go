package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// slow leaves out what takes a minute unless it is asked for.
func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("MESHPRESENCE_SLOW") != "1" {
		t.Skip("takes a minute: set MESHPRESENCE_SLOW=1 to run it")
	}
}

// One round exits 0 when all is well, and "the check can fail, by its ordinary
// count": each -fail exits 1 and its last line shows why.
func TestOnce(t *testing.T) {
	slow(t)
	const rest = ` p50 \S+ p99 \S+$`
	for _, test := range []struct {
		fail string
		code int
		last string
	}{
		{"", 0, `^deliveries (\d+)/(\d+) duplicates 0 strays 0` + rest},
		{failCut, 1, `^deliveries (\d+)/(\d+) duplicates 0 strays 0` + rest},
		{failLose, 1, `^deliveries (\d+)/(\d+) duplicates 0 strays 0` + rest},
		{failRepeat, 1, `^deliveries (\d+)/(\d+) duplicates 1 strays 0` + rest},
	} {
		t.Run("fail "+test.fail, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if code := run(t.Context(), options{once: true, fail: test.fail}, &out); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			last := lines[len(lines)-1]
			m := regexp.MustCompile(test.last).FindStringSubmatch(last)
			if m == nil {
				t.Fatalf("the last line is %q, want it to match %q\n%s", last, test.last, out.String())
			}
			missing := test.fail == failCut || test.fail == failLose
			if (m[1] != m[2]) != missing {
				t.Errorf("the last line is %q", last)
			}
			t.Log(last)
		})
	}
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		if code := run(t.Context(), options{once: true, json: true}, &out); code != 0 {
			t.Errorf("exit code %d", code)
		}
		var last line
		deliveries := 0
		for text := range strings.Lines(out.String()) {
			last = line{}
			check(t, json.Unmarshal([]byte(text), &last))
			if last.Delivery != nil {
				deliveries++
			}
		}
		if last.Summary == nil || !last.Summary.good() || deliveries < last.Summary.Wanted {
			t.Errorf("%d deliveries, then %+v", deliveries, last.Summary)
		}
	})
}

// A directory that cannot be used is an error, not a hang.
func TestRunWithoutADirectory(t *testing.T) {
	t.Setenv("TMPDIR", "/nonexistent/for/sure")
	var out bytes.Buffer
	if code := run(t.Context(), options{once: true}, &out); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}
