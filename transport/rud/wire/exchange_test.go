package wire

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// exchangeCase is a row of the table that golden bytes, round trip and fuzz seeds
// are taken from.
type exchangeCase struct {
	name    string
	suite   Suite
	size    int
	ticket  bool
	list    []Extension
	payload []byte
}

func exchangeCases() (all []exchangeCase) {
	lists := [][]Extension{nil, {{TagStreamClient, []byte(Protocol)}}, {{"a", nil}, {"b", fill(100, 1)}}}
	for _, suite := range []Suite{SuiteX25519AESGCM, SuiteX25519ChaCha20, SuiteX448AESGCM, SuiteX448ChaCha20} {
		for _, size := range []int{SmallPacket, MaxPacket} {
			for n, list := range lists {
				for _, payload := range [][]byte{nil, fill(1, 9), fill(100, 9)} {
					all = append(all, exchangeCase{
						fmt.Sprintf("%v, %d bytes, list %d, payload of %d", suite, size, n, len(payload)),
						suite, size, (n+len(payload))%2 == 0, list, payload,
					})
				}
			}
		}
	}
	return all
}

func (c *exchangeCase) packet() (Exchange, []byte) {
	x := Exchange{Suite: c.suite, ID: ID(fill(SizeID, 1)), Slot: 0x01020304, Ephemeral: fill(c.suite.KeySize(), 2)}
	if c.ticket {
		x.Ticket = [SizeTicketID]byte(fill(SizeTicketID, 3))
	}
	p := x.AppendClear([]byte("before"))[len("before"):]
	if !c.ticket {
		p = append(p, fill(SizeMezzanine(c.suite), 4)...)
	}
	size := SizeExchangeSection(c.suite, c.size, c.ticket)
	p = AppendExchangeSection(p, size, ID(fill(SizeID, 5)), c.list, c.payload)
	return x, append(p, fill(SizeTag, 6)...)
}

