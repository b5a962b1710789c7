package handshake_test

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// suiteVectors are the cases of every suite and mode. They came from the model, and
// are frozen: the model and the machines must both make them again.
func suiteVectors(t testing.TB) []vector { return loadFile(t, "testdata/suites.json") }

// ticket is the case's, as the model has it, nil for none.
func (v *vector) ticket() *modelTicket {
	if len(v.Inputs.TicketID) == 0 {
		return nil
	}
	return &modelTicket{v.Inputs.TicketID, v.Inputs.TicketSecret}
}

// compute has two models make the case from what was chosen.
func (v *vector) compute(t testing.TB) *vector {
	t.Helper()
	c, in, suite := *v, &v.Inputs, v.suite()
	list := modelList(v.extensions())
	i := &modelInitiator{suite: suite, size: v.Size, id: in.HandshakeID, static: in.StaticI, e: in.E, data: in.DataI, list: list}
	r := &modelResponder{
		suite: suite, static: in.StaticR, k: in.K, f: in.F, card: in.Card, mac: in.MACKey, reset: in.Reset,
		slot: v.Slot, generation: v.Generation, data: in.DataR, payload: v.Reply,
	}
	c.Public = &publics{E: suite.public(in.E), StaticI: suite.public(in.StaticI), F: suite.public(in.F), StaticR: suite.public(in.StaticR)}
	var o *opened
	switch v.Mode {
	case "first contact", "deferred":
		var first []byte
		if v.Mode == "deferred" {
			i.e, i.data = in.ExchangeE, in.ExchangeDataI
			first = i.exchange(suite.public(in.StaticR), v.Time, v.ticket(), v.Question)
			c.Exchange, c.Deferred, c.Public.ExchangeE = first, stepVectors(i.run.steps), suite.public(in.ExchangeE)
			i.e, i.data = in.E, in.DataI
		} else {
			bits := static(t, in.StaticR).Public().Expect()
			c.Expect = modelExpect(bits[:])
			i.expect = c.Expect
			first = i.hello()
			c.Hello = first
		}
		c.Public.K = suite.public(in.K)
		c.Challenge = r.challenge(v.Source, first)
		c.Value = c.Challenge[len(c.Challenge)-57:]
		c.Complete = i.complete(c.Challenge)
		c.Answer, o = r.completed(v.Source, first, c.Complete)
	default:
		c.Exchange = i.exchange(suite.public(in.StaticR), v.Time, v.ticket(), v.Question)
		c.Answer, o = r.exchanged(c.Exchange, v.ticket(), suite.public(in.StaticI))
	}
	ours := i.answered(c.Answer)
	if o == nil || ours == nil {
		t.Fatalf("%s: the models do not understand each other", v.Name)
	}
	same(t, "secret", ours.secret, o.secret)
	c.UDF = static(t, in.StaticR).Public().UDF()
	c.Schedule = stepVectors(r.run.steps)
	c.Token, c.Secret = o.token, o.secret
	c.derive()
	return &c
}

func stepVectors(steps []modelStep) (all []stepVector) {
	for _, s := range steps {
		all = append(all, stepVector{s.Name, s.H, s.CK})
	}
	return all
}

func streamKeys(secret []byte, dir string, id []byte) streamVector {
	header, packet := modelKeys(secret, dir, id)
	return streamVector{id, header, packet}
}

// derive fills in what follows from the secret.
func (c *vector) derive() {
	in, suite := &c.Inputs, c.suite()
	c.I2R, c.R2I = streamKeys(c.Secret, "i2r", in.DataR), streamKeys(c.Secret, "r2i", in.DataI)
	for n := range c.Data {
		d := &c.Data[n]
		s := &c.I2R
		if d.Direction == "r2i" {
			s = &c.R2I
		}
		d.Number = binary.BigEndian.Uint32(d.Header)
		d.Nonce = append(make([]byte, 8), d.Header[:4]...)
		d.AAD = slices.Concat(s.ID, d.Header)
		d.Packet = modelData(suite, s.HeaderKey, s.PacketKey, s.ID, d.Header, d.Number, d.Plaintext)
	}
	roll := &rollVector{Initiator: suite.public(in.RollI), Responder: suite.public(in.RollR)}
	roll.Agreement = suite.dh(in.RollI, roll.Responder)
	roll.Secret = modelRoll(c.Secret, roll.Agreement, roll.Initiator, roll.Responder)
	roll.I2R, roll.R2I = streamKeys(roll.Secret, "i2r", in.DataR), streamKeys(roll.Secret, "r2i", in.DataI)
	c.Roll = roll
}

// The model makes every case again, each intermediate value of it.
func TestModelMakesSuiteVectors(t *testing.T) {
	modes := map[string]int{}
	for _, v := range suiteVectors(t) {
		modes[v.Mode]++
		if got := v.compute(t); !reflect.DeepEqual(*got, v) {
			t.Errorf("%s:\n got %+v\nwant %+v", v.Name, *got, v)
		}
	}
	for _, mode := range []string{"first contact", "immediate", "deferred", "ticketed"} {
		if modes[mode] != len(modelSuites) {
			t.Errorf("%d cases of %s", modes[mode], mode)
		}
	}
}

