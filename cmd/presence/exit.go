package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"meshpresence/discovery"
	"meshpresence/node/admin"
	"meshpresence/node/client"
)

// Exit codes (mpp.md, "Status codes").
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitRefused     = 4
	exitNoAnswer    = 5
	exitLess        = 6
	exitNotFound    = 7
)

// exitTable is the table as --help shows it.
const exitTable = `  0  done
  1  an error
  2  the command line asks for something that cannot be
  3  no node could be reached, or no daemon at its admin socket
  4  the node refused
  5  a node was reached, and then no answer came
  6  less was done than asked: fewer copies, some pings unanswered
  7  there is no such profile, account, device or node`

// fault is an error that knows its exit code and what to do next.
type fault struct {
	err  error
	code int
	hint string // for people; lines of their own
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// silent is an exit code that was told otherwise.
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// usage is an error of the command line, with what to do instead.
func usage(hint, format string, args ...any) error {
	return &fault{err: fmt.Errorf(format, args...), code: exitUsage, hint: hint}
}

// errInterrupted ends what a person interrupted.
var errInterrupted = errors.New("interrupted")

// known are the device's errors that have an exit code and advice of their own.
// Their text carries its advice after a colon; here it gets its own line.
var known = []struct {
	is    error
	text  string
	code  int
	hint  string
	whole bool // the text stands for all that was said
}{
	{is: client.ErrNoNode, text: "no node is known", code: exitUsage, whole: true, hint: waysToANode},
	{is: client.ErrFingerprint, text: "the node has another key than the pinned one", code: exitRefused,
		hint: "someone may be in between, or it was set up anew: compare with the fingerprint that the node itself prints, and give --node that address once if it is the same"},
	{is: client.ErrNoAnswer, text: "no node answered in time", code: exitNoAnswer,
		hint: "check that the node runs, and that UDP reaches it"},
	{is: client.ErrWaits, text: "the post waits on this device: the account has no key to seal to that every device may have", code: exitLess, whole: true,
		hint: "repair the account where its key is: presence account repair; or post in clear with --clear"},
	{is: client.ErrNoProfile, text: "there is no device here yet", code: exitNotFound,
		hint: "make one with: presence account create, or presence device join CODE; or name another with --profile"},
	{is: client.ErrNoAccount, text: "this device belongs to no account yet", code: exitNotFound,
		hint: "make one with: presence account create; or join one with: presence device join CODE"},
	{is: client.ErrNoDevice, text: "the account has no such device", code: exitNotFound,
		hint: "see: presence device list"},
	{is: client.ErrAmbiguous, text: "several devices go by that", code: exitUsage,
		hint: "give the device's id, as presence device list --json shows it"},
	{is: client.ErrPassphrase, text: "wrong passphrase", code: exitError,
		hint: "nothing was changed; run the command again"},
	{is: client.ErrLocked, text: "the key is under a passphrase", code: exitUsage,
		hint: "give --passphrase-file FILE, or run it in a terminal"},
	{is: admin.ErrNoDaemon, text: "no daemon answers", code: exitUnreachable,
		hint: "start one with: presenced; one with another --state is named with --admin STATE/admin.sock"},
	{is: client.ErrOtherCode, text: "this code is for something else", code: exitUsage}, // its own text goes on with what for
	{is: client.ErrCodeOver, text: "the code is over", code: exitRefused,
		hint: "it is older than 15 minutes, or was guessed at too often; run the command again for a new one"},
	{is: client.ErrCode, text: "whoever answered is not whose code it is", code: exitRefused,
		hint: "ask for a new code, and for the node's address as the node prints it"},
	{is: client.ErrBackup, text: "not a backup of an account", code: exitError,
		hint: "give the file that presence account backup wrote"},
	{is: client.ErrLastHome, text: "it is the account's only home", code: exitError,
		hint: "add another one first: presence account home add"},
	{is: client.ErrTooManyHomes, text: "three nodes keep the account, which is all it can have", code: exitError,
		hint: "remove one first: presence account home remove"},
	{is: client.ErrRealm, text: "the node is of another realm than the key", code: exitRefused, whole: true,
		hint: "give a node of the key's realm with --node, or that realm's key with --realm-key"},
	{is: client.ErrProfileUsed, text: "there is a device here already", code: exitError,
		hint: "use another profile for another account: --profile NAME"},
	{is: discovery.ErrAddress, text: "that is no node address", code: exitUsage,
		hint: "want " + discovery.Form + ", as the node prints it"},
}

const waysToANode = `give one with --node mpp://host:port/FINGERPRINT
or set PRESENCE_NODE to it; a node prints its address when it starts,
or use a code that names the node: mpp-join:CODE@host:port/FINGERPRINT`

// explain gives an error its exit code, its text and its advice.
func explain(err error) *fault {
	var f *fault
	if errors.As(err, &f) && f.hint != "" {
		return f
	}
	code := exitError
	if f != nil {
		code = f.code
	}
	var refusal *client.Refusal
	if errors.As(err, &refusal) && !errors.Is(err, client.ErrRealm) {
		text := strings.Replace(err.Error(), refusal.Error(), "the node says "+refusal.Code.String(), 1)
		return &fault{errors.New(text), refusal.Code.Exit(), refusal.Code.Sentence()}
	}
	for _, k := range known {
		if !errors.Is(err, k.is) {
			continue
		}
		text := k.text
		if !k.whole {
			text = strings.Replace(err.Error(), k.is.Error(), k.text, 1)
		}
		if f == nil {
			code = k.code
		}
		hint := k.hint
		if hint == "" {
			text, hint, _ = cutAfter(text, k.text, ": ")
		}
		return &fault{errors.New(text), code, hint}
	}
	return &fault{err: err, code: code}
}

// cutAfter cuts a text at the first sep that follows a part of it.
func cutAfter(text, part, sep string) (before, after string, found bool) {
	at := strings.Index(text, part) + len(part)
	rest, after, found := strings.Cut(text[at:], sep)
	return text[:at] + rest, after, found
}

// report tells an error on w and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var quiet silent
	if errors.As(err, &quiet) {
		return int(quiet)
	}
	f := explain(err)
	fmt.Fprintf(w, "presence: %s\n", printable(f.Error()))
	if f.hint != "" {
		fmt.Fprintln(w, fold(f.hint, helpWidth))
	}
	return f.code
}

// fold breaks each line of a text at spaces so that none is wider than width,
// unless one word is.
func fold(text string, width int) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		at := 0
		var b strings.Builder
		for _, word := range strings.Fields(line) {
			switch {
			case at == 0:
			case at+1+len(word) > width:
				b.WriteByte('\n')
				at = 0
			default:
				b.WriteByte(' ')
				at++
			}
			b.WriteString(word)
			at += len(word)
		}
		lines = append(lines, b.String())
	}
	return strings.Join(lines, "\n")
}
