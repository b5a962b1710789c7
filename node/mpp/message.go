package mpp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/wall"
)

// Errors a caller branches on. The text of a parse error never repeats input.
var (
	// ErrMalformed: the bytes are no tagged message, or a member has the wrong
	// type or size. The peer is answered CodeMalformed.
	ErrMalformed = errors.New("malformed message")
	// ErrTag: well-formed so far, but no message of ours has this tag. The peer
	// is answered CodeNotOffered.
	ErrTag = errors.New("unknown message tag")
	// ErrLimit: longer than [MaxMessage], or a list holds more than its limit.
	// The peer is answered CodeTooLarge.
	ErrLimit = errors.New("message over a limit")
)

// Message is one MPP message. The concrete types of this package are the only
// implementations; all have pointer receivers.
type Message interface {
	// Tag is the name of the outer object's single member.
	Tag() string
	// Append appends the whole tagged object to b and returns the result. It
	// allocates only when b has no room.
	Append(b []byte) []byte
}

// body is a Message that reads its own members.
type body interface {
	Message
	membered
}

// FromClient is the base of every client message (PresenceFromClient and
// Request of the reference, reference.md 3.1 and 2).
type FromClient struct {
	Serial      Int    // per device, node and boot; only grows
	Acknowledge Int    // serial of the message acknowledged
	Service     string // "" = absent
	ID          []byte // nil = absent
}

// Base gives the members that every client message has.
func (m *FromClient) Base() *FromClient { return m }

// end closes a client message: the base's members, Request's, both braces.
func (m *FromClient) end(b []byte) []byte {
	b = appendInt(b, "Serial", m.Serial)
	b = appendInt(b, "Acknowledge", m.Acknowledge)
	b = appendString(b, "Service", m.Service)
	b = appendBinary(b, "ID", m.ID)
	return appendEnd(b)
}

func (m *FromClient) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "Serial":
		return readInt(r, &m.Serial)
	case "Acknowledge":
		return readInt(r, &m.Acknowledge)
	case "Service":
		return readString(r, &m.Service)
	case "ID":
		return readBinary(r, &m.ID, 0, MaxID)
	}
	return r.Skip()
}

// FromService is the base of every service message (PresenceFromService and
// Response of the reference).
type FromService struct {
	EndPoint          netip.AddrPort // newest validated path of the device; zero = absent
	Now               wall.Time      // the node's clock; 0 = absent
	Acknowledge       Int            // serial of the request answered
	Status            Int            // a Code
	StatusExtended    Int
	StatusDescription string
	ID                []byte
}

// Base gives the members that every service message has.
func (m *FromService) Base() *FromService { return m }

// Code is the status of the answer; absent counts as CodeOK, since the
// reference's server never sets it (reference.md 3.1).
func (m *FromService) Code() Code {
	if !m.Status.Set {
		return CodeOK
	}
	return m.Status.Code()
}

// end closes a service message: the base's members, Response's, both braces.
func (m *FromService) end(b []byte) []byte {
	b = appendEndPoint(b, "EndPoint", m.EndPoint)
	b = appendTime(b, "Now", m.Now)
	b = appendInt(b, "Acknowledge", m.Acknowledge)
	b = appendInt(b, "Status", m.Status)
	b = appendInt(b, "StatusExtended", m.StatusExtended)
	b = appendString(b, "StatusDescription", m.StatusDescription)
	b = appendBinary(b, "ID", m.ID)
	return appendEnd(b)
}

func (m *FromService) member(r *jsonbcd.Reader, name []byte) error {
	switch string(name) {
	case "EndPoint":
		return readEndPoint(r, &m.EndPoint)
	case "Now":
		return readTime(r, &m.Now)
	case "Acknowledge":
		return readInt(r, &m.Acknowledge)
	case "Status":
		return readInt(r, &m.Status)
	case "StatusExtended":
		return readInt(r, &m.StatusExtended)
	case "StatusDescription":
		return readString(r, &m.StatusDescription)
	case "ID":
		return readBinary(r, &m.ID, 0, MaxID)
	}
	return r.Skip()
}

// Request is a client message; Base gives its serial and acknowledgement.
type Request interface {
	Message
	Base() *FromClient
}

// Response is a service message; Base gives its endpoint, time and status.
type Response interface {
	Message
	Base() *FromService
}

// Parse reads one tagged message from the start of b. It copies b once; the
// message refers to that copy and never to b. Members it does not know are
// skipped, and so is everything after the outer object (the reference pads with
// zeros). Errors: ErrMalformed, ErrTag, ErrLimit.
func Parse(b []byte) (Message, error) {
	r := jsonbcd.NewReader(bytes.Clone(b))
	k, err := readTag(r, b)
	if err != nil {
		return nil, err
	}
	m := k.fresh()
	if err := readBody(r, m); err != nil {
		return nil, err
	}
	return m, nil
}

// Decoder parses messages one after another into its own structs. The zero
// value is ready. Not safe for concurrent use.
type Decoder struct {
	r    jsonbcd.Reader
	made map[string]body
}

// Parse is like the function Parse, but the message and all that it holds refer
// to b and to the decoder, and are valid until the next Parse.
func (d *Decoder) Parse(b []byte) (Message, error) {
	d.r.Reset(b)
	k, err := readTag(&d.r, b)
	if err != nil {
		return nil, err
	}
	m, ok := d.made[k.tag]
	if ok {
		k.clear(m)
	} else {
		m = d.make(k)
	}
	if err := readBody(&d.r, m); err != nil {
		return nil, err
	}
	return m, nil
}

func (d *Decoder) make(k *kind) body {
	if d.made == nil {
		d.made = make(map[string]body)
	}
	m := k.fresh()
	d.made[k.tag] = m
	return m
}

// readTag enters the outer object and finds the kind that its one member names.
func readTag(r *jsonbcd.Reader, b []byte) (*kind, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("parse message of %d bytes: %w", len(b), ErrLimit)
	}
	if err := r.Object(); err != nil {
		return nil, malformed("message", err)
	}
	name, ok, err := r.Next()
	if err != nil {
		return nil, malformed("message tag", err)
	}
	if !ok {
		return nil, malformed("message without a tag", nil)
	}
	k, ok := kinds[string(name)]
	if !ok {
		return nil, ErrTag
	}
	return k, nil
}

// readBody reads the inner object and the end of the outer one. A second
// member of the outer object is an error, as in the reference (reference.md 2).
func readBody(r *jsonbcd.Reader, m body) error {
	if err := readObject(r, m); err != nil {
		return malformed(m.Tag(), err)
	}
	if _, more, err := r.Next(); err != nil || more {
		return malformed(m.Tag(), err)
	}
	return nil
}

// malformed wraps err, which may be nil, with what was being read.
func malformed(what string, err error) error {
	switch {
	case err == nil:
		return fmt.Errorf("parse %s: %w", what, ErrMalformed)
	case errors.Is(err, jsonbcd.ErrLimit), errors.Is(err, ErrLimit):
		return fmt.Errorf("parse %s: %w: %w", what, ErrLimit, err)
	}
	return fmt.Errorf("parse %s: %w: %w", what, ErrMalformed, err)
}
