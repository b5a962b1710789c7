package udf

import (
	"errors"
	"fmt"
)

// DefaultBits is the precision of a fingerprint when none is asked for, type octet included.
const DefaultBits = 140

const (
	alphabet     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // RFC 4648 §6
	bitsPerChar  = 5
	charsPerDash = 4
)

const (
	// MaxText is the longest text that is parsed, in bytes; it stops a stranger's text from being decoded at any
	// size. The longest of ours is the O form of an Ed448 key, 162.
	MaxText = 4096
	// maxOctets is what prints within MaxText with its dashes, so that whatever
	// parses prints and parses again.
	maxOctets = 2048
	// minMatch is the least precision at which two fingerprints are the same, in bits; it stops a short prefix,
	// which is cheap to find a key for, from passing as a fingerprint.
	minMatch = 100
)

// ErrSyntax says that a text is not that of a UDF, or not of the type wanted.
var ErrSyntax = errors.New("malformed fingerprint")

// Format is the text of the first bits bits of b, type octet included, rounded up to whole characters of 5; of all of
// b when bits is more than it has.
func Format(b []byte, bits int) string {
	chars := (max(0, min(bits, 8*len(b))) + bitsPerChar - 1) / bitsPerChar
	text := make([]byte, 0, chars+chars/charsPerDash)
	for i := range chars {
		if i > 0 && i%charsPerDash == 0 {
			text = append(text, '-')
		}
		text = append(text, alphabet[symbol(b, i)])
	}
	return string(text)
}

// Full is the text of all of b, as types of fixed length are presented.
func Full(b []byte) string { return Format(b, 8*len(b)) }

// symbol is the i-th group of 5 bits of b, zeros after its end.
func symbol(b []byte, i int) byte {
	at, shift := i*bitsPerChar/8, i*bitsPerChar%8
	pair := uint16(b[at]) << 8
	if at+1 < len(b) {
		pair |= uint16(b[at+1])
	}
	return byte(pair>>(11-shift)) & 31
}

// Parse is the sequence that text stands for, its type octet first. Case, dashes and spaces do not matter. Bits
// after the last whole octet are dropped, so a text of 140 bits gives 17 octets.
//
// OURS: the reference ignores every other character too; here a character that is none of base32's is an error,
// since in a typed fingerprint it is a mistake.
func Parse(text string) ([]byte, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("parsing a text of %d bytes: %w", len(text), ErrSyntax)
	}
	b := make([]byte, 0, len(text)*bitsPerChar/8)
	var held uint16
	bits := 0
	for i := range len(text) {
		v, ok := value(text[i])
		if !ok {
			return nil, fmt.Errorf("parsing at character %d: %w", i+1, ErrSyntax)
		}
		if v == ignored {
			continue
		}
		held = held<<bitsPerChar | uint16(v)
		if bits += bitsPerChar; bits >= 8 {
			bits -= 8
			b = append(b, byte(held>>bits))
		}
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("parsing an empty text: %w", ErrSyntax)
	}
	if len(b) > maxOctets {
		return nil, fmt.Errorf("parsing a text of %d octets: %w", len(b), ErrSyntax)
	}
	return b, nil
}

// ParseType parses text and checks that its type octet is one of those given.
func ParseType(text string, types ...Type) ([]byte, error) {
	b, err := Parse(text)
	if err != nil {
		return nil, err
	}
	for _, t := range types {
		if b[0] == byte(t) {
			return b, nil
		}
	}
	return nil, fmt.Errorf("parsing a fingerprint of another type: %w", ErrSyntax)
}

// ignored is the value of a character that only separates.
const ignored = 0xff

// value is what a character of a text stands for.
func value(c byte) (v byte, ok bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a', true
	case '2' <= c && c <= '7':
		return c - '2' + 26, true
	case c == '-' || c == ' ':
		return ignored, true
	}
	return 0, false
}

// Match says whether two texts are fingerprints of the same thing: one is the beginning of the other, and what they
// share is at least 100 bits. It is for people's comparisons; a protocol that fixes a precision compares all of it.
func Match(a, b string) bool {
	if len(a) > MaxText || len(b) > MaxText {
		return false
	}
	bits := 0
	for bits <= 8*maxOctets+bitsPerChar {
		x, restA, okA := firstSymbol(a)
		y, restB, okB := firstSymbol(b)
		if !okA || !okB {
			return false
		}
		if x == ignored || y == ignored { // the end of one
			return wellFormed(restA) && wellFormed(restB) && bits >= minMatch
		}
		if x != y {
			return false
		}
		a, b = restA, restB
		bits += bitsPerChar
	}
	return false
}

// firstSymbol is the value of the first character that is no separator, or ignored at the end, and what follows it.
func firstSymbol(text string) (v byte, rest string, ok bool) {
	for i := range len(text) {
		v, ok = value(text[i])
		if !ok || v != ignored {
			return v, text[i+1:], ok
		}
	}
	return ignored, "", true
}

func wellFormed(text string) bool {
	for i := range len(text) {
		if _, ok := value(text[i]); !ok {
			return false
		}
	}
	return true
}
