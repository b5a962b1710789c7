package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud"
	"meshpresence/transport/rud/wire"
)

const (
	// remnantsName is the file, in the state directory, of the connections that
	// devices watch on: after a restart each is told that it is gone.
	remnantsName = "remnants"
	// maxRemnants bounds that file. Devices past it find out by their heartbeat.
	maxRemnants = 4096
	// maxRemnantsFile is more than they take, and all that is read of it.
	maxRemnantsFile = maxRemnants * 256
	// remnantsSoon is how long a change waits for others, and remnantsEvery how
	// often the file is written at most: devices that come and go wear no disk out.
	remnantsSoon  = 100 * time.Millisecond
	remnantsEvery = time.Second
	// resetEvery is the pace of resets, each of which a device answers with a
	// handshake: below what is answered without a Challenge in between.
	resetEvery = 5 * time.Millisecond
)

// remnants is what this node remembers of the connections that devices watch on.
// "After a restart it sends each stored endpoint, jittered, one packet" (rud.md,
// Reset). The file is written without a Sync: losing the last seconds of it only
// costs those devices their heartbeat.
type remnants struct {
	left    []rud.Remnant // of the run before, still to be told; in no order
	tellAt  time.Time     // when the next of them is
	changed bool          // a watching connection began, moved or ended since it was written
	writing bool          // by a worker
	writeAt time.Time     // when it is written; zero: not decided
	wroteAt time.Time     // last
}

// Format writes how many there are, for every verb and flag: the ids would let a
// reader of logs send devices packets that they look at.
func (r remnants) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%d remnants", len(r.left)) }

// recallRemnants reads what the run before left. Whatever is wrong with the file,
// as when the machine stopped in the middle of it: the heartbeats remain, and the
// node starts.
func (n *Node) recallRemnants() {
	left, err := loadRemnants(n.remnantsPath())
	if err != nil {
		n.log.Warn("reading what devices watched before", "err", err)
		return
	}
	rand.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	n.remnants.left = left
}

func loadRemnants(path string) ([]rud.Remnant, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxRemnantsFile))
	if err != nil {
		return nil, err
	}
	return parseRemnants(b)
}

func (n *Node) remnantsPath() string { return filepath.Join(n.cfg.State, remnantsName) }

// serveRemnants tells the next device that its connection is gone, and writes the
// file, when it is time; it returns when it is again, zero for never.
func (n *Node) serveRemnants(now time.Time) (next time.Time) {
	r := &n.remnants
	if len(r.left) > 0 && !now.Before(r.tellAt) {
		n.tellGone(now)
		r.tellAt = now.Add(resetEvery/2 + rand.N(resetEvery))
	}
	if len(r.left) > 0 {
		next = r.tellAt
	}
	if !r.changed || r.writing {
		return next
	}
	if r.writeAt.IsZero() {
		r.writeAt = now.Add(max(remnantsSoon, r.wroteAt.Add(remnantsEvery).Sub(now)))
	}
	if !now.Before(r.writeAt) {
		n.keepRemnants(now)
		return next
	}
	if next.IsZero() || r.writeAt.Before(next) {
		next = r.writeAt
	}
	return next
}

// tellGone sends one reset, unless that device watches again already: another of
// its programs may have a connection.
func (n *Node) tellGone(now time.Time) {
	r := &n.remnants
	last := len(r.left) - 1
	gone := r.left[last]
	r.left = r.left[:last]
	if !slices.ContainsFunc(n.peers[gone.Peer], func(s *session) bool { return s.attach != nil }) {
		n.ep.SendReset(now, gone)
	}
	if last == 0 {
		r.left, r.changed = nil, true
	}
}

// keepRemnants has a worker write down what is watched now.
func (n *Node) keepRemnants(now time.Time) {
	r := &n.remnants
	list := n.remnantsNow()
	b := appendRemnants(nil, list)
	f := forward{
		ask: func(context.Context) {
			if err := saveRemnants(n.remnantsPath(), b); err != nil {
				n.log.Warn("writing down what devices watch", "err", err)
			}
		},
		then: func(time.Time, bool) { r.writing = false },
	}
	r.writeAt = time.Time{}
	if len(list) > 0 { // after a restart all are told, and come back the next moment
		r.wroteAt = now
	}
	select {
	case n.forwards <- f:
		r.changed, r.writing = false, true
	default: // later, then
	}
}

// remnantsNow are those of the run before that were not told yet, and what devices
// watch now.
func (n *Node) remnantsNow() []rud.Remnant {
	list := append([]rud.Remnant(nil), n.remnants.left...)
	for _, sessions := range n.watching {
		for s := range sessions {
			if len(list) == maxRemnants {
				return list
			}
			if r, ok := s.conn.Remnant(); ok {
				list = append(list, r)
			}
		}
	}
	return list
}

// leaveRemnants writes down what is watched when the node stops, once nobody else
// writes it.
func (n *Node) leaveRemnants() error {
	if n.ep == nil {
		return nil // it never listened
	}
	if err := saveRemnants(n.remnantsPath(), appendRemnants(nil, n.remnantsNow())); err != nil {
		return fmt.Errorf("writing down what devices watched: %w", err)
	}
	return nil
}

// The file: the line below, then each remnant as address (length in one byte),
// key (length in one byte), id (8 bytes); at the end CRC-32 of all before.
const remnantsMagic = "presence.remnants/1\n"

var errRemnants = errors.New("the file is cut short, or not one of this version")

func appendRemnants(b []byte, list []rud.Remnant) []byte {
	b = append(b, remnantsMagic...)
	for _, r := range list {
		addr, _ := r.Addr.MarshalBinary() // never fails
		b = append(append(b, byte(len(addr))), addr...)
		b = append(append(b, byte(len(r.Peer))), r.Peer...)
		b = append(b, r.ID[:]...)
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func parseRemnants(b []byte) (list []rud.Remnant, err error) {
	end := len(b) - 4
	if end < len(remnantsMagic) || string(b[:len(remnantsMagic)]) != remnantsMagic ||
		crc32.ChecksumIEEE(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return nil, errRemnants
	}
	for b = b[len(remnantsMagic):end]; len(b) > 0 && len(list) < maxRemnants; {
		var addr, peer []byte
		var r rud.Remnant
		if addr, b, err = cutField(b); err != nil {
			return nil, err
		}
		if peer, b, err = cutField(b); err != nil || len(b) < wire.SizeID {
			return nil, errRemnants
		}
		r.ID, b = wire.ID(b[:wire.SizeID]), b[wire.SizeID:]
		var at netip.AddrPort
		if err = at.UnmarshalBinary(addr); err != nil {
			return nil, errRemnants
		}
		if r.Peer, err = key.ParseAgreement(peer); err != nil {
			return nil, errRemnants
		}
		r.Addr = at
		list = append(list, r)
	}
	return list, nil
}

func cutField(b []byte) (field, rest []byte, err error) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, errRemnants
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], nil
}

// saveRemnants replaces the file. After a crash of the machine it may be torn:
// then it is not believed.
func saveRemnants(path string, b []byte) error {
	if len(b) == len(remnantsMagic)+4 {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	fresh := path + ".new"
	err := os.WriteFile(fresh, b, 0o600)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh) // what a full disk took of it
	}
	return err
}
