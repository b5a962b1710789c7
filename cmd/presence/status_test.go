package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What a person reads: where each device is and since when, the realm's other
// nodes, and what there is to do; names of others cannot move the cursor.
func TestStatusLines(t *testing.T) {
	at := time.Date(2026, 5, 1, 18, 3, 22, 0, time.Local)
	text := func(s string) *string { return &s }
	s := standing{
		Name: "laptop", Device: "aaaaaaaaaaaa", Account: text("bbbb"), Profile: "/p", Node: text("mpp://192.0.2.7:6770/MA"),
		Homes: []string{"mpp://192.0.2.7:6770/MA", "mpp://[2001:db8::7]:6770/MA"}, Nodes: []string{"mpp://192.0.2.8:6770/MB"},
		Devices: []member{
			{Device: "aaaaaaaaaaaa", Name: text("laptop"), Roles: []string{"watch", "publish"}, Self: true},
			{Device: "cccccccccccc", Name: text("pho\x1bne"), Roles: []string{"watch"}, Where: &whereabouts{
				Reason: "watching", At: text("dddddddddddd"), Since: timeOrNull(at), Heard: timeOrNull(at.Add(time.Minute)),
			}},
			{Device: "eeeeeeeeeeee", Roles: []string{"publish"}, Where: &whereabouts{Reason: "never-attached"}},
		},
		Proposals: []string{"Only one node keeps the account: presence account home add ADDRESS."},
	}
	want := []string{
		"device    laptop aaaaaaaaaaaa",
		"account   bbbb",
		"profile   /p",
		"node      mpp://192.0.2.7:6770/MA",
		"kept at   mpp://192.0.2.7:6770/MA",
		"also      mpp://192.0.2.8:6770/MB",
		"member    laptop    aaaaaaaa (watch, publish), this device",
		`member    pho\x1bne cccccccc (watch): watching at dddddddd since 2026-05-01 18:03:22, heard 2026-05-01 18:04:22`,
		"member    unnamed   eeeeeeee (publish): never-attached",
		"To do: Only one node keeps the account: presence account home add ADDRESS.",
	}
	if got := s.lines(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhyLines(t *testing.T) {
	name := "phone"
	r := reason{
		Device: "cccc", Name: &name,
		whereabouts: whereabouts{Reason: "detached", Sentence: "It stopped watching.", Also: []further{{"not-listed", "It cannot read."}}},
	}
	want := []string{"device    phone cccc", "status    detached", "", "It stopped watching.", "It cannot read."}
	if got := r.lines(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
