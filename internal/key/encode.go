package key

import "fmt"

// Encode returns the bytes that Save would write: for a backup, which holds the
// key beside other things. A nil passphrase leaves the key in clear; an empty one
// is refused.
func (a *Account) Encode(passphrase []byte) ([]byte, error) {
	f := a.signing.file(RoleAccount)
	switch {
	case passphrase == nil:
	case len(passphrase) == 0:
		return nil, fmt.Errorf("encode account key: %w", errEmptyPassphrase)
	default:
		if err := f.encrypt(usualCost, passphrase); err != nil {
			return nil, fmt.Errorf("encode account key: %w", err)
		}
	}
	return f.append(nil), nil
}

// DecodeAccount reads what Encode returned. Errors: ErrFile, ErrRole,
// ErrEncrypted, ErrPassphrase, ErrKey.
func DecodeAccount(b, passphrase []byte) (*Account, error) {
	k, err := func() (*Account, error) {
		f, err := parseFile(b)
		if err != nil {
			return nil, err
		}
		return f.account(passphrase)
	}()
	if err != nil {
		return nil, fmt.Errorf("decode account key: %w", err)
	}
	return k, nil
}

// account opens the file of an account's key.
func (f *file) account(passphrase []byte) (*Account, error) {
	if f.role != RoleAccount {
		return nil, fmt.Errorf("%w: it is a %s key", ErrRole, f.role)
	}
	private, err := f.open(passphrase)
	if err != nil {
		return nil, err
	}
	k, err := AccountFromSeed(private)
	return k, f.confirm(err, func() []byte { return k.author.Bytes() })
}
