package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
)

// The file format of bbolt, version 2, in the byte order of the machine.
//
//	page   id 8, flags 2, count 2, overflow 4, elements, data
//	meta   magic 4, version 4, page size 4, flags 4, bucket 16,
//	       freelist 8, high water 8, transaction 8, FNV-64a of those 56 bytes
//	branch element  data offset 4, key length 4, page 8
//	leaf element    flags 4, data offset 4, key length 4, value length 4
//	bucket root page 8 (0: the page follows, inside the value), sequence 8
//
//	freelist       page 8, as many as count says (0xFFFF: the first 8 say)
//
// Offsets count from the element. Data follows the elements in their order
// without gaps, and a branch or leaf has no more overflow pages than its data
// needs. The freelist rises and names every page that is not in use.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	pageHeader    = 16
	pageElement   = 16
	bucketHeader  = 16
	metaLength    = 64
	firstDataPage = 2

	minPage = 1 << 10
	maxPage = 64 << 10
)

// Limits of the reader. Both are OURS, and stop a damaged page from making it
// read for ever or without bound.
const (
	maxDepth    = 32
	maxOverflow = 2 * (maxValue / minPage)
)

// order is how bbolt writes numbers: as the machine has them.
var order = binary.NativeEndian

// errNoMeta: neither meta page is one.
var errNoMeta = errors.New("there is no valid meta page")

// pages reads the tree of a bbolt file without trusting it, since bbolt does:
// it has a checksum over its two meta pages alone, and follows any other page
// into a panic, a fault, or an older state: a page given up keeps what it said,
// and a pointer with one wrong bit may lead there. Here a page that is not what
// it must be, or that the freelist names, is counted and left out.
type pages struct {
	r    io.ReaderAt
	size int64
	meta meta
	free map[uint64]bool // nil when the freelist is damaged
	seen map[uint64]bool
	// faults counts pages that do not fit into the tree, those that it has lost,
	// and the freelist.
	faults int
	// fellBack: one meta page is damaged, so this may be the state before the
	// last transaction.
	fellBack bool
	visit    func(key, value []byte)
}

type meta struct {
	pageSize                      int
	root, freelist, high, version uint64 // version: the transaction
}

// readPages shows visit every entry of the bucket that can be reached, in no
// promised order where there are faults; key and value are only lent. An error
// means that the file could not be read as a bbolt file with our bucket.
func readPages(r io.ReaderAt, size int64, visit func(key, value []byte)) (*pages, error) {
	p := &pages{r: r, size: size, seen: map[uint64]bool{}, visit: visit}
	if err := p.readMeta(); err != nil {
		return nil, err
	}
	if !p.readFreelist() {
		p.faults++
	}
	root := p.page(p.meta.root)
	if root == nil || root.flags != flagLeaf {
		return nil, errors.New("its root page is damaged")
	}
	for _, e := range root.elements {
		if e.flags == flagBucket && bytes.Equal(e.key, bucketName) && len(e.value) >= bucketHeader {
			p.bucket(e.value)
			p.faults += p.lost()
			return p, nil
		}
	}
	return nil, errors.New("its root page has no bucket of facts")
}

// lost counts the pages that are neither free nor in the tree: a pointer that
// led to them leads elsewhere.
func (p *pages) lost() (n int) {
	if p.free == nil {
		return 0
	}
	for id := uint64(firstDataPage); id < p.meta.high && int64(id)*int64(p.meta.pageSize) < p.size; id++ {
		if !p.free[id] && !p.seen[id] {
			n++
		}
	}
	return n
}

// readMeta finds the newer of the two meta pages that are intact.
func (p *pages) readMeta() error {
	first, ok0 := p.metaAt(0)
	sizes := []int{first.pageSize}
	if !ok0 {
		sizes = sizes[:0]
		for n := minPage; n <= maxPage; n *= 2 {
			sizes = append(sizes, n)
		}
	}
	for _, n := range sizes {
		second, ok1 := p.metaAt(int64(n))
		if ok1 && second.pageSize != n {
			ok1 = false
		}
		switch {
		case ok0 && ok1 && second.version > first.version, ok1 && !ok0:
			p.meta = second
		case ok0:
			p.meta = first
		default:
			continue
		}
		p.fellBack = !ok0 || !ok1
		return nil
	}
	return errNoMeta
}

func (p *pages) metaAt(offset int64) (m meta, ok bool) {
	var b [pageHeader + metaLength]byte
	if _, err := p.r.ReadAt(b[:], offset); err != nil {
		return m, false
	}
	body := b[pageHeader:]
	h := fnv.New64a()
	h.Write(body[:metaLength-8])
	if order.Uint32(body) != boltMagic || order.Uint32(body[4:]) != boltVersion || order.Uint64(body[56:]) != h.Sum64() {
		return m, false
	}
	m = meta{
		pageSize: int(order.Uint32(body[8:])),
		root:     order.Uint64(body[16:]),
		freelist: order.Uint64(body[32:]),
		high:     order.Uint64(body[40:]),
		version:  order.Uint64(body[48:]),
	}
	return m, m.pageSize >= minPage && m.pageSize <= maxPage && m.high <= 1<<40
}

// bucket walks the bucket whose header and perhaps only page are in value.
func (p *pages) bucket(value []byte) {
	root := order.Uint64(value)
	if root != 0 {
		p.tree(root, nil, nil, 0)
		return
	}
	pg := parsePage(value[bucketHeader:])
	if pg == nil || pg.flags != flagLeaf {
		p.faults++
		return
	}
	p.leaf(pg, nil, nil)
}

