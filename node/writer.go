package node

import (
	"context"
	"maps"
	"time"

	"meshpresence/internal/record"
	"meshpresence/node/store"
)

const (
	// writeQueue bounds the batches that wait for the disk. The loop never
	// waits: past it a publisher is told 503 and tries again.
	writeQueue = 1024
	// writeGather is how many waiting batches become one, and writeBytes how
	// large that one may grow before the next begins, so that it fits a store's
	// batch whatever waits.
	writeGather = 256
	writeBytes  = 4 << 20
)

// write is a batch for the disk and what happens in the loop once it is there.
type write struct {
	batch store.Batch
	then  func(now time.Time, err error)
}

// pending is a merged fact that is not known to be on disk.
type pending struct {
	fact *record.Fact
	// failed: its batch was not written; it goes into the next.
	failed bool
	// ours: it came from a device here, or is this node's own. The realm and the
	// devices hear of it once it is synced (architecture.md, door to door).
	ours bool
}

// commit hands what the registry changed to the writer, tells the watching
// devices what need not wait, and runs then in the loop when the batch is
// synced. Even an empty batch with a then waits for those before it. ours marks
// facts that nobody else told us.
func (n *Node) commit(now time.Time, ours bool, then func(now time.Time, err error)) {
	batch := n.batch(ours)
	n.settle(now)
	n.fx.Reset()
	if then == nil && len(batch.Put) == 0 && len(batch.Delete) == 0 && len(batch.Meta) == 0 {
		return
	}
	facts, counts := batch.Put, batch.Meta
	w := write{batch: batch, then: func(now time.Time, err error) {
		n.counted(counts, err)
		n.saved(now, facts, err)
		if then != nil {
			then(now, err)
		}
	}}
	select {
	case n.writes <- w:
	default:
		w.then(now, errDiskBusy)
	}
}

// batch turns the effects into puts and deletes, as the registry stands now, and
// takes along what failed before.
func (n *Node) batch(ours bool) store.Batch {
	var b store.Batch
	size := 0
	for h, p := range n.unsynced {
		switch {
		case !n.reg.Holds(p.fact):
			delete(n.unsynced, h)
		case p.failed && size < writeBytes/2:
			p.failed = false
			size += len(p.fact.Raw)
			b.Put = append(b.Put, p.fact)
		}
	}
	retried := len(b.Put)
	for _, f := range n.fx.Put {
		if n.reg.Holds(f) {
			b.Put = append(b.Put, f)
			n.unsynced[f.Hash()] = &pending{fact: f, ours: ours}
		}
	}
	for _, k := range n.fx.Delete {
		if n.reg.Current(k) == nil {
			b.Delete = append(b.Delete, k)
		}
	}
	n.count(b.Put[retried:], &b)
	return b
}

// saved settles what a batch's end means for its facts: what is synced and ours
// is told, what failed waits for the next batch.
func (n *Node) saved(now time.Time, facts []*record.Fact, err error) {
	n.diskErr = err
	if err != nil {
		n.log.Error("writing the store", "err", err)
		for _, f := range facts {
			if p := n.unsynced[f.Hash()]; p != nil {
				p.failed = true
			}
		}
		return
	}
	var news, events []*record.Fact
	for _, f := range facts {
		p := n.unsynced[f.Hash()]
		if p == nil {
			continue
		}
		delete(n.unsynced, f.Hash())
		if p.ours {
			news = append(news, f)
			if f.Kind == record.KindEvent {
				events = append(events, f)
			}
		}
	}
	if len(news) > 0 {
		n.fed.Gossip(news)
		n.tell(now, events)
	}
}

// synced turns the end of a batch into an answer for these facts: a fact that was
// here before may be one whose own batch failed (federation.md, promise 6).
func (n *Node) synced(facts []*record.Fact, err error) error {
	for _, f := range facts {
		if err == nil && n.unsynced[f.Hash()] != nil {
			err = errDiskBusy
		}
	}
	return err
}

// write gathers what waits into one batch, so that publishers share a Sync.
func (n *Node) write() {
	defer n.workers.Done()
	for w := range n.writes {
		batch, thens := w.batch, []func(time.Time, error){w.then}
	gather:
		for i := 0; i < writeGather && sizeOf(batch) < writeBytes; i++ {
			select {
			case more, ok := <-n.writes:
				if !ok {
					break gather
				}
				batch = merge(batch, more.batch)
				thens = append(thens, more.then)
			default:
				break gather
			}
		}
		began := time.Now()
		err := n.store.Commit(context.Background(), batch)
		n.committed(err, time.Since(began))
		n.post(func(now time.Time) {
			for _, then := range thens {
				then(now, err)
			}
		})
	}
}

func sizeOf(b store.Batch) (size int) {
	for _, f := range b.Put {
		size += len(f.Raw)
	}
	return size
}

// merge appends a later batch to an earlier one: the later word on a key holds.
func merge(a, b store.Batch) store.Batch {
	later := make(map[record.Key]struct{}, len(b.Put)+len(b.Delete))
	for _, f := range b.Put {
		later[f.Key()] = struct{}{}
	}
	for _, k := range b.Delete {
		later[k] = struct{}{}
	}
	merged := store.Batch{Put: b.Put, Delete: b.Delete, Meta: maps.Clone(a.Meta)}
	if merged.Meta == nil {
		merged.Meta = b.Meta
	} else {
		maps.Copy(merged.Meta, b.Meta)
	}
	for _, f := range a.Put {
		if _, again := later[f.Key()]; !again {
			merged.Put = append(merged.Put, f)
		}
	}
	for _, k := range a.Delete {
		if _, again := later[k]; !again {
			merged.Delete = append(merged.Delete, k)
		}
	}
	return merged
}

// endWorkers lets the writer and the forwarders finish what they have.
func (n *Node) endWorkers() {
	close(n.writes)
	close(n.forwards)
	n.workers.Wait()
}
