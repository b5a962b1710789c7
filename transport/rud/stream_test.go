package rud

import (
	"bytes"
	"testing"
	"time"

	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// A stream that the peer opens: its first datagram, requests and answers, and the
// end. "If the request is accepted, it is treated as if it is the first datagram in
// the newly created stream" (RUD 5.1).
func TestPeerOpensAStream(t *testing.T) {
	s := newScript(t, false)
	k := s.peerOpens(1, wire.TagStreamClient, "first request", wire.Extension{Tag: "PkixX509", Value: []byte("certificate")})
	if len(s.accepted) != 1 || s.firsts[0] != "first request" || len(s.messages) != 0 {
		t.Fatalf("accepted %d, first %q", len(s.accepted), s.firsts)
	}
	stream := s.accepted[0]
	b := stream.Binding()
	if b.Kind != Transactional || b.Protocol != "notary" || len(b.Credentials) != 1 || b.Credentials[0].Tag != "PkixX509" || string(b.Credentials[0].Value) != "certificate" {
		t.Errorf("binding %+v", b)
	}
	if stream.Conn() != s.c || stream.Opener() {
		t.Error("of another connection")
	}
	if _, err := stream.SendMore(s.now, []byte("answer, ")); err != nil {
		t.Error(err)
	}
	if _, err := stream.Send(s.now, []byte("its end")); err != nil {
		t.Error(err)
	}
	for i, want := range []string{"answer, ", "its end"} {
		k.inside(func() {
			if g := s.wantFrame(i, 0); string(g.Payload) != want || g.Final() != (i == 1) || g.Number != uint32(i+1) {
				t.Errorf("got %q %+v", g.Payload, g.Header)
			}
		})
	}
	k.say("second", true)
	if len(s.messages) != 1 || s.messages[0].Stream != stream || string(s.messages[0].Payload) != "second" {
		t.Errorf("messages %v", s.messages)
	}
	if _, err := stream.Send(s.now, []byte("answer 2")); err != nil {
		t.Error(err)
	}
	s.out = nil
	s.tell("", entry(wire.TagCloseStream, k.opener[:], k.answer[:]))
	if len(s.ended) != 1 || s.ended[0] != stream {
		t.Error("not told of the end")
	}
	// "ids of closed streams are retired and silent"
	unknown := s.e.Stats().Unknown
	k.say("late", true)
	if s.e.Stats().Unknown != unknown+1 || len(s.messages) != 1 {
		t.Error("a closed stream answers")
	}
	if _, err := stream.Send(s.now, []byte("late")); err != ErrClosed {
		t.Errorf("Send: %v", err)
	}
	stream.Close(s.now)
	s.wantOpen()
}

// A stream that we open: what is sent meanwhile leaves when it is accepted.
func TestWeOpenAStream(t *testing.T) {
	for _, initiator := range []bool{true, false} {
		s := newScript(t, initiator)
		stream, err := s.c.Open(s.now, Binding{Kind: Asynchronous, Sender: true, Protocol: "log"}, []byte("line 1"))
		if err != nil {
			t.Fatal(err)
		}
		g := s.next()
		id, _ := g.Extensions.Get(wire.TagStreamNew)
		name, _ := g.Extensions.Get(wire.TagStreamSender)
		if len(id) != 8 || string(name) != "log" || string(g.Payload) != "line 1" {
			t.Fatalf("opens with %x %q %q", id, name, g.Payload)
		}
		if _, err := stream.Send(s.now, []byte("line 2")); err != nil {
			t.Fatal(err)
		}
		s.wantIdle()
		k := &child{script: s, opener: wire.ID(id), answer: wire.ID{0xbb}}
		s.tell("", entry(wire.TagStreamNew, k.opener[:], k.answer[:]))
		k.seal, k.open = s.keysOf(handshake.StreamSecret(s.c.secret, k.opener, k.answer), k.opener, k.answer)
		k.inside(func() { s.wantFrame(0, 0) })
		if len(s.answers) != 1 || s.answers[0] != stream || !stream.Opener() {
			t.Error("not told that it opened")
		}
		stream.Close(s.now)
		if v := s.wantList(wire.TagCloseStream); !bytes.Equal(v, append(k.opener[:], k.answer[:]...)) {
			t.Errorf("closes %x", v)
		}
		if len(s.ended) != 1 {
			t.Error("not told of the end")
		}
		s.settle()
		if s.c.beside != nil || s.e.conns != 1 || len(s.e.streams) != 1 {
			t.Errorf("left over: %+v, %d ids", s.c.beside, len(s.e.streams))
		}
	}
}

// Refused: by the Handler, by one that takes no part, for two bindings ("the
// recipient MUST reject the request"), for the fourth stream.
func TestStreamsAreRefused(t *testing.T) {
	id := wire.ID{0xcc}
	open := []wire.Extension{entry(wire.TagStreamNew, id[:]), entry(wire.TagStreamClient, []byte("x"))}
	for what, list := range map[string][]wire.Extension{
		"the Handler":  open,
		"no Handler":   open,
		"two bindings": append(open[:2:2], entry(wire.TagStreamSender, []byte("y"))),
		"no protocol":  {open[0], entry(wire.TagStreamClient)},
		"no UTF-8":     {open[0], entry(wire.TagStreamClient, []byte{0xff})},
	} {
		s := newScript(t, false)
		s.deny = what == "the Handler"
		if what == "no Handler" {
			s.e.cfg.Handler = &mute{}
		}
		s.tell("first", list...)
		if v := s.wantList(wire.TagRefuse); !bytes.Equal(v, id[:]) {
			t.Errorf("%s: refuses %x", what, v)
		}
		if len(s.accepted) != 0 || len(s.e.streams) != 1 || len(s.c.others()) != 0 {
			t.Errorf("%s: a stream is left", what)
		}
	}
	s := newScript(t, true)
	stream, err := s.c.Open(s.now, Binding{Kind: Transactional, Protocol: "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mine := s.wantList(wire.TagStreamNew)
	s.tell("", entry(wire.TagRefuse, mine))
	s.tell("", entry(wire.TagRefuse, mine)) // and once more: ignored
	if len(s.ended) != 1 || s.ended[0] != stream || len(s.e.streams) != 1 {
		t.Error("the refused stream is left")
	}
	if _, err := stream.Send(s.now, []byte("x")); err != ErrClosed {
		t.Errorf("Send: %v", err)
	}
	s.wantOpen()
}

// Frames overtake each other: CloseStream before the answer, the answer after our
// Close, the refusal after it.
func TestStreamFramesOvertake(t *testing.T) {
	other := wire.ID{0xbb}
	s := newScript(t, true)
	open := func() (*Stream, []byte) {
		stream, err := s.c.Open(s.now, Binding{Kind: Transactional, Protocol: "x"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return stream, s.wantList(wire.TagStreamNew)
	}
	_, id := open()
	s.tell("", entry(wire.TagCloseStream, id, other[:]))
	s.tell("", entry(wire.TagStreamNew, id, other[:]))
	if len(s.ended) != 1 || len(s.answers) != 0 {
		t.Error("closed before the answer")
	}
	stream, id := open()
	stream.Close(s.now)
	stream.Close(s.now)
	if len(s.ended) != 2 {
		t.Error("Close of an opening stream is not told")
	}
	s.out = nil
	s.tell("", entry(wire.TagStreamNew, id, other[:]))
	if v := s.wantList(wire.TagCloseStream); !bytes.Equal(v, append(id, other[:]...)) {
		t.Errorf("closes %x", v)
	}
	stream, id = open()
	stream.Close(s.now)
	s.out = nil
	s.tell("", entry(wire.TagRefuse, id))
	if len(s.ended) != 3 || len(s.c.others()) != 0 {
		t.Errorf("told of %d ends", len(s.ended))
	}
	s.wantOpen()
}

// What Open refuses changes nothing.
func TestOpenChecks(t *testing.T) {
	s := newScript(t, false)
	for what, try := range map[string]struct {
		b     Binding
		first int
		err   error
	}{
		"no kind":      {Binding{Protocol: "x"}, 0, ErrBinding},
		"kind 3":       {Binding{Kind: 3, Protocol: "x"}, 0, ErrBinding},
		"no protocol":  {Binding{Kind: Transactional}, 0, ErrBinding},
		"no UTF-8":     {Binding{Kind: Transactional, Protocol: "\xff"}, 0, ErrBinding},
		"own tag":      {Binding{Kind: Transactional, Protocol: "x", Credentials: []wire.Extension{{Tag: wire.TagRoll}}}, 0, ErrBinding},
		"tag twice":    {Binding{Kind: Transactional, Protocol: "x", Credentials: []wire.Extension{{Tag: "a"}, {Tag: "a"}}}, 0, ErrBinding},
		"credentials":  {Binding{Kind: Transactional, Protocol: "x", Credentials: []wire.Extension{{Tag: "a", Value: make([]byte, 480)}}}, 0, ErrBinding},
		"first of two": {Binding{Kind: Asynchronous, Protocol: "x"}, 1, ErrDirection},
		"too large":    {Binding{Kind: Transactional, Protocol: "x"}, 8000, ErrTooLarge},
	} {
		if _, err := s.c.Open(s.now, try.b, make([]byte, try.first)); err != try.err {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range maxBeside {
		if _, err := s.c.Open(s.now, Binding{Kind: Transactional, Protocol: "x"}, nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.c.Open(s.now, Binding{Kind: Transactional, Protocol: "x"}, nil); err != ErrStreams {
		t.Errorf("a fourth stream: %v", err)
	}
	s.c.Close(s.now)
	if len(s.ended) != maxBeside || len(s.e.streams) != 0 {
		t.Errorf("%d of the streams ended with the connection, %d ids", len(s.ended), len(s.e.streams))
	}
	if _, err := s.c.Open(s.now, Binding{Kind: Transactional, Protocol: "x"}, nil); err != ErrClosed {
		t.Errorf("closed: %v", err)
	}
}

// Direction and turns when sending: an error, and nothing changed.
func TestDirectionWhenSending(t *testing.T) {
	s := newScript(t, true)
	send := func(stream *Stream, want error) {
		t.Helper()
		if _, err := stream.Send(s.now, []byte("x")); err != want {
			t.Errorf("Send: %v, want %v", err, want)
		}
		if _, err := stream.SendMore(s.now, []byte("x")); err != want {
			t.Errorf("SendMore: %v, want %v", err, want)
		}
	}
	in, _ := s.weOpen(1, Binding{Kind: Asynchronous, Protocol: "x"}, "")
	send(in, ErrDirection)
	out, _ := s.weOpen(2, Binding{Kind: Asynchronous, Sender: true, Protocol: "x"}, "")
	send(out, nil)
	if _, err := out.Send(s.now, nil); err != ErrEmpty {
		t.Errorf("empty: %v", err)
	}
	in.Close(s.now)
	out.Close(s.now)
	s.settle()

	k := s.peerOpens(3, wire.TagStreamReceiver, "")
	send(s.accepted[0], nil)
	s.out = nil
	s.tell("", entry(wire.TagCloseStream, k.opener[:], k.answer[:]))
	k = s.peerOpens(4, wire.TagStreamClient, "")
	answers := s.accepted[1]
	send(answers, ErrDirection) // nothing was asked
	k.say("half a request", false)
	send(answers, ErrDirection)
	k.say("the rest", true)
	if _, err := answers.SendMore(s.now, []byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := answers.Send(s.now, []byte("x")); err != nil {
		t.Error(err)
	}
	send(answers, ErrDirection)
}

// Direction and turns when receiving: "breach closes the connection, in silence".
func TestDirectionWhenReceiving(t *testing.T) {
	for what, do := range map[string]func(s *script){
		"data from a receiver": func(s *script) {
			_, k := s.weOpen(1, Binding{Kind: Asynchronous, Sender: true, Protocol: "x"}, "")
			k.say("x", true)
		},
		"data from who opened to receive": func(s *script) { s.peerOpens(1, wire.TagStreamReceiver, "").say("x", true) },
		"a first datagram of a receiver": func(s *script) {
			s.tell("x", entry(wire.TagStreamNew, []byte("12345678")), entry(wire.TagStreamReceiver, []byte("x")))
		},
		"an answer to nothing": func(s *script) {
			_, k := s.weOpen(1, Binding{Kind: Transactional, Protocol: "x"}, "")
			k.say("x", true)
		},
		"a half answer to nothing": func(s *script) {
			_, k := s.weOpen(1, Binding{Kind: Transactional, Protocol: "x"}, "")
			k.say("x", false)
		},
		"two answers": func(s *script) {
			_, k := s.weOpen(1, Binding{Kind: Transactional, Protocol: "x"}, "request")
			k.say("1", true)
			s.wantOpen()
			k.say("2", true)
		},
		"more after the answer": func(s *script) {
			_, k := s.weOpen(1, Binding{Kind: Transactional, Protocol: "x"}, "request")
			k.say("1", true)
			k.say("2", false)
		},
		"two streams under one id": func(s *script) {
			k := s.peerOpens(1, wire.TagStreamClient, "")
			s.tell("", entry(wire.TagStreamNew, k.opener[:]), entry(wire.TagStreamClient, []byte("x")))
		},
		"StreamNew in another stream": func(s *script) {
			s.peerOpens(1, wire.TagStreamClient, "").inside(func() {
				s.tell("", entry(wire.TagStreamNew, []byte("12345678")), entry(wire.TagStreamClient, []byte("x")))
			})
		},
		"two nouns":          func(s *script) { s.tell("", entry(wire.TagRoll), entry(wire.TagRefuse, []byte("12345678"))) },
		"a zero id":          func(s *script) { s.tell("", entry(wire.TagRefuse, make([]byte, 8))) },
		"an id of 7 bytes":   func(s *script) { s.tell("", entry(wire.TagStreamNew, []byte("1234567"))) },
		"a close of 8 bytes": func(s *script) { s.tell("", entry(wire.TagCloseStream, []byte("12345678"))) },
		"17 bytes of ids":    func(s *script) { s.tell("", entry(wire.TagOneTimeStreamID, make([]byte, 17))) },
		"ids not asked for":  func(s *script) { s.tell("", entry(wire.TagOneTimeStreamID, make([]byte, 16))) },
		"a token not owed":   func(s *script) { s.tell("", entry(wire.TagReset, make([]byte, 16))) },
	} {
		s := newScript(t, true)
		do(s)
		s.out = nil
		if len(s.closed) != 1 || s.closed[0] != ReasonBreach || s.e.Len() != 0 || len(s.e.streams) != 0 {
			t.Errorf("%s: closed %v", what, s.closed)
		}
		if len(s.ended) != len(s.accepted)+len(s.answers) {
			t.Errorf("%s: %d of the streams ended", what, len(s.ended))
		}
		s.pass(time.Minute)
		s.wantIdle()
	}
}

// An answer of several frames that overtake each other is no breach.
func TestAnswerOutOfOrder(t *testing.T) {
	s := newScript(t, true)
	_, k := s.weOpen(1, Binding{Kind: Transactional, Protocol: "x"}, "request")
	k.inside(func() {
		s.write(wire.Header{Frame: 2, Flags: wire.FlagFinal}, []byte("3"))
		s.write(wire.Header{Frame: 0}, []byte("1"))
		s.write(wire.Header{Frame: 1}, []byte("2"))
	})
	s.wantOpen()
	s.wantMessages(3)
}

// Accept may end what it is asked about, as any call of a Handler.
func TestAcceptEndsTheConnection(t *testing.T) {
	for what, end := range map[string]func(s *Stream, now time.Time){
		"connection": func(s *Stream, now time.Time) { s.Conn().Close(now) },
		"stream":     func(s *Stream, now time.Time) { s.Close(now) },
	} {
		for _, answer := range []bool{true, false} {
			s := newScript(t, false)
			s.onAccept = func(st *Stream) { end(st, s.now); s.deny = true }
			s.e.cfg.Handler = denying{s, answer}
			s.tell("", entry(wire.TagStreamNew, []byte("abcdefgh")), entry(wire.TagStreamClient, []byte("notary")))
			if len(s.ended) != 1 {
				t.Errorf("%s, %v: told %d times of the end", what, answer, len(s.ended))
			}
			if n := len(s.c.others()); n != 0 {
				t.Errorf("%s, %v: %d streams left", what, answer, n)
			}
		}
	}
}

// denying is a script whose Accept answers so whatever happened inside.
type denying struct {
	*script
	answer bool
}

func (d denying) Accept(now time.Time, c *Conn, s *Stream, first []byte) bool {
	d.script.Accept(now, c, s, first)
	return d.answer
}
