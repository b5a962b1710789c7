package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"meshpresence/node/client"
)

// maxPassphrase bounds what is read of a passphrase file, so that a wrong path
// does not fill the memory.
const maxPassphrase = 1024

// newSecret is what a verb takes that makes a key file: the passphrase that the
// file will want.
type newSecret struct {
	NoPassphrase   bool   `xor:"passphrase" help:"Keep the key in clear (mode 0600)."`
	PassphraseFile string `xor:"passphrase" placeholder:"FILE" help:"Read the passphrase from FILE's first line; - is standard input."`
}

// asks reports whether a person is to be asked.
func (s *newSecret) asks() bool { return !s.NoPassphrase && s.PassphraseFile == "" }

// given is the passphrase that the flags say, nil for none; it refuses when a
// person is to be asked and nobody is there.
func (s *newSecret) given(a *app) ([]byte, error) {
	if a.person == nil && s.asks() {
		return nil, usage("give --passphrase-file FILE, or --no-passphrase to keep the key in clear", "the key wants a passphrase, and nobody is here to be asked")
	}
	return readPassphrase(s.PassphraseFile, a.in)
}

// askNew asks a person for a passphrase to be, twice.
func askNew(ctx context.Context, who person, prompt string) ([]byte, error) {
	first, err := who.secret(ctx, prompt)
	if err != nil {
		return nil, err
	}
	if len(first) == 0 {
		return nil, usage("type one, or give --no-passphrase to keep the key in clear", "the passphrase is empty")
	}
	again, err := who.secret(ctx, "The same once more: ")
	if err != nil {
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(first, again) {
		return nil, usage("nothing was made; run the command again", "the two passphrases differ")
	}
	return first, nil
}

// readPassphrase reads a passphrase file, - standing for in; nil when no file is
// named.
func readPassphrase(path string, in io.Reader) ([]byte, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
	default:
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("reading the passphrase: %w", err)
		}
		defer f.Close()
		if err := private(f); err != nil {
			return nil, err
		}
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxPassphrase+1))
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch {
	case len(line) == 0:
		return nil, usage("write the passphrase on the file's first line, or give --no-passphrase", "the passphrase file is empty")
	case len(line) > maxPassphrase:
		return nil, usage("give one of at most 1024 bytes", "the passphrase is too long")
	}
	return line, nil
}

// keySecret is what every act of the account's key takes.
type keySecret struct {
	PassphraseFile string `placeholder:"FILE" help:"Read the passphrase of the account's key from FILE's first line; - is standard input."`
}

// holder opens the profile of a device that holds the account's key, and goes to
// a node with it: a person is asked for the passphrase, which opens the key, only
// once a node is there.
func (s *keySecret) holder(a *app) (l *line, passphrase []byte, err error) {
	if err := a.checkClock(); err != nil {
		return nil, nil, err
	}
	p, err := a.openProfile()
	if err != nil {
		return nil, nil, err
	}
	if passphrase, err = s.given(a, p); err != nil {
		return nil, nil, err
	}
	if l, err = a.reach(p); err != nil {
		return nil, nil, err
	}
	if passphrase == nil && p.AccountKeyLocked() {
		l.wait.stop()
		defer l.wait.begin()
		if passphrase, err = a.person.secret(l.ctx, keyPrompt); err != nil {
			l.close()
			return nil, nil, err
		}
	}
	return l, passphrase, nil
}

const keyPrompt = "Passphrase of the account's key: "

// given is the passphrase that the flags say, nil when the key wants none or a
// person will say it. What no node could mend is refused here.
func (s *keySecret) given(a *app, p *client.Profile) ([]byte, error) {
	switch {
	case p.Account() == "":
		return nil, client.ErrNoAccount
	case !p.HasAccountKey():
		return nil, &fault{
			err: fmt.Errorf("this device does not hold the account's key"), code: exitError,
			hint: "run it on a device that does, or bring the key here: presence account restore FILE",
		}
	case a.person == nil && s.PassphraseFile == "" && p.AccountKeyLocked():
		return nil, usage("give --passphrase-file FILE", "the account's key wants its passphrase, and nobody is here to be asked")
	}
	return readPassphrase(s.PassphraseFile, a.in)
}
