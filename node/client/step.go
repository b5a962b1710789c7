package client

import (
	"context"
	"errors"

	"meshpresence/node/mpp"
)

// maxSteps bounds the relayed steps that wait for one join: a node that floods a
// join drops that join's own steps, and what matters is sent again.
const maxSteps = 16

// word is a step that a node brought, with what the node says of it.
type word struct {
	mpp.JoinStep
	code mpp.Code
}

// joinID names a code on the wire; the zero one is no code's.
type joinID [mpp.JoinSize]byte

// expect returns where the steps of a join arrive, until forget is called.
func (c *Client) expect(id joinID) (steps <-chan word, forget func()) {
	ch := make(chan word, maxSteps)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joins[id] = ch
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.joins[id] == ch {
			delete(c.joins, id)
		}
	}
}

// joined hands a relayed step to who waits for it. It runs in the loop and never
// waits.
func (c *Client) joined(m *mpp.Join) {
	var id joinID
	copy(id[:], m.Id)
	c.mu.Lock()
	steps := c.joins[id]
	c.mu.Unlock()
	select {
	case steps <- word{m.JoinStep, m.Code()}:
	default: // nobody waits, or too many do
	}
}

// say sends a step; nil means that the node passed it on.
func (c *Client) say(ctx context.Context, l *link, s mpp.JoinStep) error {
	answer, err := request[*mpp.JoinResponse](ctx, c, l, &mpp.JoinRequest{JoinStep: s})
	if err != nil {
		return err
	}
	if code := answer.Code(); !code.Success() {
		return &Refusal{code}
	}
	return nil
}

// isCode reports whether an error is a node's answer with this code.
func isCode(err error, code mpp.Code) bool {
	var refusal *Refusal
	return errors.As(err, &refusal) && refusal.Code == code
}
