package main

import (
	"context"
	"fmt"
	"io"

	"meshpresence/node"
)

// join makes this node a member of the realm whose code was given. Meanwhile it
// says what the person on the other side has to compare: on out, or on errs when
// out is for one JSON object. It returns nil when ctx ended it.
func (o *options) join(ctx context.Context, cfg node.Config, out, errs io.Writer) error {
	fingerprint, err := node.Fingerprint(cfg)
	if err != nil {
		return wrapStart(err)
	}
	if o.JSON {
		out = errs
	}
	if _, err := fmt.Fprintf(out, `Joining a realm. The other side shows a fingerprint; it must be this node's:
  %s
Waiting for its yes. Ctrl-C stops, and then the code may be tried again.
`, fingerprint); err != nil {
		return fmt.Errorf("saying what to compare: %w", err)
	}
	if err := node.JoinRealm(ctx, cfg, o.Join); err != nil && ctx.Err() == nil {
		return wrapStart(err)
	}
	return nil
}
