package access

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

var update = flag.Bool("update", false, "write testdata/joins.txt anew")

const goldenPath = "testdata/joins.txt"

const goldenHead = `# Joins by code (facts.md, Codes), one of each kind. Made by this package's tests
# (go test -run Golden -update) from fixed keys: a seed is one byte repeated. All
# but code, kind and name are hex.
#
#   signer, inviter, keys: as in the steps, the algorithm or curve byte first
#   K = HKDF-SHA-256(secret, no salt, "mpp/1 join K"), 32 bytes; id the same with "mpp/1 join id", 8 bytes
#   T = SHA-256(kind, signer, inviter, keys..., name, joiner-nonce, inviter-nonce), each after its length as 4 bytes, big endian
#   joiner-mac = HMAC-SHA-256(K, "joiner" T); inviter-mac the same with "inviter"
#   signature = of "mpp/1 join" 00 T by signer
#   register = what a realm's key signs to register id at the node whose static key has the hash node
`

// golden is one join with every value fixed.
type golden struct {
	kind                      Joining
	code                      Code
	signer                    Signer
	inviter                   []byte
	name                      string
	keys                      [][]byte
	joinerNonce, inviterNonce []byte
}

func goldens(t *testing.T) []golden {
	t.Helper()
	fixed := func(kind Joining, signer Signer, name string, at byte, keys ...[]byte) golden {
		g := golden{
			kind: kind, signer: signer, inviter: signer.Author().Bytes(), name: name, keys: keys,
			joinerNonce: bytes.Repeat([]byte{at}, 32), inviterNonce: bytes.Repeat([]byte{at + 1}, 32),
		}
		hash := signer.Author().Hash()
		copy(g.code.pin[:], hash[:])
		for i := range g.code.secret {
			g.code.secret[i] = at + byte(i)
		}
		return g
	}
	device := joinerKeys(t, 5)
	ed448, err := key.AccountFromSeed(bytes.Repeat([]byte{2}, 57))
	if err != nil {
		t.Fatal(err)
	}
	list := []golden{
		fixed(JoinDevice, signerOf(t, 1), "laptop", 0x20, device...),
		fixed(JoinDevice, ed448, "Küche ☕", 0x40, device...),
		fixed(JoinNode, signerOf(t, 9), "attic", 0x60, signerOf(t, 7).Author().Bytes(), device[1]),
		fixed(JoinAccount, signerOf(t, 7), "", 0x80, signerOf(t, 1).Author().Bytes(), device[0], device[1]),
	}
	for i := range 2 {
		list[i].inviter = signerOf(t, 3).Author().Bytes()
	}
	return list
}

// lines are the values that another implementation checks.
func (g *golden) lines(t *testing.T) []string {
	t.Helper()
	own, err := key.ParseAuthor(g.inviter)
	if err != nil {
		t.Fatal(err)
	}
	inviter := NewInviter(g.kind, g.code, g.signer, own, start)
	joiner := NewJoiner(g.kind, g.code, g.name, g.keys...)
	joiner.nonce = g.joinerNonce
	one := joiner.Begin()
	if err := inviter.wellFormed(&one); err != nil {
		t.Fatal(err)
	}
	inviter.answer(&one, g.inviterNonce)
	three, err := joiner.Answer(&inviter.two)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inviter.Prove(start, &three); err != nil {
		t.Fatal(err)
	}
	sum, id, node := inviter.said.sum(), g.code.ID(), sha256.Sum256([]byte("card"))
	lines := []string{
		"kind: " + string(g.kind), "code: " + g.code.String(), fmt.Sprintf("secret: %x", g.code.secret),
		fmt.Sprintf("signer: %x", g.signer.Author().Bytes()), fmt.Sprintf("inviter: %x", g.inviter),
	}
	for _, k := range g.keys {
		lines = append(lines, fmt.Sprintf("key: %x", k))
	}
	return append(lines, "name: "+g.name,
		fmt.Sprintf("joiner-nonce: %x", g.joinerNonce), fmt.Sprintf("inviter-nonce: %x", g.inviterNonce),
		fmt.Sprintf("K: %x", g.code.key()), fmt.Sprintf("id: %x", id), fmt.Sprintf("T: %x", sum),
		fmt.Sprintf("joiner-mac: %x", three.Mac), fmt.Sprintf("inviter-mac: %x", inviter.two.Mac),
		fmt.Sprintf("signature: %x", inviter.two.Signature),
		fmt.Sprintf("node: %x", node), fmt.Sprintf("register: %x", RegisterText(id, node)))
}

