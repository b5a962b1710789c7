package federation

import (
	"context"
	"fmt"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
)

// Pager reads one side's rows of an account in the order of their hashes: up to
// RowPage of them after a hash, and whether there are more.
type Pager func(ctx context.Context, after key.Hash) (rows []Row, more bool, err error)

// Reconciler finds what two nodes do not share of one account: the facts that
// we want and those that we give. pages compares all rows; range-based
// reconciliation will stand in its place, so that the cost follows the
// difference (federation.md, /mpp/sync/1).
type Reconciler interface {
	Differ(ctx context.Context, at wall.Time, mine, theirs Pager) (want, give []key.Hash, err error)
}

// pages is the Reconciler that compares all rows.
type pages struct{}

// Differ reads both sides to the end. A fact that the other side replaced by a
// newer one, or that is over, is neither wanted nor given.
func (pages) Differ(ctx context.Context, at wall.Time, mine, theirs Pager) (want, give []key.Hash, err error) {
	ours, err := readAll(ctx, mine)
	if err != nil {
		return nil, nil, fmt.Errorf("reading our rows: %w", err)
	}
	others, err := readAll(ctx, theirs)
	if err != nil {
		return nil, nil, fmt.Errorf("reading a peer's rows: %w", err)
	}
	return missing(at, others, ours), missing(at, ours, others), nil
}

// missing lists what to has not of from.
func missing(at wall.Time, from, to []Row) []key.Hash {
	held := make(map[string]Row, len(to))
	for _, r := range to {
		held[r.Key] = r
	}
	var list []key.Hash
	for _, r := range from {
		if r.Expires != 0 && r.Expires <= at {
			continue
		}
		if h, ok := held[r.Key]; !ok || r.newer(h) {
			list = append(list, r.Hash)
		}
	}
	return list
}

// readAll reads every page. Rows that do not follow in order, and more of them
// than an account can have, are errors: nobody makes us read for ever.
func readAll(ctx context.Context, page Pager) ([]Row, error) {
	var all []Row
	var after key.Hash
	for {
		rows, more, err := page(ctx, after)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if compare(r.Hash, after) <= 0 {
				return nil, fmt.Errorf("rows out of order: %w", errAnswer)
			}
			after = r.Hash
		}
		all = append(all, rows...)
		switch {
		case len(all) > maxRowsAccount:
			return nil, fmt.Errorf("more than %d rows: %w", maxRowsAccount, errAnswer)
		case !more:
			return all, nil
		case len(rows) == 0:
			return nil, fmt.Errorf("an empty page: %w", errAnswer)
		}
	}
}
