package federation

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
	"meshpresence/node/registry"
)

// frames are one of each kind; the golden test, the round trip and the fuzz
// seeds use them.
func frames() []*frame {
	account := newAccount()
	facts := []*record.Fact{account.fact, account.status(1, 1)}
	return []*frame{
		{},
		{Ask: askHello, Facts: facts},
		{Ask: askSums, After: key.Hash{1}},
		{Code: mpp.CodeOK, Sums: []AccountSum{{}, {Account: key.Hash{2}, Count: 3, Sum: [32]byte{4}}}, More: true},
		{Ask: askRows, Account: key.Hash{5}, After: key.Hash{6}},
		{Code: mpp.CodeOK, Rows: []Row{{Hash: key.Hash{7}, Serial: 8, Expires: 9, Key: "\x00\xff"}, {Hash: key.Hash{8}}}},
		{Ask: askWant, Hashes: []key.Hash{{9}, {10}}},
		{Ask: askGive, Facts: facts},
		{Code: mpp.CodeOK, Results: []Result{{key.Hash{11}, mpp.CodeSerial}}},
	}
}

func TestFramesRoundTrip(t *testing.T) {
	for _, f := range frames() {
		b := f.append(nil)
		got, err := parseFrame(b)
		if err != nil {
			t.Errorf("%q: %v", b, err)
			continue
		}
		if !reflect.DeepEqual(got, f) {
			t.Errorf("%q: read back otherwise", b)
		}
	}
}

func TestFrameBytes(t *testing.T) {
	got := (&frame{Ask: askSums, More: true}).append(nil)
	want := "{\xb4\x03Ask\x80\x04sums\xb4\x04More\xb0}"
	if string(got) != want {
		t.Errorf("frame %q, want %q", got, want)
	}
	var b bytes.Buffer
	if err := writeFrame(&b, &frame{}); err != nil || b.String() != "\x00\x00\x00\x02{}" {
		t.Errorf("framed %q, %v", b.String(), err)
	}
}

func TestFramesOutOfBoundsAreRefused(t *testing.T) {
	head := func(size uint32) []byte {
		return []byte{byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}
	}
	for name, b := range map[string][]byte{
		"too long":   head(maxFrame + 1),
		"cut":        append(head(10), "{}"...),
		"trailing":   append(head(3), "{}0"...),
		"twice":      append(head(4+8), "{\xb4\x03Ask\x80\x00\xb4\x03Ask"...),
		"short hash": append(head(12), "{\xb4\x05After\x88\x01\x00}"...),
	} {
		if _, err := readFrame(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	many := frame{Hashes: make([]key.Hash, maxFrameHashes+1)}
	if _, err := parseFrame(many.append(nil)); !errors.Is(err, errFrame) {
		t.Errorf("too many hashes: %v", err)
	}
	long := frame{Rows: []Row{{Key: string(make([]byte, maxRowKey+1))}}}
	if _, err := parseFrame(long.append(nil)); !errors.Is(err, errFrame) {
		t.Errorf("a row's key too long: %v", err)
	}
}

// A fact of a kind that we do not know may be one to a newer version.
func TestUnknownKindsAreSkipped(t *testing.T) {
	account := newAccount()
	b := jsonbcd.AppendObject(nil)
	b = jsonbcd.AppendArray(jsonbcd.AppendName(b, "Facts"))
	b = account.fact.Append(b)
	b = append(b, strange()...)
	b = jsonbcd.AppendObjectEnd(jsonbcd.AppendArrayEnd(b))
	f, err := parseFrame(b)
	if err != nil || len(f.Facts) != 1 {
		t.Errorf("frame with an unknown kind: %v", err)
	}
	m, err := parseMessage(b)
	if err != nil || len(m.facts) != 1 || m.strange != 1 {
		t.Errorf("message with an unknown kind: %v", err)
	}
}

func strange() []byte {
	b := jsonbcd.AppendObject(nil)
	b = jsonbcd.AppendString(jsonbcd.AppendName(b, "Kind"), "later")
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "Body"), []byte("{}"))
	b = jsonbcd.AppendBinary(jsonbcd.AppendName(b, "Signature"), make([]byte, 64))
	return jsonbcd.AppendObjectEnd(b)
}

// messages are gossip messages, and whether they can be read.
func messages() map[string]struct {
	data []byte
	ok   bool
} {
	account := newAccount()
	facts := make([]*record.Fact, 0, MaxBatch+1)
	for i := range cap(facts) {
		facts = append(facts, account.status(1, i))
	}
	beacon := signedBeacon(must(key.NewNode()), key.Hash{1}, 1, 0, registry.Sum{}, key.Hash{2})
	both := append(appendBatch(nil, facts[:1], 1), 0)
	both = append(both[:len(both)-2], beacon.append(nil)[1:]...)
	return map[string]struct {
		data []byte
		ok   bool
	}{
		"one fact":        {appendBatch(nil, facts[:1], 1), true},
		"a full batch":    {appendBatch(nil, facts[:MaxBatch], -1), true},
		"a beacon":        {beacon.append(nil), true},
		"one too many":    {appendBatch(nil, facts, 1), false},
		"no facts":        {appendBatch(nil, nil, 1), false},
		"empty":           {nil, false},
		"an empty object": {[]byte("{}"), false},
		"both":            {both, false},
		"trailing":        {append(appendBatch(nil, facts[:1], 1), '}'), false},
		"cut":             {appendBatch(nil, facts[:1], 1)[:100], false},
	}
}

func TestParseMessage(t *testing.T) {
	for name, c := range messages() {
		_, err := parseMessage(c.data)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !errors.Is(err, errUnreadable) {
			t.Errorf("%s: %v does not wrap errUnreadable", name, err)
		}
	}
}

// A message that can be read says the same when it is written again.
func FuzzGossip(f *testing.F) {
	for _, c := range messages() {
		f.Add(c.data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		if m.beacon != nil {
			again, err := parseMessage(m.beacon.append(nil))
			if err != nil || !reflect.DeepEqual(again.beacon, m.beacon) {
				t.Fatalf("beacon written again: %v", err)
			}
			return
		}
		if len(m.facts) == 0 {
			return
		}
		again, err := parseMessage(appendBatch(nil, m.facts, 1))
		if err != nil || len(again.facts) != len(m.facts) {
			t.Fatalf("message written again: %v", err)
		}
	})
}

func FuzzSync(f *testing.F) {
	for _, one := range frames() {
		f.Add(one.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := parseFrame(b)
		if err != nil {
			return
		}
		again, err := parseFrame(one.append(nil))
		if err != nil {
			t.Fatalf("frame written again: %v", err)
		}
		if !bytes.Equal(again.append(nil), one.append(nil)) {
			t.Fatal("a frame written twice differs")
		}
	})
}
