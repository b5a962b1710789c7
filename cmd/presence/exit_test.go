package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"meshpresence/discovery"
	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

func TestExitCodes(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("doing it: %w", err) }
	type row struct {
		err  error
		code int
		says string
	}
	rows := []row{
		{nil, exitOK, ""},
		{wrap(context.Canceled), exitError, "presence: doing it: context canceled\n"},
		{usage("do that", "it is %d", 7), exitUsage, "presence: it is 7\ndo that\n"},
		{wrap(client.ErrNoNode), exitUsage, "presence: no node is known\ngive one with --node mpp://host:port/FINGERPRINT\n"},
		{wrap(client.ErrFingerprint), exitRefused, "presence: doing it: the node has another key than the pinned one\n"},
		{wrap(client.ErrNoAnswer), exitNoAnswer, "presence: doing it: no node answered in time\n"},
		{&fault{err: wrap(client.ErrNoAnswer), code: exitUnreachable}, exitUnreachable, "presence: doing it: no node answered in time\ncheck"},
		{wrap(client.ErrNoProfile), exitNotFound, "presence: doing it: there is no device here yet\n"},
		{wrap(client.ErrNoAccount), exitNotFound, "presence: doing it: this device belongs to no account yet\n"},
		{wrap(client.ErrProfileUsed), exitError, "presence: doing it: there is a device here already\n"},
		{wrap(discovery.ErrAddress), exitUsage, "presence: doing it: that is no node address\n"},
		{errInterrupted, exitError, "presence: interrupted\n"},
		{&fault{err: errInterrupted, code: exitLess}, exitLess, "presence: interrupted\n"},
	}
	for code := mpp.Code(200); code < 600; code++ {
		if code.Name() != "unknown" && !code.Success() {
			rows = append(rows, row{wrap(&client.Refusal{Code: code}), code.Exit(), "presence: doing it: the node says " + code.String() + "\n" + code.Sentence()[:9]})
		}
	}
	for _, r := range rows {
		var b bytes.Buffer
		if code := report(&b, r.err); code != r.code || !strings.HasPrefix(b.String(), r.says) {
			t.Errorf("%v: exit %d, want %d, said\n%s", r.err, code, r.code, &b)
		}
		for line := range strings.Lines(b.String()) {
			if len(line) > helpWidth+1 {
				t.Errorf("%v: wider than %d: %s", r.err, helpWidth, line)
			}
		}
	}
}

// The constants are those of the one table.
func TestExitConstants(t *testing.T) {
	for ours, theirs := range map[int]int{
		exitOK: mpp.ExitOK, exitError: mpp.ExitError, exitUsage: mpp.ExitUsage, exitUnreachable: mpp.ExitUnreachable,
		exitRefused: mpp.ExitRefused, exitNoAnswer: mpp.ExitNoAnswer, exitLess: mpp.ExitLess, exitNotFound: mpp.ExitNotFound,
	} {
		if ours != theirs {
			t.Errorf("%d here, %d in node/mpp", ours, theirs)
		}
	}
}

func TestUsage(t *testing.T) {
	home(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{}, `expected one of "account", "device", "watch", "publish", "status", ...`},
		{[]string{"frob"}, "unexpected argument frob"},
		{[]string{"account"}, "see: presence account --help"},
		{[]string{"publish", "two", "words"}, "see: presence publish --help"},
		{[]string{"publish"}, `give a MESSAGE, - for standard input, or "" for an empty post`},
		{[]string{"publish", strings.Repeat("x", maxData+1)}, "longer than 4096 bytes"},
		{[]string{"publish", "--life", "8d", "x"}, `"8d" is no time between 1s and 7d`},
		{[]string{"publish", "--life", "soon", "x"}, `"soon" is no time`},
		{[]string{"publish", "--channel", "", "x"}, `"" cannot be a channel`},
		{[]string{"publish", "--label", strings.Repeat("x", maxLabel+1), "x"}, "--label is 65 bytes long"},
		{[]string{"watch", strings.Repeat("x", maxChannel+1)}, "cannot be a channel"},
		{[]string{"watch", "--count", "-1"}, "--count"},
		{[]string{"watch", "--exec", "'"}, "a ' is not closed"},
		{[]string{"ping", "--count", "0"}, "--count 0 is too few"},
		{[]string{"ping"}, "no node is known"},
		{[]string{"--node", "192.0.2.7:6770", "ping"}, "want mpp://host:port/FINGERPRINT"},
		{[]string{"--timeout", "-1s", "ping"}, "--timeout"},
		{[]string{"--heartbeat", "10ms", "ping"}, "at least 1s"},
		{[]string{"--profile", "..bad", "status"}, "neither a name nor a directory"},
		{[]string{"account", "create", "--no-passphrase", "--name", strings.Repeat("x", maxName+1)}, "1 to 24 bytes"},
		{[]string{"device"}, "see: presence device --help"},
		{[]string{"device", "join"}, "expected \"<code>\""},
		{[]string{"device", "rename", "phone", ""}, `"" cannot be a device's name`},
		{[]string{"device", "add", "--yes", "--roles", "rule"}, `"rule" is no role, give watch, publish or watch,publish`},
		{[]string{"account", "home", "add", "192.0.2.7:6770"}, "want mpp://host:port/FINGERPRINT"},
		{[]string{"account", "home", "add", "mpp://192.0.2.7:6770"}, "the node's address has no fingerprint"},
	} {
		r := presence(t, c.args...)
		if r.code != exitUsage || r.out != "" || !strings.HasPrefix(r.err, "presence: ") || !strings.Contains(r.err, c.says) {
			t.Errorf("presence %q: %v\nwant %q", c.args, r, c.says)
		}
	}
}

// verbs are the words of every command of the grammar.
func verbs(t *testing.T) (list [][]string) {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.ExplicitGroups([]kong.Group{common}), kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		words := strings.Fields(leaf.Path())
		for i, w := range words {
			if strings.HasPrefix(w, "<") {
				words = words[:i]
				break
			}
		}
		list = append(list, words)
	}
	if len(list) < 25 {
		t.Fatalf("the grammar has %d verbs", len(list))
	}
	return list
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "200")
	for _, verb := range append(verbs(t), nil) {
		r := presence(t, append(verb, "--help")...)
		r.wants(t, exitOK, "Examples:\n", "")
		example := "\n    presence"
		if verb == nil {
			example = "\n  presence"
		}
		if !strings.Contains(r.out, example) || !strings.Contains(r.out, "PRESENCE_PROFILE") {
			t.Errorf("help of %v lacks its examples or common flags:\n%s", verb, r.out)
		}
		for line := range strings.Lines(r.out) {
			if len(line) > helpWidth+1 {
				t.Errorf("help of %v: wider than %d: %s", verb, helpWidth, line)
			}
		}
	}
	presence(t, "--help").wants(t, exitOK, exitTable, "")
	presence(t, "--version").wants(t, exitOK, "presence ", "")
}
