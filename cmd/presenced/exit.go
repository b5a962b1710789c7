package main

import (
	"errors"
	"fmt"
	"io"
)

// Exit codes (mpp.md, "Status codes").
const (
	exitOK            = 0
	exitError         = 1
	exitUsage         = 2
	exitRefused       = 4
	exitNoAnswer      = 5
	exitConfiguration = 78
)

// exitTable is the table as --help shows it.
const exitTable = `  0   stopped by Ctrl-C or SIGTERM
  1   an error
  2   the command line asks for something that cannot be
  4   --join: the code was refused
  5   --join: nobody answered
  78  what it points at cannot be used, or a newer version wrote the state`

// fault is an error that knows its exit code and what to do next.
type fault struct {
	err  error
	code int
	hint string // for people; a line of its own
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// report tells an error on w and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(w, "presenced: %v\n", err)
	var f *fault
	if !errors.As(err, &f) {
		return exitError
	}
	if f.hint != "" {
		fmt.Fprintln(w, f.hint)
	}
	return f.code
}
