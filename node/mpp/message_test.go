package mpp

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"meshpresence/internal/jsonbcd"
)

func TestGolden(t *testing.T) {
	golden := goldens(t)
	covered := make(map[string]bool)
	for _, x := range examples() {
		t.Run(x.file+"/"+x.name, func(t *testing.T) {
			want, ok := golden[x.file][x.name]
			if !ok {
				t.Fatal("no golden bytes")
			}
			if got := x.message.Append(nil); !bytes.Equal(got, want) {
				t.Errorf("append\n got %x\nwant %x", got, want)
			}
			got, err := Parse(append(slices.Clone(want), 0, 0, 0)) // the reference pads with zeros
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, x.message) {
				t.Errorf("parse\n got %+v\nwant %+v", got, x.message)
			}
		})
		covered[x.message.Tag()] = true
		delete(golden[x.file], x.name)
	}
	for tag := range kinds {
		if !covered[tag] {
			t.Errorf("no example of %s", tag)
		}
	}
	delete(golden["modelled.json"], "StatusResponse(JSON-B body)") // TestServiceAccessToken
	for file, rest := range golden {
		for name := range rest {
			t.Errorf("%s: %s is never used", file, name)
		}
	}
}

// Every message with all its members set must round trip, so that no member is
// written and not read. The table is meant to be whole; this shows it.
func TestEveryMemberHasAnExample(t *testing.T) {
	set := make(map[string]bool)
	for _, x := range examples() {
		collect(set, reflect.ValueOf(x.message).Elem())
	}
	for _, k := range kinds {
		missing(t, set, reflect.TypeOf(k.fresh()).Elem())
	}
}

func collect(set map[string]bool, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collect(set, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(set, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				set[v.Type().Name()+"."+v.Type().Field(i).Name] = true
			}
			collect(set, v.Field(i))
		}
	}
}

func missing(t *testing.T, set map[string]bool, typ reflect.Type) {
	for f := range typ.Fields() {
		if name := typ.Name() + "." + f.Name; !set[name] {
			t.Errorf("%s is set in no example", name)
		}
		if f.Type.Kind() == reflect.Struct && f.Anonymous {
			missing(t, set, f.Type)
		}
	}
}

func TestDecoderAgreesWithParse(t *testing.T) {
	var d Decoder
	for range 2 { // the second time with structs that hold the first
		for _, x := range examples() {
			b := x.message.Append(nil)
			got, err := d.Parse(b)
			if err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			if !reflect.DeepEqual(got, x.message) {
				t.Errorf("%s\n got %+v\nwant %+v", x.name, got, x.message)
			}
		}
	}
}

func TestParseKeepsNothingOfItsInput(t *testing.T) {
	for _, x := range examples() {
		b := x.message.Append(nil)
		got, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = 0xff
		}
		if !reflect.DeepEqual(got, x.message) {
			t.Errorf("%s changed with its input", x.name)
		}
	}
}

// build writes JSON with single quotes for double ones.
func build(text string) []byte { return []byte(strings.ReplaceAll(text, "'", `"`)) }

