package node

import (
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// Copies whose publishers wait no more, as behind a home that does not answer, are
// asked of nobody: the publisher hears of fewer copies.
func TestCopyThatNobodyWaitsForIsNotAskedFor(t *testing.T) {
	cfg, err := Config{State: t.TempDir()}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(cfg) // without a federation to ask
	asked := true
	f := forward{to: key.Hash{1}, facts: []*record.Fact{{}}, until: time.Now().Add(-time.Second), then: func(_ time.Time, kept bool) { asked = kept }}
	n.forwardGroup([]forward{f})
	(<-n.posts)(time.Now())
	if asked {
		t.Error("it is said to be kept")
	}
}
