package main

import (
	"errors"
	"io/fs"
	"os"

	"meshpresence/node/client"
)

// realmCreate is presence realm create.
type realmCreate struct {
	newSecret
	File string `arg:"" help:"The file to write; there must be none of that name."`
}

// Help is shown by --help.
func (*realmCreate) Help() string {
	return `Makes a realm's key away from any node: whoever has it lets nodes into the realm and removes them. A household needs this rarely, since the first presenced makes a realm of one by itself; with a key made here, no node ever holds it.

Examples:

  presence realm create realm.key
  presence realm create --no-passphrase realm.key`
}

// realmMade is the result: presence.realm-create/1.
type realmMade struct {
	Schema    string `json:"schema"`
	Realm     string `json:"realm"`
	File      string `json:"file"`
	Encrypted bool   `json:"encrypted"`
}

// Run makes the key.
func (v *realmCreate) Run(a *app) error {
	passphrase, err := v.given(a)
	if err != nil {
		return err
	}
	defer func() { clear(passphrase) }()
	if _, err := os.Lstat(v.File); !errors.Is(err, fs.ErrNotExist) {
		return usage("give another name", "making a realm's key: %s is there already", v.File)
	}
	if v.asks() {
		if passphrase, err = askNew(a.ctx, a.person, "Passphrase for the realm's key: "); err != nil {
			return err
		}
	}
	key, err := client.CreateRealmKey(v.File, passphrase)
	if err != nil {
		return err
	}
	r := realmMade{Schema: "presence.realm-create/1", Realm: key.Realm(), File: v.File, Encrypted: passphrase != nil}
	return a.emit(r,
		"realm     "+r.Realm,
		"key       "+printable(r.File),
		"Whoever has this file can let nodes into the realm. Start the first node with",
		"  presenced --realm-key "+printable(r.File))
}
