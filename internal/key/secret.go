package key

import (
	"fmt"
	"io"
	"log/slog"
)

// SecretSize is the length of a Secret in bytes.
const SecretSize = 32

const redactedSecret = "[secret, redacted]"

// Secret is 32 secret bytes shared by nobody or by two: the label secret L of a
// profile, a reset key, the key of a MAC. Compare with hmac.Equal, not ==.
//
// Being an array, it shows to fmt where fmt asks no methods: in an unexported
// field of a struct, and with %p or %w, which vet refuses.
type Secret [SecretSize]byte

// NewSecret returns a fresh random secret.
func NewSecret() Secret { return Secret(randomBytes(SecretSize)) }

// String never shows the secret.
func (s Secret) String() string { return redactedSecret }

// GoString never shows the secret.
func (s Secret) GoString() string { return redactedSecret }

// Format writes String for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redactedSecret) }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redactedSecret) }

// MarshalText is String: a secret leaves only through Save.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redactedSecret), nil }