func TestParseTolerates(t *testing.T) {
	want := &Heartbeat{FromClient: FromClient{Serial: N(300), Service: "x"}}
	for _, x := range []struct{ name, text string }{
		{"JSON", `{'PresenceHeartbeat':{'Serial':300,'Service':'x'}}`},
		{"any order", `{'PresenceHeartbeat':{'Service':'x','Serial':300}}`},
		{"unknown members", `{'PresenceHeartbeat':{'New':[{'A':1},null],'Serial':300,'Other':'b','Service':'x'}}`},
		{"null is absent", `{'PresenceHeartbeat':{'Serial':300,'Acknowledge':null,'Service':'x','ID':null}}`},
		{"the last duplicate", `{'PresenceHeartbeat':{'Serial':1,'Service':'x','Serial':300}}`},
		{"what follows", `{'PresenceHeartbeat':{'Serial':300,'Service':'x'}}` + "\x00garbage{"},
	} {
		got, err := Parse(build(x.text))
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v", x.name, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	long := func(open string, one string, n int, end string) string { return open + strings.Repeat(one, n) + end }
	hash64 := strings.Repeat("A", 43) // 32 bytes in base64
	for _, x := range []struct {
		name string
		text string
		want error
	}{
		{"nothing", ``, ErrMalformed},
		{"zeros", "\x00\x00\x00\x00", ErrMalformed},
		{"no tag", `{}`, ErrMalformed},
		{"unknown tag", `{'PresenceNonsense':{}}`, ErrTag},
		{"tags are case sensitive", `{'presenceheartbeat':{}}`, ErrTag},
		{"abstract base", `{'PresenceFromClient':{}}`, ErrTag},
		{"a second member outside", `{'PresenceHeartbeat':{},'PresenceHeartbeat':{}}`, ErrMalformed},
		{"cut off inside", `{'PresenceHeartbeat':{'Serial':1`, ErrMalformed},
		{"cut off outside", `{'PresenceHeartbeat':{'Serial':1}`, ErrMalformed},
		{"wrong type", `{'PresenceHeartbeat':{'Serial':'1'}}`, ErrMalformed},
		{"hash too short", `{'PresenceConnectRequest':{'Attach':'AAAA'}}`, ErrMalformed},
		{"hash too long", `{'PresenceConnectRequest':{'Attach':'` + hash64 + `AAAA'}}`, ErrLimit},
		{"tag too short", `{'PresenceFactRequest':{'Since':[{'Tag':'AAAA'}]}}`, ErrMalformed},
		{"half a range", `{'PresenceFactRequest':{'Since':[{'Ranges':[1,2,3]}]}}`, ErrMalformed},
		{"a fact that is no object", `{'PresencePublishRequest':{'Event':5}}`, ErrMalformed},
		{"facts that are no objects", `{'PresenceFactRequest':{'Facts':[5,6]}}`, ErrMalformed},
		{"address of five bytes", `{'PresenceStatus':{'EndPoint':{'IpAddress':'AAAAAAA','Port':1}}}`, ErrMalformed},
		{"port too large", `{'PresenceStatus':{'EndPoint':{'IpAddress':'AAAAAA','Port':65536}}}`, ErrMalformed},
		{"port negative", `{'PresenceStatus':{'EndPoint':{'IpAddress':'AAAAAA','Port':-1}}}`, ErrMalformed},
		{"candidate without an address", `{'PresenceInvite':{'Request':{'Candidates':[{'Port':1}]}}}`, ErrMalformed},
		{"too many candidates", long(`{'PresenceInvite':{'Request':{'Candidates':[`, `{'IpAddress':'AAAAAA'} `, MaxCandidates+1, `]}}}`), ErrLimit},
		{"too many facts", long(`{'PresenceFactRequest':{'Facts':[`, `{}`, MaxFacts+1, `]}}`), ErrLimit},
		{"too many wants", long(`{'PresenceFactRequest':{'Want':[`, `{}`, MaxWant+1, `]}}`), ErrLimit},
		{"too many publishers", long(`{'PresenceFactRequest':{'Since':[`, `{}`, MaxSince+1, `]}}`), ErrLimit},
		{"too many ranges", long(`{'PresenceFactRequest':{'Since':[{'Ranges':[`, `1 2 `, MaxRanges+1, `]}]}}`), ErrLimit},
		{"too many results", long(`{'PresenceFactResponse':{'Results':[`, `{}`, MaxResults+1, `]}}`), ErrLimit},
		{"too many stores", long(`{'PresenceNotify':{'Stores':[`, `{}`, MaxStores+1, `]}}`), ErrLimit},
		{"too many events", long(`{'PresenceNotify':{'Events':[`, `{}`, MaxFacts+1, `]}}`), ErrLimit},
		{"too many devices", long(`{'PresenceStatus':{'Devices':[`, `{}`, MaxDevices+1, `]}}`), ErrLimit},
		{"too many peers", long(`{'PresenceTransfer':{'Peers':[`, `'a' `, MaxPeers+1, `]}}`), ErrLimit},
		{"too many keys", long(`{'PresenceJoin':{'Keys':[`, `'AAAA' `, MaxKeys+1, `]}}`), ErrLimit},
		{"too many options", long(`{'PresenceInvite':{'Request':{'Options':[`, `'a' `, MaxOptions+1, `]}}}`), ErrLimit},
		{"nested too deep", long(`{'PresenceHeartbeat':{'X':`, `[`, 40, ``), ErrLimit},
		{"longer than 16 packets", long(`{'PresenceHeartbeat':{}}`, ` `, MaxMessage, ``), ErrLimit},
	} {
		for name, parse := range map[string]func([]byte) (Message, error){"Parse": Parse, "Decoder": new(Decoder).Parse} {
			got, err := parse(build(x.text))
			if !errors.Is(err, x.want) || got != nil {
				t.Errorf("%s: %s gives %v, %v; want %v", x.name, name, got, err, x.want)
			}
			if err != nil && strings.Contains(err.Error(), "Nonsense") {
				t.Errorf("%s: the error repeats the input: %v", x.name, err)
			}
		}
	}
}

// RUD gives 8,048 bytes in 16 packets of 548: the largest fact must fit a
// notification there.
func TestNotifyOverhead(t *testing.T) {
	largest := func(events [][]byte) int {
		m := Notify{Serial: N(math.MaxInt64), Events: events, FromService: wholeService()}
		m.Acknowledge, m.StatusExtended = N(math.MaxInt64), Int{}
		m.StatusDescription, m.ID = "", nil
		return len(m.Append(nil))
	}
	if got := largest([][]byte{}); got > NotifyOverhead {
		t.Errorf("an empty Notify takes %d bytes, over NotifyOverhead", got)
	}
	if got, want := largest([][]byte{eventFact, eventFact}), largest([][]byte{})+2*len(eventFact); got != want {
		t.Errorf("two events take %d bytes, want %d: an event must cost its own bytes", got, want)
	}
	if 7000+NotifyOverhead > 8048 {
		t.Error("the largest fact does not fit")
	}
}

func TestEndPointForms(t *testing.T) {
	mapped := Status{FromService: FromService{EndPoint: netip.MustParseAddrPort("[::ffff:203.0.113.7]:51000")}}
	plain := Status{FromService: FromService{EndPoint: endpoint4}}
	if got, want := mapped.Append(nil), plain.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("a mapped address is written as %x, want %x", got, want)
	}
	var d Decoder
	m, err := d.Parse(build(`{'PresenceStatus':{'EndPoint':{'Port':5}}}`))
	if err != nil || m.(*Status).EndPoint.IsValid() {
		t.Errorf("an endpoint without an address: %v, %v", m, err)
	}
}

