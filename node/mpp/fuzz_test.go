package mpp

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"meshpresence/internal/jsonbcd"
)

func seed(f *testing.F) {
	for _, x := range examples() {
		b := x.message.Append(nil)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add(build(`{'PresenceNotify':{'Events':[{'A':1},{}],'Stores':[null,{'Store':'x'}],'Now':'2024-10-21T21:23:57Z'}}`))
	f.Add(build(`{'PresenceStatus':{'EndPoint':{'IpAddress':'ywBxBw==','Port':51000}}}`))
	f.Add([]byte("{\xb4\x11PresenceHeartbeat{\xb4\x06Serial\xb2\xb4\x02ID\x88\x00}}\x00\x00"))
}

// FuzzParse: whatever parses is written and read again to the same, inside the
// limits, and every error is one of ours.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		input := slices.Clone(b)
		m, err := Parse(b)
		if !bytes.Equal(b, input) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrTag) {
				t.Fatalf("a strange error: %v", err)
			}
			return
		}
		if usesCodes(m) {
			return // a fact cut from its JSON-C definitions: its own reader refuses it
		}
		written := m.Append(nil)
		again, err := Parse(written)
		if err != nil {
			if errors.Is(err, ErrLimit) && len(written) > MaxMessage {
				return // short JSON, long JSON-B
			}
			t.Fatalf("%x\nwas written as %x\nand not read again: %v", b, written, err)
		}
		if !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v\nwas read again as %+v", m, again)
		}
	})
}

// usesCodes tells whether a fact inside m is not whole by itself.
func usesCodes(m Message) bool {
	for _, raw := range rawsOf(m) {
		r := jsonbcd.NewReader(raw)
		if r.Skip() != nil || r.End() != nil {
			return true
		}
	}
	return false
}

func rawsOf(m Message) [][]byte {
	switch m := m.(type) {
	case *FactRequest:
		return m.Facts
	case *FactResponse:
		return m.Facts
	case *FetchResponse:
		return m.Facts
	case *PublishRequest:
		return whole(m.Event)
	case *PublishResponse:
		return m.Facts
	case *PermissionRequest:
		return whole(m.Policy)
	case *ConnectResponse:
		return whole(m.Node)
	case *Transfer:
		return whole(m.Node)
	case *Notify:
		return m.Events
	case *JoinRequest:
		return m.Facts
	case *JoinResponse:
		return m.Facts
	case *Join:
		return m.Facts
	case *InviteRequest:
		return m.Facts
	case *Invite:
		return m.Facts
	case *AcceptRequest:
		return m.Facts
	case *Accept:
		return m.Facts
	}
	return nil
}

func whole(raw []byte) [][]byte {
	if raw == nil {
		return nil
	}
	return [][]byte{raw}
}

// FuzzDecoder: a decoder that has parsed first, however that ended, says of
// second what Parse says.
func FuzzDecoder(f *testing.F) {
	all := examples()
	for i, x := range all {
		f.Add(x.message.Append(nil), all[(i*7+3)%len(all)].message.Append(nil))
		b := x.message.Append(nil)
		f.Add(b[:len(b)/2], b)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var d Decoder
		_, _ = d.Parse(first)
		got, err := d.Parse(second)
		want, wantErr := Parse(second)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("decoder says %v, Parse says %v", err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("decoder gives %+v, Parse gives %+v", got, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var d Decoder
	for _, m := range []Message{
		&Heartbeat{FromClient: client(300)}, &Acknowledge{client(300)}, &EndpointRequest{client(300)},
		&ConnectRequest{hash(1), N(1000), client(1)},
		&Status{Serial: N(1), Ticks: N(1), FromService: service(N(1))},
		&Notify{Serial: N(1), Events: [][]byte{eventFact, eventFact}, FromService: service(N(1))},
	} {
		in := m.Append(nil)
		b.Run(m.Tag(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if _, err := d.Parse(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	buffer := make([]byte, 0, 1200)
	for _, m := range []Message{
		&Heartbeat{FromClient: client(300)}, &EndpointResponse{service(N(1))},
		&Status{Serial: N(1), Ticks: N(1), FromService: service(N(1))},
		&Notify{Serial: N(1), Events: [][]byte{eventFact, eventFact}, FromService: service(N(1))},
	} {
		b.Run(m.Tag(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buffer = m.Append(buffer[:0])
			}
			b.SetBytes(int64(len(buffer)))
		})
	}
}
