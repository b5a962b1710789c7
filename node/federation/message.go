package federation

import (
	"errors"
	"fmt"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/record"
)

// message is what one gossip message holds: 1 to MaxBatch facts, or a beacon.
type message struct {
	facts  []*record.Fact
	beacon *beacon
	// strange counts facts of a kind that this version does not know.
	strange int
}

// errUnreadable means a message that no honest node of any version sends.
var errUnreadable = errors.New("unreadable message")

// appendBatch writes a gossip message of facts. A random salt makes it differ
// from an earlier message of the same facts, which pubsub would drop as seen: a
// node that could merge facts only later must be able to say them again.
func appendBatch(b []byte, facts []*record.Fact, salt int64) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendFacts(jsonbcd.AppendName(b, "Facts"), facts)
	b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "Salt"), salt)
	return jsonbcd.AppendObjectEnd(b)
}

// parseMessage reads a gossip message. Members it does not know are skipped.
func parseMessage(b []byte) (m message, err error) {
	r := jsonbcd.NewReader(b)
	r.Unique = true
	err = eachMember(r, func(name string) (err error) {
		switch name {
		case "Facts":
			err = m.readFacts(r)
		case "Beacon":
			m.beacon, err = readBeacon(r)
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return message{}, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	if n := len(m.facts) + m.strange; n > MaxBatch || (n == 0) == (m.beacon == nil) {
		return message{}, fmt.Errorf("%w: %d facts", errUnreadable, n)
	}
	return m, nil
}

// readFacts reads the facts; one of an unknown kind is counted and passed over.
func (m *message) readFacts(r *jsonbcd.Reader) error {
	facts, err := readList(r, MaxBatch, func(r *jsonbcd.Reader) (*record.Fact, error) {
		f, err := readFact(r)
		if f == nil && err == nil {
			m.strange++
		}
		return f, err
	})
	m.facts = known(facts)
	return err
}
