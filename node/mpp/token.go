package mpp

import (
	"fmt"
	"log/slog"

	"meshpresence/internal/jsonbcd"
)

// ServiceAccessToken is how a web service hands out a way to reach this one
// (reference.md 5.1).
type ServiceAccessToken struct {
	Token        []byte
	SharedSecret Secret
	Prefix       string // TokenPrefix
	Mapping      string
	Endpoints    []string // "203.0.113.1:40001"
}

// Append appends the structure, untagged.
func (t *ServiceAccessToken) Append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendBinary(b, "Token", t.Token)
	b = appendBinary(b, "SharedSecret", t.SharedSecret)
	b = appendString(b, "Prefix", t.Prefix)
	b = appendString(b, "Mapping", t.Mapping)
	b = appendStrings(b, "Endpoints", t.Endpoints)
	return jsonbcd.AppendObjectEnd(b)
}

// Read reads the structure, untagged, from r; what it holds aliases r's input.
func (t *ServiceAccessToken) Read(r *jsonbcd.Reader) error {
	*t = ServiceAccessToken{}
	if err := readObject(r, t); err != nil {
		return malformed("service access token", err)
	}
	return nil
}

func (t *ServiceAccessToken) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Token":
		return readBinary(r, &t.Token, 0, MaxTicket)
	case "SharedSecret":
		return readBinary(r, (*[]byte)(&t.SharedSecret), 0, MaxTicket)
	case "Prefix":
		return readString(r, &t.Prefix)
	case "Mapping":
		return readString(r, &t.Mapping)
	case "Endpoints":
		return readStrings(r, &t.Endpoints, MaxEndpoints)
	}
	return r.Skip()
}

// Secret is a binary member that must never be printed: a ticket or a shared
// secret. Every way of formatting it gives the same word.
type Secret []byte

const redacted = "redacted"

// String hides the secret.
func (Secret) String() string { return redacted }

// GoString hides the secret.
func (Secret) GoString() string { return redacted }

// Format hides the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
