package store

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// The crash tests run a child that commits batches and says on stdout which are
// acknowledged, kill it, and read what it left.
//
// Publisher p makes batch n of factsPerBatch new facts, the deletion of those
// of batch n-2, and the meta value p<p> = n. So after any crash a store holds,
// for each publisher, n and exactly the facts of batches n and n-1.

const (
	publishers    = 8
	factsPerBatch = 3
)

func metaName(p int) string { return "p" + strconv.Itoa(p) }

// number reads the meta value of publisher p: the last batch that is there.
func number(s *Store, p int) (int64, error) {
	v, err := s.Meta(metaName(p))
	if err != nil || v == nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(v)), nil
}

// crashBatch makes batch n of publisher p.
func crashBatch(d *key.Device, p int, n int64) (Batch, error) {
	b := Batch{Meta: map[string][]byte{metaName(p): binary.BigEndian.AppendUint64(nil, uint64(n))}}
	author := d.Author().Hash()
	for i := range int64(factsPerBatch) {
		f, err := record.Sign(d, key.Hash{}, record.Base{Serial: n, Time: 1, Expires: 2, Account: key.Hash{byte(p + 1)}}, &record.Event{
			Channel: metaName(p), Sequence: n*factsPerBatch + i + 1, Oldest: 1, Payload: make([]byte, 300),
		})
		if err != nil {
			return b, err
		}
		b.Put = append(b.Put, f)
		if n > 2 {
			b.Delete = append(b.Delete, record.QueuedKey(f.Account, author, metaName(p), (n-2)*factsPerBatch+i+1))
		}
	}
	return b, nil
}

// crashKey signs for every child of a test: each has the same seed.
func crashKey() (*key.Device, error) { return key.DeviceFromSeed(make([]byte, 32)) }

// publish commits batches for ever and prints "ack p n" after each.
func publish(dir string) error { return publishWhile(dir, func(err error) bool { return err == nil }) }

// insist is publish on a disk that fails: it tries again, and ends with exit
// code 1 after a hundred failures.
func insist(dir string) error {
	var failures atomic.Int64
	return publishWhile(dir, func(err error) bool {
		return err == nil || failures.Add(1) < 100
	})
}

