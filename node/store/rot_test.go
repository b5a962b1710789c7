package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"meshpresence/internal/record"
)

// rotten is the file of a store that has lived: facts replaced and deleted, so
// that it has free pages that show older states.
type rotten struct {
	file []byte
	now  map[record.Key]*record.Fact // what the file says
	keys map[string][]byte           // the same, as entries
	used []bool                      // the bytes of the file that mean something
}

func newRotten(t testing.TB) *rotten {
	t.Helper()
	dir := t.TempDir()
	s := openStore(t, dir)
	a := newAuthor(t, 1)
	for serial := range int64(12) {
		var b Batch
		for i := range int64(40) {
			f := a.event(t, (serial*29+i*i)%120+1, serial+1, 100+int(serial*i)%400)
			b.Put = append(b.Put, f)
		}
		b.Delete = append(b.Delete, b.Put[0].Key())
		b.Meta = map[string][]byte{"boot": {byte(serial)}}
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	r := &rotten{now: contents(t, s), keys: map[string][]byte{}}
	s.Close()
	file, err := os.ReadFile(filepath.Join(dir, dataName))
	if err != nil {
		t.Fatal(err)
	}
	r.file = file
	p, err := readPages(bytes.NewReader(file), int64(len(file)), func(k, v []byte) { r.keys[string(k)] = bytes.Clone(v) })
	if err != nil {
		t.Fatal(err)
	}
	r.use(p)
	return r
}

// use marks the bytes that mean something: of both metas, of the freelist, and
// of each page of the tree but the root, which has an unused number.
func (r *rotten) use(p *pages) {
	r.used = make([]bool, len(r.file))
	mark := func(from, n int) {
		for i := range n {
			r.used[from+i] = true
		}
	}
	size := p.meta.pageSize
	mark(pageHeader, metaLength)
	mark(size+pageHeader, metaLength)
	for id := range p.seen {
		at := int(id) * size
		switch b := p.read(id); {
		case id == p.meta.root || b == nil: // nil: overflow of the page before
		case id == p.meta.freelist:
			mark(at, pageHeader+8*int(order.Uint16(b[10:])))
		case order.Uint16(b[8:]) == flagBranch:
			// Its keys only need to lie between those of their neighbours.
			mark(at, pageHeader+pageElement*int(order.Uint16(b[10:])))
		default:
			mark(at, parsePage(b).length)
		}
	}
}

// layout returns the size of a page and where the root is.
func (r *rotten) layout(t *testing.T) (size, root int) {
	t.Helper()
	p := pages{r: bytes.NewReader(r.file)}
	if err := p.readMeta(); err != nil {
		t.Fatal(err)
	}
	return p.meta.pageSize, p.meta.pageSize * int(p.meta.root)
}

// outcome is what became of one flipped byte.
type outcome int

const (
	harmless outcome = iota // a free page, or the unused end of one
	entries                 // found by a checksum
	tree                    // found by the shape of the tree
	fellBack                // found in a meta page
	refusal                 // the whole file is refused
)

func (o outcome) String() string {
	return [...]string{"harmless", "entries", "tree", "fell back", "refused"}[o]
}

// flip changes one byte, and holds the survey to never passing off anything but
// what the store last said.
func (r *rotten) flip(t *testing.T, at int, by byte) outcome {
	t.Helper()
	r.file[at] ^= by
	defer func() { r.file[at] ^= by }()
	reader := bytes.NewReader(r.file)
	found, err := survey(reader, reader.Size())
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d ^ %#x: %v, want ErrCorrupt", at, by, err)
		}
		return refusal
	}
	sound := 0
	_, err = readPages(reader, reader.Size(), func(k, v []byte) {
		if _, err := open(string(k), v); err != nil {
			return
		}
		sound++
		if want := r.keys[string(k)]; !bytes.Equal(v, want) && !found.damage.FellBack {
			t.Errorf("byte %d ^ %#x: %q is served as something else", at, by, k)
		}
	})
	if err != nil {
		t.Error(err)
	}
	switch d := found.damage; {
	case d.FellBack:
		return fellBack
	case d.Pages > 0:
		return tree
	case d.Entries > 0:
		return entries
	}
	if r.used[at] && by != 0 {
		t.Errorf("byte %d ^ %#x: nothing was found", at, by)
	}
	if sound != len(r.keys) {
		t.Errorf("byte %d ^ %#x: %d of %d entries and no damage found", at, by, sound, len(r.keys))
	}
	return harmless
}

