package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
)

// Errors of codes that callers branch on.
var (
	// ErrCode: a text is no code, or the other side is not who the code is of.
	ErrCode = access.ErrCode
	// ErrCodeOver: an offer's code was used, is too old, or met too many guesses.
	ErrCodeOver = access.ErrCodeOver
	// ErrOtherCode: a code is good, for something else.
	ErrOtherCode = errors.New("this code is for something else")
)

// codeRefusal is a node's no to a code. A node never says why (facts.md, Codes).
type codeRefusal struct{ *Refusal }

// Error is one sentence for whatever is wrong with the code.
func (codeRefusal) Error() string { return "the code does not work here: ask for a new one" }

// Unwrap is the node's answer.
func (r codeRefusal) Unwrap() error { return r.Refusal }

// ParseCode reads a code in either form and returns the address of the node in
// the pasted one, empty for a bare code. Its error is ErrCode.
func ParseCode(s string) (node string, err error) {
	_, at, err := access.ParseJoin(s)
	if err != nil || at == (discovery.Address{}) {
		return "", err
	}
	return at.String(), nil
}

// Paces of a joiner: it repeats its step while nothing comes back, slower while a
// person looks at it, so that an allowance outlasts a code.
const (
	sayAgain  = time.Second
	sayRarely = 5 * time.Second
	// maxGrace is how often a joiner on a new link passes over a no.
	maxGrace = 30
)

// coming is the joiner's part in one join, on one link after another.
type coming struct {
	c     *Client
	kind  access.Joining
	me    *access.Joiner
	steps <-chan word
	three *mpp.JoinStep // once the inviter proved itself
	// others find out what a code is for that does not work: the joiners it might
	// be for, none of which goes past step 2.
	others map[access.Joining]*access.Joiner
	asked  int // step 1s said
	grace  int // refusals to pass over
}

// comeIn performs the joiner's part: it returns who signed and the facts granted,
// after as long as the inviter's person takes.
func (c *Client) comeIn(ctx context.Context, kind access.Joining, code access.Code, name string, keys ...[]byte) (key.Author, []*record.Fact, error) {
	g, forget := c.newcomer(kind, code, name, keys)
	defer forget()
	facts, err := call(ctx, c, func(l *link) ([]*record.Fact, error) { return g.on(ctx, l) })
	return g.me.Signer(), facts, g.explain(ctx, err)
}

// newcomer starts a joiner's part; forget ends it.
func (c *Client) newcomer(kind access.Joining, code access.Code, name string, keys [][]byte) (g *coming, forget func()) {
	g = &coming{c: c, kind: kind, me: access.NewJoiner(kind, code, name, keys...), others: otherJoiners(kind, code, name, keys)}
	g.steps, forget = c.expect(code.ID())
	return g, forget
}

// otherJoiners would join by the same code for other ends.
func otherJoiners(kind access.Joining, code access.Code, name string, keys [][]byte) map[access.Joining]*access.Joiner {
	own, agreement := keys[len(keys)-2], keys[len(keys)-1]
	others := map[access.Joining]*access.Joiner{
		access.JoinDevice:  access.NewJoiner(access.JoinDevice, code, name, own, agreement),
		access.JoinNode:    access.NewJoiner(access.JoinNode, code, name, own, agreement),
		access.JoinAccount: access.NewJoiner(access.JoinAccount, code, name, own, own, agreement),
	}
	delete(others, kind)
	return others
}

// explain tells people what the wire's answers mean for their code.
func (g *coming) explain(ctx context.Context, err error) error {
	var refusal *Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal) && refusal.Code == mpp.CodeRefused:
		return codeRefusal{refusal}
	case ctx.Err() != nil && g.asked > 0 && g.three == nil:
		return fmt.Errorf("the code's owner did not answer: is what shows the code still running? %w", ErrNoAnswer)
	case ctx.Err() != nil && g.three != nil:
		return fmt.Errorf("nobody said yes on the other side: %w", ErrNoAnswer)
	}
	return err
}

// on performs the joiner's part on one link, from where it stands.
func (g *coming) on(ctx context.Context, l *link) ([]*record.Fact, error) {
	pause := sayAgain
	if g.asked > 0 {
		// A node that was lost may have lost the code: its owner, who lost the
		// node too, enters it again.
		g.grace = maxGrace
	}
	for {
		facts, heard, err := g.round(ctx, l, pause)
		var told codeRefusal
		switch {
		case errors.As(err, &told):
			return nil, err
		case g.grace > 0 && isCode(err, mpp.CodeRefused):
			g.grace--
			if _, _, err := g.listen(ctx, l, sayAgain, g.hear); err != nil {
				return nil, err
			}
			continue
		case errors.Is(err, access.ErrMAC), g.three == nil && isCode(err, mpp.CodeRefused):
			return nil, g.unmask(ctx, l, err)
		case facts != nil || err != nil:
			return facts, err
		}
		if pause = min(2*pause, sayRarely); heard {
			pause = sayAgain
		}
	}
}

