package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// -json says the same as the lines for people; what a line does not speak of is
// null.
func TestReport(t *testing.T) {
	say := func(asJSON bool) string {
		var out bytes.Buffer
		r := newReport(&out, asJSON)
		r.say("node %s", "A")
		r.delivered(delivery{Publisher: "phone", From: "A", Device: "laptop", At: "B", Channel: "main", Sequence: 3, Latency: 2 * time.Millisecond})
		r.delivered(delivery{Publisher: "phone", From: "A", Device: "laptop", At: "B", Channel: "main", Label: "store", Sequence: 9, Latency: time.Second})
		r.summary(summary{Deliveries: 1, Wanted: 2, Duplicates: 3, Strays: 4, P50: time.Millisecond, P99: time.Second})
		return out.String()
	}
	want := `node A
  phone@A -> laptop@B  main #3  2ms
  phone@A -> laptop@B  main store @9  1s
deliveries 1/2 duplicates 3 strays 4 p50 1ms p99 1s
`
	if got := say(false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	lines := strings.Split(strings.TrimSpace(say(true)), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d JSON lines, want 4", len(lines))
	}
	for i, members := range [][]string{{"message"}, {"delivery"}, {"delivery"}, {"summary"}} {
		var object map[string]any
		check(t, json.Unmarshal([]byte(lines[i]), &object))
		if object["schema"] != schema {
			t.Errorf("line %d has schema %v", i, object["schema"])
		}
		for _, name := range []string{"message", "delivery", "summary"} {
			v, there := object[name]
			if !there || (v != nil) != (name == members[0]) {
				t.Errorf("line %d: %s is %v", i, name, v)
			}
		}
	}
}
