package rud

import (
	"testing"
	"time"

	"meshpresence/transport/rud/wire"
)

// FuzzControl: a list is one noun or a breach, whatever its bytes; what is read is
// of the lengths that the rest of the engine relies on.
func FuzzControl(f *testing.F) {
	for _, list := range [][]wire.Extension{
		{entry(wire.TagStreamNew, []byte("12345678")), entry(wire.TagStreamClient, []byte("notary")), entry("PkixX509", []byte("certificate"))},
		{entry(wire.TagStreamNew, []byte("12345678")), entry(wire.TagStreamSender, []byte("a")), entry(wire.TagStreamReceiver, []byte("b"))},
		{entry(wire.TagStreamNew, []byte("1234567887654321"))},
		{entry(wire.TagRefuse, []byte("12345678"))},
		{entry(wire.TagCloseStream, []byte("1234567887654321"))},
		{entry(wire.TagRoll, make([]byte, 32))},
		{entry(wire.TagOneTimeStreamID, make([]byte, 32))},
		{entry(wire.TagReset, make([]byte, 16)), entry(wire.TagRoll)},
	} {
		f.Add(wire.AppendExtensions(nil, list))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, err := wire.ParseExtensions(b)
		if err != nil {
			return
		}
		k, err := parseControl(list)
		whole, again := parseControl(wire.Extensions(entries(list)))
		if whole.noun != k.noun || whole.id != k.id || err != again {
			t.Fatal("a list reads otherwise without its end")
		}
		zero := wire.ID{}
		switch k.noun {
		case nothing, rolled:
		case oneTime:
			if len(k.value)%16 != 0 || len(k.value) > oneTimeSet*16 {
				t.Fatalf("%d bytes of ids", len(k.value))
			}
		case newToken:
			if len(k.value) != 16 {
				t.Fatalf("a token of %d bytes", len(k.value))
			}
		case answered, closed:
			if k.answerer == zero || k.id == zero {
				t.Fatal("a zero id")
			}
		default:
			if k.id == zero {
				t.Fatal("a zero id")
			}
		}
	})
}

// Steps of FuzzStreams.
const (
	streamTell  = iota // which tag 1, length 1, value: a frame of the peer's in the main stream
	streamOurs         // which call 1
	streamChild        // which tag 1, length 1, value: a frame in the newest stream of the peer's
	streamPass         // 1, so many times 10 ms
	streamAck
	streamSteps
)

var streamTags = []string{
	wire.TagStreamNew, wire.TagStreamClient, wire.TagStreamSender, wire.TagStreamReceiver, wire.TagRefuse,
	wire.TagCloseStream, wire.TagCloseConnection, wire.TagRoll, wire.TagOneTimeStreamID, wire.TagReset, "unknown",
}

// list takes a list of one or two entries; some values are ones that fit.
func (s *script) list(r *reader) (list []wire.Extension) {
	pick := r.byte()
	for range 1 + pick>>7 {
		value := r.take(min(r.byte(), 40))
		for _, stream := range s.c.others() {
			switch len(value) {
			case 1:
				value = stream.bound.first[:]
			case 2:
				value = append(stream.bound.first[:], stream.bound.second[:]...)
			case 3:
				value = append(stream.bound.first[:], value[0], 1, 2, 3, 4, 5, 6, 7)
			}
		}
		list = append(list, entry(streamTags[pick%64%len(streamTags)], value))
		pick = r.byte()
	}
	return list
}

// FuzzStreams plays a peer that has the keys against every call of streams: at most
// 3 streams, 80 KiB, silence after the end, and no table keeps what ended.
func FuzzStreams(f *testing.F) {
	id := []byte{9, 9, 9, 9, 9, 9, 9, 9}
	open := append(append([]byte{streamTell, 128, 8}, id...), 1, 3, 'a', 'b', 'c', 0)
	f.Add(false, append(open, streamChild, 9, 0, 0, streamTell, 5, 2, 0, 0))
	f.Add(true, append(append([]byte{streamPass, 255, streamPass, 255, streamPass, 255, streamPass, 255, streamOurs, 3}, open...), streamTell, 6, 32, 1, 2, 3))
	f.Add(true, []byte{streamOurs, 0, streamTell, 0, 3, 7, 7, 7, 0, streamOurs, 1, streamOurs, 5, streamTell, 7, 16, 1, 2})
	f.Add(false, []byte{streamTell, 7, 0, 0, streamOurs, 4, streamOurs, 2, streamPass, 9, streamAck})
	f.Fuzz(func(t *testing.T, initiator bool, data []byte) {
		s := newScript(t, initiator)
		var k *child
		for r := reader(data[:min(len(data), 400)]); len(r) > 0 && len(s.closed) == 0; {
			switch step := r.byte() % streamSteps; step {
			case streamTell:
				list := s.list(&r)
				if wire.CheckExtensions(list) == nil {
					s.tell("", list...)
				}
			case streamChild:
				if len(s.accepted) == 0 || s.accepted[len(s.accepted)-1].bound.state != streamOpen {
					continue
				}
				b := s.accepted[len(s.accepted)-1].bound
				if k == nil || k.answer != b.second {
					k = &child{script: s, opener: b.first, answer: b.second}
					k.seal, k.open = s.keysOf(s.accepted[len(s.accepted)-1].base(s.c.secret), b.second, b.first)
				}
				list := s.list(&r)
				if wire.CheckExtensions(list) == nil {
					k.inside(func() { s.tell("x", list...) })
				}
			case streamOurs:
				s.ours(r.byte())
			case streamPass:
				s.pass(time.Duration(r.byte()) * 10 * time.Millisecond)
			case streamAck:
				s.settle()
			}
			if n := len(s.c.others()); n > maxBeside {
				t.Fatalf("%d streams", n)
			}
			if n := memory(s.c); n > 80<<10 {
				t.Fatalf("%d bytes", n)
			}
			for _, p := range s.out {
				if len(p.packet) > wire.MaxPacket {
					t.Fatalf("sent %d bytes", len(p.packet))
				}
			}
			s.out = nil
		}
		s.c.Close(s.now)
		if len(s.closed) != 1 || len(s.e.streams) != 0 || s.e.Len() != 0 || s.e.oneTime.out != 0 || s.c.beside != nil {
			t.Fatalf("left: %d ids, %d blinded", len(s.e.streams), s.e.oneTime.out)
		}
	})
}

// ours makes one of the calls that an owner may make.
func (s *script) ours(which int) {
	stream := &s.c.main
	if list := s.c.others(); which >= 128 && len(list) > 0 {
		stream = list[which%len(list)]
	}
	switch which % 7 {
	case 0:
		_, _ = s.c.Open(s.now, Binding{Kind: Kind(1 + which%2), Sender: true, Protocol: "x"}, make([]byte, which*8))
	case 1:
		_, _ = stream.Send(s.now, make([]byte, which*10))
	case 2:
		stream.Close(s.now)
	case 3:
		_ = s.c.Roll(s.now)
	case 4:
		_ = stream.Renew(s.now)
	case 5:
		_ = stream.AskOneTime(s.now)
	case 6:
		_, _ = stream.SendMore(s.now, make([]byte, which))
	}
}
