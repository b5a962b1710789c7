package mpp

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/wall"
)

// example is one line of the table that feeds the golden bytes, the round trip
// and the fuzz seeds.
type example struct {
	name    string
	file    string // in testdata
	message Message
}

func seq(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func hash(first byte) []byte { return seq(first, HashSize) }

var (
	exampleNow = wall.Of(time.Date(2024, 10, 21, 21, 23, 57, 0, time.UTC))
	endpoint4  = netip.MustParseAddrPort("203.0.113.7:51000")
	endpoint6  = netip.MustParseAddrPort("[2001:db8::2]:6770")
	eventFact  = exampleFact("event", 0, true)
	nodeFact   = exampleFact("node", 1, false)
)

// exampleFact has a fact's shape; nobody reads inside it here.
func exampleFact(kind string, first byte, body bool) []byte {
	b := jsonbcd.AppendObject(nil)
	b = jsonbcd.AppendString(jsonbcd.AppendName(b, "Kind"), kind)
	if body {
		b = jsonbcd.AppendObject(jsonbcd.AppendName(b, "Body"))
		b = jsonbcd.AppendInt(jsonbcd.AppendName(b, "Serial"), 7)
		b = jsonbcd.AppendObjectEnd(b)
	}
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "Signature"), seq(first, 64))
	return jsonbcd.AppendObjectEnd(b)
}

func client(serial int64) FromClient { return FromClient{Serial: N(serial)} }

func service(acknowledge Int) FromService {
	return FromService{EndPoint: endpoint4, Now: exampleNow, Acknowledge: acknowledge}
}

func wholeClient() FromClient {
	return FromClient{Serial: N(9), Acknowledge: N(4), Service: ServiceName, ID: []byte{1, 2}}
}

func wholeService() FromService {
	return FromService{EndPoint: endpoint6, Now: exampleNow, Acknowledge: N(1), Status: CodeFewerCopies.Int(),
		StatusExtended: N(6), StatusDescription: "NotFound", ID: []byte{}}
}

func exampleJoin() JoinStep {
	return JoinStep{Step: N(2), Id: seq(1, 8), Nonce: hash(2), Name: "kitchen",
		Keys: [][]byte{append([]byte{1}, seq(3, 32)...), append([]byte{2}, seq(4, 57)...)},
		Mac:  hash(5), Signature: seq(6, 64), Facts: [][]byte{eventFact}}
}

func exampleAsking() Asking {
	return Asking{Session: seq(8, 16), Facts: [][]byte{eventFact}, Request: &SessionRequest{
		Protocol: "echo", Options: []string{"a", "b"}, Inbound: endpoint4, Expires: exampleNow,
		Candidates: []netip.AddrPort{endpoint4, endpoint6}, Ticket: seq(5, 16), From: hash(6),
		MeshMessage: MeshMessage{MessageId: "M1", Sender: "alice@example.com", Recipient: "bob@example.com"}}}
}

func exampleAnswering() Answering {
	return Answering{Session: seq(8, 16), Facts: [][]byte{}, Response: &SessionResponse{
		Accept: Yes(), Protocol: "echo", Options: []string{}, Inbound: endpoint6,
		Candidates: []netip.AddrPort{endpoint6}, Ticket: seq(5, 16),
		MeshMessage: MeshMessage{MessageId: "M2", Sender: "bob@example.com", Recipient: "alice@example.com"}}}
}

func exampleStores() []StoreStatus {
	return []StoreStatus{{Store: "mztezdgnbvgy3tqojqgezdgnbv", Index: -1, Digest: hash(3)}, {}}
}

