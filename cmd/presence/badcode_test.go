package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshpresence/node"
	"meshpresence/node/client"
)

// says holds what a command wrote to standard error to the last of it, exactly;
// nothing is a result.
func (r result) says(t *testing.T, code int, errs string) {
	t.Helper()
	if r.code != code || r.out != "" || !strings.HasSuffix(r.err, errs) || !strings.HasPrefix(errs, "presence: ") {
		t.Errorf("want exit %d and\n%sgot %v", code, errs, r)
	}
}

const refusedCode = `the code does not work here
it is mistyped, used or over, or was made at another node; ask for a new one
`

// Every code that is not good for what it is given for says so, to the person
// who gave it, and leaves no profile behind.
func TestBadCodes(t *testing.T) {
	h := newHouse(t)
	h.create("--no-passphrase")
	account := pasted.FindString(presence(t, "admin", "invite").out)
	device := begin(t, &scripted{}, "device", "add").shows(pasted)
	realm := begin(t, &scripted{}, "realm", "invite").shows(pasted)
	code, place, _ := strings.Cut(device, "@")
	other := startNodeWith(t, node.Config{})
	elsewhere := strings.TrimPrefix(other.DeviceAddress(), "mpp://")
	join := func(code string) result {
		t.Helper()
		r := presence(t, "--profile", "new", "device", "join", code)
		if _, err := os.Stat(filepath.Join(h.dir, ".config", "presence", "new")); !os.IsNotExist(err) {
			t.Errorf("a code that did not work left a profile: %v", err)
		}
		return r
	}

	t.Run("no code", func(t *testing.T) {
		want := "presence: what was given is no code\ngive it as it was shown: eight groups of four, or\nmpp-join:CODE@host:port/FINGERPRINT\n"
		for _, text := range []string{"zzz", "", "mpp-join:zzz@127.0.0.1:1", code[:len(code)-1], device + "x"} {
			join(text).says(t, exitUsage, want)
		}
		presence(t, "--profile", "new", "account", "create", "--no-passphrase", "--code", "zzz").says(t, exitUsage, want)
		presence(t, "account", "home", "add", "mpp://"+place, "--code", "zzz").says(t, exitUsage, want)
	})
	t.Run("wrong code", func(t *testing.T) {
		guess := "mpp-join:AAAA-AAAA-AAAA-AAAA" + code[len("mpp-join:AAAA-AAAA-AAAA-AAAA"):] + "@" + place
		join(guess).says(t, exitRefused, "presence: joining the account: "+refusedCode)
	})
	t.Run("code for another realm", func(t *testing.T) {
		join(code+"@"+elsewhere).says(t, exitRefused, "presence: joining the account: "+refusedCode)
	})
	// What a code is for comes from whoever made it: on a machine that is too busy
	// to hear it in time the node's word is told instead.
	t.Run("code of another kind", func(t *testing.T) {
		for _, c := range []struct {
			r    result
			does string
			says string
		}{
			{join(account), "joining the account", "it lets an account in at a node: use presence account create --code, or presence\naccount home add --code"},
			{join(realm), "joining the account", "it lets a node into a realm: use presenced --join"},
			{
				presence(t, "--profile", "begun", "account", "create", "--no-passphrase", "--code", device),
				"creating the account", "it lets a device into an account: use presence device join",
			},
		} {
			if strings.HasSuffix(c.r.err, refusedCode) {
				c.r.says(t, exitRefused, "presence: "+c.does+": "+refusedCode)
				continue
			}
			c.r.says(t, exitUsage, "presence: "+c.does+": this code is for something else\n"+c.says+"\n")
		}
	})
	t.Run("used code", func(t *testing.T) {
		add := begin(t, nil, "device", "add", "--yes")
		used := add.shows(pasted)
		presence(t, "--profile", "phone", "device", "join", used).wants(t, exitOK, "account   ", "waiting for the other device")
		add.result()
		join(used).says(t, exitRefused, "presence: joining the account: "+refusedCode)
	})
	t.Run("withdrawn code", func(t *testing.T) {
		add := begin(t, &scripted{}, "device", "add")
		withdrawn := add.shows(pasted)
		add.cancel()
		if r := add.result(); r.code != exitError || !strings.HasSuffix(r.err, "presence: interrupted\n") {
			t.Errorf("Ctrl-C: %v", r)
		}
		if strings.Contains(add.result().err, "could not be withdrawn") {
			t.Skip("the node did not hear of it in time")
		}
		join(withdrawn).says(t, exitRefused, "presence: joining the account: "+refusedCode)
	})
	t.Run("turned away", func(t *testing.T) {
		add := begin(t, &scripted{answers: []string{"n"}}, "device", "add")
		join(add.shows(pasted)).says(t, exitRefused, "presence: joining the account: "+refusedCode)
		if r := add.result(); r.code != exitError || !strings.HasSuffix(r.err, "presence: the device was not let in\nits code is used up; make a new one to try again\n") {
			t.Errorf("turning away: %v", r)
		}
	})
	t.Run("profile already used", func(t *testing.T) {
		presence(t, "device", "join", device).says(t, exitError, "presence: joining an account with "+filepath.Join(h.dir, ".config", "presence", "default")+
			": there is a device here already: it belongs to "+accountHere(t)+"\nuse another profile for another account: --profile NAME\n")
	})
	t.Run("no code where one is due", func(t *testing.T) {
		presence(t, "--profile", "bare", "--node", other.DeviceAddress(), "account", "create", "--no-passphrase").says(t, exitRefused,
			"presence: the node lets no account in without a code\nrun this on the node's own machine, where the daemon gives one by itself,\n"+
				"or get one there with: presence admin invite, and give it with --code CODE\n")
	})
}

