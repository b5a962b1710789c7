package access

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"meshpresence/discovery"
	"meshpresence/internal/key"
	"meshpresence/node/mpp"
)

// What facts.md fixes ("Codes").
const (
	// CodeLife is how long a code lives.
	CodeLife = 15 * time.Minute
	// MaxBadMACs end a code: whoever guesses at it ends it.
	MaxBadMACs = 5

	secretSize = 10 // random bytes of a code
	pinSize    = 10 // of SHA-256 of the key that signs T
)

// Errors a caller branches on. None repeats what was read.
var (
	// ErrCode: a text is no code, or is not the code of the other side's key.
	ErrCode = errors.New("not a code: want eight groups of four letters and digits from 2 to 7, or " + joinForm)
	// ErrCodeOver: the code was used, is older than CodeLife, or met MaxBadMACs.
	ErrCodeOver = errors.New("the code is over: make a new one")
	// ErrMAC: the other side does not know the code, means another kind of join,
	// or something between the two changed what they said.
	ErrMAC = errors.New("the other side did not prove that it knows this code")
	// ErrStep: a step of the join that is not due, or is not formed as it must be.
	ErrStep = errors.New("not the step of a join that is due")
)

const (
	joinScheme = "mpp-join:"
	joinForm   = joinScheme + "CODE@host:port/FINGERPRINT"
	// maxCode bounds the text read as a code; with separators a code has 39
	// characters. It stops a pasted file from being decoded.
	maxCode = 128
)

// Joining is what a code admits to: the label that stands first in T, so that a
// code of one kind is worth nothing in another.
type Joining string

// The kinds of join.
const (
	JoinDevice  Joining = "device"  // a device joins an account
	JoinNode    Joining = "node"    // a node joins a realm
	JoinAccount Joining = "account" // an account joins a node
)

// keys is how many keys the joiner names in step 1; 0 for no kind.
func (j Joining) keys() int {
	switch j {
	case JoinDevice, JoinNode:
		return 2 // its signing key, its agreement key
	case JoinAccount:
		return 3 // account, device, the device's agreement key
	}
	return 0
}

// Code is a secret and a pin: random bytes, and the first bytes of SHA-256 of
// the key that will sign the join. Whoever knows it may join once; it is shown
// to a person and stands in no log. The zero Code is none.
type Code struct {
	secret [secretSize]byte
	pin    [pinSize]byte
}

// NewCode makes the code of a join that this key will sign.
func NewCode(signer key.Author) Code {
	var c Code
	rand.Read(c.secret[:])
	hash := signer.Hash()
	copy(c.pin[:], hash[:])
	return c
}

var codeEncoding = base32.StdEncoding // 20 bytes need no padding

// ParseCode reads a code: any case, with dashes, blanks or nothing between the
// groups. Its error is ErrCode.
func ParseCode(s string) (Code, error) {
	if len(s) > maxCode {
		return Code{}, ErrCode
	}
	plain := make([]byte, 0, len(s))
	for i := range len(s) {
		switch b := s[i]; {
		case strings.IndexByte("- \t\r\n", b) >= 0:
		case 'a' <= b && b <= 'z':
			plain = append(plain, b-'a'+'A')
		default:
			plain = append(plain, b)
		}
	}
	b, err := codeEncoding.DecodeString(string(plain))
	if err != nil || len(b) != secretSize+pinSize {
		return Code{}, ErrCode
	}
	return Code{secret: [secretSize]byte(b), pin: [pinSize]byte(b[secretSize:])}, nil
}

// String is the code to be shown to a person, ABCD-EFGH-... in eight groups. It
// must not be logged.
func (c Code) String() string {
	plain := codeEncoding.EncodeToString(append(c.secret[:], c.pin[:]...))
	groups := make([]string, 0, len(plain)/4)
	for ; plain != ""; plain = plain[4:] {
		groups = append(groups, plain[:4])
	}
	return strings.Join(groups, "-")
}

// ID is the name under which the code's steps are relayed; it tells nothing of
// the secret.
func (c Code) ID() [mpp.JoinSize]byte {
	return [mpp.JoinSize]byte(c.derive("mpp/1 join id", mpp.JoinSize))
}

// IsZero reports whether c is no code.
func (c Code) IsZero() bool { return c == Code{} }

// key is K.
func (c Code) key() []byte { return c.derive("mpp/1 join K", sha256.Size) }

// names reports whether the code was made for this signing key.
func (c Code) names(signer key.Author) bool {
	hash := signer.Hash()
	return bytes.Equal(c.pin[:], hash[:pinSize])
}

// derive is HKDF-SHA-256 of the secret, without salt.
func (c Code) derive(info string, size int) []byte {
	b, err := hkdf.Key(sha256.New, c.secret[:], nil, info, size)
	if err != nil {
		panic(err) // only of sizes past 255 hashes
	}
	return b
}

// JoinText is the pasted and QR form, which names the node and pins it.
func JoinText(c Code, node discovery.Address) string {
	return joinScheme + c.String() + "@" + strings.TrimPrefix(node.String(), discovery.Scheme)
}

// ParseJoin reads the form of JoinText, or a bare code, which gives the zero
// Address. Its error is ErrCode.
func ParseJoin(s string) (Code, discovery.Address, error) {
	s = strings.TrimSpace(s)
	if len(s) < len(joinScheme) || !strings.EqualFold(s[:len(joinScheme)], joinScheme) {
		c, err := ParseCode(s)
		return c, discovery.Address{}, err
	}
	text, at, _ := strings.Cut(s[len(joinScheme):], "@")
	c, err := ParseCode(text)
	if err != nil {
		return Code{}, discovery.Address{}, err
	}
	node, err := discovery.ParseAddress(discovery.Scheme + at)
	if err != nil {
		return Code{}, discovery.Address{}, fmt.Errorf("%w: %w", ErrCode, err)
	}
	if node.Fingerprint == "" { // it would be anyone's who answers there
		return Code{}, discovery.Address{}, fmt.Errorf("%w: the address has no fingerprint", ErrCode)
	}
	return c, node, nil
}