func TestExchangeRoundTrip(t *testing.T) {
	for _, c := range exchangeCases() {
		want, p := c.packet()
		if len(p) != c.size {
			t.Fatalf("%s: %d bytes", c.name, len(p))
		}
		got, err := ParseExchange(p)
		if err != nil || got.Suite != want.Suite || got.ID != want.ID || got.Slot != want.Slot || got.Ticket != want.Ticket ||
			!bytes.Equal(got.Ephemeral, want.Ephemeral) || got.HasTicket() != c.ticket || (got.Mezzanine == nil) != c.ticket {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if again := bytes.Join([][]byte{got.Clear, got.Mezzanine, got.Sealed}, nil); !bytes.Equal(again, p) {
			t.Errorf("%s: the parts are not the packet", c.name)
		}
		plain := got.Sealed[:len(got.Sealed)-SizeTag]
		s, err := ParseExchangeSection(plain)
		if err != nil || s.ID != ID(fill(SizeID, 5)) || !bytes.Equal(s.Body.Payload, c.payload) || len(entries(s.Body.Extensions)) != len(c.list) {
			t.Errorf("%s: %+v, %v", c.name, s, err)
		}
		for n := range SizeID {
			if _, err := ParseExchangeSection(plain[:n]); err == nil {
				t.Errorf("%s: a section of %d bytes", c.name, n)
			}
		}
		clear(plain[:SizeID])
		if _, err := ParseExchangeSection(plain); err == nil {
			t.Errorf("%s: a zero data id", c.name)
		}
	}
}

// "as Complete, but type 3; 27 57 = Unix seconds / 10 in 4, ticket id 16 or zeros,
// 37 zeros; at 116 without a ticket the mezzanine, L+16"
func TestExchangeLayout(t *testing.T) {
	_, p := (&exchangeCase{suite: 0x11, size: SmallPacket}).packet()
	want := "00000000000000000000000000000000" + "03" + "01" + "11" + "0102030405060708" + "01020304" +
		"00000000000000000000000000000000" + fmt.Sprintf("%074d", 0) +
		"02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021"
	if got := fmt.Sprintf("%x", p[:116]); got != want {
		t.Errorf("clear part\n got %s\nwant %s", got, want)
	}
	if p[116] != 4 || p[164] != 5 || p[548-16] != 6 {
		t.Errorf("mezzanine, section or tag stand elsewhere: %x %x %x", p[116], p[164], p[548-16])
	}
	_, p = (&exchangeCase{suite: 0x21, size: MaxPacket, ticket: true}).packet()
	if p[31] != 3 || p[140] != 5 || p[1200-16] != 6 {
		t.Errorf("ticket, section or tag stand elsewhere: %x %x %x", p[31], p[140], p[1200-16])
	}
}

// The first checks, in their order: each packet is wrong in all that follows too.
func TestExchangeChecks(t *testing.T) {
	_, p := (&exchangeCase{suite: 0x11, size: SmallPacket}).packet()
	for _, step := range []struct {
		spoil func()
		mend  func()
		want  error
	}{
		{func() { p = p[:547] }, func() { p = p[:548] }, ErrLength},
		{func() { p[15] = 1 }, func() { p[15] = 0 }, ErrZeros},
		{func() { p[offType] = TypeHello }, func() { p[offType] = TypeExchange }, ErrType},
		{func() { p[offVer] = 2 }, func() { p[offVer] = 1 }, ErrVersion},
		{func() { p[offSuite] = 0x13 }, func() { p[offSuite] = 0x11 }, ErrSuite},
		{func() { p[83] = 1 }, func() { p[83] = 0 }, ErrPadding},
		{func() { p[47] = 1 }, func() { p[47] = 0 }, ErrPadding},
	} {
		step.spoil()
		if _, err := ParseExchange(p); !errors.Is(err, step.want) {
			t.Errorf("%v, want %v", err, step.want)
		}
		step.mend()
	}
	if _, err := ParseExchange(p); err != nil {
		t.Error(err)
	}
	clear(p[offID : offID+SizeID])
	if _, err := ParseExchange(p); err != ErrVersion {
		t.Errorf("a zero handshake id: %v", err)
	}
}

// An answer with a payload, and the longest that is "never longer than what it
// answers".
func TestAnswerWithPayload(t *testing.T) {
	for _, suite := range []Suite{0x11, 0x22} {
		for _, size := range []int{SmallPacket, MaxPacket} {
			a := Answer{ID: ID(fill(SizeID, 1)), Reset: [SizeResetToken]byte(fill(SizeResetToken, 2))}
			a.Body.Payload = fill(MaxAnswer(suite, size), 3)
			plain := a.Append(nil)
			r := ResponderComplete{ID: a.ID, Ephemeral: fill(suite.KeySize(), 4)}
			p := append(append(r.AppendClear(nil), plain...), make([]byte, SizeTag)...)
			if len(p) != size {
				t.Errorf("%v: the longest answer to %d bytes has %d", suite, size, len(p))
			}
			if _, err := ParseResponderComplete(p, suite, size); err != nil {
				t.Error(err)
			}
			got, err := ParseAnswer(plain)
			if err != nil || !bytes.Equal(got.Body.Payload, a.Body.Payload) || !got.Body.Extensions.IsEmpty() {
				t.Errorf("%+v, %v", got, err)
			}
		}
	}
	list, _, err := ParseExtensions(AppendExtensions(nil, []Extension{{"a", fill(3, 1)}}))
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{ID: ID{1}, Body: Body{Extensions: list, Payload: []byte("p")}}
	if got, err := ParseAnswer(a.Append(nil)); err != nil || !bytes.Equal(got.Body.Extensions, list) || string(got.Body.Payload) != "p" {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzExchange: a packet that is accepted is the one encoding of its fields, and
// no part of it is another's.
func FuzzExchange(f *testing.F) {
	for _, c := range exchangeCases() {
		_, p := c.packet()
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		x, err := ParseExchange(p)
		if err != nil {
			return
		}
		if p[offType] != TypeExchange || x.ID.IsZero() {
			t.Error("not an Exchange")
		}
		again := append(append(x.AppendClear(nil), x.Mezzanine...), x.Sealed...)
		if !bytes.Equal(again, p) {
			t.Errorf("%x is written again as %x", p, again)
		}
		plain := SizeExchangeSection(x.Suite, len(p), x.HasTicket())
		if len(x.Sealed) != plain+SizeTag {
			t.Errorf("a section of %d bytes, want %d", len(x.Sealed), plain+SizeTag)
		}
		if s, err := ParseExchangeSection(x.Sealed[:plain]); err == nil {
			if s.ID.IsZero() {
				t.Error("a section with a zero id")
			}
			again := AppendExchangeSection(nil, plain, s.ID, entries(s.Body.Extensions), s.Body.Payload)
			if !bytes.Equal(again, x.Sealed[:plain]) {
				t.Errorf("%x is written again as %x", x.Sealed[:plain], again)
			}
		}
	})
}
