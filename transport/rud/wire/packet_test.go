package wire

import (
	"bytes"
	"testing"
)

func fill(n int, first byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// The lengths that the specification prints.
func TestSizes(t *testing.T) {
	const x448 = Suite(0x21)
	for name, c := range map[string][2]int{
		"Challenge":          {SizeChallenge(SuiteX25519AESGCM), 164},
		"Challenge, X448":    {SizeChallenge(x448), 212},
		"Complete, clear":    {SizeCompleteClear(SuiteX25519AESGCM), 116},
		"data":               {MinData, 44},
		"16 pieces of 1200":  {16 * (MaxPacket - SizeID - SizeHeader - SizeTag - PayloadOverhead), 18480},
		"16 pieces of 548":   {16 * (SmallPacket - SizeID - SizeHeader - SizeTag - PayloadOverhead), 8048},
		"one-time, 1200":     {16 * (MaxPacket - SizeOneTimeID - SizeHeader - SizeTag - PayloadOverhead), 18352},
		"one-time, 548":      {16 * (SmallPacket - SizeOneTimeID - SizeHeader - SizeTag - PayloadOverhead), 7920},
		"ResponderComplete":  {MinResponderComplete(SuiteX25519AESGCM), 86},
		"suite of no curve":  {Suite(0x31).KeySize(), 0},
		"suite of no AEAD":   {Suite(0x13).KeySize(), 0},
		"suite of no number": {Suite(0).KeySize(), 0},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", name, c[0], c[1])
		}
	}
}

func TestHelloRoundTrip(t *testing.T) {
	h := Hello{Suite: 0x11, ID: ID(fill(8, 1)), Expect: [32]byte(fill(32, 9))}
	for _, size := range []int{SmallPacket, MaxPacket} {
		p := h.Append([]byte("before"), size, []Extension{{"Later", fill(40, 3)}})[len("before"):]
		if len(p) != size {
			t.Fatalf("%d bytes, want %d", len(p), size)
		}
		got, err := ParseHello(p)
		if err != nil || got.Suite != h.Suite || got.ID != h.ID || got.Expect != h.Expect {
			t.Errorf("%+v, %v", got, err)
		}
		if err := got.Rest(); err != nil {
			t.Error(err)
		}
	}
}

func TestChallengeRoundTrip(t *testing.T) {
	for _, suite := range []Suite{0x11, 0x12, 0x21, 0x22} {
		n := suite.KeySize()
		c := Challenge{ID: ID(fill(8, 1)), Suite: suite, Ephemeral: fill(n, 2), Static: fill(n, 3), Card: [32]byte(fill(32, 4))}
		c.Value = NewValue(0x01020304, 0x05060708, (*[32]byte)(fill(32, 5)))
		copy(c.Value.MAC(), fill(16, 6))
		p := c.Append(nil)
		if len(p) != SizeChallenge(suite) {
			t.Fatalf("%v: %d bytes", suite, len(p))
		}
		got, err := ParseChallenge(p)
		if err != nil || got.ID != c.ID || got.Suite != suite || got.Card != c.Card || got.Value != c.Value ||
			!bytes.Equal(got.Ephemeral, c.Ephemeral) || !bytes.Equal(got.Static, c.Static) {
			t.Errorf("%v: %+v, %v", suite, got, err)
		}
		v := &got.Value
		if v.Version() != Version || v.Slot() != 0x01020304 || v.Generation() != 0x05060708 || v.Hash()[0] != 5 ||
			len(v.Covered()) != 41 || v.MAC()[0] != 6 {
			t.Errorf("value %x", *v)
		}
	}
}

func TestCompleteRoundTrip(t *testing.T) {
	for _, suite := range []Suite{0x11, 0x22} {
		c := Complete{Suite: suite, ID: ID(fill(8, 1)), Value: Value(fill(57, 2)), Ephemeral: fill(suite.KeySize(), 3)}
		p := c.AppendClear(nil)
		if len(p) != SizeCompleteClear(suite) {
			t.Fatalf("%v: %d bytes in clear", suite, len(p))
		}
		p = append(p, fill(SmallPacket-len(p), 4)...)
		got, err := ParseComplete(p)
		if err != nil || got.Suite != suite || got.ID != c.ID || got.Value != c.Value || !bytes.Equal(got.Ephemeral, c.Ephemeral) ||
			len(got.Clear)+len(got.Sealed) != len(p) || got.Sealed[0] != 4 {
			t.Errorf("%v: %+v, %v", suite, got, err)
		}
	}
}