func TestServiceAccessToken(t *testing.T) {
	body := goldens(t)["modelled.json"]["StatusResponse(JSON-B body)"]
	token := ServiceAccessToken{Token: []byte{0, 0, 0, 0, 0, 0, 0, 1}, Prefix: TokenPrefix,
		Endpoints: []string{"203.0.113.1:40001", "[2001:db8::1]:40002"}}
	want := token.Append(nil)
	at := bytes.Index(body, want)
	if at < 0 {
		t.Fatalf("%x is not in the modelled answer", want)
	}
	r := jsonbcd.NewReader(body[at : at+len(want)])
	var got ServiceAccessToken
	if err := got.Read(r); err != nil || !reflect.DeepEqual(got, token) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := r.End(); err != nil {
		t.Error(err)
	}
	full := ServiceAccessToken{[]byte{}, Secret{1}, "p", "m", []string{}}
	if err := got.Read(jsonbcd.NewReader(full.Append(nil))); err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := got.Read(jsonbcd.NewReader(build(`{'Token':5}`))); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	secret := Secret("hunter2")
	token := ServiceAccessToken{SharedSecret: secret}
	text, err := secret.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret, "token", token)
	for _, s := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%s %q %x %d %#v", secret, secret, secret, secret, secret), string(text),
		fmt.Sprintf("%v %+v %#v", token, token, token), log.String(), secret.String(), secret.GoString(),
	} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, fmt.Sprintf("%x", []byte(secret))) || strings.Contains(s, "104") {
			t.Errorf("printed: %s", s)
		}
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	var d Decoder
	for _, m := range []Message{
		&Heartbeat{FromClient: wholeClient()},
		&Acknowledge{client(1)},
		&EndpointRequest{client(1)},
		&ConnectRequest{hash(1), N(1000), client(1)},
		&Status{Serial: N(1), Ticks: N(1), FromService: service(N(1))},
		&EndpointResponse{service(N(1))},
	} {
		b := m.Append(nil)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := d.Parse(b); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("decoding %s allocates %v times", m.Tag(), n)
		}
	}
	buffer := make([]byte, 0, 1200)
	for _, x := range examples() {
		if n := testing.AllocsPerRun(100, func() { buffer = x.message.Append(buffer[:0]) }); n != 0 {
			t.Errorf("appending %s allocates %v times", x.name, n)
		}
	}
}
