package record

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"meshpresence/internal/key"
)

// ErrEpoch means that something is sealed to another epoch, or to none.
var ErrEpoch = errors.New("not sealed to this epoch")

// EpochKey is the private half of an epoch, an X25519 key. It never prints.
type EpochKey struct {
	seed   func() key.Secret // in a closure, where fmt cannot follow
	static *key.Static
}

// NewEpochKey makes a fresh private half.
func NewEpochKey() *EpochKey { return epochKey(key.NewSecret()) }

// epochKey derives a key from its private half; any 32 bytes are one.
func epochKey(seed key.Secret) *EpochKey {
	static, err := key.StaticFromSeed(key.X25519, seed[:])
	if err != nil {
		panic("record: X25519 refused 32 bytes: " + err.Error())
	}
	return &EpochKey{func() key.Secret { return seed }, static}
}

// Public returns the public half, the epoch's name.
func (k *EpochKey) Public() [32]byte { return [32]byte(k.static.Public().Raw()) }

const redactedEpoch = "[epoch key, redacted]"

// String never shows the key.
func (k EpochKey) String() string { return redactedEpoch }

// GoString never shows the key.
func (k EpochKey) GoString() string { return redactedEpoch }

// Format writes String for every verb and flag.
func (k EpochKey) Format(f fmt.State, _ rune) { io.WriteString(f, redactedEpoch) }

// LogValue is String, for slog.
func (k EpochKey) LogValue() slog.Value { return slog.StringValue(redactedEpoch) }

// MarshalText is String: the key travels wrapped only.
func (k EpochKey) MarshalText() ([]byte, error) { return []byte(redactedEpoch), nil }
