package handshake_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/handshake"
	"meshpresence/transport/rud/wire"
)

// No way of printing shows a key.
func TestMachinesDoNotPrintKeys(t *testing.T) {
	g := newRig(t)
	i := g.initiator()
	before := fmt.Sprintf("%v %+v %#v %s", i, i, i, i)
	ours, theirs := g.finish(i)
	for _, s := range []string{
		before, fmt.Sprintf("%v %+v %#v %x", g.r, g.r, g.r, g.r),
		fmt.Sprintf("%v %+v", ours, *theirs),
	} {
		for _, secret := range [][]byte{ours.Secret[:], g.scalarR} {
			for _, form := range []string{fmt.Sprintf("%x", secret[:8]), fmt.Sprint(secret[:4]), fmt.Sprintf("%#x", secret[0:2])} {
				if strings.Contains(s, strings.Trim(form, "[]")) {
					t.Errorf("%q shows a key", s)
				}
			}
		}
	}
}

func TestConfigsThatCannotWork(t *testing.T) {
	now := time.Now()
	x448, err := key.NewStatic(key.X448)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]handshake.InitiatorConfig{
		"size":            {Size: 1000},
		"X448 static":     {Static: x448},
		"X448 pin":        {Static: static(t, bytes.Repeat([]byte{1}, 32)), Pin: handshake.Pin{Key: x448.Public()}},
		"X448 suite":      {Suite: wire.SuiteX448AESGCM},
		"unknown suite":   {Suite: 0x13},
		"tag twice":       {Extensions: []wire.Extension{{Tag: "a"}, {Tag: "a"}}},
		"empty tag":       {Extensions: []wire.Extension{{Tag: ""}}},
		"does not fit":    {Extensions: []wire.Extension{{Tag: "a", Value: make([]byte, 370)}}},
		"no randomness":   {Rand: script()},
		"only zeros":      {Rand: script(make([]byte, 4096))},
		"every id in use": {Taken: func(wire.ID) bool { return true }},
	} {
		if _, err := handshake.NewInitiator(now, c); err == nil {
			t.Errorf("initiator: %s: no error", name)
		}
	}
	if _, err := handshake.NewInitiator(now, handshake.InitiatorConfig{Extensions: []wire.Extension{{Tag: "a", Value: make([]byte, 360)}}}); err != nil {
		t.Errorf("360 bytes of extension: %v", err)
	}
	for name, c := range map[string]handshake.ResponderConfig{
		"no key":        {},
		"X448 alone":    {Statics: []*key.Static{x448}},
		"no randomness": {Statics: []*key.Static{static(t, bytes.Repeat([]byte{1}, 32))}, Rand: script()},
	} {
		if _, err := handshake.NewResponder(now, c); err == nil {
			t.Errorf("responder: %s: no error", name)
		}
	}
}
