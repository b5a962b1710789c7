package record

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"meshpresence/internal/jsonbcd"
	"meshpresence/internal/key"
)

// What can be wrong with a fact.
var (
	// ErrMalformed: no honest author makes such bytes.
	ErrMalformed = errors.New("malformed")
	// ErrKind: a kind that this version does not know.
	ErrKind = errors.New("unknown kind of fact")
	// ErrSize: longer than its kind may be.
	ErrSize = errors.New("fact too long")
	// ErrAuthor: signed by a key that may not sign this kind.
	ErrAuthor = errors.New("wrong author for this kind of fact")
	// ErrSignature: the signature is not the author's.
	ErrSignature = errors.New("bad signature")
)

// signedPrefix begins the signed bytes (facts.md, The record).
const signedPrefix = "mpp/1\x00"

// Fact is one signed fact. It is immutable after Parse or Sign made it, and
// then safe for concurrent use; its slices must not be written to.
type Fact struct {
	Kind Kind
	// Realm is the hash of the realm's key; zero exactly for kinds of an account.
	Realm key.Hash
	// Raw is the body as received, which is what was signed.
	Raw       []byte
	Signature []byte
	Base
	// Body is the kind's own part, read from Raw; its slices alias Raw.
	Body Body

	signed []byte // signedPrefix kind 0 realm Raw
	hash   key.Hash
}

// Body is the part of a fact's body that belongs to its kind: a pointer to
// Device, Revoked, Epoch, Home, Policy, Contact, Attach, Event, Host, Node,
// Member, Expelled or Realm.
type Body interface {
	// Kind returns the kind of fact that has such a body.
	Kind() Kind
	// append appends the members.
	append(b []byte) []byte
	// read reads the member called name, or returns false if it is not one.
	read(name string, d *decoder) bool
	// check says what is missing or contradicts itself.
	check() error
	// sub is what tells this fact's Key from others of its kind and owner.
	sub(author key.Hash) string
}

// Sign makes a fact. It fills base.Author, refuses what Parse would refuse, and
// returns what Parse returns: ErrSize over 7,000 bytes (a device fact 600),
// ErrAuthor for a signer that may not sign the kind.
func Sign(s key.Signer, realm key.Hash, base Base, body Body) (*Fact, error) {
	base.Author = s.Author()
	raw := jsonbcd.AppendObject(make([]byte, 0, 512))
	raw = base.append(raw)
	raw = body.append(raw)
	raw = jsonbcd.AppendObjectEnd(raw)

	f := &Fact{Kind: body.Kind(), Realm: realm}
	f.setBytes(raw, nil)
	f.Signature = s.Sign(f.signed)
	made, err := Parse(f.Append(nil))
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", body.Kind(), err)
	}
	return made, nil
}

// Parse reads an encoded fact and checks everything that the fact alone can
// show but its signature: form, sizes, members, who may sign its kind. It
// copies b. Every error wraps ErrMalformed, ErrKind, ErrSize or ErrAuthor.
func Parse(b []byte) (*Fact, error) {
	if len(b) > MaxFact {
		return nil, fmt.Errorf("parse fact of %d bytes: %w", len(b), ErrSize)
	}
	f, rule, err := parseOuter(b)
	if err != nil {
		return nil, fmt.Errorf("parse fact: %w", err)
	}
	if err := f.parseBody(rule); err != nil {
		return nil, fmt.Errorf("parse %s fact: %w", f.Kind, err)
	}
	return f, nil
}