func TestSectionRoundTrip(t *testing.T) {
	static, id := fill(32, 1), ID(fill(8, 2))
	p := AppendSection([]byte("before"), 416, static, id, []Extension{{TagStreamClient, []byte(Protocol)}})[len("before"):]
	if len(p) != 416 {
		t.Fatalf("%d bytes", len(p))
	}
	s, err := ParseSection(p, 0x11)
	name, _ := s.Body.Extensions.Get(TagStreamClient)
	if err != nil || !bytes.Equal(s.Static, static) || s.ID != id || string(name) != Protocol || len(s.Body.Payload) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	clear(p[32:40])
	if _, err := ParseSection(p, 0x11); err == nil {
		t.Error("a zero data id")
	}
	if _, err := ParseSection(p[:39], 0x11); err == nil {
		t.Error("cut in the id")
	}
}

func TestAnswerRoundTrip(t *testing.T) {
	a := Answer{ID: ID(fill(8, 1)), Reset: [16]byte(fill(16, 2))}
	p := a.Append(nil)
	got, err := ParseAnswer(p)
	if err != nil || got.ID != a.ID || got.Reset != a.Reset || !got.Body.IsEmpty() {
		t.Errorf("%+v, %v", got, err)
	}
	r := ResponderComplete{ID: ID(fill(8, 3)), Ephemeral: fill(32, 4)}
	packet := append(r.AppendClear(nil), append(p, make([]byte, SizeTag)...)...)
	if len(packet) != MinResponderComplete(0x11) {
		t.Errorf("%d bytes", len(packet))
	}
	back, err := ParseResponderComplete(packet, 0x11, SmallPacket)
	if err != nil || back.ID != r.ID || !bytes.Equal(back.Ephemeral, r.Ephemeral) || len(back.Clear) != 42 || len(back.Sealed) != 44 {
		t.Errorf("%+v, %v", back, err)
	}
	clear(p[:8])
	if _, err := ParseAnswer(p); err == nil {
		t.Error("a zero data id")
	}
	if _, err := ParseAnswer(p[:23]); err == nil {
		t.Error("cut in the token")
	}
}

func TestFirstBytes(t *testing.T) {
	if _, ok := First(make([]byte, 7)); ok {
		t.Error("seven bytes have no id")
	}
	if id, ok := First(make([]byte, 8)); !ok || !id.IsZero() {
		t.Error("eight zeros begin a handshake")
	}
	if id, _ := First(fill(9, 1)); id.IsZero() || id.String() != "0102030405060708" {
		t.Errorf("id %v", id)
	}
	if _, ok := BackType(make([]byte, 8)); ok {
		t.Error("eight bytes have no type")
	}
	if kind, _ := BackType(fill(9, 1)); kind != 9 {
		t.Errorf("type %d", kind)
	}
}

func TestNonce(t *testing.T) {
	if n := Nonce(0x01020304); n != [12]byte{8: 1, 2, 3, 4} {
		t.Errorf("nonce %x", n)
	}
}

// Parsing never allocates.
func TestNoAllocation(t *testing.T) {
	hello := (&Hello{Suite: 0x11, ID: ID{1}}).Append(nil, MaxPacket, []Extension{{"a", nil}, {"b", nil}})
	_, exchange := (&exchangeCase{suite: 0x11, size: MaxPacket, payload: fill(100, 1)}).packet()
	block := [SizeHeader]byte{3: 1, 4: 1}
	body := AppendBody(nil, []Extension{{TagPathChallenge, fill(16, 1)}}, fill(200, 0))
	out := make([]byte, 0, MaxPacket)
	if n := testing.AllocsPerRun(100, func() {
		h, _ := ParseHello(hello)
		_ = h.Rest()
		header, _ := ParseHeader(&block)
		_ = header.CheckOpened()
		out = header.Append(out[:0])
		x, _ := ParseExchange(exchange)
		_, _ = ParseExchangeSection(x.Sealed[:len(x.Sealed)-SizeTag])
		b, _ := ParseBody(body)
		b.Extensions.Get(TagPathResponse)
		for tag := range b.Extensions.All() {
			if string(tag) == TagPathChallenge {
				out = AppendBody(out[:0], nil, b.Payload)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
