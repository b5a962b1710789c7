package store

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/ipfs/go-datastore/query"
	"go.etcd.io/bbolt"
)

// pageEntries is how many entries a query copies at a time. OURS: a
// transaction held open for the length of a query would keep every page that
// is replaced meanwhile, and a slow reader would make the file grow.
const pageEntries = 256

// Query walks the keys under the prefix in their order, a page at a time: it
// shows each entry as it is when its page is read, so writes during a query
// may or may not be seen, and it holds no lock between two results.
func (d *Datastore) Query(ctx context.Context, q query.Query) (query.Results, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &walk{ctx: ctx, d: d, prefix: queryPrefix(q.Prefix), keysOnly: q.KeysOnly && len(q.Filters) == 0 && len(q.Orders) == 0}
	w.from = []byte(w.prefix)
	rest := q
	rest.Prefix = ""
	results := query.ResultsFromIterator(rest, query.Iterator{Next: w.next})
	return query.ResultsReplaceQuery(query.NaiveQueryApply(rest, results), q), nil
}

// queryPrefix gives the bytes that every wanted key starts with: a query for
// /bar finds /bar/baz and neither /bar nor /barbaz.
func queryPrefix(p string) string {
	if p = path.Clean("/" + p); p == "/" {
		return p
	}
	return p + "/"
}

// walk is the place of one query in the file.
type walk struct {
	ctx      context.Context
	d        *Datastore
	prefix   string
	from     []byte // the lowest key not yet read
	page     []query.Entry
	keysOnly bool
	done     bool
}

func (w *walk) next() (query.Result, bool) {
	if len(w.page) == 0 && !w.done {
		if err := w.d.read(w.ctx, w.fill); err != nil {
			w.done = true
			return query.Result{Error: err}, true
		}
	}
	if len(w.page) == 0 {
		return query.Result{}, false
	}
	e := w.page[0]
	w.page = w.page[1:]
	return query.Result{Entry: e}, true
}

func (w *walk) fill(b *bbolt.Bucket) error {
	w.page = w.page[:0]
	c := b.Cursor()
	k, v := c.Seek(w.from)
	for ; k != nil && strings.HasPrefix(string(k), w.prefix); k, v = c.Next() {
		if len(w.page) == pageEntries {
			w.from = bytes.Clone(k)
			return nil
		}
		e := query.Entry{Key: string(k), Size: len(v)}
		if !w.keysOnly {
			e.Value = append([]byte{}, v...)
		}
		w.page = append(w.page, e)
	}
	w.done = true
	return nil
}