// parseOuter reads {Kind, [Realm], Body, Signature} strictly: these members are
// not signed, so there is room for no other.
func parseOuter(b []byte) (*Fact, rule, error) {
	f := new(Fact)
	var d decoder
	var body, signature []byte
	err := d.object(b, func(name string) bool {
		switch name {
		case "Kind":
			f.Kind = Kind(d.text(MaxChannel))
		case "Realm":
			f.Realm = d.hash()
		case "Body":
			body = d.bytes(1, MaxFact)
		case "Signature":
			signature = d.bytes(1, key.MaxSignature)
		default:
			d.refuse("unknown member outside the body")
		}
		return true
	})
	if err != nil {
		return nil, rule{}, err
	}
	rule, known := rules[f.Kind]
	switch {
	case f.Kind == "" || body == nil || signature == nil:
		return nil, rule, malformed("Kind, Body or Signature is missing")
	case !known:
		return nil, rule, ErrKind
	case f.Realm.IsZero() == rule.realm:
		return nil, rule, malformed("Realm does not go with this kind")
	}
	f.setBytes(body, signature)
	if size := f.size(); size > MaxFact || f.Kind == KindDevice && size > MaxDevice {
		return nil, rule, ErrSize
	}
	return f, rule, nil
}

// parseBody reads Raw and checks it.
func (f *Fact) parseBody(rule rule) error {
	f.Body = rule.empty()
	var d decoder
	err := d.object(f.Raw, func(name string) bool {
		return f.Base.read(name, &d) || f.Body.read(name, &d)
	})
	if err != nil {
		return err
	}
	if !d.serial {
		return missing("Serial")
	}
	if err := f.Base.check(rule); err != nil {
		return err
	}
	if err := f.Body.check(); err != nil {
		return err
	}
	if !rule.allows(&f.Base, f.Realm) {
		return ErrAuthor
	}
	if len(f.Signature) != f.Author.SignatureSize() {
		return malformed("signature of a wrong size")
	}
	return nil
}

// setBytes copies body and signature into one piece of memory, behind what is
// signed before them, and hashes what is signed.
func (f *Fact) setBytes(body, signature []byte) {
	b := make([]byte, 0, len(signedPrefix)+len(f.Kind)+1+key.HashSize+len(body)+len(signature))
	b = append(b, signedPrefix...)
	b = append(append(b, f.Kind...), 0)
	if !f.Realm.IsZero() {
		b = append(b, f.Realm[:]...)
	}
	start := len(b)
	b = append(b, body...)
	end := len(b)
	b = append(b, signature...)
	f.signed, f.Raw, f.Signature = b[:end:end], b[start:end:end], b[end:len(b):len(b)]
	f.hash = sha256.Sum256(f.signed)
}

// Append appends the encoded fact in JSON-B.
func (f *Fact) Append(b []byte) []byte {
	b = jsonbcd.AppendObject(b)
	b = appendString(b, "Kind", string(f.Kind))
	if !f.Realm.IsZero() {
		b = appendBinary(b, "Realm", f.Realm[:])
	}
	b = appendBinary(b, "Body", f.Raw)
	b = appendBinary(b, "Signature", f.Signature)
	return jsonbcd.AppendObjectEnd(b)
}

// size returns the length of what Append appends; what was received may have
// been written more tightly.
func (f *Fact) size() int {
	var buf [128]byte
	bare := Fact{Kind: f.Kind, Realm: f.Realm}
	n := len(bare.Append(buf[:0])) + len(f.Raw) + len(f.Signature)
	if len(f.Raw) > 0xff {
		n++ // its length takes two bytes
	}
	return n
}

// Hash returns SHA-256 of the signed bytes: the fact's name.
func (f *Fact) Hash() key.Hash { return f.hash }

// Verify checks the signature and nothing else: nil or ErrSignature.
func (f *Fact) Verify() error {
	if !f.Author.Verify(f.signed, f.Signature) {
		return ErrSignature
	}
	return nil
}

// Newer reports whether f counts before o, a fact of the same Key: the greater
// (Serial, then hash) does. It is a total order, so what counts is a function
// of the set of facts. Anything is newer than nil; no fact is newer than
// itself.
func (f *Fact) Newer(o *Fact) bool {
	if o == nil || f.Serial != o.Serial {
		return o == nil || f.Serial > o.Serial
	}
	return bytes.Compare(f.hash[:], o.hash[:]) > 0
}
