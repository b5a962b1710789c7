package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshpresence/node/mpp"
	"meshpresence/transport/rud"
)

// clientMessage is a message with the base that carries its Serial.
type clientMessage interface {
	mpp.Message
	Base() *mpp.FromClient
}

// request sends a message on a link and waits for its answer, at most three
// tries a second apart, each with a serial of its own (mpp.md, Semantics). An
// answer with a code that is no success is a Refusal; no answer ends the
// link. When the node says that this device asks too much at once, it is asked
// again a little later.
func request[A mpp.Message](ctx context.Context, c *Client, l *link, m clientMessage) (answer A, err error) {
	for range retries {
		answer, err = requestOnce[A](ctx, c, l, m)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != mpp.CodeQuota {
			break
		}
		if sleep(ctx, retryAfter); ctx.Err() != nil {
			break
		}
	}
	return answer, err
}

func requestOnce[A mpp.Message](ctx context.Context, c *Client, l *link, m clientMessage) (A, error) {
	var none A
	msg, err := c.ask(ctx, l, m)
	if err != nil {
		return none, err
	}
	if answer, ok := msg.(A); ok {
		return answer, nil
	}
	if _, ok := msg.(*mpp.ErrorInvalidSerial); ok {
		// The node compares serials within one connection: a new one begins anew.
		// No number is raised on a bare word.
		err := fmt.Errorf("asking %s: it has seen a later serial on this connection", l.address)
		l.end(err)
		return none, err
	}
	if base, ok := msg.(interface{ Base() *mpp.FromService }); ok {
		if code := base.Base().Status.Code(); code != 0 && !code.Success() {
			return none, &Refusal{code}
		}
	}
	return none, fmt.Errorf("asking %s: it answered %s to %s", l.address, msg.Tag(), m.Tag())
}

// ask performs the tries. The message is written anew for each.
func (c *Client) ask(ctx context.Context, l *link, m clientMessage) (mpp.Message, error) {
	answer := make(chan mpp.Message, 1)
	var used []int64
	defer func() {
		_ = c.post(context.Background(), func(time.Time) {
			for _, n := range used {
				delete(c.waiting, n)
			}
		})
	}()
	for range retries {
		n, err := c.profile.takeSerial()
		if err != nil {
			return nil, err
		}
		m.Base().Serial = mpp.N(n)
		packet := m.Append(nil)
		used = append(used, n)
		// No room is a try without an answer: the node may be gone.
		if err := c.transmit(ctx, l, n, packet, answer); err != nil && !errors.Is(err, rud.ErrFull) {
			return nil, err
		}
		msg, err := await(ctx, l, answer, c.stop)
		if msg != nil || err != nil {
			return msg, err
		}
		c.noticeRoute(ctx, l)
	}
	err := fmt.Errorf("asking %s: %w", l.address, ErrNoAnswer)
	l.end(err)
	return nil, err
}

// await waits for one try's answer; nil and nil mean that its time is over.
func await(ctx context.Context, l *link, answer <-chan mpp.Message, stop <-chan struct{}) (mpp.Message, error) {
	timer := time.NewTimer(retryAfter)
	defer timer.Stop()
	select {
	case msg := <-answer:
		return msg, nil
	case <-timer.C:
		return nil, nil
	case <-l.done:
		return nil, l.err
	case <-stop:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// transmit puts a message on the wire and notes who waits for its answer.
func (c *Client) transmit(ctx context.Context, l *link, serial int64, packet []byte, answer chan<- mpp.Message) error {
	sent := make(chan error, 1)
	err := c.post(ctx, func(now time.Time) {
		if answer != nil {
			c.waiting[serial] = answer
		}
		_, err := l.conn.Send(now, packet)
		sent <- err
	})
	if err != nil {
		return err
	}
	select {
	case err = <-sent:
	case <-c.stop:
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("sending to %s: %w", l.address, err)
	}
	return nil
}

// call runs f on the link in use, and again on the next one when that falls
// silent, until ctx ends.
func call[T any](ctx context.Context, c *Client, f func(l *link) (T, error)) (T, error) {
	for {
		l, err := c.ready(ctx)
		if err != nil {
			var none T
			return none, err
		}
		answer, err := f(l)
		if err == nil || final(err) || ctx.Err() != nil || !c.over(ctx, l) {
			return answer, err
		}
	}
}

// over reports whether a link ended, after waiting until the keeper let go of it.
func (c *Client) over(ctx context.Context, l *link) bool {
	select {
	case <-l.done:
	default:
		return false
	}
	for {
		c.mu.Lock()
		same, changed := c.link == l, c.changed
		c.mu.Unlock()
		if !same {
			return true
		}
		select {
		case <-changed:
		case <-c.stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
