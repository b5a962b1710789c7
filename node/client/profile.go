package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"meshpresence/internal/key"
	"meshpresence/internal/wall"
	"meshpresence/node/access"
)

// Errors of profiles that callers branch on.
var (
	// ErrNoProfile: the directory holds no device yet.
	ErrNoProfile = errors.New("there is no device here yet")
	// ErrProfileUsed: the directory holds a device already.
	ErrProfileUsed = errors.New("there is a device here already")
	// ErrNoAccount: the device belongs to no account yet.
	ErrNoAccount = errors.New("this device belongs to no account yet")
)

const (
	profileSchema = "presence.profile/1"
	profileFile   = "profile.json"
	// maxPins bounds the nodes a profile remembers: answers cannot grow it.
	maxPins = 16
)

// Profile is one device on disk: its keys, the facts of its account, what it
// has posted and received. One directory is one device; several processes may
// share it (they take a short file lock where it matters). Its methods are safe
// for concurrent use.
type Profile struct {
	dir    string
	device *key.Device
	static *key.Static
	labels key.Secret

	mu   sync.Mutex
	meta meta
	book *book
	wall wall.Clock
	read fs.FileInfo // of the facts file when book held all of it
	next serial      // reserved for this process

	passing state // of a fleeting profile
}

// meta is profile.json.
type meta struct {
	Schema  string   `json:"schema"`
	Name    string   `json:"name"`
	Account key.Hash `json:"account"`
	// Nodes are pinned addresses, the one to try first foremost.
	Nodes []string `json:"nodes"`
	// Known are the static keys of nodes that were met, the last one foremost.
	Known []knownNode `json:"known,omitempty"`
}

// NewProfile makes a device with fresh keys in dir, which must hold none yet.
// name is what the account's other devices call it, at most 24 bytes.
func NewProfile(dir, name string) (*Profile, error) {
	p, err := makeProfile(dir, name)
	if err != nil {
		return nil, err
	}
	return p, p.saveMeta()
}

// makeProfile makes a device with fresh keys. It is there once saveMeta wrote the
// file that OpenProfile looks for.
func makeProfile(dir, name string) (*Profile, error) {
	if len(name) > maxName {
		return nil, fmt.Errorf("naming the device: %q is longer than %d bytes", name, maxName)
	}
	if _, err := os.Stat(filepath.Join(dir, profileFile)); err == nil {
		return nil, fmt.Errorf("making a device in %s: %w", dir, ErrProfileUsed)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the profile directory: %w", err)
	}
	p := &Profile{dir: dir, meta: meta{Schema: profileSchema, Name: name}, book: newBook()}
	return p, p.makeKeys()
}

// maxName is the room for a device's name in an epoch (facts.md, epoch).
const maxName = 24

// makeKeys makes the keys that are not in the directory yet: another process may
// be making the same device, and keys of two would be none.
func (p *Profile) makeKeys() error {
	return p.locked(func() (err error) {
		newStatic := func() (*key.Static, error) { return key.NewStatic(key.X25519) }
		newSecret := func() (key.Secret, error) { return key.NewSecret(), nil }
		if p.device, err = keyAt(p.path("device.key"), key.LoadDevice, key.NewDevice, (*key.Device).Save); err != nil {
			return err
		}
		if p.static, err = keyAt(p.path("agreement.key"), key.LoadStatic, newStatic, (*key.Static).Save); err != nil {
			return err
		}
		p.labels, err = keyAt(p.path("labels.key"), key.LoadSecret, newSecret, key.Secret.Save)
		return err
	})
}

// keyAt reads a key file, or makes the key and its file when there is none.
func keyAt[K any](path string, load func(string) (K, error), fresh func() (K, error), save func(K, string) error) (K, error) {
	k, err := load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = fresh(); err != nil {
		return k, err
	}
	return k, save(k, path)
}

