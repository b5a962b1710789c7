package key

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrFile means that a file is not a key file, or a damaged one.
var ErrFile = errors.New("not a key file")

// ErrRole means that a key file holds a key of another role.
var ErrRole = errors.New("wrong kind of key")

const fileMagic = "mpp-key/1 "

// file is a key file as lines; the package comment draws it.
type file struct {
	role    Role
	public  []byte // nil for a secret
	private []byte // nil when sealed
	cost    cost
	salt    []byte
	sealed  []byte // nil when in clear
}

// appendHead appends every line before the last.
func (f *file) appendHead(b []byte) []byte {
	b = fmt.Appendf(b, "%s%s\n", fileMagic, f.role)
	if f.public != nil {
		b = appendLine(b, "public", f.public)
	}
	if f.salt != nil {
		b = fmt.Appendf(b, "argon2id %d %d %d ", f.cost.time, f.cost.memory, f.cost.threads)
		b = append(base64url.AppendEncode(b, f.salt), '\n')
	}
	return b
}

func (f *file) append(b []byte) []byte {
	b = f.appendHead(b)
	if f.salt != nil {
		return appendLine(b, "sealed", f.sealed)
	}
	return appendLine(b, "private", f.private)
}

func appendLine(b []byte, word string, value []byte) []byte {
	b = append(append(b, word...), ' ')
	return append(base64url.AppendEncode(b, value), '\n')
}

// parseFile reads a key file strictly: what it returns encodes to b.
func parseFile(b []byte) (*file, error) {
	rest, ok := strings.CutPrefix(string(b), fileMagic)
	if !ok {
		return nil, ErrFile
	}
	role, rest, _ := strings.Cut(rest, "\n")
	f := &file{role: Role(role)}
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if err := f.parseLine(line); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(f.append(nil), b) {
		return nil, fmt.Errorf("%w: lines missing, repeated or out of order", ErrFile)
	}
	return f, nil
}

func (f *file) parseLine(line string) (err error) {
	word, value, _ := strings.Cut(line, " ")
	switch word {
	case "public":
		f.public, err = base64url.AppendDecode([]byte{}, []byte(value))
	case "private":
		f.private, err = base64url.AppendDecode([]byte{}, []byte(value))
	case "sealed":
		f.sealed, err = base64url.AppendDecode([]byte{}, []byte(value))
	case "argon2id":
		return f.parseCost(strings.Split(value, " "))
	default:
		return fmt.Errorf("%w: unknown line", ErrFile)
	}
	if err != nil {
		return fmt.Errorf("%w: %s line is not base64", ErrFile, word)
	}
	return nil
}

func (f *file) parseCost(fields []string) error {
	if len(fields) != 4 {
		return fmt.Errorf("%w: argon2id line", ErrFile)
	}
	time, err1 := strconv.ParseUint(fields[0], 10, 32)
	memory, err2 := strconv.ParseUint(fields[1], 10, 32)
	threads, err3 := strconv.ParseUint(fields[2], 10, 8)
	salt, err4 := base64url.DecodeString(fields[3])
	if err := errors.Join(err1, err2, err3, err4); err != nil || len(salt) != saltSize {
		return fmt.Errorf("%w: argon2id line", ErrFile)
	}
	f.cost = cost{uint32(time), uint32(memory), uint8(threads)}
	f.salt = salt
	return f.cost.check()
}

// encrypt puts the private bytes under a passphrase.
func (f *file) encrypt(c cost, passphrase []byte) (err error) {
	f.cost, f.salt = c, randomBytes(saltSize)
	f.sealed, err = sealFile(c, passphrase, f.salt, f.appendHead(nil), f.private)
	f.private = nil
	return err
}

// open returns the private bytes. A passphrase given for a file in clear is not
// used.
func (f *file) open(passphrase []byte) ([]byte, error) {
	if f.salt == nil {
		return f.private, nil
	}
	if passphrase == nil {
		return nil, ErrEncrypted
	}
	return openFile(f.cost, passphrase, f.salt, f.appendHead(nil), f.sealed)
}