// examples has every message at least once with every member set.
func examples() []example {
	relaying := Relaying{Session: seq(8, 16), Data: seq(0, 300)}
	peers := []string{"mpp://198.51.100.2:6770/MAAA-BBBB"}
	modelled := []example{
		{"PresenceConnectRequest(Serial=0)", "", &ConnectRequest{FromClient: client(0)}},
		{"PresenceHeartbeat(Serial=1)", "", &Heartbeat{FromClient: client(1)}},
		{"PresenceEndpointRequest(Serial=2)", "", &EndpointRequest{client(2)}},
		{"PresenceAcknowledge(Serial=3,Acknowledge=0)", "", &Acknowledge{FromClient{Serial: N(3), Acknowledge: N(0)}}},
		{"PresenceConnectResponse", "", &ConnectResponse{ConnectionTimeout: N(60000), FromService: service(Int{})}},
		{"PresenceErrorInvalidSerial(Serial=-1)", "", &ErrorInvalidSerial{N(-1), service(Int{})}},
		{"PresenceEndpointResponse(Acknowledge=2)", "", &EndpointResponse{service(N(2))}},
		{"PresenceNotify(Bitmask=01000000,Serial=0)", "", &Notify{Bitmask: []byte{1, 0, 0, 0}, Serial: N(0), FromService: service(Int{})}},
		{"PresenceResolveResponse", "", &ResolveResponse{[]byte{3, 4}, service(Int{})}},
	}
	for i := range modelled {
		modelled[i].file = "modelled.json"
	}
	ours := []example{
		{"connect", "", &ConnectRequest{hash(1), N(3600000), client(5)}},
		{"disconnect", "", &DisconnectRequest{hash(1), client(6)}},
		{"heartbeat, whole base", "", &Heartbeat{FromClient: wholeClient()}},
		{"heartbeat, empty", "", &Heartbeat{}},
		{"heartbeat, devices", "", &Heartbeat{true, client(4)}},
		{"endpoint request", "", &EndpointRequest{client(1 << 32)}},
		{"acknowledge", "", &Acknowledge{FromClient{Serial: N(256), Acknowledge: N(255)}}},
		{"resolve", "", &ResolveRequest{seq(0, 12), client(1)}},
		{"facts", "", &FactRequest{
			Facts: [][]byte{eventFact, nodeFact},
			Want: []Want{{Hash: hash(1)}, {Kind: "epoch", All: true},
				{Kind: "event", Account: hash(2), Sub: seq(9, 5), After: hash(4), All: true}},
			Since: []Since{{Publisher: hash(1), Channel: "main", Ranges: []Range{{3, 4}, {7, 900}}},
				{Publisher: hash(1), Tag: seq(2, 16), Serial: 12}},
			FromClient: client(2)}},
		{"facts, empty lists", "", &FactRequest{Facts: [][]byte{}, Want: []Want{}, Since: []Since{}}},
		{"publish", "", &PublishRequest{eventFact, client(3)}},
		{"fetch", "", &FetchRequest{"main", hash(1), N(0), "mztezdgn", hash(2), false, client(3)}},
		{"fetch, statuses", "", &FetchRequest{After: hash(2), Statuses: true, FromClient: client(4)}},
		{"join request", "", &JoinRequest{exampleJoin(), client(0)}},
		{"join request, step 0", "", &JoinRequest{JoinStep{Step: N(0), Id: seq(1, 8)}, client(0)}},
		{"invite request", "", &InviteRequest{exampleAsking(), client(1)}},
		{"accept request", "", &AcceptRequest{exampleAnswering(), client(1)}},
		{"accept request, refused", "", &AcceptRequest{
			Answering{Session: seq(8, 16), Response: &SessionResponse{Accept: No()}}, client(1)}},
		{"data request", "", &DataRequest{relaying, client(1)}},
		{"permission", "", &PermissionRequest{nodeFact, client(1)}},
		{"connect response", "", &ConnectResponse{N(60000), nodeFact, peers, &Sum{3, hash(9)}, &History{seq(7, 16), 0, 0}, nil, wholeService()}},
		{"connect response, gone", "", &ConnectResponse{History: &History{seq(7, 16), 4000, 12},
			Gone: []Since{{Publisher: hash(1), Channel: "main", Floor: 12}}, FromService: service(N(2))}},
		{"invalid serial", "", &ErrorInvalidSerial{N(5), service(N(1))}},
		{"status", "", &Status{N(3), exampleStores(), N(638651426370000000), N(37),
			[]DeviceStatus{{"MAAA", "available", "in the kitchen", exampleNow, nil, 0}, {}}, false, nil, service(N(1))}},
		{"status, devices", "", &Status{Devices: []DeviceStatus{
			{"mmaa", string(ReasonElsewhere), string(ReasonUnlisted), exampleNow, hash(9), exampleNow}}, More: true, Peers: peers, FromService: service(N(1))}},
		{"endpoint response", "", &EndpointResponse{wholeService()}},
		{"notify", "", &Notify{[]byte{1, 0, 0, 0}, N(17), []StoreStatus{{}}, [][]byte{eventFact, eventFact}, service(N(1))}},
		{"resolve response", "", &ResolveResponse{seq(0, 70), service(N(1))}},
		{"fact response", "", &FactResponse{
			[]Result{{Hash: hash(1), Code: CodeOK.Int(), Copies: N(2)}, {Hash: hash(2), Code: CodeQuota.Int(), RetryAfter: N(1500)}},
			[][]byte{eventFact}, true, service(N(1))}},
		{"publish response", "", &PublishResponse{
			Result{Hash: hash(1), Code: CodeFewerCopies.Int(), Copies: N(1)}, [][]byte{eventFact}, service(N(1))}},
		{"fetch response", "", &FetchResponse{[][]byte{eventFact}, true, service(N(1))}},
		{"join response", "", &JoinResponse{exampleJoin(), service(N(1))}},
		{"join", "", &Join{exampleJoin(), service(N(1))}},
		{"transfer", "", &Transfer{seq(0, 48), nodeFact, peers, service(N(1))}},
		{"invite", "", &Invite{exampleAsking(), service(N(1))}},
		{"accept", "", &Accept{exampleAnswering(), service(N(1))}},
		{"data", "", &Data{relaying, service(N(1))}},
	}
	for i := range ours {
		ours[i].file = "ours.txt"
	}
	return append(modelled, ours...)
}

// goldens reads the bytes of testdata by file and name.
func goldens(t testing.TB) map[string]map[string][]byte {
	t.Helper()
	var modelled struct {
		Presence map[string]string `json:"presence"`
	}
	readJSON(t, "modelled.json", &modelled)
	ours := make(map[string]string)
	f, err := os.Open("testdata/ours.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " = "); ok {
			ours[name] = value
		}
	}
	return map[string]map[string][]byte{"modelled.json": unhex(t, modelled.Presence), "ours.txt": unhex(t, ours)}
}

func unhex(t testing.TB, texts map[string]string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte, len(texts))
	for name, text := range texts {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b
	}
	return all
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
