package handshake_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// modelInitiator is an initiator of the model: it can talk to a model or to a
// machine, and can be dishonest, every field of it being the test's.
type modelInitiator struct {
	suite  modelSuite
	size   int
	id     []byte // of the handshake
	expect []byte
	static []byte // private, as e is
	e      []byte
	data   []byte // data id
	list   []byte // of the sealed body
	first  []byte // the packet that a Challenge answers
	run    *model
}

// modelTicket is what both sides know of a ticket.
type modelTicket struct{ id, secret []byte }

func (i *modelInitiator) hello() []byte {
	i.first = modelHelloOf(i.suite, i.size, i.id, i.expect)
	return i.first
}

// exchange is EXCHANGE to the responder with that static key; ticket may be nil.
func (i *modelInitiator) exchange(responder []byte, slot uint32, ticket *modelTicket, payload []byte) []byte {
	p := binary.BigEndian.AppendUint32(firstHead(3, i.suite, i.id), slot)
	static := i.suite.public(i.static)
	if ticket != nil {
		p = append(p, ticket.id...)
		i.run = modelKnown(i.suite, responder, static, ticket.secret)
	} else {
		p = append(p, make([]byte, 16)...)
		i.run = modelKnown(i.suite, responder, nil, nil)
	}
	p = append(p, make([]byte, 37)...)
	p = append(p, i.suite.public(i.e)...)
	i.run.hash("e", p)
	i.run.mix("es", i.suite.dh(i.e, responder))
	if ticket == nil {
		p = append(p, i.run.seal("RUD1 mezzanine", static)...)
	}
	i.run.mix("ss", i.suite.dh(i.static, responder))
	plain := append(slices.Clone(i.data), modelBody(i.list, payload)...)
	plain = append(plain, make([]byte, i.size-len(p)-16-len(plain))...)
	i.first = append(p, i.run.seal("RUD1 exchange", plain)...)
	return i.first
}

// complete is COMPLETE, the answer to a Challenge.
func (i *modelInitiator) complete(challenge []byte) []byte {
	return i.completeWith(challenge, modelBody(i.list, nil))
}

// completeWith seals that body, whatever it is.
func (i *modelInitiator) completeWith(challenge, body []byte) []byte {
	n := i.suite.size()
	k, s, value := challenge[11:11+n], challenge[11+n:11+2*n], challenge[43+2*n:]
	i.run = modelFirst(i.suite, i.first, challenge)
	plain := slices.Concat(i.suite.public(i.static), i.data, body)
	plain = append(plain, make([]byte, len(i.first)-84-n-16-len(plain))...)
	return i.run.complete(i.id, value, i.e, s, k, plain)
}

// opened is what a side of the model learnt.
type opened struct {
	secret []byte
	static []byte // of the initiator
	data   []byte // the peer's data id
	token  []byte
	body   []byte
}

// answered opens RESPONDER COMPLETE; nil if it does not open.
func (i *modelInitiator) answered(p []byte) *opened {
	n := i.suite.size()
	f := p[10 : 10+n]
	i.run.hash("f", p[:10+n])
	i.run.mix("ee", i.suite.dh(i.e, f))
	i.run.mix("se", i.suite.dh(i.static, f))
	plain := i.run.open("RUD1 answer", p[10+n:])
	if plain == nil {
		return nil
	}
	return &opened{secret: i.run.secret(), data: plain[:8], token: plain[8:24], body: plain[24:]}
}

// modelResponder is the other side, with one key of each kind.
type modelResponder struct {
	suite            modelSuite
	static, k, f     []byte // private
	card, mac, reset []byte
	slot, generation uint32
	data             []byte
	payload          []byte // of ResponderComplete
	run              *model
}

// challenge answers a first packet.
func (r *modelResponder) challenge(from netip.AddrPort, first []byte) []byte {
	id := first[19:27]
	value := modelValue(r.slot, r.generation, sha(label("RUD1 hello"), first), r.mac, from, id)
	return modelChallenge(r.suite, id, r.suite.public(r.k), r.suite.public(r.static), r.card, value)
}

// completed opens the Complete to its own Challenge to first and answers; nil if it
// does not open.
func (r *modelResponder) completed(from netip.AddrPort, first, p []byte) ([]byte, *opened) {
	n := r.suite.size()
	e := p[84 : 84+n]
	r.run = modelFirst(r.suite, first, r.challenge(from, first))
	r.run.hash("e", p[:84+n])
	r.run.mix("es", r.suite.dh(r.static, e))
	r.run.mix("ek", r.suite.dh(r.k, e))
	plain := r.run.open("RUD1 complete", p[84+n:])
	if plain == nil {
		return nil, nil
	}
	o := &opened{static: plain[:n], data: plain[n : n+8], body: plain[n+8:]}
	return r.answer(p, e, o), o
}

// exchanged opens an Exchange and answers; nil if it does not open. With a ticket
// the initiator's static key is the ticket's.
func (r *modelResponder) exchanged(p []byte, ticket *modelTicket, initiator []byte) ([]byte, *opened) {
	n := r.suite.size()
	e, rest, o := p[84:84+n], p[84+n:], &opened{static: initiator}
	if ticket != nil {
		r.run = modelKnown(r.suite, r.suite.public(r.static), initiator, ticket.secret)
	} else {
		r.run = modelKnown(r.suite, r.suite.public(r.static), nil, nil)
	}
	r.run.hash("e", p[:84+n])
	r.run.mix("es", r.suite.dh(r.static, e))
	if ticket == nil {
		if o.static = r.run.open("RUD1 mezzanine", rest[:n+16]); o.static == nil {
			return nil, nil
		}
		rest = rest[n+16:]
	}
	r.run.mix("ss", r.suite.dh(r.static, o.static))
	plain := r.run.open("RUD1 exchange", rest)
	if plain == nil {
		return nil, nil
	}
	o.data, o.body = plain[:8], plain[8:]
	return r.answer(p, e, o), o
}

// answer is RESPONDER COMPLETE to the packet that o was in.
func (r *modelResponder) answer(request, e []byte, o *opened) []byte {
	o.token = modelReset(r.reset, o.static, o.data)
	plain := slices.Concat(r.data, o.token, modelBody([]byte{0x10, 0}, r.payload))
	p := r.run.answer(request[19:27], r.f, e, o.static, plain)
	o.secret = r.run.secret()
	return p
}
