package client

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
	"meshpresence/internal/record"
	"meshpresence/node/registry"
)

const (
	factsFile = "facts"
	// maxBook bounds the facts a profile keeps: a node cannot fill the disk
	// with facts, even ones that the account key signed.
	maxBook = 4 << 20
	// maxNodes bounds the host facts, and the node facts, that a profile keeps: a
	// node cannot fill the book with nodes that it made up.
	maxNodes = 16
	// keepEpochs is how many epochs that count are kept, and how many that do not
	// and only open old events (facts.md, Sealing).
	keepEpochs = 17
)

// book is what a device knows of its account: the facts its account key signed,
// the host and node facts of its homes, and its own attach fact. A device
// checks what nodes send by the same rules as nodes do (facts.md).
type book struct {
	facts   map[record.Key]*record.Fact
	revoked map[key.Hash]bool
	epochs  map[[32]byte]*record.EpochKey // private halves this device can open
	names   map[[8]byte]named
	met     map[key.Hash]bool // nodes whose own connection showed their card
	bytes   int               // of the counted facts
}

func newBook() *book {
	return &book{
		facts:   make(map[record.Key]*record.Fact),
		revoked: make(map[key.Hash]bool),
		epochs:  make(map[[32]byte]*record.EpochKey),
		names:   make(map[[8]byte]named),
		met:     make(map[key.Hash]bool),
	}
}