// round says the step that is due and waits for what comes back; heard says that
// the next one is due.
func (g *coming) round(ctx context.Context, l *link, pause time.Duration) (facts []*record.Fact, heard bool, err error) {
	if err := g.speak(ctx, l); err != nil && !isCode(err, mpp.CodeQuota) {
		return nil, false, err
	}
	return g.listen(ctx, l, pause, g.hear)
}

func (g *coming) speak(ctx context.Context, l *link) error {
	if g.three != nil {
		return g.c.say(ctx, l, *g.three)
	}
	g.asked++
	err := g.c.say(ctx, l, g.me.Begin())
	if err == nil && far(g.c.clockSkew()) {
		// Let in, it would sign what nodes ignore, or could not attach.
		return fmt.Errorf("%w (the node's is %s)", ErrClock, ahead(g.c.clockSkew()))
	}
	if err == nil && g.kind == access.JoinAccount && g.asked > 2 {
		// A node answers to its own code at once. The owner of another code is
		// silent to keys that are not of its kind.
		_, err = g.askOthers(ctx, l)
	}
	return err
}

// askOthers says the first step of the other kinds; passed says that the node
// passed one on. Only silence is an error.
func (g *coming) askOthers(ctx context.Context, l *link) (passed bool, err error) {
	for _, j := range g.others {
		var refusal *Refusal
		if err := g.c.say(ctx, l, j.Begin()); err == nil {
			passed = true
		} else if !errors.As(err, &refusal) {
			return passed, err
		}
	}
	return passed, nil
}

// unmask finds out what a code is for that does not work for this: else why says
// what went wrong. The joiner's own part is over then, because its inviter
// answers the newest step 1 only.
func (g *coming) unmask(ctx context.Context, l *link, why error) error {
	if passed, err := g.askOthers(ctx, l); !passed || err != nil {
		return why
	}
	_, _, err := g.listen(ctx, l, sayRarely, func(w *word) ([]*record.Fact, bool, error) {
		return nil, false, g.otherwise(w)
	})
	if errors.Is(err, ErrOtherCode) {
		return err
	}
	return why
}

// listen waits for a step that means something to hear.
func (g *coming) listen(ctx context.Context, l *link, pause time.Duration, hear func(w *word) ([]*record.Fact, bool, error)) (facts []*record.Fact, heard bool, err error) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case w := <-g.steps:
			if facts, heard, err = hear(&w); facts != nil || heard || err != nil {
				return facts, heard, err
			}
		case <-timer.C:
			return nil, false, nil
		case <-l.done:
			return nil, false, l.err
		case <-g.c.stop:
			return nil, false, ErrClosed
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// hear takes one step. What the wire repeats or makes up changes nothing.
func (g *coming) hear(w *word) (facts []*record.Fact, heard bool, err error) {
	switch {
	case w.Step.Value == 4 && w.code == mpp.CodeRefused:
		return nil, false, codeRefusal{&Refusal{w.code}} // withdrawn, or its person said no
	case w.Step.Value == 4 && !w.code.Success():
		return nil, false, &Refusal{w.code}
	case w.Step.Value == 4 && g.three != nil:
		return parseFacts(w.Facts), true, nil
	case w.Step.Value != 2 || g.three != nil:
		return nil, false, nil
	}
	three, err := g.me.Answer(&w.JoinStep)
	switch {
	case err == nil:
		g.three = &three
		return nil, true, nil
	case errors.Is(err, access.ErrStep):
		return nil, false, nil
	}
	return nil, false, cmp.Or(g.otherwise(w), err)
}

// otherwise says what else a code is for, when a step 2 proves it.
func (g *coming) otherwise(w *word) error {
	for kind, j := range g.others {
		if _, err := j.Answer(&w.JoinStep); err == nil {
			return otherCode(kind)
		}
	}
	return nil
}

// otherCode says what a code is for.
func otherCode(kind access.Joining) error {
	use := map[access.Joining]string{
		access.JoinDevice:  "it lets a device into an account: use presence device join",
		access.JoinNode:    "it lets a node into a realm: use presenced --join",
		access.JoinAccount: "it lets an account in at a node: use presence account create --code, or presence account home add --code",
	}
	return fmt.Errorf("%w: %s", ErrOtherCode, use[kind])
}