// accountHere is the account of the usual profile.
func accountHere(t *testing.T) string {
	t.Helper()
	first, _, _ := strings.Cut(presence(t, "account", "show").out, "\n")
	return strings.TrimPrefix(first, "account   ")
}

// A code that nobody used for 15 minutes, and one that was guessed at.
func TestExpiredCode(t *testing.T) {
	_, err := welcomeWith(t.Context(), &fakeOffer{err: fmt.Errorf("waiting for who has the code: %w", client.ErrCodeOver)}, &scripted{}, false)
	var b strings.Builder
	const want = "presence: waiting for who has the code: the code is over\n" +
		"it is older than 15 minutes, or was guessed at too often; run the command again\nfor a new one\n"
	if code := report(&b, err); code != exitRefused || b.String() != want {
		t.Errorf("exit %d, said\n%swant\n%s", code, b.String(), want)
	}
}

// A machine whose clock was never set signs nothing, and says what to do.
func TestClockIn2000(t *testing.T) {
	home(t)
	const want = "presence: this machine's clock says 2000-01-01 00:03:00, which cannot be: what it signs would be void\n" +
		"set the clock, as with: timedatectl set-ntp true; then run the command again\n"
	then := time.Date(2000, 1, 1, 0, 3, 0, 0, time.UTC)
	for _, args := range [][]string{
		{"account", "create", "--no-passphrase"}, {"account", "restore", "file"}, {"account", "repair"},
		{"account", "home", "add", "mpp://192.0.2.7/MDAB-RUUQ-L74N-JLVK-2JRA-J6UX-2QFI"}, {"account", "home", "remove", "abcd"},
		{"device", "add", "--yes"}, {"device", "join", "code"}, {"device", "rename", "a", "b"}, {"device", "revoke", "--yes", "a"},
		{"realm", "invite", "--yes"}, {"realm", "remove", "--yes", "abcd"}, {"publish", "x"}, {"watch"},
	} {
		var out, errs safeBuffer
		code := run(context.Background(), args, console{in: strings.NewReader(""), out: &out, err: &errs, now: func() time.Time { return then }})
		if code != exitError || out.String() != "" || errs.String() != want {
			t.Errorf("%v: %v\nwant %s", args, result{code, out.String(), errs.String()}, want)
		}
	}
	a := &app{console: console{now: func() time.Time { return built }}}
	if err := a.checkClock(); err != nil {
		t.Errorf("a clock that may be right: %v", err)
	}
}

func TestChangedFingerprint(t *testing.T) {
	home(t)
	_, address, fingerprint := startNode(t)
	const other = "MCCR-IPW7-AUHT-I7HV-FX4A-CLD3-LU7E"
	presence(t, "--node", address+"/"+other, "ping").says(t, exitRefused, "presence: reaching "+address+"/"+other+", where "+fingerprint+" is now: the node has another key than the pinned one\n"+
		"someone may be in between, or it was set up anew: compare with the fingerprint\nthat the node itself prints, and give --node that address once if it is the same\n")
}

func TestCutAfter(t *testing.T) {
	for text, want := range map[string][2]string{"a: b: c: d": {"a: b", "c: d"}, "a: b": {"a: b", ""}, "b: c": {"b", "c"}} {
		if before, after, _ := cutAfter(text, "b", ": "); before != want[0] || after != want[1] {
			t.Errorf("%q: %q and %q", text, before, after)
		}
	}
	f := explain(fmt.Errorf("joining: %w: it is for that: use this", client.ErrOtherCode))
	if f.Error() != "joining: this code is for something else" || f.hint != "it is for that: use this" || f.code != exitUsage {
		t.Errorf("another code: %q, %q, exit %d", f.Error(), f.hint, f.code)
	}
	if f := explain(fmt.Errorf("doing it: %w", errors.New("plain"))); f.hint != "" {
		t.Errorf("a plain error has the hint %q", f.hint)
	}
}
