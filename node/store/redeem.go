package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"meshpresence/internal/wall"
)

// ErrRedeemed: a ticket of that id was redeemed before.
var ErrRedeemed = errors.New("the ticket was redeemed before")

// redeemedPrefix is followed by a ticket's id in hexadecimal. The value is when the
// ticket expires, Unix seconds in 8 bytes: past that nobody takes it anyway.
const redeemedPrefix = "/t"

// Redeem notes that the ticket of that id is spent, until it expires: "the redeemer
// stores the id with Sync before answering" (rud.md, Tickets). ErrRedeemed the
// second time; after any other error the ticket may be spent or not, and is to be
// held as not. It waits for the disk.
func (s *Store) Redeem(id [16]byte, expires wall.Time) error {
	s.redeeming.Lock()
	defer s.redeeming.Unlock()
	k := redeemedKey(id)
	_, err := s.ds.Get(context.Background(), k) // one whose value rotted was redeemed too
	if err == nil {
		return ErrRedeemed
	}
	if !errors.Is(err, datastore.ErrNotFound) {
		return fmt.Errorf("redeeming a ticket: %w", err)
	}
	r := &request{done: make(chan error, 1)}
	r.put(k, seal(k.String(), binary.BigEndian.AppendUint64(nil, uint64(expires))))
	if err := s.do(context.Background(), r); err != nil {
		return fmt.Errorf("redeeming a ticket: %w", err)
	}
	return nil
}

// ForgetRedeemed drops the ids of tickets that have expired, and returns how many
// are left.
func (s *Store) ForgetRedeemed(now wall.Time) (left int, err error) {
	r := &request{done: make(chan error, 1)}
	for e, err := range datastore.QueryIter(context.Background(), s.ds, query.Query{Prefix: redeemedPrefix}) {
		if err != nil {
			return 0, fmt.Errorf("reading redeemed tickets: %w", err)
		}
		p, err := open(e.Key, e.Value)
		if err == nil && len(p) == 8 && wall.Time(binary.BigEndian.Uint64(p)) > now {
			left++
			continue
		}
		r.remove(datastore.RawKey(e.Key))
	}
	if len(r.changes) == 0 {
		return left, nil
	}
	if err := s.do(context.Background(), r); err != nil {
		return left, fmt.Errorf("dropping redeemed tickets: %w", err)
	}
	return left, nil
}

func redeemedKey(id [16]byte) datastore.Key {
	return datastore.RawKey(redeemedPrefix + "/" + hex.EncodeToString(id[:]))
}
