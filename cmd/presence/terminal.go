package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// person answers questions. A call ends when ctx does, with errInterrupted.
type person interface {
	// agrees shows a question and reports whether the answer is yes.
	agrees(ctx context.Context, question string) (bool, error)
	// secret shows a prompt and returns the line typed, which is not shown.
	secret(ctx context.Context, prompt string) ([]byte, error)
	// columns is how wide a line they see, 0 when that is not known.
	columns() int
}

// maxLine bounds what is read as an answer.
const maxLine = 1024

// terminal is the person at a terminal.
type terminal struct {
	in  *os.File
	out io.Writer
}

// personAt is whoever types on in, nil when that is no terminal.
func personAt(in *os.File, out io.Writer) person {
	if !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &terminal{in, out}
}

func (t *terminal) agrees(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(t.out, question)
	answer, err := until(ctx, func() ([]byte, error) { return readLine(t.in) })
	if err != nil {
		fmt.Fprintln(t.out)
	}
	switch strings.ToLower(strings.TrimSpace(string(answer))) {
	case "y", "yes":
		return true, err
	}
	return false, err
}

func (t *terminal) secret(ctx context.Context, prompt string) ([]byte, error) {
	fmt.Fprint(t.out, prompt)
	before, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("reading from the terminal: %w", err)
	}
	answer, err := until(ctx, func() ([]byte, error) { return term.ReadPassword(int(t.in.Fd())) })
	fmt.Fprintln(t.out)
	if errors.Is(err, errInterrupted) {
		// The read goes on until the process ends; it must not leave the
		// terminal mute.
		term.Restore(int(t.in.Fd()), before)
	}
	return answer, err
}

func (t *terminal) columns() int {
	wide, _, err := term.GetSize(int(t.in.Fd()))
	if err != nil {
		return 0
	}
	return wide
}

// until waits for a read, or for ctx: a read from a terminal cannot be called
// back, so it is left behind.
func until(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := read()
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ctx.Done():
		return nil, errInterrupted
	}
}

// readLine reads up to a line's end and nothing after it.
func readLine(r io.Reader) (line []byte, err error) {
	var b [1]byte
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return line, nil
			}
			return nil, fmt.Errorf("reading an answer: %w", err)
		}
		if b[0] == '\n' {
			return line, nil
		}
		line = append(line, b[0])
	}
	return nil, fmt.Errorf("reading an answer: it is longer than %d bytes", maxLine)
}