// "flip 1 byte in 1000 places: each found by checksum; quarantined, counted;
// never served" (assurance.md, P5).
func TestBitRot(t *testing.T) {
	t.Parallel()
	r := newRotten(t)
	rng := rand.New(rand.NewPCG(7, 8))
	var count [refusal + 1]int
	for range times(1000) {
		count[r.flip(t, rng.IntN(len(r.file)), byte(1+rng.IntN(255)))]++
	}
	// What everything hangs on is little: both metas, and the page of the root.
	size, root := r.layout(t)
	for at := range pageHeader + metaLength {
		count[r.flip(t, at, 1<<(at%8))]++
		count[r.flip(t, size+at, 1<<(at%8))]++
		count[r.flip(t, root+at, 1<<(at%8))]++
	}
	for o, n := range count {
		t.Logf("%v: %d", outcome(o), n)
		if n == 0 {
			t.Errorf("no flip was %v", outcome(o))
		}
	}
}

// pointers lists where the file keeps the number of a page that is in use: in
// every element of a branch.
func (r *rotten) pointers(t *testing.T) (at []int) {
	t.Helper()
	size, root := r.layout(t)
	p, err := readPages(bytes.NewReader(r.file), int64(len(r.file)), func(_, _ []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	for id := range p.seen {
		page := int(id) * size
		if page == root || order.Uint16(r.file[page+8:]) != flagBranch {
			continue
		}
		for i := range int(order.Uint16(r.file[page+10:])) {
			at = append(at, page+pageHeader+i*pageElement+8)
		}
	}
	slices.Sort(at)
	return at
}

// A pointer to any other page, in use or given up, above it or beside it, is
// found, and brings no older state back.
func TestWrongPointer(t *testing.T) {
	t.Parallel()
	r := newRotten(t)
	rng := rand.New(rand.NewPCG(12, 13))
	pointers := r.pointers(t)
	size, _ := r.layout(t)
	for range times(400) {
		at := pointers[rng.IntN(len(pointers))]
		right := order.Uint64(r.file[at:])
		wrong := uint64(rng.IntN(len(r.file) / size))
		if rng.IntN(8) == 0 {
			wrong = uint64(at / size) // the branch itself
		}
		if wrong == right {
			continue
		}
		order.PutUint64(r.file[at:], wrong)
		// Refused: the entry that says the format was behind that pointer.
		if o := r.flip(t, at, 0); o != tree && o != refusal {
			t.Errorf("a pointer to page %d instead of %d: %v, want %v", wrong, right, o, tree)
		}
		order.PutUint64(r.file[at:], right)
	}
}

// Whatever was flipped, the store opens without it or says that it cannot, and
// is sound at the next start.
func TestOpenAfterRot(t *testing.T) {
	t.Parallel()
	r := newRotten(t)
	rng := rand.New(rand.NewPCG(9, 10))
	var seen [refusal + 1]int
	_, root := r.layout(t)
	for tries := range times(200) {
		at, by := rng.IntN(len(r.file)), byte(1+rng.IntN(255))
		switch tries % 10 { // or these are rare
		case 0:
			at = pageHeader + rng.IntN(metaLength)
		case 1:
			at = root + rng.IntN(2*pageHeader)
		}
		o := r.flip(t, at, by)
		if seen[o]++; seen[o] > times(2) {
			continue
		}
		r.openFlipped(t, at, by, o)
	}
	t.Log("harmless, entries, tree, fell back, refused:", seen)
}

func (r *rotten) openFlipped(t *testing.T, at int, by byte, o outcome) {
	t.Helper()
	dir := t.TempDir()
	file := bytes.Clone(r.file)
	file[at] ^= by
	if err := os.WriteFile(filepath.Join(dir, dataName), file, 0o600); err != nil {
		t.Fatal(err)
	}
	if o == refusal {
		if _, err := Open(dir); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d ^ %#x: %v, want ErrCorrupt", at, by, err)
		}
		return
	}
	s := openStore(t, dir)
	damage, aside := s.Damage(), s.Quarantined()
	if (damage == Damage{}) != (o == harmless) || aside != damage.Entries {
		t.Errorf("byte %d ^ %#x (%v): damage %+v, %d aside", at, by, o, damage, aside)
	}
	if o != harmless {
		if kept, err := os.ReadFile(filepath.Join(dir, damagedName)); err != nil || !bytes.Equal(kept, file) {
			t.Errorf("the damaged file was not kept: %v", err)
		}
	}
	got := contents(t, s)
	for k, f := range got {
		if o != fellBack && (r.now[k] == nil || r.now[k].Hash() != f.Hash()) {
			t.Errorf("byte %d ^ %#x (%v): the wrong fact for %v", at, by, o, k)
		}
	}
	// The node fetches what is missing; and then all is as before.
	var all []*record.Fact
	for _, f := range r.now {
		all = append(all, f)
	}
	if err := s.Commit(t.Context(), batchOf(all...)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = openStore(t, dir)
	if s.Damage() != (Damage{}) || s.Quarantined() != aside {
		t.Errorf("after the repair: damage %+v, %d aside, want none, %d", s.Damage(), s.Quarantined(), aside)
	}
	got = contents(t, s)
	for k := range r.now {
		if got[k] == nil {
			t.Fatalf("after the repair: %v is missing", k)
		}
	}
	s.Close()
}

func TestOrdered(t *testing.T) {
	keys := func(keys ...string) *page {
		pg := &page{}
		for _, k := range keys {
			pg.elements = append(pg.elements, element{key: []byte(k)})
		}
		return pg
	}
	for _, c := range []struct {
		page      *page
		low, high string
		want      bool
	}{
		{keys(), "", "", true},
		{keys("a", "b"), "", "", true},
		{keys("a", "b"), "a", "c", true},
		{keys("b", "a"), "", "", false},
		{keys("a", "a"), "", "", false},
		{keys("a", "b"), "aa", "", false},
		{keys("a", "b"), "", "b", false},
	} {
		bound := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		if got := c.page.ordered(bound(c.low), bound(c.high)); got != c.want {
			t.Errorf("%v in [%q, %q): %v", c.page.elements, c.low, c.high, got)
		}
	}
}

// A page that rots while the file is open ends in an error, not in a crash.
func TestRotWhileOpen(t *testing.T) {
	dir := t.TempDir()
	r := newRotten(t)
	path := filepath.Join(dir, dataName)
	if err := os.WriteFile(path, r.file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	for at := 8192; at < len(r.file); at++ {
		r.file[at] = 0xFF
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(r.file[8192:], 8192); err != nil {
		t.Fatal(err)
	}
	f.Close()
	b := batchOf(newAuthor(t, 1).event(t, 1, 1, 1))
	for range 2 {
		if err := s.Commit(t.Context(), b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("commit: %v, want ErrCorrupt", err)
		}
	}
	if err := s.Facts(func(*record.Fact) error { return nil }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("facts: %v, want ErrCorrupt", err)
	}
	if err := s.Close(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("close: %v, want ErrCorrupt", err)
	}
}

// An entry whose checksum is right and which is no fact is set aside when the
// facts are read, and stays aside.
func TestNotAFact(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	good := newAuthor(t, 1).event(t, 1, 1, 1)
	r := &request{done: make(chan error, 1)}
	other := factKey(record.Key{Kind: record.KindEvent, Sub: "other"})
	r.put(other, seal(other.String(), good.Append(nil)))
	junk := factKey(record.Key{Kind: record.KindEvent, Sub: "junk"})
	r.put(junk, seal(junk.String(), []byte("junk")))
	if err := errors.Join(s.do(t.Context(), r), s.Commit(t.Context(), batchOf(good))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := contents(t, s)
		if len(got) != 1 || got[good.Key()] == nil || s.Quarantined() != 2 || s.Damage() != (Damage{}) {
			t.Errorf("%d facts, %d aside, damage %+v; want the one, 2, none", len(got), s.Quarantined(), s.Damage())
		}
		s.Close()
		s = openStore(t, dir)
	}
}

// smallFile is a store with two levels of pages, in as few bytes as it takes.
func smallFile(t testing.TB, pageSize int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), dataName)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageSize})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(bucketName)
		if err != nil {
			return err
		}
		for i := range 12 {
			k := quarantineKey(i).String()
			err = errors.Join(err, b.Put([]byte(k), seal(k, make([]byte, pageSize/4))))
		}
		return errors.Join(err, b.Put(versionKey.Bytes(), versionValue(Version)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found, err := survey(bytes.NewReader(file), int64(len(file)))
	if err != nil || found.quarantined != 12 || found.damage != (Damage{}) {
		t.Fatalf("the seed of %d bytes: %+v, %v", len(file), found, err)
	}
	return file
}

func FuzzPages(f *testing.F) {
	f.Add([]byte("not a store"))
	f.Add(smallFile(f, 1024))
	f.Add(smallFile(f, 4096))
	f.Fuzz(func(t *testing.T, file []byte) {
		if found, err := survey(bytes.NewReader(file), int64(len(file))); err == nil && found.version <= 0 {
			t.Error("a file without a format was accepted")
		}
	})
}