// tree walks the page id, whose keys must be at least low and below high (nil:
// no bound).
func (p *pages) tree(id uint64, low, high []byte, depth int) {
	pg := p.page(id)
	switch {
	case pg == nil || depth > maxDepth:
		p.faults++
	case pg.flags == flagLeaf:
		p.leaf(pg, low, high)
	case pg.flags == flagBranch && len(pg.elements) > 0:
		if !pg.ordered(low, high) {
			p.faults++
		}
		for i, e := range pg.elements {
			to := high
			if i+1 < len(pg.elements) {
				to = pg.elements[i+1].key
			}
			p.tree(e.page, e.key, to, depth+1)
		}
	default:
		p.faults++
	}
}

func (p *pages) leaf(pg *page, low, high []byte) {
	if !pg.ordered(low, high) {
		p.faults++
	}
	for _, e := range pg.elements {
		if e.flags != 0 {
			p.faults++
			continue
		}
		p.visit(e.key, e.value)
	}
}

// page is a page in memory.
type page struct {
	flags    uint16
	elements []element
	length   int // of header, elements and data
}

type element struct {
	flags      uint32
	page       uint64
	key, value []byte
}

// page reads the branch or leaf page id and its overflow, or returns nil: it
// cannot be read, contradicts itself, or is free or in use elsewhere.
func (p *pages) page(id uint64) *page {
	b := p.read(id)
	pg := parsePage(b)
	size := p.meta.pageSize
	if pg == nil || (pg.length+size-1)/size*size != len(b) || !p.claim(id, len(b)) {
		return nil
	}
	return pg
}

// claim marks the pages that n bytes from id take as seen, or returns false.
func (p *pages) claim(id uint64, n int) bool {
	end := id + uint64(n/p.meta.pageSize)
	for i := id; i < end; i++ {
		if p.free[i] || p.seen[i] {
			return false
		}
	}
	for i := id; i < end; i++ {
		p.seen[i] = true
	}
	return true
}

// readFreelist reads which pages are not in use, or returns false.
func (p *pages) readFreelist() bool {
	b := p.read(p.meta.freelist)
	if b == nil || order.Uint16(b[8:]) != flagFreelist {
		return false
	}
	count, ids := uint64(order.Uint16(b[10:])), b[pageHeader:]
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return false
	}
	last := uint64(firstDataPage - 1)
	free := make(map[uint64]bool, count)
	for ; count > 0; count-- {
		id := order.Uint64(ids)
		if id <= last || id >= p.meta.high {
			return false
		}
		free[id], last, ids = true, id, ids[8:]
	}
	p.free = free
	if !p.claim(p.meta.freelist, len(b)) {
		p.free = nil
		return false
	}
	return true
}

// read returns the bytes of the page id and its overflow, or nil: it lies
// outside the file or says it is another.
func (p *pages) read(id uint64) []byte {
	size := p.meta.pageSize
	b := make([]byte, size)
	if id < firstDataPage || id >= p.meta.high || p.readAt(b, id) != nil || order.Uint64(b) != id {
		return nil
	}
	overflow := uint64(order.Uint32(b[12:]))
	if overflow == 0 {
		return b
	}
	if overflow > maxOverflow || id+overflow >= p.meta.high || int64(id+overflow+1)*int64(size) > p.size {
		return nil
	}
	b = make([]byte, size*int(overflow+1))
	if p.readAt(b, id) != nil {
		return nil
	}
	return b
}

func (p *pages) readAt(b []byte, id uint64) error {
	_, err := p.r.ReadAt(b, int64(id)*int64(p.meta.pageSize))
	return err
}

// parsePage reads a branch or leaf page, or returns nil.
func parsePage(b []byte) *page {
	if len(b) < pageHeader {
		return nil
	}
	pg := &page{flags: order.Uint16(b[8:])}
	if pg.flags != flagBranch && pg.flags != flagLeaf {
		return nil
	}
	count := int(order.Uint16(b[10:]))
	pg.length = pageHeader + count*pageElement
	if pg.length > len(b) {
		return nil
	}
	pg.elements = make([]element, count)
	for i := range pg.elements {
		at := pageHeader + i*pageElement
		if !pg.parse(&pg.elements[i], b, at) {
			return nil
		}
	}
	return pg
}

// parse reads the element at the offset at, whose data must be the next.
func (pg *page) parse(e *element, b []byte, at int) bool {
	var offset, k, v uint32
	if pg.flags == flagBranch {
		offset, k, e.page = order.Uint32(b[at:]), order.Uint32(b[at+4:]), order.Uint64(b[at+8:])
	} else {
		e.flags, offset, k, v = order.Uint32(b[at:]), order.Uint32(b[at+4:]), order.Uint32(b[at+8:]), order.Uint32(b[at+12:])
	}
	start, left := pg.length, uint64(len(b)-pg.length)
	if uint64(at)+uint64(offset) != uint64(start) || k == 0 || uint64(k)+uint64(v) > left {
		return false
	}
	e.key = b[start : start+int(k)]
	e.value = b[start+int(k) : start+int(k)+int(v)]
	pg.length += int(k) + int(v)
	return true
}

// ordered says whether the keys rise and lie in [low, high).
func (pg *page) ordered(low, high []byte) bool {
	for i, e := range pg.elements {
		switch {
		case i > 0 && bytes.Compare(e.key, pg.elements[i-1].key) <= 0,
			low != nil && bytes.Compare(e.key, low) < 0,
			high != nil && bytes.Compare(e.key, high) >= 0:
			return false
		}
	}
	return true
}
