package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/facts.txt anew")

const goldenPath = "testdata/facts.txt"

const goldenHead = `# Facts, one of each kind and then what must be refused. Made by this package's
# tests (go test -run Golden -update) from fixed keys: a seed is one byte repeated.
#
#   account 01*32, Ed448 account 02*57, device 03*32 with X25519 04*32, Ed448 device 05*57 with X448 06*56,
#   node 07*32 with X25519 08*32, realm 09*32, private halves of two epochs 0a*32 and 0b*32
#
# expect: ok, or why it is refused (malformed, unknown kind, size, author, signature).
# hash: SHA-256 of the signed bytes. fact: the encoded fact.
`

// entry is one block of testdata/facts.txt.
type entry struct {
	name, expect, hash string
	fact               []byte
}

func readGolden(t testing.TB) []entry {
	t.Helper()
	text, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	var list []entry
	for block := range strings.SplitSeq(strings.TrimPrefix(string(text), goldenHead), "\n\n") {
		var e entry
		for line := range strings.Lines(strings.TrimSpace(block)) {
			word, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch word {
			case "name":
				e.name = value
			case "expect":
				e.expect = value
			case "hash":
				e.hash = value
			case "fact":
				e.fact = must(hex.DecodeString(value))
			default:
				t.Fatalf("%s: unknown line %q", goldenPath, line)
			}
		}
		list = append(list, e)
	}
	return list
}

func writeGolden(t *testing.T, list []entry) {
	var b strings.Builder
	b.WriteString(goldenHead)
	for _, e := range list {
		fmt.Fprintf(&b, "\nname: %s\nexpect: %s\n", e.name, e.expect)
		if e.hash != "" {
			fmt.Fprintf(&b, "hash: %s\n", e.hash)
		}
		fmt.Fprintf(&b, "fact: %x\n", e.fact)
	}
	if err := os.WriteFile(goldenPath, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// verdict names what is wrong with an encoded fact, as "expect" does.
func verdict(b []byte) string {
	f, err := Parse(b)
	if err == nil {
		err = f.Verify()
	}
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrKind):
		return "unknown kind"
	case errors.Is(err, ErrSize):
		return "size"
	case errors.Is(err, ErrAuthor):
		return "author"
	case errors.Is(err, ErrSignature):
		return "signature"
	}
	return "malformed"
}

func TestGolden(t *testing.T) {
	table := samples(t)
	refused := refusals(t)
	if *update {
		var list []entry
		for _, s := range table {
			f := s.sign(t)
			list = append(list, entry{s.name, "ok", fmt.Sprintf("%x", f.hash[:]), f.Append(nil)})
		}
		for _, r := range refused {
			list = append(list, entry{r.name, r.expect, "", r.fact})
		}
		writeGolden(t, list)
	}
	golden := readGolden(t)
	if len(golden) != len(table)+len(refused) {
		t.Fatalf("%d golden facts, want %d", len(golden), len(table)+len(refused))
	}
	for i, e := range golden {
		if got := verdict(e.fact); got != e.expect {
			_, err := Parse(e.fact)
			t.Errorf("%s: %s (%v), want %s", e.name, got, err, e.expect)
			continue
		}
		if i < len(table) {
			checkGolden(t, table[i], e)
		} else if r := refused[i-len(table)]; r.name != e.name || r.expect != e.expect || !bytes.Equal(r.fact, e.fact) {
			t.Errorf("%s: the table says %s, %s, or other bytes", e.name, r.name, r.expect)
		}
	}
}