// reread merges the facts file when another process wrote it since. The caller
// holds p.mu, and the file lock unless the profile is only being opened.
func (p *Profile) reread() error {
	if p.fleeting() {
		return nil
	}
	info, err := os.Stat(p.path(factsFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("reading the profile's facts: %w", err)
	case p.read != nil && os.SameFile(info, p.read) && info.ModTime().Equal(p.read.ModTime()) && info.Size() == p.read.Size():
		return nil
	}
	facts, err := readFacts(p.path(factsFile))
	if err != nil {
		return err
	}
	for _, f := range facts {
		if p.book.merge(p, f) && f.Kind == record.KindNode {
			p.book.met[f.Author.Hash()] = true // or it would not be in the file
		}
	}
	p.book.prune(p.wall.Now())
	p.read = info
	return nil
}

// readFacts reads a file of encoded facts, one after another.
func readFacts(path string) (facts []*record.Fact, err error) {
	b, err := os.ReadFile(path)
	for len(b) > 0 && err == nil {
		var raw []byte
		r := jsonbcd.NewReader(b)
		if raw, err = r.Raw(); err != nil {
			break
		}
		var f *record.Fact
		f, err = record.Parse(raw)
		facts = append(facts, f)
		b = b[r.Offset():]
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return facts, nil
}

// learn merges verified facts that a node sent and keeps them on disk, with what
// other processes learned. It reports whether anything was new.
func (p *Profile) learn(facts ...*record.Fact) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh, homes := false, p.homeNodes()
	for _, f := range facts {
		fresh = p.book.merge(p, f) || fresh
	}
	if !fresh {
		return false, nil
	}
	p.book.prune(p.wall.Now())
	if err := p.unpin(homes); err != nil {
		return true, err
	}
	return true, p.locked(func() error {
		if err := p.reread(); err != nil {
			return err
		}
		return p.saveBook()
	})
}

// meet learns the card of a node on its own connection.
func (p *Profile) meet(card *record.Fact) error {
	p.mu.Lock()
	p.book.met[card.Author.Hash()] = true
	p.mu.Unlock()
	_, err := p.learn(card)
	return err
}

// saveBook writes the facts file. The caller holds the file lock and has read
// what others wrote.
func (p *Profile) saveBook() error {
	if p.fleeting() {
		return nil
	}
	var b []byte
	for _, f := range p.book.sorted() {
		b = f.Append(b)
	}
	if err := writeFile(p.path(factsFile), b); err != nil {
		return err
	}
	info, err := os.Stat(p.path(factsFile))
	p.read = info
	return err
}

// merge takes a fact in when this device keeps its kind and it is newer than
// what is there. Facts that anyone can sign for itself are sorted out by prune.
func (b *book) merge(p *Profile, f *record.Fact) bool {
	if !p.keeps(f) || b.void(f) || selfSigned(f.Kind) && f.TooFar(p.wall.Now()) {
		return false
	}
	k := f.Key()
	old := b.facts[k]
	if old != nil && !f.Newer(old) || b.bytes+counted(f)-counted(old) > maxBook {
		return false
	}
	b.bytes += counted(f) - counted(old)
	b.facts[k] = f
	switch body := f.Body.(type) {
	case *record.Revoked:
		b.revoke(body.Hash)
	case *record.Epoch:
		b.open(p, f)
	}
	return true
}

// counted is what a fact takes of maxBook. Neither revoked and epoch facts, which
// must always find room, nor others' facts, bounded by prune, take any.
func counted(f *record.Fact) int {
	if f == nil {
		return 0
	}
	switch f.Kind {
	case record.KindDevice, record.KindHome, record.KindPolicy, record.KindContact:
		return len(f.Raw)
	}
	return 0
}

// selfSigned reports whether facts of a kind prove nothing but themselves: any
// node can make any number of them.
func selfSigned(k record.Kind) bool { return k == record.KindNode || k == record.KindHost }

// keeps reports whether a fact is of a sort this device keeps.
func (p *Profile) keeps(f *record.Fact) bool {
	switch f.Kind {
	case record.KindNode:
		return true
	case record.KindHost:
		return f.Account == p.meta.Account
	case record.KindAttach:
		return f.Account == p.meta.Account && f.Author == p.device.Author()
	}
	return registry.AccountKeyKind(f.Kind) && f.Account == p.meta.Account
}

// void reports whether a fact rests on a revoked key.
func (b *book) void(f *record.Fact) bool {
	switch body := f.Body.(type) {
	case *record.Device:
		return b.revoked[body.Key.Hash()]
	case *record.Contact:
		return b.revoked[body.Capability]
	}
	return false
}

func (b *book) revoke(hash key.Hash) {
	b.revoked[hash] = true
	maps.DeleteFunc(b.facts, func(_ record.Key, f *record.Fact) bool {
		if !b.void(f) {
			return false
		}
		b.bytes -= counted(f)
		return true
	})
}

// open reads an epoch that lists this device: its private half, the older ones
// and the devices' names.
func (b *book) open(p *Profile, f *record.Fact) {
	opened, err := record.OpenEpoch(f, p.device.Author().Hash(), p.static)
	if err != nil {
		return // one that does not list us; its events are not for us
	}
	b.epochs[opened.Key.Public()] = opened.Key
	for _, k := range opened.Older {
		b.epochs[k.Public()] = k
	}
	for device, name := range opened.Names {
		if old := b.names[device]; old.by == nil || laterEpoch(f, old.by) {
			b.names[device] = named{name, f}
		}
	}
}

// named is a device's name with the epoch that says it: the greatest one's counts,
// in whatever order they are read.
type named struct {
	name string
	by   *record.Fact
}

// epochFacts tells the epochs that count from those that only open old events,
// newest first.
func (b *book) epochFacts() (counting, rest []*record.Fact) {
	var list []*record.Fact
	for _, f := range b.facts {
		if f.Kind == record.KindEpoch {
			list = append(list, f)
		}
	}
	return registry.SplitEpochs(list, b.revoked)
}

// epoch is the epoch to seal to: the greatest (number, hash) that counts, nil
// when none does.
func (b *book) epoch() *record.Fact {
	if counting, _ := b.epochFacts(); len(counting) > 0 {
		return counting[0]
	}
	return nil
}

// hasEpoch reports whether the fact of the epoch with this key is here.
func (b *book) hasEpoch(public [32]byte) bool {
	for _, f := range b.facts {
		if e, ok := f.Body.(*record.Epoch); ok && e.Key == public {
			return true
		}
	}
	return false
}

func laterEpoch(x, y *record.Fact) bool {
	nx, ny := x.Body.(*record.Epoch).Number, y.Body.(*record.Epoch).Number
	hx, hy := x.Hash(), y.Hash()
	return nx > ny || nx == ny && bytes.Compare(hx[:], hy[:]) > 0
}

// sum digests the account-key facts, as a node does.
func (b *book) sum() (s registry.Sum) {
	for _, f := range b.facts {
		if registry.AccountKeyKind(f.Kind) {
			s.Add(f.Hash())
		}
	}
	return s
}

// sorted lists the facts in the order that lets each find its author.
func (b *book) sorted() []*record.Fact {
	list := slices.Collect(maps.Values(b.facts))
	slices.SortFunc(list, func(x, y *record.Fact) int {
		if d := registry.Order(x.Kind) - registry.Order(y.Kind); d != 0 {
			return d
		}
		hx, hy := x.Hash(), y.Hash()
		return bytes.Compare(hx[:], hy[:])
	})
	return list
}

// device returns a device's fact while it counts.
func (b *book) device(account, device key.Hash) *record.Fact {
	return b.facts[registry.DeviceKey(account, device)]
}

// name is what the newest epochs call a device, empty when they do not.
func (b *book) name(device key.Hash) string { return b.names[[8]byte(device[:8])].name }

// parseFacts reads and verifies facts that a node sent; what does not hold is
// left out.
func parseFacts(raw [][]byte) []*record.Fact {
	var facts []*record.Fact
	for _, b := range raw {
		if f, err := record.Parse(b); err == nil && f.Verify() == nil {
			facts = append(facts, f)
		}
	}
	return facts
}
