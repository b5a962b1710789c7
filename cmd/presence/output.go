package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// stamp is how a time is shown to a person: theirs.
const stamp = "2006-01-02 15:04:05"

// emit prints a result: an object a line with --json, else the lines for people.
func (a *app) emit(object any, lines ...string) error {
	if a.JSON {
		b, err := json.Marshal(object)
		if err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		lines = []string{string(b)}
	}
	if _, err := io.WriteString(a.out, strings.Join(lines, "\n")+"\n"); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// note tells a person something that is no result.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.err, "presence: "+format+"\n", args...)
}

// printable shows what may come from others: control characters, among them
// those that move a terminal's cursor or turn writing around, are escaped.
func printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// known values are written, unknown ones are null.

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func utf8OrNull(b []byte) *string {
	if !utf8.Valid(b) {
		return nil
	}
	s := string(b)
	return &s
}

func numberOrNull(n int64, known bool) *int64 {
	if !known {
		return nil
	}
	return &n
}

func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return textOrNull(t.UTC().Format(time.RFC3339))
}

// milliseconds is a duration as a number with three decimals.
func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}

// list is never null: none is [].
func list[T any](of []T) []T {
	if of == nil {
		return []T{}
	}
	return of
}

// oneEach keeps the first address of each node: those with one fingerprint are
// one node's.
func oneEach(addresses []string) (nodes []string) {
	had := make(map[string]bool)
	for _, a := range addresses {
		fingerprint := a[strings.LastIndexByte(a, '/')+1:]
		if !had[fingerprint] {
			nodes = append(nodes, a)
		}
		had[fingerprint] = true
	}
	return nodes
}

// shownName is the name of a device in a list.
func shownName(name *string) string {
	if name == nil {
		return "unnamed"
	}
	return printable(*name)
}

// width is how many characters a text has; those that take two columns count
// as one.
func width(text string) int { return utf8.RuneCountInString(text) }

// pad fills a column.
func pad(text string, wide int) string {
	return text + strings.Repeat(" ", max(0, wide-width(text)))
}

// plural is a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
