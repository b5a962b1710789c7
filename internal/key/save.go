package key

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrExists means that Save would replace another account or realm key: these
// cannot be made again, so a file that holds one is never overwritten by a
// different one.
var ErrExists = errors.New("another key is there")

var errEmptyPassphrase = errors.New("empty passphrase")

// Save writes the key to path, mode 0600, atomically. A nil passphrase writes it
// in clear; an empty one is refused, so that a slip does not. Saving again, for
// instance under a new passphrase, replaces the file; a file that holds anything
// but this key is kept and the answer is ErrExists.
func (a *Account) Save(path string, passphrase []byte) error {
	return a.signing.saveGuarded(path, RoleAccount, usualCost, passphrase)
}

// Save is Account's Save for a realm key.
func (r *Realm) Save(path string, passphrase []byte) error {
	return r.signing.saveGuarded(path, RoleRealm, usualCost, passphrase)
}

// Save writes the key to path, mode 0600, atomically, replacing what is there.
func (d *Device) Save(path string) error { return d.signing.file(RoleDevice).save(path) }

// Save writes the key to path, mode 0600, atomically, replacing what is there.
func (n *Node) Save(path string) error { return n.signing.file(RoleNode).save(path) }

// Save writes the key to path, mode 0600, atomically, replacing what is there.
func (s *Static) Save(path string) error {
	return (&file{role: RoleStatic, public: s.public.Bytes(), private: s.seed()}).save(path)
}

// Save writes the secret to path, mode 0600, atomically, replacing what is there.
func (s Secret) Save(path string) error {
	return (&file{role: RoleSecret, private: s[:]}).save(path)
}

// LoadAccount reads what Save wrote. A nil passphrase opens only a file in
// clear. Errors: fs.ErrNotExist, ErrMode, ErrFile, ErrRole, ErrEncrypted,
// ErrPassphrase, ErrKey.
func LoadAccount(path string, passphrase []byte) (*Account, error) {
	return load(path, RoleAccount, passphrase, func(f *file, private []byte) (*Account, error) {
		k, err := AccountFromSeed(private)
		return k, f.confirm(err, func() []byte { return k.author.Bytes() })
	})
}

// LoadRealm is LoadAccount for a realm key.
func LoadRealm(path string, passphrase []byte) (*Realm, error) {
	return load(path, RoleRealm, passphrase, func(f *file, private []byte) (*Realm, error) {
		k, err := RealmFromSeed(private)
		return k, f.confirm(err, func() []byte { return k.author.Bytes() })
	})
}

// LoadDevice reads what Save wrote. Errors: fs.ErrNotExist, ErrMode, ErrFile,
// ErrRole, ErrKey.
func LoadDevice(path string) (*Device, error) {
	return load(path, RoleDevice, nil, func(f *file, private []byte) (*Device, error) {
		k, err := DeviceFromSeed(private)
		return k, f.confirm(err, func() []byte { return k.author.Bytes() })
	})
}

// LoadNode is LoadDevice for a node key.
func LoadNode(path string) (*Node, error) {
	return load(path, RoleNode, nil, func(f *file, private []byte) (*Node, error) {
		k, err := NodeFromSeed(private)
		return k, f.confirm(err, func() []byte { return k.author.Bytes() })
	})
}

// LoadStatic is LoadDevice for an agreement key.
func LoadStatic(path string) (*Static, error) {
	return load(path, RoleStatic, nil, func(f *file, private []byte) (*Static, error) {
		public, err := ParseAgreement(f.public)
		if err != nil {
			return nil, err
		}
		k, err := StaticFromSeed(public.Curve(), private)
		return k, f.confirm(err, func() []byte { return k.public.Bytes() })
	})
}

// LoadSecret is LoadDevice for a secret.
func LoadSecret(path string) (Secret, error) {
	return load(path, RoleSecret, nil, func(f *file, private []byte) (Secret, error) {
		if f.public != nil || len(private) != SecretSize {
			return Secret{}, fmt.Errorf("%w: not a secret", ErrFile)
		}
		return Secret(private), nil
	})
}

// file returns the key as a file in clear.
func (s signing) file(role Role) *file {
	return &file{role: role, public: s.author.Bytes(), private: s.seed()}
}

// saveGuarded saves a key that nothing could replace.
func (s signing) saveGuarded(path string, role Role, c cost, passphrase []byte) error {
	f := s.file(role)
	if exists(path) {
		old, err := readFile(path)
		if err != nil {
			return fmt.Errorf("save %s key to %s: %w: %w", role, path, ErrExists, err)
		}
		if old.role != role || !bytes.Equal(old.public, f.public) {
			return fmt.Errorf("save %s key to %s: %w", role, path, ErrExists)
		}
	}
	if passphrase != nil {
		if len(passphrase) == 0 {
			return fmt.Errorf("save %s key to %s: %w", role, path, errEmptyPassphrase)
		}
		if err := f.encrypt(c, passphrase); err != nil {
			return fmt.Errorf("save %s key to %s: %w", role, path, err)
		}
	}
	return f.save(path)
}

func (f *file) save(path string) error {
	if err := WriteFile(path, f.append(nil)); err != nil {
		return fmt.Errorf("save %s key to %s: %w", f.role, path, err)
	}
	return nil
}

// readFile reads a key file without opening what is sealed in it.
func readFile(path string) (*file, error) {
	b, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	return parseFile(b)
}

// load reads a key file of one role and derives its key.
func load[K any](path string, role Role, passphrase []byte, derive func(*file, []byte) (K, error)) (K, error) {
	k, err := func() (k K, err error) {
		f, err := readFile(path)
		if err != nil {
			return k, err
		}
		if f.role != role {
			return k, fmt.Errorf("%w: it holds a %s key", ErrRole, f.role)
		}
		private, err := f.open(passphrase)
		if err != nil {
			return k, err
		}
		return derive(f, private)
	}()
	if err != nil {
		var none K
		return none, fmt.Errorf("load %s key from %s: %w", role, path, err)
	}
	return k, nil
}

// confirm compares the file's public line with the key that was derived.
func (f *file) confirm(err error, public func() []byte) error {
	if err == nil && !bytes.Equal(f.public, public()) {
		return fmt.Errorf("%w: its public and private lines are of two keys", ErrFile)
	}
	return err
}
