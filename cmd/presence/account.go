package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"meshpresence/node/client"
)

// maxName is the longest name of a device, in bytes (facts.md, epoch).
const maxName = 24

// accountCreate is presence account create.
type accountCreate struct {
	Name           string `placeholder:"NAME" help:"What the account's other devices call this one; the host's name unless given."`
	NoPassphrase   bool   `xor:"passphrase" help:"Keep the account's key in clear (mode 0600)."`
	PassphraseFile string `xor:"passphrase" placeholder:"FILE" help:"Read the passphrase from FILE's first line; - is standard input."`
}

// Help is shown by --help.
func (*accountCreate) Help() string {
	return `Makes the account's key and this device's keys, and brings the account to a node, which keeps it. A node takes new accounts from its own machine only, unless it was told otherwise.

The account's key is encrypted under a passphrase, asked for twice. It is needed to add and revoke devices, not to watch or publish. Nobody can restore it: keep a copy of the profile's account.key somewhere safe.

Examples:

  presence --node mpp://127.0.0.1:6770 account create
  presence account create --name phone --passphrase-file secret.txt
  presence --profile test account create --no-passphrase`
}

// created is the result: presence.account-create/1.
type created struct {
	Schema     string   `json:"schema"`
	Account    string   `json:"account"`
	Device     string   `json:"device"`
	Name       string   `json:"name"`
	Profile    string   `json:"profile"`
	Node       *string  `json:"node"`
	Homes      []string `json:"homes"` // addresses, all of each node's
	AccountKey string   `json:"account_key"`
	Encrypted  bool     `json:"encrypted"`
}

// Run makes the account. What can be refused without a node is refused first,
// and a person is asked for a passphrase only once a node is there.
func (v *accountCreate) Run(a *app) error {
	if a.person == nil && !v.NoPassphrase && v.PassphraseFile == "" {
		return usage("give --passphrase-file FILE, or --no-passphrase to keep the key in clear", "the account's key wants a passphrase, and nobody is here to be asked")
	}
	passphrase, err := v.readPassphrase(a.in)
	if err != nil {
		return err
	}
	defer clear(passphrase)
	p, undo, err := v.device(a)
	if err != nil {
		return err
	}
	l, err := a.reach(p)
	if err != nil {
		undo()
		return err
	}
	defer l.close()
	if v.asks() {
		l.wait.stop()
		if passphrase, err = v.askPassphrase(l, a.person, p.HasAccountKey()); err != nil {
			undo()
			return err
		}
		l.wait.begin()
	}
	if err := l.fault(l.CreateAccount(l.ctx, passphrase, ""), exitNoAnswer); err != nil {
		return err
	}
	return v.tell(a, l)
}

// asks reports whether a person is to be asked for the passphrase.
func (v *accountCreate) asks() bool { return !v.NoPassphrase && v.PassphraseFile == "" }

// device opens the profile, or makes it; undo takes back what was made, as long
// as nothing outside knows of it.
func (v *accountCreate) device(a *app) (p *client.Profile, undo func(), err error) {
	dir, err := a.profileDir()
	if err != nil {
		return nil, nil, err
	}
	p, err = client.OpenProfile(dir)
	switch {
	case errors.Is(err, client.ErrNoProfile):
		return v.makeDevice(dir)
	case err != nil:
		return nil, nil, err
	case p.Account() != "" && (len(p.Homes()) > 0 || !p.HasAccountKey()):
		return nil, nil, fmt.Errorf("creating an account in %s: %w: it belongs to %s", dir, client.ErrProfileUsed, p.Account())
	case v.Name != "" && v.Name != p.Name():
		return nil, nil, usage("leave --name out, or use another profile", "--name %s: this device is called %s already", v.Name, p.Name())
	}
	return p, func() {}, nil
}

func (v *accountCreate) makeDevice(dir string) (*client.Profile, func(), error) {
	name := v.Name
	if name == "" {
		name = hostName()
	}
	if len(name) > maxName || printable(name) != name {
		return nil, nil, usage("give a shorter one: at most 24 bytes, and nothing that does not print", "--name %q cannot be a device's name", name)
	}
	_, before := os.Stat(dir)
	p, err := client.NewProfile(dir, name)
	undo := func() {
		if os.IsNotExist(before) {
			os.RemoveAll(dir)
		}
	}
	return p, undo, err
}

// hostName is the host's name up to its first dot, cut to what a name may hold.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "device"
	}
	name, _, _ = strings.Cut(name, ".")
	name = printable(name)
	for len(name) > maxName {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	return name
}

// maxPassphrase bounds what is read of a passphrase file, so that a wrong path
// does not fill the memory.
const maxPassphrase = 1024

// readPassphrase reads the passphrase file, nil when there is none to read.
func (v *accountCreate) readPassphrase(in io.Reader) ([]byte, error) {
	if v.PassphraseFile == "" {
		return nil, nil
	}
	if v.PassphraseFile != "-" {
		f, err := os.Open(v.PassphraseFile)
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

// askPassphrase asks a person: twice for a new key, once for one that an
// earlier try made.
func (v *accountCreate) askPassphrase(l *line, who person, made bool) ([]byte, error) {
	if made {
		return who.secret(l.ctx, "Passphrase of the account's key made before: ")
	}
	first, err := who.secret(l.ctx, "Passphrase for the account's key: ")
	if err != nil {
		return nil, err
	}
	if len(first) == 0 {
		return nil, usage("type one, or give --no-passphrase to keep the key in clear", "the passphrase is empty")
	}
	again, err := who.secret(l.ctx, "The same once more: ")
	if err != nil {
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(first, again) {
		return nil, usage("nothing was made; run the command again", "the two passphrases differ")
	}
	return first, nil
}

func (v *accountCreate) tell(a *app, l *line) error {
	p := l.Profile()
	r := created{
		Schema: "presence.account-create/1", Account: p.Account(), Device: p.Device(), Name: p.Name(),
		Profile: p.Dir(), Node: textOrNull(l.Node()), Homes: list(p.Homes()),
		AccountKey: filepath.Join(p.Dir(), "account.key"), Encrypted: !v.NoPassphrase,
	}
	lines := []string{
		"account   " + r.Account,
		"device    " + printable(r.Name) + " " + r.Device,
		"profile   " + r.Profile,
	}
	for _, h := range oneEach(r.Homes) {
		lines = append(lines, "kept at   "+h)
	}
	advice := "Nobody can restore the account's key: keep a copy of"
	if !r.Encrypted {
		advice = "The account's key lies in clear, and nobody can restore it: keep a copy of"
	}
	lines = append(lines, advice, "  "+r.AccountKey)
	return a.emit(r, lines...)
}
