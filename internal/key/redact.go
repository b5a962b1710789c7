package key

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is the label that a private key shows in place of itself. Embedded,
// it answers every way of printing: fmt's verbs, slog, JSON and text.
type redacted struct {
	label string
}

func redact(role Role, public Hash) redacted {
	return redacted{"[" + string(role) + " key " + public.Short() + ", redacted]"}
}

// String returns the role and the short public hash, never the key.
func (r redacted) String() string { return r.label }

// GoString is String.
func (r redacted) GoString() string { return r.label }

// Format writes String for every verb and flag.
func (r redacted) Format(f fmt.State, _ rune) { io.WriteString(f, r.label) }

// LogValue is String, for slog.
func (r redacted) LogValue() slog.Value { return slog.StringValue(r.label) }

// MarshalText is String: a private key leaves only through Save.
func (r redacted) MarshalText() ([]byte, error) { return []byte(r.label), nil }

// hidden holds a private key where printing cannot follow. fmt walks the
// unexported fields of a struct without calling their methods, and its message
// about a wrong verb follows even a pointer there; a function it cannot open.
type hidden[T any] func() *T

func hide[T any](v *T) hidden[T] { return func() *T { return v } }
