package rud

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/transport/rud/wire"
)

// Whoever says nothing holds no ciphers; what was sealed opens all the same.
func TestSleep(t *testing.T) {
	var s scratch
	all := make([]protection, maxAwake+100)
	sealed := make([][]byte, len(all))
	for i := range all {
		p := &all[i]
		var err error
		if *p, err = newProtection(wire.SuiteX25519AESGCM, wire.ID{byte(i), byte(i >> 8)}, key.Secret{1}, key.Secret{byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
		sealed[i] = bytes.Clone(p.seal(&s, append(p.begin(&s, &wire.Header{Number: 1, Pieces: 1}), "there"...)))
		all[0].ready(&s) // it speaks all the time
	}
	awake := 0
	for i := range all {
		if all[i].packet != nil {
			awake++
		}
	}
	if awake != maxAwake || all[0].packet == nil || all[1].packet != nil {
		t.Errorf("%d of %d are awake, want %d, the busy one among them (%v)", awake, len(all), maxAwake, all[0].packet != nil)
	}
	for i := range all {
		p := &all[i]
		h, err := p.readHeader(&s, sealed[i])
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := p.unseal(&s, sealed[i], h.Number); err != nil || string(plain) != "there" {
			t.Fatalf("packet %d: %q, %v", i, plain, err)
		}
	}
}

// A copy gets a place of its own, and what is over leaves none behind.
func TestSleepOfCopies(t *testing.T) {
	var s scratch
	old, err := newProtection(wire.SuiteX25519AESGCM, wire.ID{1}, key.Secret{1}, key.Secret{2})
	if err != nil {
		t.Fatal(err)
	}
	old.ready(&s)
	moved := old
	moved.ready(&s)
	s.awake.drop(&old)
	old = protection{}
	if n := len(s.awake.places); n != 2 || s.awake.places[0] != nil || s.awake.places[1] != &moved {
		t.Errorf("%d places: %v", n, s.awake.places)
	}
	s.awake.drop(&old)
	s.awake.drop(&moved)
	if s.awake.places[1] != nil {
		t.Error("what is over holds a place")
	}
}

func TestSleepingKeysDoNotPrint(t *testing.T) {
	k := keys{wire.SuiteX25519AESGCM, key.Secret{0xab, 0xcd}, key.Secret{0xab, 0xcd}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
		for _, v := range []any{k, &k, protection{keys: &k}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "cd") && !strings.Contains(text, "redacted") || strings.Contains(text, "205") {
				t.Errorf("%s shows %s", verb, text)
			}
		}
	}
}