// publishWhile publishes while on says so of the last commit.
func publishWhile(dir string, on func(error) bool) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	d, err := crashKey()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for p := range publishers {
		n, err := number(s, p)
		if err != nil {
			return err
		}
		wg.Go(func() {
			for {
				b, err := crashBatch(d, p, n+1)
				if err == nil {
					err = s.Commit(context.Background(), b)
				}
				if !on(err) {
					os.Exit(1)
				}
				if err == nil {
					n++
					fmt.Fprintln(os.Stdout, "ack", p, n) // one write: lines never mix
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// acks reads acknowledgements until the pipe ends or there are limit of them
// (0: no limit), into the last number of each publisher.
func acks(r *bufio.Reader, limit int, last *[publishers]int64) error {
	for count := 0; limit == 0 || count < limit; count++ {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			return nil // what is cut off was not said
		}
		var p int
		var n int64
		if _, err := fmt.Sscanf(line, "ack %d %d", &p, &n); err != nil {
			return fmt.Errorf("reading %q: %w", line, err)
		}
		last[p] = max(last[p], n)
	}
	return nil
}

// killAfter starts c, reads limit acknowledgements, kills it, and reads the rest.
func killAfter(t *testing.T, c *exec.Cmd, limit int, last *[publishers]int64) {
	t.Helper()
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(pipe)
	err = acks(r, limit, last)
	if limit > 0 {
		err = errors.Join(err, c.Process.Kill())
	}
	if err := errors.Join(err, acks(r, 0, last)); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
}

// checkCrashed opens what a child left behind and holds it to what it said.
func checkCrashed(t *testing.T, dir string, last *[publishers]int64) {
	t.Helper()
	s := openStore(t, dir)
	if s.Damage() != (Damage{}) || s.Quarantined() != 0 {
		t.Errorf("after a kill: damage %+v, %d quarantined", s.Damage(), s.Quarantined())
	}
	var have [publishers]map[int64]int
	for p := range have {
		have[p] = map[int64]int{}
	}
	for k, f := range contents(t, s) {
		p := int(k.Owner[0]) - 1
		have[p][(f.Body.(*record.Event).Sequence-1)/factsPerBatch]++
	}
	for p := range have {
		n, err := number(s, p)
		if err != nil {
			t.Fatal(err)
		}
		if n < last[p] || n > last[p]+1 {
			t.Errorf("publisher %d: batch %d is the last there, %d was acknowledged", p, n, last[p])
		}
		want := map[int64]int{}
		for i := max(1, n-1); i <= n; i++ {
			want[i] = factsPerBatch
		}
		if fmt.Sprint(have[p]) != fmt.Sprint(want) {
			t.Errorf("publisher %d at batch %d: facts by batch %v, want %v", p, n, have[p], want)
		}
		last[p] = n
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// "Acknowledged only after the datastore's Sync" (federation.md, promise 6),
// under kill -9 while eight publishers wait for commits.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var last [publishers]int64
	rng := rand.New(rand.NewPCG(1, 2))
	for range times(6) {
		killAfter(t, child(t, "publish", dir), 1+rng.IntN(60), &last)
		checkCrashed(t, dir, &last)
	}
}

// TestKillInsideCommit kills the child at one write of the file after another,
// so every state that a commit passes through is met: between its pages, before
// and after the meta page.
func TestKillInsideCommit(t *testing.T) {
	t.Parallel()
	needStrace(t)
	dir := t.TempDir()
	var last [publishers]int64
	killAfter(t, child(t, "publish", dir), 40, &last)
	checkCrashed(t, dir, &last)
	for n := range times(9) {
		c := child(t, "publish", dir, "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64",
			"-e", fmt.Sprintf("inject=pwrite64:signal=KILL:when=%d", n+1))
		killAfter(t, c, 0, &last)
		checkCrashed(t, dir, &last)
	}
}

// TestFailingDisk makes the system calls themselves fail, so that bbolt has to
// take back what it did: "EIO 10%: no ack without Sync" (assurance.md, P4).
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	needStrace(t)
	dir := t.TempDir()
	openStore(t, dir).Close()
	var last [publishers]int64
	for _, fault := range []string{"fdatasync:error=EIO:when=2+5", "pwrite64:error=ENOSPC:when=3+61", "pwrite64:error=EIO:when=1+97"} {
		call, _, _ := strings.Cut(fault, ":")
		before := last
		killAfter(t, child(t, "insist", dir, "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", "inject="+fault), 0, &last)
		if last == before {
			t.Errorf("%s: nothing was acknowledged", fault)
		}
		checkCrashed(t, dir, &last)
	}
}

// boltBatches is publish on the backend alone: batch n puts n under keys 0 to
// 9, in one Batch.
func boltBatches(dir string) error {
	ctx := context.Background()
	d, err := OpenDatastore(filepath.Join(dir, dataName))
	if err != nil {
		return err
	}
	n, err := boltNumber(d)
	for err == nil {
		n++
		b, _ := d.Batch(ctx)
		for i := range 10 {
			v := binary.BigEndian.AppendUint64(nil, uint64(n))
			_ = b.Put(ctx, datastore.NewKey(strconv.Itoa(i)), append(v, make([]byte, 3000)...))
		}
		if err = b.Commit(ctx); err == nil {
			err = d.Sync(ctx, datastore.NewKey("/"))
		}
		if err == nil {
			fmt.Fprintln(os.Stdout, "ack", 0, n)
		}
	}
	return err
}

// boltNumber returns the batch that is there, and an error when it is there in
// part.
func boltNumber(d *Datastore) (int64, error) {
	seen := map[int64]int{}
	for e, err := range datastore.QueryIter(context.Background(), d, query.Query{}) {
		if err != nil {
			return 0, err
		}
		seen[int64(binary.BigEndian.Uint64(e.Value))]++
	}
	for n, count := range seen {
		if len(seen) == 1 && count == 10 {
			return n, nil
		}
	}
	if len(seen) > 0 {
		return 0, fmt.Errorf("a batch is there in part: %v", seen)
	}
	return 0, nil
}

// TestBoltKill shows that the backend itself keeps or loses a batch whole.
func TestBoltKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var last [publishers]int64
	rng := rand.New(rand.NewPCG(3, 4))
	for range times(6) {
		killAfter(t, child(t, "bolt", dir), 1+rng.IntN(30), &last)
		d, err := OpenDatastore(filepath.Join(dir, dataName))
		if err != nil {
			t.Fatal(err)
		}
		n, err := boltNumber(d)
		if err != nil || n < last[0] || n > last[0]+1 {
			t.Errorf("batch %d is there, %v; %d was acknowledged", n, err, last[0])
		}
		last[0] = n
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// needStrace skips a test where strace is not installed or may not trace.
func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	out, err := exec.Command("strace", "-f", "-qq", "-e", "trace=fdatasync", "-o", "/dev/null", "true").CombinedOutput()
	if err != nil {
		t.Skipf("strace may not trace here: %v: %s", err, strings.TrimSpace(string(out)))
	}
}
