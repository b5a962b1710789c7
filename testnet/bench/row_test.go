package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	for _, test := range []struct {
		list []float64
		p    float64
		want float64
	}{
		{nil, 0.5, 0},
		{[]float64{3}, 0.999, 3},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 3, 1, 2}, 0.5, 2},
		{[]float64{4, 3, 1, 2}, 0.99, 4},
	} {
		if got := percentile(test.list, test.p); got != test.want {
			t.Errorf("percentile %v of %v is %v, want %v", test.p, test.list, got, test.want)
		}
	}
}

// A peer that is not there is a row that says so, and no ratio.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	show := newTable(&out)
	show.row(row{Name: "a", Ours: 3, Unit: "1/s"}.against("echo", 4))
	show.row(row{Name: "b", Ours: 5, Unit: "1/s", PeerName: "coturn", Skip: "not installed"})
	lines := strings.Split(out.String(), "\n")
	if !strings.Contains(lines[1], "0.75") {
		t.Errorf("no ratio in %q", lines[1])
	}
	if !strings.Contains(lines[2], "SKIP coturn: not installed") {
		t.Errorf("no reason in %q", lines[2])
	}
}

func TestFlags(t *testing.T) {
	if _, err := parseFlags([]string{"-only", "beats"}, io.Discard); err == nil {
		t.Error("an unknown measurement is accepted")
	}
	if o, err := parseFlags([]string{"-quick", "-only", "hand"}, io.Discard); err != nil || len(chosen(o.only)) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := parseFlags([]string{"stray"}, io.Discard); err == nil {
		t.Error("a stray argument is accepted")
	}
}