func TestGoldenJoins(t *testing.T) {
	var b strings.Builder
	b.WriteString(goldenHead)
	for _, g := range goldens(t) {
		b.WriteString("\n" + strings.Join(g.lines(t), "\n") + "\n")
	}
	if *update {
		if err := os.WriteFile(goldenPath, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != b.String() {
		t.Errorf("%s is not what the code makes now:\n%s", goldenPath, &b)
	}
}

// vector is one block of testdata/joins.txt.
type vector struct {
	t    *testing.T
	text map[string]string
	keys [][]byte
}

func (v *vector) hex(name string) []byte {
	v.t.Helper()
	b, err := hex.DecodeString(v.text[name])
	if err != nil {
		v.t.Fatalf("%s: %v", name, err)
	}
	return b
}

func readVectors(t *testing.T) (list []*vector) {
	t.Helper()
	text, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimPrefix(string(text), goldenHead), "\n\n") {
		v := &vector{t: t, text: make(map[string]string)}
		for line := range strings.Lines(strings.TrimSpace(block)) {
			name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			if name == "key" {
				v.text["key"] = value
				v.keys = append(v.keys, v.hex("key"))
				continue
			}
			v.text[strings.TrimSuffix(name, ":")] = value
		}
		list = append(list, v)
	}
	return list
}

// hmacOf is HMAC-SHA-256 of the parts.
func hmacOf(k []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, k)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// The vectors again, by the text of facts.md and RFC 5869 alone: "K =
// HKDF-SHA-256(random bytes, "mpp/1 join K"), Id = 8 bytes with "mpp/1 join id";
// T = SHA-256 over kind, account/node/realm key, inviter's key, ALL of the
// joiner's keys, its name, both 32-byte nonces, each with a 4-byte length".
func TestVectorsByTheTextAlone(t *testing.T) {
	list := readVectors(t)
	if len(list) != 4 {
		t.Fatalf("%d vectors", len(list))
	}
	for i, v := range list {
		want := func(name string, got []byte) {
			t.Helper()
			if !bytes.Equal(got, v.hex(name)) {
				t.Errorf("vector %d: %s is %x, want %s", i, name, got, v.text[name])
			}
		}
		prk := hmacOf(make([]byte, 32), v.hex("secret"))
		k := hmacOf(prk, []byte("mpp/1 join K"), []byte{1})
		want("K", k)
		want("id", hmacOf(prk, []byte("mpp/1 join id"), []byte{1})[:mpp.JoinSize])
		parts := append([][]byte{[]byte(v.text["kind"]), v.hex("signer"), v.hex("inviter")}, v.keys...)
		parts = append(parts, []byte(v.text["name"]), v.hex("joiner-nonce"), v.hex("inviter-nonce"))
		var all []byte
		for _, p := range parts {
			all = append(binary.BigEndian.AppendUint32(all, uint32(len(p))), p...)
		}
		sum := sha256.Sum256(all)
		want("T", sum[:])
		want("joiner-mac", hmacOf(k, []byte("joiner"), sum[:]))
		want("inviter-mac", hmacOf(k, []byte("inviter"), sum[:]))
		signer, err := key.ParseAuthor(v.hex("signer"))
		if err != nil || !signer.Verify(append([]byte("mpp/1 join\x00"), sum[:]...), v.hex("signature")) {
			t.Errorf("vector %d: the signature does not hold, %v", i, err)
		}
		want("register", bytes.Join([][]byte{[]byte("mpp/1 join\x00register\x00"), v.hex("id"), {0}, v.hex("node")}, nil))
		hash := sha256.Sum256(v.hex("signer"))
		if code, err := ParseCode(v.text["code"]); err != nil || !bytes.Equal(code.secret[:], v.hex("secret")) || !bytes.Equal(code.pin[:], hash[:10]) {
			t.Errorf("vector %d: the code is not secret and hash, %v", i, err)
		}
	}
}
