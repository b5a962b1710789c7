package rud

import (
	"errors"

	"meshpresence/transport/rud/wire"
)

// noun is what a frame's extension list asks for.
type noun byte

const (
	nothing    noun = iota
	openStream      // StreamNew 8, with a binding
	badStream       // StreamNew 8, with two bindings: refused
	answered        // StreamNew 16
	refused         // Refuse 8
	closed          // CloseStream 16
	renewed         // StreamNew 8 alone
	rolled          // Roll
	oneTime         // OneTimeStreamId
	newToken        // Reset
	left            // CloseConnection
)

// isMain reports whether only the main stream may carry it.
func (n noun) isMain() bool {
	switch n {
	case nothing, renewed, oneTime:
		return false
	}
	return true
}

// control is a list read: one noun at most, or it is a breach.
type control struct {
	noun     noun
	id       wire.ID // the opener's id, or the new one
	answerer wire.ID
	value    []byte // of Roll, OneTimeStreamId and Reset; lent
	kind     Kind
	sender   bool
	protocol []byte // lent
}

var errControl = errors.New("a list that breaks the rules of streams")

// parseControl reads the list of a whole frame. Unknown tags are ignored, and
// belong to a stream that the list opens.
func parseControl(list wire.Extensions) (k control, err error) {
	nouns, bindings := 0, 0
	for tag, value := range list.All() {
		switch string(tag) {
		case wire.TagStreamNew:
			k.noun, nouns = answered, nouns+1
			if len(value) == wire.SizeID {
				k.noun = renewed
			}
			err = k.ids(value, len(value) == wire.SizeID)
		case wire.TagRefuse:
			k.noun, nouns = refused, nouns+1
			err = k.ids(value, true)
		case wire.TagCloseStream:
			k.noun, nouns = closed, nouns+1
			err = k.ids(value, false)
		case wire.TagRoll:
			k.noun, k.value, nouns = rolled, value, nouns+1
		case wire.TagOneTimeStreamID:
			k.noun, k.value, nouns = oneTime, value, nouns+1
			if len(value)%wire.SizeOneTimeID != 0 || len(value) > oneTimeSet*wire.SizeOneTimeID {
				err = errControl
			}
		case wire.TagReset:
			k.noun, k.value, nouns = newToken, value, nouns+1
			if len(value) != wire.SizeResetToken {
				err = errControl
			}
		case wire.TagCloseConnection:
			k.noun, nouns = left, nouns+1
			if len(value) != 0 {
				err = errControl
			}
		case wire.TagStreamClient, wire.TagStreamSender, wire.TagStreamReceiver:
			bindings++
			k.kind, k.sender = bindingOf(string(tag))
			k.protocol = value
		}
		if err != nil || nouns > 1 {
			return control{}, errControl
		}
	}
	switch {
	case k.noun != renewed || bindings == 0:
	case bindings == 1:
		k.noun = openStream
	default:
		k.noun = badStream // RUD 5.1: "the recipient MUST reject the request"
	}
	return k, nil
}

// ids takes one id, or two: neither is zero.
func (k *control) ids(value []byte, one bool) error {
	want := 2 * wire.SizeID
	if one {
		want = wire.SizeID
	}
	if len(value) != want {
		return errControl
	}
	k.id = wire.ID(value)
	if !one {
		k.answerer = wire.ID(value[wire.SizeID:])
	}
	if k.id.IsZero() || !one && k.answerer.IsZero() {
		return errControl
	}
	return nil
}

// bindingOf returns what a tag that binds a stream says of its direction.
func bindingOf(tag string) (k Kind, sender bool) {
	switch tag {
	case wire.TagStreamSender:
		return Asynchronous, true
	case wire.TagStreamReceiver:
		return Asynchronous, false
	}
	return Transactional, false
}

// isControl reports whether the tag is one that credentials may not use.
func isControl(tag string) bool {
	switch tag {
	case wire.TagStreamNew, wire.TagStreamClient, wire.TagStreamSender, wire.TagStreamReceiver, wire.TagRefuse,
		wire.TagCloseStream, wire.TagCloseConnection, wire.TagRoll, wire.TagOneTimeStreamID, wire.TagReset, wire.TagPathChallenge, wire.TagPathResponse:
		return true
	}
	return false
}

// appendEntries appends a list without its end.
func appendEntries(b []byte, list []wire.Extension) []byte {
	b = wire.AppendExtensions(b, list)
	return b[:len(b)-2]
}
