package access

import (
	"testing"

	"meshpresence/node/mpp"
)

// Whatever is said in a join by who does not know the code, nobody is let in and
// nobody is believed.
func FuzzSteps(f *testing.F) {
	p := newPair(f)
	one := p.joiner.Begin()
	two := p.answered(one)
	three := p.answers(two)
	for _, s := range []mpp.JoinStep{one, two, three, {Step: mpp.N(4), Id: one.Id}, {}} {
		f.Add((&mpp.JoinRequest{JoinStep: s}).Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, err := mpp.Parse(b)
		if err != nil {
			return
		}
		m, ok := msg.(*mpp.JoinRequest)
		if !ok {
			return
		}
		p := newPair(t) // with nonces that the seeds do not know
		if _, err := p.joiner.Answer(&m.JoinStep); err == nil {
			t.Error("the joiner believes it")
		}
		if _, err := p.inviter.Answer(start, &m.JoinStep); err == nil {
			t.Error("it names an Id that it cannot know")
		}
		p.answered(p.joiner.Begin())
		if _, err := p.prove(m.JoinStep); err == nil {
			t.Error("the inviter believes it")
		}
		id := p.code.ID()
		m.Id = id[:]
		if _, err := p.joiner.Answer(&m.JoinStep); err == nil {
			t.Error("under the code's Id the joiner believes it")
		}
		if two, err := p.inviter.Answer(start, &m.JoinStep); err == nil {
			if _, err := p.joiner.Answer(&two); err == nil {
				t.Error("the joiner takes an answer to somebody else's step 1 for its own")
			}
		}
	})
}
