package udf

// Size is the length of a full fingerprint: a type octet and 512 bits.
const Size = 65

// Fingerprint is a digest at full precision: a type octet and 64 octets.
type Fingerprint [Size]byte

// String is the text at 140 bits, 34 characters.
func (f Fingerprint) String() string { return Format(f[:], DefaultBits) }

// Text is the text at a precision of bits, type octet included, rounded up to 5.
func (f Fingerprint) Text(bits int) string { return Format(f[:], bits) }

// Expect is the first 140 bits, left aligned: what a caller who knows only the text of a key can still compare.
func (f Fingerprint) Expect() [18]byte {
	var e [18]byte
	copy(e[:], f[:])
	e[17] &= 0xf0
	return e
}

// ParseExpect is what Expect gives for the key whose fingerprint text is. The text has exactly 28 characters besides
// dashes and spaces and is of type M; anything shorter would be a prefix, which is cheap to find a key for.
func ParseExpect(text string) ([18]byte, error) {
	var e [18]byte
	b, err := ParseType(text, ContentSHA2)
	if err != nil {
		return e, err
	}
	last, count := byte(0), 0
	for rest := text; ; count++ {
		v, after, _ := firstSymbol(rest)
		if v == ignored {
			break
		}
		last, rest = v, after
	}
	if count*bitsPerChar != DefaultBits {
		return e, errLength
	}
	copy(e[:], b)
	e[17] = last << 4 // the 28th character holds bits 135 to 139
	return e, nil
}
