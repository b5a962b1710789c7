package record

import (
	"fmt"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/wall"
)

// Payload is what an event says, sealed or clear: a JSON-B object {Label
// (string, statuses), Until (DateTime, optional), Data (binary)}.
type Payload struct {
	Label string    // at most 64 bytes; empty for a queued event
	Until wall.Time // when the status is over, if before it expires; zero: then
	Data  []byte    // at most MaxData bytes
}

// Append appends the encoded payload.
func (p *Payload) Append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	if p.Label != "" {
		b = appendString(b, "Label", p.Label)
	}
	if p.Until != 0 {
		b = appendTime(b, "Until", p.Until)
	}
	b = appendBinary(b, "Data", p.Data)
	return jsonbcd.AppendObjectEnd(b)
}

// ParsePayload reads a payload; Data aliases b. It refuses duplicate members,
// sizes over the limits, trailing bytes and a payload without Data.
func ParsePayload(b []byte) (p Payload, err error) {
	var d decoder
	err = d.object(b, func(name string) bool {
		switch name {
		case "Label":
			p.Label = d.text(maxLabel)
		case "Until":
			p.Until = d.time()
		case "Data":
			p.Data = d.bytes(0, MaxData)
		default:
			return false
		}
		return true
	})
	if err == nil && p.Data == nil {
		err = missing("Data")
	}
	if err != nil {
		return Payload{}, fmt.Errorf("parse payload: %w", err)
	}
	return p, nil
}