// checkGolden compares a golden fact with the table, and with what signing its
// parts again gives.
func checkGolden(t *testing.T, s sample, e entry) {
	f := must(Parse(e.fact))
	if s.name != e.name || fmt.Sprintf("%x", f.hash[:]) != e.hash {
		t.Errorf("%s: hash %x, want %s (%s)", e.name, f.hash[:], e.hash, s.name)
	}
	if !s.sealed && !reflect.DeepEqual(f.Body, s.sign(t).Body) {
		t.Errorf("%s: body %+v, want %+v", e.name, f.Body, s.body)
	}
	again, err := Sign(s.signer, f.Realm, f.Base, f.Body)
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	if !bytes.Equal(again.Append(nil), e.fact) {
		t.Errorf("%s: signed again it is\n%x, want\n%x", e.name, again.Append(nil), e.fact)
	}
}

// TestGoldenSealed opens what the golden facts hold sealed.
func TestGoldenSealed(t *testing.T) {
	for _, e := range readGolden(t) {
		switch e.name {
		case "epoch":
			o, err := OpenEpoch(must(Parse(e.fact)), hashOf(phone), phoneDH)
			if err != nil || o.Key.Public() != epoch2.Public() || len(o.Older) != 1 || o.Older[0].Public() != epoch1.Public() {
				t.Errorf("epoch: opened %+v, %v", o, err)
			} else if o.Names[prefix(hashOf(phone))] != "Telefon ☎" || o.Names[prefix(hashOf(laptop))] != "laptop" {
				t.Errorf("epoch: names %q", o.Names)
			}
		case "contact":
			if b, err := epoch2.OpenContact(must(Parse(e.fact))); string(b) != "capability" {
				t.Errorf("contact: %q, %v", b, err)
			}
		case "event, status", "event, queued":
			b, err := epoch2.OpenEvent(must(Parse(e.fact)))
			if err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
			if p, err := ParsePayload(b); err != nil || string(p.Data) != "busy" && string(p.Data) != "hello" {
				t.Errorf("%s: %+v, %v", e.name, p, err)
			}
		}
	}
}

// "Body is JSON-B, kept and verified as received, never encoded again": a body
// with members we do not know keeps them and verifies.
func TestUnknownMembersAreKept(t *testing.T) {
	raw := rawBody(alice, baseFor(KindPolicy), &Policy{Nobody, Nobody, Nobody}, []byte("\xb4\x05Later[\xa0\x01{}]")...)
	b := signRaw(alice, KindPolicy, [32]byte{}, raw)
	f, err := Parse(b)
	if err != nil || f.Verify() != nil {
		t.Fatalf("parse: %v", err)
	}
	if !bytes.Equal(f.Raw, raw) || !bytes.Equal(f.Append(nil), b) {
		t.Error("the body changed")
	}
}

// Parse copies its input.
func TestParseCopies(t *testing.T) {
	b := samples(t)[0].sign(t).Append(nil)
	f := must(Parse(b))
	clear(b)
	if f.Verify() != nil {
		t.Error("the fact changed with its input")
	}
}

// A fact with any one byte changed does not verify.
func TestForged(t *testing.T) {
	for _, s := range samples(t) {
		b := s.sign(t).Append(nil)
		for i := range b {
			b[i] ^= 1 << (i % 8)
			if verdict(b) == "ok" {
				t.Fatalf("%s: verifies with byte %d flipped", s.name, i)
			}
			b[i] ^= 1 << (i % 8)
		}
	}
}

// A signature is for one kind and one realm.
func TestSignatureBindsKindAndRealm(t *testing.T) {
	f := must(Sign(house, hashOf(house), baseFor(KindMember), &Member{hashOf(node)}))
	forged := Fact{Kind: KindExpelled, Realm: f.Realm}
	forged.setBytes(f.Raw, f.Signature)
	if got := verdict(forged.Append(nil)); got != "signature" {
		t.Errorf("a member fact as expelled: %s", got)
	}
	h := must(Sign(node, hashOf(house), baseFor(KindHost), &Host{}))
	moved := Fact{Kind: KindHost, Realm: hashOf(alice)}
	moved.setBytes(h.Raw, h.Signature)
	if got := verdict(moved.Append(nil)); got != "signature" {
		t.Errorf("a host fact in another realm: %s", got)
	}
}
