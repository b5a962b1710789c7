package handshake

import (
	"fmt"
	"io"
	"log/slog"

	"meshpresence/internal/key"
)

// Whatever holds a private key, a ticket or a secret says what it is, for every verb
// and flag, and nothing of what it holds. fmt looks into the unexported fields of a
// struct without asking their methods, so each that is printed alone has a Format.

// String names the machine and its attempt, and none of its keys.
func (i *Initiator) String() string {
	current, _ := i.IDs()
	return "[initiator " + current.String() + "]"
}

// Format writes String for every verb and flag.
func (i *Initiator) Format(f fmt.State, _ rune) { io.WriteString(f, i.String()) }

// LogValue is String, for slog.
func (i *Initiator) LogValue() slog.Value { return slog.StringValue(i.String()) }

// String names the machine by the short hash of its static key, and none of its
// keys.
func (r *Responder) String() string {
	return "[responder " + r.identity.of(key.X25519).static.Public().Hash().Short() + "]"
}

// Format writes String for every verb and flag.
func (r *Responder) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// LogValue is String, for slog.
func (r *Responder) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String says how the handshake went and with whom, and shows neither the secret nor
// the reset token.
func (r Result) String() string {
	return fmt.Sprintf("[%v in suite %v with %s]", r.Mode, r.Suite, r.Peer.UDF())
}

// Format writes String for every verb and flag.
func (r Result) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// LogValue is String, for slog.
func (r Result) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText is String: a result is for the process that made it.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Format shows neither keys, ticket nor payload.
func (cfg InitiatorConfig) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "[config of an initiator of %v]", cfg.Mode)
}

// Format shows no key.
func (cfg ResponderConfig) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "[config of a responder with %d keys]", len(cfg.Statics))
}

func (t transcript) Format(f fmt.State, _ rune) { io.WriteString(f, "[transcript, redacted]") }

func (a attempt) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[attempt %v]", a.id) }

func (p pending) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[sealed to %s]", p.peer.UDF()) }

func (c opened) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[opened from %s]", c.peer.UDF()) }

func (g generation) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[generation %d]", g.number) }
