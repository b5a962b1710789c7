package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should take milliseconds.
const patience = 30 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// logTo sends logs to the test's output.
func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition that has no signal.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx := testContext(t)
	for !ok() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("waiting until %s: it did not come", what)
		}
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		args []string
		want options
		ok   bool
	}{
		{nil, options{}, true},
		{[]string{"-once"}, options{once: true}, true},
		{[]string{"-once", "-json", "-v"}, options{once: true, json: true, verbose: true}, true},
		{[]string{"-once", "-fail", "cut"}, options{once: true, fail: failCut}, true},
		{[]string{"--once", "--fail=lose"}, options{once: true, fail: failLose}, true},
		{[]string{"-fail", "repeat", "-once"}, options{once: true, fail: failRepeat}, true},
		{[]string{"-fail", "burn"}, options{}, false},
		{[]string{"-fail"}, options{}, false},
		{[]string{"-twice"}, options{}, false},
		{[]string{"-h"}, options{}, false},
		{[]string{"once"}, options{}, false},
	} {
		got, err := parseFlags(test.args)
		if (err == nil) != test.ok {
			t.Errorf("%q: %v", test.args, err)
		}
		if test.ok && got != test.want {
			t.Errorf("%q: %+v, want %+v", test.args, got, test.want)
		}
	}
}
