package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/access"
	"meshpresence/node/mpp"
	"meshpresence/node/store"
)

// Names of meta values.
const (
	metaHistory    = "history"  // the store's id
	metaHistoryOf  = "history-" // and the account's hash: what was stored for it
	historyIDBytes = 16
)

// maxGone bounds the channels of an account whose dropped posts are remembered:
// a device that makes channels without end cannot grow a node's memory. Past it
// they are counted only.
const maxGone = 16

// history is what this node's store ever wrote. A store that was deleted has
// another id when it is made again, and one that was set back counts less: a
// device that saw more is told that posts may be gone (federation.md, The
// devices' part).
type history struct {
	id       []byte
	accounts map[key.Hash]*accountHistory
	changed  map[key.Hash]struct{} // accounts whose count is not on its way to disk
}

// accountHistory is what was ever stored for one account. Only what is synced is
// told: of the rest a crash must not make a gap.
type accountHistory struct {
	stored  int64 // events written, on disk or on their way
	synced  int64
	dropped int64 // for want of room in the account's quota
	gone    []goneChannel
}

// goneChannel is a channel of one publisher whose posts up to a sequence were
// dropped.
type goneChannel struct {
	publisher key.Hash
	channel   string
	through   int64
}

var errHistory = errors.New("a count of events is damaged")

// recall reads the history of the accounts held, and makes the store's id with
// the store.
func (n *Node) recall() (err error) {
	n.history.accounts = make(map[key.Hash]*accountHistory)
	n.history.changed = make(map[key.Hash]struct{})
	if n.history.id, err = n.store.Meta(metaHistory); err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	if len(n.history.id) != historyIDBytes {
		n.history.id = make([]byte, historyIDBytes)
		rand.Read(n.history.id)
		batch := store.Batch{Meta: map[string][]byte{metaHistory: n.history.id}}
		if err := n.store.Commit(context.Background(), batch); err != nil {
			return fmt.Errorf("naming the store: %w", err)
		}
	}
	n.reg.EachAccount(func(account key.Hash) {
		b, failed := n.store.Meta(metaHistoryOf + account.String())
		if failed != nil {
			err = fmt.Errorf("reading the store: %w", failed)
			return
		}
		if b == nil {
			return
		}
		h, failed := parseHistory(b)
		if failed != nil {
			n.log.Warn("reading how much was stored for an account", "account", account.Short(), "err", failed)
			return
		}
		n.history.accounts[account] = h
	})
	return err
}

func (n *Node) historyOf(account key.Hash) *accountHistory {
	h := n.history.accounts[account]
	if h == nil {
		h = new(accountHistory)
		n.history.accounts[account] = h
	}
	return h
}

// count notes the events of a batch and what the quota took, and puts what
// changed into the batch: the count is as synced as the events are.
func (n *Node) count(put []*record.Fact, batch *store.Batch) {
	for _, f := range put {
		if f.Kind == record.KindEvent {
			n.historyOf(f.Account).stored++
			n.history.changed[f.Account] = struct{}{}
		}
	}
	for _, f := range n.fx.Dropped {
		if n.historyOf(f.Account).drop(f) {
			n.history.changed[f.Account] = struct{}{}
			n.logDropped(f.Account)
		}
	}
	if len(n.history.changed) > 0 {
		batch.Meta = make(map[string][]byte, len(n.history.changed))
	}
	for account := range n.history.changed {
		var value []byte // none: the account is not known any more
		if h := n.history.accounts[account]; h != nil {
			value = h.append(nil)
		}
		batch.Meta[metaHistoryOf+account.String()] = value
	}
	clear(n.history.changed)
}

// drop notes that the quota took an event, and reports whether it is another one
// than before: what was dropped may be offered again and again.
func (h *accountHistory) drop(f *record.Fact) bool {
	e := f.Body.(*record.Event)
	if e.IsStatus() {
		h.dropped++
		return true
	}
	publisher := f.Author.Hash()
	i := slices.IndexFunc(h.gone, func(g goneChannel) bool { return g.publisher == publisher && g.channel == e.Channel })
	switch {
	case i >= 0 && e.Sequence <= h.gone[i].through:
		return false
	case i >= 0:
		h.gone[i].through = e.Sequence
	case len(h.gone) < maxGone:
		h.gone = append(h.gone, goneChannel{publisher, strings.Clone(e.Channel), e.Sequence})
	}
	h.dropped++
	return true
}

// logDropped says that an account posts more than it has room for: once for each
// thousand dropped, so that its publishers cannot fill the log.
func (n *Node) logDropped(account key.Hash) {
	if h := n.historyOf(account); h.dropped%1000 == 1 {
		n.log.Warn("an account posts more than it has room for: its oldest posts go", "account", account.Short(), "dropped", h.dropped)
	}
}

// counted settles the end of a batch that carried these counts.
func (n *Node) counted(counts map[string][]byte, err error) {
	for name, b := range counts {
		account, failed := key.ParseHash(strings.TrimPrefix(name, metaHistoryOf))
		if failed != nil {
			continue
		}
		if err != nil {
			n.history.changed[account] = struct{}{} // into the next batch
			continue
		}
		h := n.history.accounts[account]
		if written, failed := parseHistory(b); failed == nil && h != nil {
			h.synced = max(h.synced, written.stored)
		}
	}
}

// forgetHistory drops the counts of accounts that are not known here any more;
// the next batch takes them off the disk.
func (n *Node) forgetHistory() {
	for account := range n.history.accounts {
		if !n.reg.Known(account) {
			delete(n.history.accounts, account)
			n.history.changed[account] = struct{}{}
		}
	}
}

// told is what a connecting device is told of the history of its account: how
// much there ever was, and what the quota dropped that it did not say it holds.
func (n *Node) told(s *session) (*mpp.History, []mpp.Since) {
	h := n.historyOf(s.bound.Account)
	var gone []mpp.Since
	for _, g := range h.gone {
		if access.Watches(s.attach, g.channel) && s.held.Floor(g.publisher, g.channel) < g.through {
			gone = append(gone, mpp.Since{Publisher: hashBytes(g.publisher), Channel: g.channel, Floor: g.through})
		}
	}
	return &mpp.History{ID: n.history.id, Count: h.synced, Dropped: h.dropped}, gone
}

// append writes what is kept of a history on disk:
//
//	| stored (8) | dropped (8) | then each channel: publisher (32) | through (8) | length (1) | name |
func (h *accountHistory) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(h.stored))
	b = binary.BigEndian.AppendUint64(b, uint64(h.dropped))
	for _, g := range h.gone {
		b = append(b, g.publisher[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(g.through))
		b = append(b, byte(len(g.channel)))
		b = append(b, g.channel...)
	}
	return b
}

// parseHistory reads what append wrote.
func parseHistory(b []byte) (*accountHistory, error) {
	const fixed = len(key.Hash{}) + 8 + 1
	if len(b) < 16 {
		return nil, errHistory
	}
	h := &accountHistory{
		stored: int64(binary.BigEndian.Uint64(b)), dropped: int64(binary.BigEndian.Uint64(b[8:])),
	}
	h.synced = h.stored
	for b = b[16:]; len(b) > 0; {
		if len(b) < fixed || len(b) < fixed+int(b[fixed-1]) || len(h.gone) == maxGone {
			return nil, errHistory
		}
		end := fixed + int(b[fixed-1])
		h.gone = append(h.gone, goneChannel{
			publisher: key.Hash(b[:32]), through: int64(binary.BigEndian.Uint64(b[32:])), channel: string(b[fixed:end]),
		})
		b = b[end:]
	}
	return h, nil
}
