package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"meshpresence/node/client"
)

// Our limits.
const (
	// handlerLimit is how long one command may take: one that hangs would keep
	// every later event from being shown, and acknowledged.
	handlerLimit = time.Minute
	// handlerGrace is how long output is waited for that a killed command's
	// children hold open.
	handlerGrace = 2 * time.Second
)

// handler runs a command for each event, one at a time. A nil handler does
// nothing.
type handler struct {
	words []string
	console
	limit time.Duration
}

// newHandler reads a command line; an empty one is none.
func newHandler(line string, c console) (*handler, error) {
	if line == "" {
		return nil, nil
	}
	words, err := split(line)
	if err != nil {
		return nil, usage("check its quotes", "reading --exec %q: %v", line, err)
	}
	if words[0], err = exec.LookPath(words[0]); err != nil {
		return nil, usage("give a program that is there; for a shell's words write sh -c '...'", "reading --exec: %v", err)
	}
	return &handler{words: words, console: c, limit: handlerLimit}, nil
}

// handle runs the command for one event. Ctrl-C does not end it: an event is
// either handled or comes again.
func (h *handler) handle(e client.Event, profile string) error {
	if h == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.words[0], h.words[1:]...)
	cmd.Env = append(os.Environ(), eventEnv(e, profile)...)
	cmd.Stdin = bytes.NewReader(e.Data)
	cmd.Stdout, cmd.Stderr = h.out, h.err
	cmd.WaitDelay = handlerGrace
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it was stopped after %v", h.limit)
	}
	if err != nil {
		return fmt.Errorf("running %s for %s: %w", h.words[0], place(e.Channel, e.Label, e.Sequence), err)
	}
	return nil
}

// eventEnv is an event as environment variables. A zero byte cannot stand in
// one; it is left out.
func eventEnv(e client.Event, profile string) []string {
	env := []string{
		"PRESENCE_PROFILE=" + profile,
		"PRESENCE_CHANNEL=" + e.Channel,
		"PRESENCE_LABEL=" + e.Label,
		"PRESENCE_SEQUENCE=" + strconv.FormatInt(e.Sequence, 10),
		"PRESENCE_SERIAL=" + strconv.FormatInt(e.Serial, 10),
		"PRESENCE_PUBLISHER=" + e.Publisher,
		"PRESENCE_NAME=" + e.Name,
		"PRESENCE_TIME=" + e.Time.UTC().Format(time.RFC3339),
		"PRESENCE_HASH=" + e.Hash,
		"PRESENCE_SEALED=" + strconv.FormatBool(e.Sealed),
	}
	for i, v := range env {
		env[i] = strings.ReplaceAll(v, "\x00", "")
	}
	return env
}

// split breaks a command line into words as a POSIX shell does, without its
// expansions: blanks part words, '...' is literal, in "..." and outside a \
// before a quote, a blank or a \ takes its meaning away. Before anything else
// it stands for itself, so that a Windows path survives.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote byte // 0, ' or "
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'':
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && i+1 < len(line) && strings.IndexByte("'\"\\ \t", line[i+1]) >= 0:
			i++
			word.WriteByte(line[i])
			inWord = true
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("it names no program")
	}
	return words, nil
}
