package node

import (
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/registry"
	"meshpresence/transport/rud"
)

// One account asks over many connections, and strangers from one network do: the
// others' requests are served.
func TestManyConnectionsShareAnAllowance(t *testing.T) {
	n := newNode(Config{})
	now := time.Unix(1, 0)
	drain := func(s func() *session) (served int) {
		for range 40 {
			one := s()
			for n.spend(request{now: now, session: one}, costList) {
				served += costList
			}
		}
		return served
	}
	of := func(account byte) func() *session {
		ref := registry.DeviceRef{Account: key.Hash{account}, Device: key.Hash{1}}
		return func() *session { return &session{bound: ref} }
	}
	for name, c := range map[string]struct {
		sessions func() *session
		most     int
	}{
		"one account": {of(1), accountBurst}, "another": {of(2), accountBurst},
		"strangers": {func() *session { return &session{conn: new(rud.Conn)} }, strangersBurst},
	} {
		if got := drain(c.sessions); got > c.most || got < c.most-costList {
			t.Errorf("%s had %d over forty connections, want %d", name, got, c.most)
		}
	}
	later := request{now: now.Add(time.Second), session: of(1)()}
	if !n.spend(later, accountRate/4) {
		t.Error("a second later the account is not served")
	}
}
