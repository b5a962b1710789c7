package client

import (
	"context"
	"errors"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/mpp"
)

// errLater: some of what was fetched waits for facts; it is asked for again when
// the notification comes again.
var errLater = errors.New("some of it waits for facts")

// fetch asks for the statuses that found no room in a notification, page by page,
// yields what is new here and tells the node what this device holds then. on is
// false when the watcher wants no more.
func (c *Client) fetch(ctx context.Context, sub *subscription, l *link, yield func(Event, error) bool) (on bool, err error) {
	var after []byte
	for range maxPages {
		answer, err := request[*mpp.FetchResponse](ctx, c, l, &mpp.FetchRequest{Statuses: true, After: after})
		if err != nil {
			return true, err
		}
		on, early := c.receive(ctx, sub, notice{link: l, events: answer.Facts}, yield)
		if !on {
			return false, nil
		}
		if early {
			return true, errLater
		}
		page := parseFacts(answer.Facts)
		if err := c.tellHeld(ctx, l, page); err != nil {
			return true, err
		}
		if !answer.More {
			return true, nil
		}
		if len(page) == 0 || len(page) != len(answer.Facts) {
			return true, fmt.Errorf("asking %s for statuses: it has more, and what it showed cannot be read", l.address)
		}
		last := page[len(page)-1].Hash()
		after = last[:]
	}
	return true, fmt.Errorf("asking %s for statuses: there is no end of them", l.address)
}

// tellHeld tells the node that this device holds statuses which came by no
// notification: those it must not offer again.
func (c *Client) tellHeld(ctx context.Context, l *link, facts []*record.Fact) error {
	var list []mpp.Since
	for _, f := range facts {
		e, ok := f.Body.(*record.Event)
		if !ok || e.Tag == nil {
			continue
		}
		publisher := f.Author.Hash()
		list = append(list, mpp.Since{Publisher: hashBytes(publisher), Tag: e.Tag, Serial: f.Serial})
	}
	return c.tellSince(ctx, l, list)
}

func hashBytes(h key.Hash) []byte { return h[:] }
