package node

import (
	"net/netip"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

// "its first payload holds only Heartbeat, EndpointRequest, Resolve": an unproved
// source is told what it showed and the time, in no more bytes than it sent, and
// nothing is remembered of it.
func TestEarlyVerbs(t *testing.T) {
	t.Parallel()
	n := newNode(Config{State: t.TempDir()})
	static, err := key.NewStatic(key.X25519)
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddrPort("192.0.2.7:1234")
	base := mpp.FromClient{Serial: mpp.N(7)}
	ask := func(m mpp.Message, room int) []byte {
		return n.early(time.Now(), from, static.Public(), m.Append(nil), room)
	}
	for _, test := range []struct {
		name string
		msg  mpp.Message
		code mpp.Code // 0: no answer
	}{
		{"heartbeat", &mpp.Heartbeat{FromClient: base}, mpp.CodeOK},
		{"endpoint", &mpp.EndpointRequest{FromClient: base}, mpp.CodeOK},
		{"resolve", &mpp.ResolveRequest{FromClient: base, DnsRequest: []byte("question")}, mpp.CodeNotOffered},
		{"heartbeat that asks for devices", &mpp.Heartbeat{FromClient: base, Devices: true}, 0},
		{"connect", &mpp.ConnectRequest{FromClient: base}, 0},
		{"disconnect", &mpp.DisconnectRequest{FromClient: base}, 0},
		{"acknowledge", &mpp.Acknowledge{FromClient: base}, 0},
		{"facts", &mpp.FactRequest{FromClient: base}, 0},
		{"publish", &mpp.PublishRequest{FromClient: base}, 0},
		{"fetch", &mpp.FetchRequest{FromClient: base}, 0},
		{"join", &mpp.JoinRequest{FromClient: base}, 0},
	} {
		b := ask(test.msg, 1024)
		if test.code == 0 {
			if b != nil {
				t.Errorf("%s was answered %q", test.name, b)
			}
			continue
		}
		answer, err := mpp.Parse(b)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		told := *answer.(interface{ Base() *mpp.FromService }).Base()
		if told.EndPoint != from || told.Acknowledge != mpp.N(7) || told.Status.Code() != test.code || told.Now == 0 {
			t.Errorf("%s was answered %+v", test.name, told)
		}
		if status, ok := answer.(*mpp.Status); ok && (len(status.Stores) > 0 || len(status.Devices) > 0 || status.Serial.Set) {
			t.Errorf("%s was told of what was published: %+v", test.name, status)
		}
		if again := ask(test.msg, len(b)-1); again != nil {
			t.Errorf("%s: %d bytes for a room of %d", test.name, len(again), len(b)-1)
		}
	}
	if b := n.early(time.Now(), from, static.Public(), []byte("{ rubbish"), 1024); b != nil {
		t.Errorf("rubbish was answered %q", b)
	}
	if len(n.sessions)+len(n.peers)+len(n.devices)+len(n.watching)+len(n.hot) > 0 {
		t.Error("something was remembered of it")
	}
}