// machines are the case's two, the responder with a wall clock and a wallet.
func (v *vector) machines(t testing.TB, boot, now time.Time) (*handshake.Initiator, *handshake.Responder) {
	t.Helper()
	in := &v.Inputs
	wallNow := time.Unix(int64(v.Time)*10+3, 0).Add(boot.Sub(now)) // at the responder's start
	wallClock := func() time.Time { return wallNow }
	mine, theirs := static(t, in.StaticI), static(t, in.StaticR)
	var ticket *handshake.Ticket
	tickets := wallet{}
	if len(in.TicketID) > 0 {
		ticket = &handshake.Ticket{
			ID: [16]byte(in.TicketID), Secret: key.Secret(in.TicketSecret), Initiator: mine.Public().Plain(), Responder: theirs.Public().Plain(),
			Expires: wall.Time(int64(v.Time)*10 + 30), Redeemer: handshake.ResponderRole,
		}
		tickets[ticket.ID] = ticket
	}
	r := v.responderWith(t, boot, nil, func(c *handshake.ResponderConfig) {
		c.Wall, c.Tickets = wallClock, tickets
		c.Busy = func() bool { return v.Mode == "deferred" }
		c.Answer = func(netip.AddrPort, key.Agreement, []byte, int) []byte { return v.Reply }
		if v.Mode == "immediate" || v.Mode == "ticketed" {
			c.Rand = script(v.draws("slot generation memory f data")...)
		}
	})
	wallNow = wallNow.Add(now.Sub(boot))
	i := v.initiatorWith(t, now, func(c *handshake.InitiatorConfig) {
		c.Wall, c.Size, c.Payload = wallClock, v.Size, v.Question
		c.Pin = handshake.Pin{Key: theirs.Public()}
		switch v.Mode {
		case "immediate":
			c.Mode = handshake.Immediate
		case "deferred":
			c.Mode = handshake.Immediate
			c.Rand = script(seed, in.HandshakeID, in.ExchangeE, in.ExchangeDataI, in.E, in.DataI)
		case "ticketed":
			c.Mode, c.Ticket = handshake.Ticketed, ticket
		}
	})
	return i, r
}

// Both machines make every packet, secret, token and key of the cases.
func TestMachinesMakeSuiteVectors(t *testing.T) {
	for _, v := range suiteVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			boot := time.Now()
			now := boot
			if v.Mode != "first contact" {
				now = boot.Add(settled) // 13 slots
			}
			i, r := v.machines(t, boot, now)
			p := i.Next(now)
			same(t, "first packet", p, slices.Concat(v.Hello, v.Exchange))
			answer, theirs, o := r.Receive(now, v.Source, p, nil)
			if o == handshake.Challenged {
				same(t, "Challenge", answer, v.Challenge)
				_, o = i.Receive(now, answer)
				want(t, o, handshake.Accepted)
				p = i.Next(now)
				same(t, "Complete", p, v.Complete)
				answer, theirs, o = r.Receive(now, v.Source, p, nil)
			}
			want(t, o, handshake.Completed)
			same(t, "ResponderComplete", answer, v.Answer)
			ours, o := i.Receive(now, answer)
			want(t, o, handshake.Completed)
			for _, res := range []*handshake.Result{ours, theirs} {
				same(t, "secret", res.Secret[:], v.Secret)
				same(t, "token", res.Reset[:], v.Token)
			}
			if ours.Mode.String() != v.Mode {
				t.Errorf("mode %v, want %s", ours.Mode, v.Mode)
			}
			same(t, "answer", ours.Payload, v.Reply)
			checkKeys(t, ours.SendKeys, &v.I2R)
			checkKeys(t, theirs.ReceiveKeys, &v.I2R)
			checkKeys(t, ours.ReceiveKeys, &v.R2I)
			checkKeys(t, theirs.SendKeys, &v.R2I)
			v.checkData(t, ours)

			shared, err := static(t, v.Inputs.RollR).Agree(v.Roll.Initiator)
			if err != nil {
				t.Fatal(err)
			}
			rolled := handshake.Roll(ours.Secret, shared, v.Roll.Initiator, v.Roll.Responder)
			same(t, "secret after the Roll", rolled[:], v.Roll.Secret)
			checkKeys(t, func() (h, p key.Secret) { return handshake.Keys(rolled, handshake.I2R, ours.PeerID) }, &v.Roll.I2R)
			checkKeys(t, func() (h, p key.Secret) { return handshake.Keys(rolled, handshake.R2I, ours.MyID) }, &v.Roll.R2I)
		})
	}
}

// checkData seals the case's data packets with the machines' AEAD.
func (v *vector) checkData(t *testing.T, ours *handshake.Result) {
	t.Helper()
	for _, d := range v.Data {
		id, keys := ours.PeerID, ours.SendKeys
		if d.Direction == "r2i" {
			id, keys = ours.MyID, ours.ReceiveKeys
		}
		_, k := keys()
		aead, err := handshake.NewAEAD(wire.Suite(v.suite()), &k)
		if err != nil {
			t.Fatal(err)
		}
		nonce := wire.Nonce(d.Number)
		same(t, d.What, aead.Seal(nil, nonce[:], d.Plaintext, slices.Concat(id[:], d.Header)), d.Packet[24:])
	}
}
