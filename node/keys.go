package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"meshpresence/internal/key"
	"meshpresence/internal/record"
)

// keys are what makes a node this node. Losing the directory they lie in is
// being a new node; losing store/ is not (federation.md, The devices' part).
type keys struct {
	node *key.Node   // signs node and host facts; libp2p's identity
	rud  *key.Static // devices pin its fingerprint
	// rud448 is for devices that know this node's card and prefer X448.
	rud448 *key.Static
	reset  key.Secret // makes reset tokens
	realm  *key.Realm // nil when the realm's key is elsewhere
	// member is the fact that admits this node, once one was signed.
	member *record.Fact
	// peers are multiaddrs of the realm's other nodes, as they were last known.
	peers []string
}

// realmKeyName is the file under keys/ of the realm key that a lone node makes.
const realmKeyName = "realm.key"

// loadKeys reads the key directory and makes what is missing.
func loadKeys(dir, realmFile string) (*keys, error) {
	k, err := loadOwnKeys(dir)
	if err != nil {
		return nil, err
	}
	if k.peers, err = loadPeers(dir); err != nil {
		return nil, err
	}
	if k.realm, err = loadRealm(dir, realmFile, k.member != nil); err != nil {
		return nil, err
	}
	return k, nil
}

// loadOwnKeys is loadKeys without what makes a realm.
func loadOwnKeys(dir string) (*keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the key directory: %w", err)
	}
	k := new(keys)
	var err error
	if k.node, err = loadOrMake(filepath.Join(dir, "node.key"), key.LoadNode, key.NewNode, (*key.Node).Save); err != nil {
		return nil, err
	}
	makeStatic := func() (*key.Static, error) { return key.NewStatic(key.X25519) }
	if k.rud, err = loadOrMake(filepath.Join(dir, "rud.key"), key.LoadStatic, makeStatic, (*key.Static).Save); err != nil {
		return nil, err
	}
	makeStatic448 := func() (*key.Static, error) { return key.NewStatic(key.X448) }
	if k.rud448, err = loadOrMake(filepath.Join(dir, "rud448.key"), key.LoadStatic, makeStatic448, (*key.Static).Save); err != nil {
		return nil, err
	}
	if k.reset, err = loadOrMake(filepath.Join(dir, "reset.key"), key.LoadSecret, freshSecret, key.Secret.Save); err != nil {
		return nil, err
	}
	if k.member, err = loadFact(filepath.Join(dir, "member")); err != nil {
		return nil, err
	}
	return k, nil
}

// loadRealm reads the realm's key from the file given, else from the key
// directory, where the first start of a lone node makes one.
func loadRealm(dir, file string, member bool) (*key.Realm, error) {
	load := func(path string) (*key.Realm, error) { return key.LoadRealm(path, nil) }
	if file != "" {
		k, err := load(file)
		if err != nil {
			return nil, fmt.Errorf("reading the realm key: %w", err)
		}
		return k, nil
	}
	own := filepath.Join(dir, realmKeyName)
	if member {
		k, err := load(own)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // moved off the node, as advised
		}
		return k, err
	}
	save := func(k *key.Realm, path string) error { return k.Save(path, nil) }
	return loadOrMake(own, load, key.NewRealm, save)
}

func freshSecret() (key.Secret, error) { return key.NewSecret(), nil }

// loadOrMake reads a key file, or makes the key and its file when there is none.
func loadOrMake[K any](path string, load func(string) (K, error), fresh func() (K, error), save func(K, string) error) (K, error) {
	k, err := load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = fresh(); err != nil {
		return k, fmt.Errorf("making %s: %w", filepath.Base(path), err)
	}
	return k, save(k, path)
}

// loadFact reads a signed fact kept beside the keys, nil when there is none.
func loadFact(path string) (*record.Fact, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	f, err := record.Parse(b)
	if err == nil {
		err = f.Verify()
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return f, nil
}

// saveFact writes a signed fact beside the keys.
func saveFact(path string, f *record.Fact) error { return saveFile(path, f.Append(nil)) }

// saveFile replaces a file beside the keys: after a crash it is the old one or the
// new one.
func saveFile(path string, b []byte) error {
	if err := key.WriteFile(path, b); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}