// OpenProfile reads the device in dir.
func OpenProfile(dir string) (*Profile, error) {
	b, err := os.ReadFile(filepath.Join(dir, profileFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening %s: %w", dir, ErrNoProfile)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the profile: %w", err)
	}
	p := &Profile{dir: dir}
	if err := json.Unmarshal(b, &p.meta); err != nil {
		return nil, fmt.Errorf("reading %s: %w", p.path(profileFile), err)
	}
	if p.meta.Schema != profileSchema {
		return nil, fmt.Errorf("reading %s: it says %q, this program reads %q", p.path(profileFile), p.meta.Schema, profileSchema)
	}
	if p.device, err = key.LoadDevice(p.path("device.key")); err != nil {
		return nil, err
	}
	if p.static, err = key.LoadStatic(p.path("agreement.key")); err != nil {
		return nil, err
	}
	if p.labels, err = key.LoadSecret(p.path("labels.key")); err != nil {
		return nil, err
	}
	p.book = newBook()
	return p, p.reread()
}

func (p *Profile) path(name string) string { return filepath.Join(p.dir, name) }

// Name is what the account's other devices call this one: its own choice until
// they renamed it.
func (p *Profile) Name() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return cmp.Or(p.book.name(p.device.Author().Hash()), p.meta.Name)
}

// Dir is the profile's directory.
func (p *Profile) Dir() string { return p.dir }

// Device is the hash of the device's signing key: its name in facts.
func (p *Profile) Device() string { return p.device.Author().Hash().String() }

// Fingerprint is the fingerprint of the device's keys, which an inviter's person
// is shown too.
func (p *Profile) Fingerprint() string {
	return access.Fingerprint(p.device.Author().Bytes(), p.static.Public().Bytes())
}

// Account is the hash of the account's key, empty when there is none yet.
func (p *Profile) Account() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.meta.Account.IsZero() {
		return ""
	}
	return p.meta.Account.String()
}

// Nodes are the pinned node addresses, the one used last foremost.
func (p *Profile) Nodes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.meta.Nodes)
}

// pin remembers node addresses with fingerprints, the given ones in front when
// first is set, and behind otherwise.
func (p *Profile) pin(first bool, nodes ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if first {
		return p.pinAll(append(slices.Clone(nodes), withoutPlaces(p.meta.Nodes, nodes)...))
	}
	return p.pinAll(append(slices.Clone(p.meta.Nodes), nodes...))
}

// pinAll makes these the pins. The caller holds p.mu.
func (p *Profile) pinAll(nodes []string) error {
	nodes = uniqueStrings(nodes)
	nodes = nodes[:min(len(nodes), maxPins)]
	if slices.Equal(nodes, p.meta.Nodes) {
		return nil
	}
	p.meta.Nodes = nodes
	return p.saveMeta()
}

// withoutPlaces leaves out pins of the hosts and ports that others were proved at.
func withoutPlaces(pins, proved []string) []string {
	place := func(s string) string { return s[:max(0, strings.LastIndexByte(s, '/'))] }
	return slices.DeleteFunc(slices.Clone(pins), func(pin string) bool {
		return slices.ContainsFunc(proved, func(s string) bool { return place(s) == place(pin) })
	})
}

func uniqueStrings(list []string) (unique []string) {
	for _, s := range list {
		if !slices.Contains(unique, s) {
			unique = append(unique, s)
		}
	}
	return unique
}

func (p *Profile) saveMeta() error {
	if p.fleeting() {
		return nil
	}
	return p.locked(func() error {
		m := p.meta
		if m.Account.IsZero() { // another process may have joined meanwhile
			var written meta
			if b, err := os.ReadFile(p.path(profileFile)); err == nil && json.Unmarshal(b, &written) == nil {
				m.Account = written.Account
			}
		}
		b, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		return writeFile(p.path(profileFile), append(b, '\n'))
	})
}

// writeFile replaces a file in one step and syncs it and its directory: after a
// crash it is the old one or the new one, and once this returned, the new one.
func writeFile(path string, b []byte) error {
	if err := key.WriteFile(path, b); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
