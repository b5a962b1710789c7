package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"meshpresence/node/client"
)

// shown is a code that waits for who uses it: presence.code/1.
type shown struct {
	Schema  string  `json:"schema"`
	Kind    string  `json:"kind"` // device, node or account: who may come in by it
	Code    string  `json:"code"`
	Text    string  `json:"text"`
	Expires *string `json:"expires"`
}

// showCode prints a code: to type, to paste, and for a person's camera. use is
// what the newcomer runs, with CODE in it.
func (a *app) showCode(kind, code, text string, expires time.Time, use string) error {
	s := shown{Schema: "presence.code/1", Kind: kind, Code: code, Text: text, Expires: timeOrNull(expires)}
	if a.person != nil && !a.JSON {
		a.drawCode(text)
	}
	return a.emit(s,
		"code      "+printable(code),
		"to paste  "+printable(text),
		"ends at   "+expires.Local().Format(stamp)+", or with its first use",
		"On the newcomer's side run:",
		"  "+strings.Replace(use, "CODE", printable(text), 1),
	)
}

// drawCode shows a code to a camera, when the terminal is wide enough.
func (a *app) drawCode(text string) {
	lines, err := qrLines(text)
	if err != nil || a.person.columns() < qrWidth(lines) {
		return
	}
	fmt.Fprintln(a.err, strings.Join(lines, "\n"))
}

const codeForms = "give it as it was shown: eight groups of four, or mpp-join:CODE@host:port/FINGERPRINT"

// readCode checks a code in either form before any node is asked. A pasted one
// names the node too, unless --node was typed.
func (a *app) readCode(code string) error {
	node, err := client.ParseCode(code)
	if err != nil {
		return usage(codeForms, "what was given is no code")
	}
	if node != "" && (a.Node == "" || a.Node == os.Getenv("PRESENCE_NODE")) {
		a.Node = node
	}
	return nil
}

// codeWorksNot is how the device says that a node said no to a code.
const codeWorksNot = "the code does not work here"

// byCode gives the refusal of what a code was used for its advice. Strangers to
// a node are never told why, so it names all that may be.
func byCode(err error) error {
	var refusal *client.Refusal
	if !errors.As(err, &refusal) || refusal.Code.Name() != "refused" {
		return err
	}
	before, _, _ := cutAfter(err.Error(), codeWorksNot, ": ")
	return &fault{
		err:  errors.New(strings.Replace(before, refusal.Error(), "the node says "+refusal.Code.String(), 1)),
		code: refusal.Code.Exit(),
		hint: "it is mistyped, used or over, or was made at another node; ask for a new one",
	}
}
